import cluster, { type Worker } from 'node:cluster'
import process from 'node:process'

/**
 * Processes behind one port (node:cluster): the primary owns what there is one of, workers answer requests. A worker
 * that dies is replaced; one that has lost its primary ends, so that nothing outlives a killed server.
 */
export interface Workers {
  /** Gives each what it needs to begin, and resolves when all listen. Rejects where one cannot. */
  begin(value: unknown): Promise<void>
  /** Asks every living worker and gathers the answers; one that does not answer in time is left out. */
  ask(question: string): Promise<readonly unknown[]>
  /** How many are listening. */
  listening(): number
  /** Tells each to finish what is under way, and resolves when all are gone. */
  stop(): Promise<void>
}

interface WorkerEvents {
  died(pid: number | undefined, code: number | null, signal: string | null): void
  /** One that was to take its place could not begin; the next try comes later. */
  failed(error: unknown): void
}

type Message = {
  readonly cambist: 'begin' | 'listening' | 'stop' | 'ask' | 'answer' | 'failed'
  readonly id?: number
  readonly value?: unknown
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && 'cambist' in value
const ANSWER_WITHIN = 2000
/** Milliseconds until a worker that died is replaced; doubled by each replacement that cannot begin. */
const RESTART_AFTER = 500
const RESTART_AT_MOST = 15_000

export const isWorker = (): boolean => cluster.isWorker

/** Forks `count` workers at once: they load the program while the primary opens the database, and wait for begin(). */
export function startWorkers(count: number, events: WorkerEvents): Workers {
  return new Pool(count, events)
}

class Pool implements Workers {
  readonly #events: WorkerEvents
  /** Living workers, and whether each listens. */
  readonly #living = new Map<Worker, boolean>()
  readonly #pending = new Map<number, (value: unknown) => void>()
  readonly #replacements = new Set<NodeJS.Timeout>()
  #given: unknown
  #questions = 0
  #stopping = false

  constructor(count: number, events: WorkerEvents) {
    this.#events = events
    for (let index = 0; index < count; index++) this.#fork()
  }

  async begin(value: unknown): Promise<void> {
    this.#given = value
    await Promise.all([...this.#living.keys()].map((worker) => this.#begun(worker)))
  }

  listening(): number {
    return [...this.#living.values()].filter((listens) => listens).length
  }

  async ask(question: string): Promise<readonly unknown[]> {
    const answers = await Promise.all([...this.#living.keys()].map((worker) => this.#answer(worker, question)))
    return answers.filter((answer) => answer !== undefined)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    for (const timer of this.#replacements) clearTimeout(timer)
    const gone = [...this.#living.keys()].map(
      (worker) => new Promise<void>((resolve) => worker.once('exit', () => resolve())),
    )
    for (const worker of this.#living.keys()) worker.send({ cambist: 'stop' })
    await Promise.all(gone)
  }

  #fork(): Worker {
    const worker = cluster.fork()
    this.#living.set(worker, false)
    // What is said to a worker that is dying does not arrive; its exit says all that there is to know.
    worker.on('error', () => {})
    worker.on('message', (message) => {
      if (isMessage(message) && message.cambist === 'answer' && message.id !== undefined)
        this.#pending.get(message.id)?.(message.value)
    })
    worker.once('exit', (code, signal) => {
      const listened = this.#living.get(worker) === true
      this.#living.delete(worker)
      if (!listened || this.#stopping) return
      this.#events.died(worker.process.pid, code, signal)
      this.#replace(RESTART_AFTER)
    })
    return worker
  }

  /** Tries until it succeeds: what kept one from beginning, such as a database that is away, passes. */
  #replace(afterMs: number): void {
    const timer = setTimeout(() => {
      this.#replacements.delete(timer)
      this.#begun(this.#fork()).catch((error: unknown) => {
        if (this.#stopping) return
        this.#events.failed(error)
        this.#replace(Math.min(afterMs * 2, RESTART_AT_MOST))
      })
    }, afterMs)
    this.#replacements.add(timer)
  }

  /** Gives the worker what it needs; resolves when it listens. */
  #begun(worker: Worker): Promise<void> {
    return new Promise((resolve, reject) => {
      worker.on('message', (message) => {
        if (!isMessage(message)) return
        if (message.cambist === 'listening') {
          this.#living.set(worker, true)
          resolve()
        } else if (message.cambist === 'failed') reject(new Error(String(message.value)))
      })
      worker.once('exit', (code, signal) =>
        reject(new Error(`a worker ended with ${signal ?? code} before it listened`)),
      )
      worker.send({ cambist: 'begin', value: this.#given })
    })
  }

  #answer(worker: Worker, question: string): Promise<unknown> {
    return new Promise((resolve) => {
      const id = ++this.#questions
      const settle = (value: unknown): void => {
        clearTimeout(late)
        this.#pending.delete(id)
        worker.off('exit', gone)
        resolve(value)
      }
      const gone = (): void => settle(undefined)
      const late = setTimeout(() => settle(undefined), ANSWER_WITHIN)
      this.#pending.set(id, settle)
      worker.once('exit', gone)
      worker.send({ cambist: 'ask', id, value: question })
    })
  }
}

export interface WorkerRole {
  /** Starts listening with what the primary gave. */
  begin(value: unknown): Promise<void>
  answer(question: string): Promise<unknown>
  /** Finishes what is under way. */
  stop(): Promise<void>
}

/** The worker's side: does what the primary says, and ends with it. */
export function beWorker(role: WorkerRole): void {
  const send = (message: Message) => process.send?.(message)
  // A terminal's Ctrl-C reaches the whole group; the primary decides when a worker stops.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
  process.on('disconnect', () => process.exit(1))
  process.on('message', (message) => {
    if (!isMessage(message)) return
    switch (message.cambist) {
      case 'begin':
        role.begin(message.value).then(
          () => send({ cambist: 'listening' }),
          (error: unknown) => {
            send({ cambist: 'failed', value: error instanceof Error ? error.message : String(error) })
            setTimeout(() => process.exit(1), 50)
          },
        )
        break
      case 'ask':
        void role
          .answer(String(message.value))
          .then((value) => send({ cambist: 'answer', value, ...(message.id === undefined ? {} : { id: message.id }) }))
        break
      case 'stop':
        void role.stop().finally(() => process.exit(0))
    }
  })
}
