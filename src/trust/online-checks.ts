import { LRUCache } from 'lru-cache'
import type { Clock } from '../lib/clock.ts'
import { hashOf } from '../lib/ids.ts'
import { Refusal } from '../refusal.ts'
import type { AskedCredential, OnlineCheck, StatusChecks, TrustedIssuer } from './contract.ts'
import { FetchFailure, type FetchFailureCode } from './fetch-failure.ts'
import type { Fetch } from './guarded-fetch.ts'
import type { FindSecret } from './secrets-dir.ts'
import { answerIn, question } from './status-question.ts'

export interface OnlineChecksOptions {
  readonly fetch: Fetch
  readonly clock: Clock
  readonly secret: FindSecret
  /** An issuer could not be asked; for telemetry. Nothing in it is of a credential. */
  readonly onFailure?: (failure: {
    readonly issuer: string
    readonly url: string
    readonly code: FetchFailureCode
    readonly message: string
  }) => void
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

type Outcome =
  | { readonly said: 'yes' }
  | { readonly said: 'no'; readonly why: string }
  | { readonly said: 'nothing'; readonly why: string; readonly retryAfter: number }

const YES: Outcome = Object.freeze({ said: 'yes' })

/** What is known of one compiled document: another document of the same name begins anew. Times are monotonic milliseconds. */
interface Asked {
  readonly answers: LRUCache<string, { readonly outcome: Outcome; readonly until: number }>
  /** By hash of the credential. Never reject. */
  readonly underWay: Map<string, Promise<Outcome>>
  readonly waiting: (() => void)[]
  atOnce: number
  coolUntil: number
}

/**
 * Asks issuers whether credentials of theirs still hold (UC-106, P-19): each credential once at a time, and not again
 * while an answer is fresh. What cannot be asked is refused, for a verified signature says nothing of a deleted pod (K-2).
 */
export class OnlineChecks implements StatusChecks {
  readonly #options: OnlineChecksOptions
  readonly #asked = new WeakMap<TrustedIssuer, Asked>()
  readonly #closing = new AbortController()

  constructor(options: OnlineChecksOptions) {
    this.#options = options
  }

  check(issuer: TrustedIssuer, credential: AskedCredential): void | Promise<void> {
    const { onlineCheck } = issuer
    if (onlineCheck === undefined) return
    const asked = this.#of(issuer)
    const key = hashOf(credential.token)
    const known = asked.answers.get(key)
    if (known !== undefined && this.#options.clock.monotonic() < known.until)
      return settle(known.outcome, issuer, credential)
    let outcome = asked.underWay.get(key)
    if (outcome === undefined) {
      outcome = this.#inTurn(asked, key, onlineCheck, issuer, credential).finally(() => asked.underWay.delete(key))
      asked.underWay.set(key, outcome)
    }
    // One answer for all who wait, but to each a Refusal of its own: it is marked with the position it is about.
    return outcome.then((answer) => settle(answer, issuer, credential))
  }

  /** Ends questions under way; none begins afterwards. */
  close(): void {
    this.#closing.abort(new FetchFailure('closed', 'the server is stopping'))
  }

  #of(issuer: TrustedIssuer): Asked {
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
    asked: Asked,
    key: string,
    check: OnlineCheck,
    issuer: TrustedIssuer,
    credential: AskedCredential,
  ): Promise<Outcome> {
    if (asked.atOnce >= AT_ONCE) {
      if (asked.waiting.length >= MOST_WAITING)
        return { said: 'nothing', why: 'too many others are waiting to ask it', retryAfter: 1 }
      await new Promise<void>((turn) => asked.waiting.push(turn))
    } else asked.atOnce++
    try {
      return await this.#ask(asked, key, check, issuer, credential)
    } finally {
      const next = asked.waiting.shift()
      if (next === undefined) asked.atOnce--
      else next()
    }
  }

  async #ask(
    asked: Asked,
    key: string,
    check: OnlineCheck,
    issuer: TrustedIssuer,
    credential: AskedCredential,
  ): Promise<Outcome> {
    const { clock, fetch, secret, onFailure } = this.#options
    const began = clock.monotonic()
    if (began < asked.coolUntil) {
      const retryAfter = Math.max(1, Math.ceil((asked.coolUntil - began) / 1000))
      return { said: 'nothing', why: 'it could not be asked a moment ago', retryAfter }
    }
    try {
      const bearer = check.bearerToken === undefined ? undefined : await secret(check.bearerToken)
      const { body } = await fetch(check.url, {
        method: 'POST',
        accept: 'application/json',
        signal: this.#closing.signal,
        ...question(check, issuer, credential.token),
        ...(check.ca === undefined ? {} : { ca: check.ca }),
        ...(bearer === undefined ? {} : { bearer }),
      })
      const answer = answerIn(body, check, issuer, credential)
      if (!answer.good) return this.#keep(asked, key, { said: 'no', why: answer.why }, began + NO_FOR)
      // Counted from the question: what happened afterwards, the answer does not know. A wall clock may step, so that
      // what is left of the credential's own life is turned into a time of the other clock.
      const left = Math.min(credential.expiresAt, answer.until ?? credential.expiresAt) * 1000 - clock.now()
      return this.#keep(asked, key, YES, Math.min(began + check.maxAge * 1000, clock.monotonic() + left))
    } catch (error) {
      const { code, message } =
        error instanceof FetchFailure
          ? error
          : new FetchFailure('malformed', 'the question failed for a reason of our own')
      asked.coolUntil = clock.monotonic() + COOL_DOWN
      onFailure?.({ issuer: issuer.name, url: check.url, code, message })
      return { said: 'nothing', why: message, retryAfter: COOL_DOWN / 1000 }
    }
  }

  #keep({ answers }: Asked, key: string, outcome: Outcome, until: number): Outcome {
    answers.set(key, { outcome, until })
    return outcome
  }
}

function settle(outcome: Outcome, { name, onlineCheck }: TrustedIssuer, { id }: AskedCredential): void {
  if (outcome.said === 'yes') return
  const where = `trusted issuer ${name}, asked at ${onlineCheck?.url},`
  if (outcome.said === 'no') {
    const which = JSON.stringify(id.length > 120 ? `${id.slice(0, 120)}…` : id)
    throw new Refusal('status_refused', `${where} says no to credential ${which}: ${outcome.why}`)
  }
  throw new Refusal('status_unavailable', `${where} does not answer: ${outcome.why}`, {
    retryAfter: outcome.retryAfter,
  })
}
