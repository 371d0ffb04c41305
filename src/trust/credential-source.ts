import type { Clock } from '../lib/clock.ts'
import { hashOf } from '../lib/ids.ts'
import { canonicalJson, type JsonObject, parseJsonObject } from '../lib/json.ts'
import { RateByKey } from '../lib/rate.ts'
import { Refusal } from '../refusal.ts'
import type { CredentialSource, KeySource, SignedRequest, TrustedIssuer } from './contract.ts'
import { FetchFailure } from './fetch-failure.ts'
import type { Fetch } from './guarded-fetch.ts'
import { type Answered, type Outcome, Questions, type UnansweredQuestion } from './questions.ts'

export interface PlatformServiceOptions {
  readonly fetch: Fetch
  readonly clock: Clock
  /** The service could not be asked. */
  readonly onFailure?: (failure: UnansweredQuestion) => void
}

/** Milliseconds for which an answer is believed: long enough for requests that come together, too short to outlive what was taken back. */
const YES_FOR = 10_000
/** Questions to one service: what is forged costs nobody anything to make, and must not make us the ones who flood it (T26, T38). */
const RATE = { perSecond: 20, burst: 100, keys: 1000 }

type Service = Extract<KeySource, { readonly from: 'sts' }>

/** Asks the service that an issuer's document names who has signed a request. The request itself never says where it goes. */
export class PlatformService implements CredentialSource {
  readonly #options: PlatformServiceOptions
  readonly #questions: Questions<JsonObject>
  readonly #rate: RateByKey
  readonly #closing = new AbortController()

  constructor(options: PlatformServiceOptions) {
    this.#options = options
    this.#questions = new Questions(options.clock)
    this.#rate = new RateByKey(options.clock, RATE)
  }

  async present(issuer: TrustedIssuer, request: SignedRequest): Promise<JsonObject> {
    const { keys: service } = issuer
    if (service.from !== 'sts') throw new Error(`trusted issuer ${issuer.name} names no service that could be asked`)
    const outcome = await this.#questions.ask(
      issuer,
      hashOf(canonicalJson(request)),
      (began) => this.#put(service, issuer, request, began),
      ({ code, message }) => this.#options.onFailure?.({ issuer: issuer.name, url: service.url, code, message }),
    )
    return settle(outcome, issuer, service)
  }

  /** Ends questions under way; none begins afterwards. */
  close(): void {
    this.#closing.abort(new FetchFailure('closed', 'the server is stopping'))
  }

  async #put(
    { url, ca }: Service,
    { name }: TrustedIssuer,
    { headers, body, contentType }: SignedRequest,
    began: number,
  ): Promise<Answered<JsonObject>> {
    if (!this.#rate.admits(name))
      return { said: 'nothing', why: `it is asked ${RATE.perSecond} times a second and no more`, retryAfter: 1 }
    try {
      const { body: said } = await this.#options.fetch(`${url}/`, {
        method: 'POST',
        accept: 'application/json',
        signedHeaders: headers,
        body,
        contentType,
        signal: this.#closing.signal,
        ...(ca === undefined ? {} : { ca }),
      })
      const value = parseJsonObject(said)
      if (value === undefined) throw new FetchFailure('malformed', 'the answer is not one sound JSON object')
      return { said: 'yes', value, until: began + YES_FOR }
    } catch (error) {
      // A no to this request, whatever is wrong with it, and so no reason to stop asking about others.
      if (error instanceof FetchFailure && isNo(error.status)) return { said: 'no', why: error.message }
      throw error
    }
  }
}

/** Time-out and throttling are of the service; the other statuses from 400 on are of the request. */
const isNo = (status = 0): boolean => status >= 400 && status < 500 && status !== 408 && status !== 429

function settle(outcome: Outcome<JsonObject>, { name }: TrustedIssuer, { url }: Service): JsonObject {
  if (outcome.said === 'yes') return outcome.value
  const where = `trusted issuer ${name}, asked at ${url},`
  if (outcome.said === 'no') throw new Refusal('status_refused', `${where} does not know who signed: ${outcome.why}`)
  throw new Refusal('status_unavailable', `${where} does not answer: ${outcome.why}`, {
    retryAfter: outcome.retryAfter,
  })
}
