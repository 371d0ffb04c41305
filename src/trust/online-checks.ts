import type { Clock } from '../lib/clock.ts'
import { hashOf } from '../lib/ids.ts'
import { Refusal } from '../refusal.ts'
import type { AskedCredential, OnlineCheck, StatusChecks, TrustedIssuer } from './contract.ts'
import { FetchFailure } from './fetch-failure.ts'
import type { Fetch } from './guarded-fetch.ts'
import { type Answered, type Outcome, Questions, type UnansweredQuestion } from './questions.ts'
import type { FindSecret } from './secrets-dir.ts'
import { answerIn, question } from './status-question.ts'

export interface OnlineChecksOptions {
  readonly fetch: Fetch
  readonly clock: Clock
  readonly secret: FindSecret
  /** An issuer could not be asked. */
  readonly onFailure?: (failure: UnansweredQuestion) => void
}

/**
 * Asks issuers whether credentials of theirs still hold (UC-106, P-19): each credential once at a time, and not again
 * while an answer is fresh. What cannot be asked is refused, for a verified signature says nothing of a deleted pod (K-2).
 */
export class OnlineChecks implements StatusChecks {
  readonly #options: OnlineChecksOptions
  readonly #questions: Questions<true>
  readonly #closing = new AbortController()

  constructor(options: OnlineChecksOptions) {
    this.#options = options
    this.#questions = new Questions(options.clock)
  }

  check(issuer: TrustedIssuer, credential: AskedCredential): void | Promise<void> {
    const { onlineCheck } = issuer
    if (onlineCheck === undefined) return
    const outcome = this.#questions.ask(
      issuer,
      hashOf(credential.token),
      (began) => this.#put(onlineCheck, issuer, credential, began),
      ({ code, message }) => this.#options.onFailure?.({ issuer: issuer.name, url: onlineCheck.url, code, message }),
    )
    // One answer for all who wait, but to each a Refusal of its own: it is marked with the position it is about.
    return outcome instanceof Promise
      ? outcome.then((answer) => settle(answer, issuer, credential))
      : settle(outcome, issuer, credential)
  }

  /** Ends questions under way; none begins afterwards. */
  close(): void {
    this.#closing.abort(new FetchFailure('closed', 'the server is stopping'))
  }

  async #put(
    check: OnlineCheck,
    issuer: TrustedIssuer,
    credential: AskedCredential,
    began: number,
  ): Promise<Answered<true>> {
    const { clock, fetch, secret } = this.#options
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
    if (!answer.good) return { said: 'no', why: answer.why }
    // Counted from the question: what happened afterwards, the answer does not know. A wall clock may step, so that
    // what is left of the credential's own life is turned into a time of the other clock.
    const left = Math.min(credential.expiresAt, answer.until ?? credential.expiresAt) * 1000 - clock.now()
    return { said: 'yes', value: true, until: Math.min(began + check.maxAge * 1000, clock.monotonic() + left) }
  }
}

function settle(outcome: Outcome<true>, { name, onlineCheck }: TrustedIssuer, { id }: AskedCredential): void {
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
