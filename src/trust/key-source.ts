import { createHash } from 'node:crypto'
import { isJsonObject, type JsonObject, parseJsonObject } from '../lib/json.ts'
import { readJwks, type VerificationKey } from '../lib/jwk.ts'
import type { KeySource, TrustedIssuer } from './contract.ts'
import { FetchFailure } from './fetch-failure.ts'
import { fetchTarget } from './fetch-target.ts'
import type { Fetch, FetchRequest } from './guarded-fetch.ts'
import type { FindSecret } from './secrets-dir.ts'

export type RemoteSource = Exclude<KeySource, { readonly from: 'inline' }>

/** A key set as it was fetched. */
export interface FetchedKeys {
  readonly keys: readonly VerificationKey[]
  /** Phrases about keys of the set that are not used. */
  readonly skipped: readonly string[]
  /** Seconds, as the server says; undefined where it does not. */
  readonly maxAge: number | undefined
}

export interface FetchTools {
  readonly fetch: Fetch
  readonly secret: FindSecret
  readonly insecure: ReadonlySet<string>
  readonly signal: AbortSignal
}

// A kube-apiserver answers 406 at its key set to whoever accepts application/json alone (P-12).
const ACCEPT_KEYS = 'application/jwk-set+json, application/json'
const ACCEPT_METADATA = 'application/json'

/**
 * What a fetched key set is kept under: everything that decides what is fetched and for whom, so that issuers of different
 * names never share one (T43), and an issuer whose document changed elsewhere keeps its own.
 */
export function sourceDigest(issuer: TrustedIssuer, source: RemoteSource): string {
  const where = source.from === 'discovery' ? source.issuer : source.url
  const parts = [issuer.name, issuer.authority, source.from, where, source.ca ?? null, source.bearerToken ?? null]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

/** The URL that an administrator knows the source by. */
export function sourceUrl(source: RemoteSource): string {
  return source.from === 'discovery' ? metadataUrl(source.issuer) : source.url
}

/** OpenID Connect Discovery 1.0 §4: a terminating slash of the issuer is left out first. */
export function metadataUrl(issuer: string): string {
  return `${issuer.endsWith('/') ? issuer.slice(0, -1) : issuer}/.well-known/openid-configuration`
}

/** Fetches the keys. Rejects with FetchFailure; a set without a usable key is one. */
export async function fetchKeys(source: RemoteSource, tools: FetchTools): Promise<FetchedKeys> {
  const bearer = source.bearerToken === undefined ? undefined : await tools.secret(source.bearerToken)
  const request = {
    signal: tools.signal,
    ...(source.ca === undefined ? {} : { ca: source.ca }),
    ...(bearer === undefined ? {} : { bearer }),
  }
  const url = source.from === 'discovery' ? await discoveredUrl(source.issuer, request, tools) : source.url
  const { body, maxAge } = await tools.fetch(url, { ...request, accept: ACCEPT_KEYS })
  const { keys, faults } = readJwks(jsonOf(body, 'the key set'))
  const skipped = faults.map(({ at, message }) => (at === '' ? `the set ${message}` : `${at} ${message}`))
  if (keys.length === 0)
    throw new FetchFailure(
      'no_keys',
      `the key set at ${url} has no usable key${skipped[0] === undefined ? '' : `: ${skipped[0]}`}`,
    )
  return { keys, skipped, maxAge }
}

/** The `jwks_uri` of the issuer's own metadata (P-3, T6): the same issuer, the same origin, https. */
async function discoveredUrl(
  issuer: string,
  request: Omit<FetchRequest, 'accept'>,
  tools: FetchTools,
): Promise<string> {
  const url = metadataUrl(issuer)
  const { body } = await tools.fetch(url, { ...request, accept: ACCEPT_METADATA })
  const { issuer: named, jwks_uri: keysUrl } = jsonOf(body, 'the discovery document')
  if (named !== issuer) {
    throw new FetchFailure(
      'issuer_mismatch',
      `the discovery document at ${url} names another issuer than ${issuer}; the two must be equal in every character`,
    )
  }
  if (typeof keysUrl !== 'string')
    throw new FetchFailure('malformed', `the discovery document at ${url} has no jwks_uri`)
  let origin: string | undefined
  try {
    origin = fetchTarget(keysUrl, tools.insecure).origin
  } catch {
    origin = undefined
  }
  if (origin !== new URL(issuer).origin) {
    throw new FetchFailure(
      'keys_elsewhere',
      `the discovery document at ${url} leads to keys at another origin; check that address and write it as keys.jwksUri`,
    )
  }
  return keysUrl
}

function jsonOf(body: Buffer, what: string): JsonObject {
  const value = parseJsonObject(body)
  if (value === undefined || !isJsonObject(value))
    throw new FetchFailure('malformed', `${what} is not one sound JSON object`)
  return value
}
