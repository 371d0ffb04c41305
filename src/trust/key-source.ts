import { createHash } from 'node:crypto'
import { canonicalJson, isJsonObject, type JsonObject, parseJsonObject } from '../lib/json.ts'
import { readJwks } from '../lib/jwk.ts'
import type { BundleSource } from './bundle-source.ts'
import type { KeySource, TrustedIssuer } from './contract.ts'
import { FetchFailure } from './fetch-failure.ts'
import { fetchTarget } from './fetch-target.ts'
import type { Fetch, FetchRequest } from './guarded-fetch.ts'
import { type KeySet, keySet } from './key-set.ts'
import type { FindSecret } from './secrets-dir.ts'

export type RemoteSource = Exclude<KeySource, { readonly from: 'inline' | 'certificates' | 'sts' }>
type JwksSource = Exclude<RemoteSource, BundleSource>

/** A key set as it was fetched. */
export interface FetchedKeys {
  readonly set: KeySet
  /** Phrases about keys of the set that are not used. */
  readonly skipped: readonly string[]
  /** Milliseconds for which it need not be fetched again. */
  readonly freshFor: number
}

/** Milliseconds for which a fetched set is fresh: what the server says within bounds (P-12), and where it says nothing. */
const FRESH_AT_LEAST = 60_000
const FRESH_AT_MOST = 86_400_000
const FRESH_BY_DEFAULT = 600_000

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
  const known = source.from === 'bundle' && source.profile === 'https_spiffe' ? source.bootstrap : []
  const where = { ...source, bootstrap: known.map(({ fingerprint }) => fingerprint) }
  return createHash('sha256')
    .update(canonicalJson([issuer.name, issuer.authority, issuer.keyUse, where]))
    .digest('base64url')
}

/** The URL, or the name of the file, that an administrator knows the source by. */
export function sourceUrl(source: RemoteSource): string {
  if (source.from === 'bundleFile') return `${source.name} in CAMBIST_BUNDLES_DIR`
  return source.from === 'discovery' ? metadataUrl(source.issuer) : source.url
}

/** OpenID Connect Discovery 1.0 §4: a terminating slash of the issuer is left out first. */
export function metadataUrl(issuer: string): string {
  return `${issuer.endsWith('/') ? issuer.slice(0, -1) : issuer}/.well-known/openid-configuration`
}

/** Fetches a JWK Set. Rejects with FetchFailure; a set without a usable key is one. */
export async function fetchJwks(source: JwksSource, tools: FetchTools): Promise<FetchedKeys> {
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
  return { set: keySet(keys), skipped, freshFor: freshness(maxAge) }
}

function freshness(maxAge: number | undefined): number {
  if (maxAge === undefined) return FRESH_BY_DEFAULT
  return Math.min(FRESH_AT_MOST, Math.max(FRESH_AT_LEAST, maxAge * 1000))
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
