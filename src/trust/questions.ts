import { LRUCache } from 'lru-cache'
import type { Clock } from '../lib/clock.ts'
import { FetchFailure, type FetchFailureCode } from './fetch-failure.ts'

/** What a question to an issuer came to. `value` is what a yes carries; `retryAfter` is seconds. */
export type Outcome<Value> = Yes<Value> | No | Nothing
interface Yes<Value> {
  readonly said: 'yes'
  readonly value: Value
}
interface No {
  readonly said: 'no'
  readonly why: string
}
interface Nothing {
  readonly said: 'nothing'
  readonly why: string
  readonly retryAfter: number
}

/** An answer as it comes back: a yes with the monotonic milliseconds until which it is believed, a no, or nothing for a reason of our own. */
export type Answered<Value> = (Yes<Value> & { readonly until: number }) | No | Nothing

/** A question that could not be put; for telemetry. Nothing in it is of a credential. */
export interface UnansweredQuestion {
  readonly issuer: string
  readonly url: string
  readonly code: FetchFailureCode
  readonly message: string
}

/** Milliseconds for which a no is believed: long enough that whoever asks again and again does not make us ask again. */
const NO_FOR = 10_000
/** Milliseconds without a question after one that failed, whoever comes (T7). */
const COOL_DOWN = 5000
/** Answers kept of one issuer. */
const MOST_ANSWERS = 10_000
/** Questions to one issuer at once; more wait, and still more are turned away, so that a slow one holds up nobody else. */
const AT_ONCE = 16
const MOST_WAITING = 64

/** What is known of one issuer. Times are monotonic milliseconds. */
interface Asked<Value> {
  readonly answers: LRUCache<string, { readonly outcome: Outcome<Value>; readonly until: number }>
  /** Never reject. */
  readonly underWay: Map<string, Promise<Outcome<Value>>>
  readonly waiting: (() => void)[]
  atOnce: number
  coolUntil: number
}

/** Questions to issuers about what strangers bring: each once at a time, not again while an answer is fresh, and never so many that we become the flood (T26, T38). */
export class Questions<Value> {
  readonly #clock: Clock
  /** By what stands for the issuer, compiled: another document of the same name begins anew. */
  readonly #asked = new WeakMap<object, Asked<Value>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * The answer that is known under the key, or that `put` fetches: it is handed the moment at which it began. Where it
   * rejects with a FetchFailure, nothing is asked of the issuer for a while, and `onFailure` hears of it.
   */
  ask(
    issuer: object,
    key: string,
    put: (began: number) => Promise<Answered<Value>>,
    onFailure: (failure: FetchFailure) => void,
  ): Outcome<Value> | Promise<Outcome<Value>> {
    const asked = this.#of(issuer)
    const known = asked.answers.get(key)
    if (known !== undefined && this.#clock.monotonic() < known.until) return known.outcome
    let outcome = asked.underWay.get(key)
    if (outcome === undefined) {
      outcome = this.#inTurn(asked, key, put, onFailure).finally(() => asked.underWay.delete(key))
      asked.underWay.set(key, outcome)
    }
    return outcome
  }

  #of(issuer: object): Asked<Value> {
    let asked = this.#asked.get(issuer)
    if (asked === undefined) {
      asked = {
        answers: new LRUCache({ max: MOST_ANSWERS }),
        underWay: new Map(),
        waiting: [],
        atOnce: 0,
        coolUntil: Number.NEGATIVE_INFINITY,
      }
      this.#asked.set(issuer, asked)
    }
    return asked
  }

  async #inTurn(
    asked: Asked<Value>,
    key: string,
    put: (began: number) => Promise<Answered<Value>>,
    onFailure: (failure: FetchFailure) => void,
  ): Promise<Outcome<Value>> {
    if (asked.atOnce >= AT_ONCE) {
      if (asked.waiting.length >= MOST_WAITING)
        return { said: 'nothing', why: 'too many others are waiting to ask it', retryAfter: 1 }
      await new Promise<void>((turn) => asked.waiting.push(turn))
    } else asked.atOnce++
    try {
      return await this.#put(asked, key, put, onFailure)
    } finally {
      const next = asked.waiting.shift()
      if (next === undefined) asked.atOnce--
      else next()
    }
  }

  async #put(
    asked: Asked<Value>,
    key: string,
    put: (began: number) => Promise<Answered<Value>>,
    onFailure: (failure: FetchFailure) => void,
  ): Promise<Outcome<Value>> {
    const began = this.#clock.monotonic()
    if (began < asked.coolUntil) {
      const retryAfter = Math.max(1, Math.ceil((asked.coolUntil - began) / 1000))
      return { said: 'nothing', why: 'it could not be asked a moment ago', retryAfter }
    }
    try {
      const answered = await put(began)
      if (answered.said === 'nothing') return answered
      asked.coolUntil = Number.NEGATIVE_INFINITY
      const { until, ...outcome } = answered.said === 'yes' ? answered : { ...answered, until: began + NO_FOR }
      asked.answers.set(key, { outcome, until })
      return outcome
    } catch (error) {
      const failure =
        error instanceof FetchFailure
          ? error
          : new FetchFailure('malformed', 'the question failed for a reason of our own')
      asked.coolUntil = this.#clock.monotonic() + COOL_DOWN
      onFailure(failure)
      return { said: 'nothing', why: failure.message, retryAfter: COOL_DOWN / 1000 }
    }
  }
}
