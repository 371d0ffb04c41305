/** The services of the third part: pods of one cluster, each a client by its service account, each with a key of its own for DPoP. */
import { developmentCluster } from '../../src/quickstart.ts'
import { JWT, JWT_BEARER } from './credentials.ts'
import { expect } from './page.ts'
import { seconds } from './platforms.ts'
import type { Cambist, ExchangeRow } from './server.ts'
import {
  formRequest,
  send,
  type TokenAnswer,
  type TokenRequest,
  tokenRequest,
  WorkloadKey,
  withDpop,
} from './workload.ts'

export type Form = Readonly<Record<string, string>>

/** A pod that asks for tokens, and for what is known of tokens that it receives. */
export class Service {
  readonly name: string
  readonly key = new WorkloadKey()
  readonly #cambist: Cambist

  constructor(name: string, cambist: Cambist) {
    this.name = name
    this.#cambist = cambist
  }

  /** What Kubernetes has mounted for it authenticates it. */
  get #client(): Form {
    const { directory, issuer } = this.#cambist
    const about = { audience: issuer, now: seconds(), lifetime: 600, serviceAccount: this.name }
    return { client_assertion: developmentCluster(directory).token(about), client_assertion_type: JWT_BEARER }
  }

  /** A request of it, ready to be sent; what is proven with it comes last. */
  request(form: Form): TokenRequest {
    return tokenRequest(this.#cambist.endpoint, { ...this.#client, ...form })
  }

  /** Its pod's own token as the subject: what it asks for nobody else. */
  itself(): Form {
    const { client_assertion: token = '' } = this.#client
    return { subject_token: token, subject_token_type: JWT }
  }

  async ask(form: Form): Promise<TokenAnswer> {
    return await send(this.request(form))
  }

  /** The same with a proof of its key, so that the token is good for nobody else. */
  async askBound(form: Form): Promise<TokenAnswer> {
    return await send(await withDpop(this.request(form), this.key))
  }

  /** Whether a token that it has received still counts (RFC 7662). */
  async introspect(token: string): Promise<TokenAnswer> {
    return await send(formRequest(`${this.#cambist.issuer}/introspect`, { ...this.#client, token }))
  }
}

/** The token of an answer that had to be granted. */
export function tokenOf({ status, body }: TokenAnswer, what: string): string {
  expect(status === 200, `${what} was answered ${status} ${JSON.stringify(body)}`)
  return String(body['access_token'])
}

/** The record of an answer that had to be refused, for one reason. */
export async function refusalOf(
  { id, status }: TokenAnswer,
  reason: string,
  what: string,
  { record }: Cambist,
): Promise<ExchangeRow> {
  const row = await record(id)
  expect(status >= 400 && row.reason === reason, `${what}: ${status} ${row.reason}: ${row.detail}`)
  return row
}
