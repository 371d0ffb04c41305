import { type Clock, systemClock } from './clock.ts'

/** Work that can be laid down between any two of its steps: it yields wherever somebody else may go first. */
export type Steps<T> = Generator<undefined, T, undefined>

/** The work without a pause. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

export interface SlicesOptions {
  readonly clock?: Clock
  /** Milliseconds of one slice. A step that is begun is ended, so steps are small beside this. */
  readonly budget?: number
  /** Resolves when everybody else has had a turn. */
  readonly giveWay?: () => Promise<void>
}

const BUDGET_MS = 2

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Long work on the thread that answers requests, in slices. Between two slices of all that is under way here, every
 * request that waits is looked after: however much work there is, nobody waits for more than one slice.
 */
export class Slices {
  readonly #clock: Clock
  readonly #budget: number
  readonly #giveWay: () => Promise<void>
  #last: Promise<void> = Promise.resolve()

  constructor({ clock = systemClock, budget = BUDGET_MS, giveWay = nextTurn }: SlicesOptions = {}) {
    this.#clock = clock
    this.#budget = budget
    this.#giveWay = giveWay
  }

  /** Answers and throws what the work does; it begins with the next turn. */
  async run<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      await this.#turn()
      const end = this.#clock.monotonic() + this.#budget
      do {
        const step = steps.next()
        if (step.done === true) return step.value
      } while (this.#clock.monotonic() < end)
    }
  }

  /** One after the other, so that no two slices come together. */
  #turn(): Promise<void> {
    this.#last = this.#last.then(this.#giveWay)
    return this.#last
  }
}
