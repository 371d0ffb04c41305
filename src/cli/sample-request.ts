import { type AnyCredentialKind, type Carried, JWT_BEARER_GRANT } from '../credentials/contract.ts'
import { CLIENT_ASSERTION_TYPE } from '../credentials/kinds/jwt.ts'
import { type CredentialKinds, found } from '../credentials/look-up.ts'
import { NOTHING_PROVEN } from '../credentials/possession.ts'
import type { Asked, DecidingSnapshot } from '../exchange/contract.ts'
import { parseForm } from '../exchange/form.ts'
import { TOKEN_EXCHANGE } from '../exchange/grants.ts'
import type { SampleRequest, WrittenSample } from '../exchange/written-case.ts'
import { CLIENTS_ISSUER } from '../identity/principal.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { newId } from '../lib/ids.ts'
import { readJws } from '../lib/jws.ts'
import { nearestName } from '../lib/nearest.ts'
import { ACCESS_TOKEN_TYPE, JWT_TYPE } from '../lib/token-types.ts'
import { Refusal } from '../refusal.ts'
import type { Position, TrustedIssuer } from '../trust/contract.ts'
import { claimsOf, headerOf, type SampleKeys, unsampled } from './sample-tokens.ts'

/** What a request with sample tokens is made under. */
export interface Sampling {
  readonly snapshot: DecidingSnapshot
  readonly kinds: CredentialKinds
  readonly keys: SampleKeys
  readonly ourIssuer: string
  /** Seconds since the epoch, for a request that says no time and has no token that does. */
  readonly now: number
}

/** The request as the road takes it, and when it is made: seconds since the epoch. */
export interface SampledRequest {
  readonly asked: Asked
  readonly time: number
}

const TOKENS = [
  ['subject_token', 'subject_token_type', 'subject'],
  ['actor_token', 'actor_token_type', 'actor'],
  ['client_assertion', 'client_assertion_type', 'client'],
] as const

/** Signs the samples of a request and asks with them. Throws Faults, each under `path`, where a sample cannot be made. */
export function sampledRequest(written: SampleRequest, sampling: Sampling, path: string): SampledRequest {
  const time = written.time ?? timeOf(written) ?? sampling.now
  const signer = new Signer({ ...sampling, now: time })
  const form = new URLSearchParams({ grant_type: grantTypeOf(written) })
  for (const [name, typeName, position] of TOKENS) {
    const sample = written[name]
    if (sample === undefined) {
      if (written[typeName] !== undefined) form.set(typeName, written[typeName])
      continue
    }
    const { token, tokenType } = signer.signed(sample, position, written[typeName], `${path}.${name}`)
    form.set(name, token)
    form.set(typeName, tokenType)
  }
  if (written.assertion !== undefined)
    form.set('assertion', signer.signed(written.assertion, 'assertion', JWT_BEARER_GRANT, `${path}.assertion`).token)
  for (const name of ['audience', 'resource'] as const)
    for (const value of [written[name] ?? []].flat()) form.append(name, value)
  for (const name of ['scope', 'requested_token_type', 'client_id'] as const)
    if (written[name] !== undefined) form.set(name, written[name])
  if (written.authorization_details !== undefined)
    form.set('authorization_details', JSON.stringify(written.authorization_details))
  for (const name of ['request_details', 'request_context'] as const)
    if (written[name] !== undefined) form.set(name, JSON.stringify(written[name]))
  if (signer.faults.length > 0) throw new Faults(signer.faults)
  return { asked: askedBy(form, time), time }
}

const grantTypeOf = ({ grant_type, assertion }: SampleRequest): string =>
  grant_type ?? (assertion === undefined ? TOKEN_EXCHANGE : JWT_BEARER_GRANT)

/** As the token endpoint reads a form. */
function askedBy(form: URLSearchParams, time: number): Asked {
  const opening = { id: newId(), receivedAt: time * 1000, startedAt: 0, remote: '', traceId: '' }
  const common = { ...opening, carried: NOTHING_CARRIED }
  try {
    return { ...common, parameters: parseForm(Buffer.from(form.toString())) }
  } catch (error) {
    if (error instanceof Refusal) return { ...common, parameters: new Map(), refusal: error }
    throw error
  }
}

const NOTHING_CARRIED: Carried = Object.freeze({ bodyDigest: () => '' })

/** Just after the newest of the tokens that are written whole, which were good once. */
function timeOf(written: SampleRequest): number | undefined {
  const issued = [...TOKENS.map(([name]) => written[name]), written.assertion].flatMap((sample) => {
    const issuedAt = typeof sample === 'string' ? readJws(sample)?.claims['iat'] : undefined
    return typeof issuedAt === 'number' ? [Math.floor(issuedAt) + 1] : []
  })
  return issued.length === 0 ? undefined : Math.max(...issued)
}

interface Signed {
  readonly token: string
  readonly tokenType: string
}

class Signer {
  readonly faults: Fault[] = []
  readonly #sampling: Sampling

  constructor(sampling: Sampling) {
    this.#sampling = sampling
  }

  signed(sample: WrittenSample, position: Position, declared: string | undefined, path: string): Signed {
    if (typeof sample === 'string') return this.#signedAgain(sample, position, declared)
    const { keys, ourIssuer, now } = this.#sampling
    const issuer = this.#issuer(sample, path)
    const kind = issuer === undefined ? undefined : this.#kindOf(issuer)
    const why = kind === undefined ? undefined : unsampled(kind)
    if (why !== undefined) this.faults.push({ path, message: why })
    if (issuer === undefined || kind === undefined || why !== undefined) return NOTHING_SIGNED
    const { claims, header } = sample
    const whole = { issuer, kind, position, claims, header, now, ourIssuer }
    const token = keys.signed(issuer, headerOf(whole), claimsOf(whole))
    return { token, tokenType: declared ?? typeOf(kind, position) }
  }

  /** A token that somebody else has signed: by its claims as they are. One that no document believes stays what it is. */
  #signedAgain(token: string, position: Position, declared: string | undefined): Signed {
    const { keys, kinds, ourIssuer, snapshot } = this.#sampling
    const reading = readJws(token)
    const ours = reading?.claims['iss'] === ourIssuer
    const tokenType = declared ?? (position === 'client' ? CLIENT_ASSERTION_TYPE : ours ? ACCESS_TOKEN_TYPE : JWT_TYPE)
    if (reading === undefined) return { token, tokenType }
    const possession = NOTHING_PROVEN
    try {
      const { issuer } = found({ position, token, tokenType }, { kinds, issuers: snapshot.issuers, possession })
      return { token: keys.signed(issuer, reading.header, reading.claims), tokenType }
    } catch (error) {
      if (error instanceof Refusal) return { token, tokenType }
      throw error
    }
  }

  #issuer(sample: Exclude<WrittenSample, string>, path: string): TrustedIssuer | undefined {
    const { issuers } = this.#sampling.snapshot
    const all = [...issuers.all()]
    const clients = all.filter(({ name }) => name === CLIENTS_ISSUER)
    const issuer =
      sample.client === undefined
        ? issuers.byName(sample.issuer ?? '')
        : clients.find(({ authority }) => authority === sample.client)
    if (issuer !== undefined) return issuer
    if (sample.client !== undefined) {
      const message = `there is no Client ${JSON.stringify(sample.client)} with keys of its own${near(
        sample.client,
        clients.map(({ authority }) => authority),
      )}`
      this.faults.push({ path: `${path}.client`, message })
    } else {
      const { issuer: name = '' } = sample
      const names = all.map((each) => each.name).filter((each) => each !== CLIENTS_ISSUER)
      this.faults.push({
        path: `${path}.issuer`,
        message: `there is no TrustedIssuer ${JSON.stringify(name)}${near(name, names)}`,
      })
    }
    return undefined
  }

  #kindOf({ credential }: TrustedIssuer): AnyCredentialKind | undefined {
    const { ofTokens, ofClients, ofAssertions } = this.#sampling.kinds
    return [...ofTokens.values(), ...ofClients.values(), ...ofAssertions.values()]
      .flat()
      .find(({ name }) => name === credential)
  }
}

const NOTHING_SIGNED: Signed = { token: '', tokenType: '' }

/** The first type that its kind answers to. */
const typeOf = ({ tokenTypes, clientTypes }: AnyCredentialKind, position: Position): string =>
  (position === 'client' ? [...(clientTypes?.keys() ?? [])] : tokenTypes)[0] ?? JWT_TYPE

function near(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? '' : `; did you mean ${nearest}?`
}
