/**
 * What another domain publishes about itself (UC-56): fetched from where the operator is, shown with fingerprints, and
 * believed by nobody. What is proposed of it is proposing.ts.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { isTrustDomain } from '../identity/spiffe-id.ts'
import { isJsonObject, type Json, type JsonObject, parseJsonObject } from '../lib/json.ts'
import { MAX_KEYS, readJwk, type VerificationKey } from '../lib/jwk.ts'
import { FetchFailure } from '../trust/fetch-failure.ts'
import { type Fetch, guardedFetch } from '../trust/guarded-fetch.ts'
import { metadataUrl } from '../trust/key-source.ts'
import { CommandFailure, EXIT } from './contract.ts'
import { printable } from './table.ts'

/** How things are fetched. `ca` is PEM, for servers of a private authority. */
export interface Getting {
  readonly get: Fetch
  readonly ca?: string
}

export interface FoundKey {
  readonly kid: string | undefined
  /** As published: `sig`, `jwt-svid`, `x509-svid`, `wimse-jwt`, …; '' where it is not said. */
  readonly use: string
  readonly key: VerificationKey | undefined
  readonly certificate: X509Certificate | undefined
}

export interface Found {
  readonly what: 'issuer' | 'spiffe-bundle' | 'wimse-trust-domain'
  /** The issuer, or the name of the trust domain: as it was asked for, and as it names itself. */
  readonly name: string
  /** Where it says so; undefined for a bundle, which does not say whose it is. */
  readonly metadataUrl: string | undefined
  readonly keysUrl: string
  readonly keys: readonly FoundKey[]
  /** Phrases about keys that are of no use here. */
  readonly skipped: readonly string[]
  /** JWS algorithms that the issuer says it signs with. */
  readonly algorithms: readonly string[]
  readonly sequence: number | undefined
}

const MEDIA_TYPES = {
  json: ['application/json'],
  keys: ['application/jwk-set+json', 'application/json'],
  trustDomain: ['application/wimse-trust-domain-metadata+json', 'application/json'],
  bundle: ['application/wimse-trust-bundle+json', 'application/json', 'application/jwk-set+json'],
} as const
const MILLISECONDS = 10_000

/**
 * The way out for a command: the operator has typed the address and may reach what he likes there, also at home; where its
 * answer leads, he has not typed, and every guard holds.
 */
export function getterFor(typed: string): Fetch {
  const { hostname, port } = httpsUrl(typed)
  return guardedFetch({ insecure: new Set([`${hostname}:${port === '' ? 443 : port}`]), milliseconds: MILLISECONDS })
}

/** An OpenID provider or authorization server: OpenID Connect Discovery 1.0, and where there is none, RFC 8414. */
export async function discoverIssuer(issuer: string, getting: Getting): Promise<Found> {
  const url = httpsUrl(issuer)
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(issuer))
    throw new CommandFailure('An issuer has no query and no fragment. Write the exact iss of its tokens.', EXIT.usage)
  const { at, metadata } = await metadataOf(issuer, url, getting)
  const { issuer: named, jwks_uri: keysUrl, id_token_signing_alg_values_supported: algorithms } = metadata
  if (named !== issuer) {
    throw new CommandFailure(
      `${at} is the metadata of ${shown(named)}, not of ${issuer}; the two must be equal in every character. If you mean the former, ask for it by that name.`,
    )
  }
  if (typeof keysUrl !== 'string') throw new CommandFailure(`${at} does not say where the keys are (jwks_uri).`)
  httpsUrl(keysUrl)
  const set = await object(keysUrl, MEDIA_TYPES.keys, getting)
  return {
    what: 'issuer',
    name: issuer,
    metadataUrl: at,
    keysUrl,
    ...keysIn(set, keysUrl),
    algorithms: Array.isArray(algorithms) ? algorithms.filter((one: Json) => typeof one === 'string') : [],
    sequence: undefined,
  }
}

async function metadataOf(issuer: string, { origin, pathname }: URL, getting: Getting) {
  const first = metadataUrl(issuer)
  const at = `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname.replace(/\/$/, '')}`
  try {
    return { at: first, metadata: await object(first, MEDIA_TYPES.json, getting) }
  } catch (error) {
    if (!(error instanceof Unfetched) || error.code !== 'status') throw error
    return { at, metadata: await object(at, MEDIA_TYPES.json, getting) }
  }
}

/** A SPIFFE bundle endpoint (https_web). Nothing in a bundle says whose it is, so that the operator must. */
export async function discoverBundle(url: string, trustDomain: string, getting: Getting): Promise<Found> {
  httpsUrl(url)
  if (!isTrustDomain(trustDomain))
    throw new CommandFailure(
      `${JSON.stringify(printable(trustDomain))} is not the name of a trust domain: lower-case letters, digits, dots, - and _, without spiffe://.`,
      EXIT.usage,
    )
  const bundle = await object(url, MEDIA_TYPES.bundle, getting)
  const sequence = bundle['spiffe_sequence']
  return {
    what: 'spiffe-bundle',
    name: trustDomain,
    metadataUrl: undefined,
    keysUrl: url,
    ...keysIn(bundle, url),
    algorithms: [],
    sequence: typeof sequence === 'number' ? sequence : undefined,
  }
}

/** Where a trust domain publishes its metadata (wimse.md §2): at exactly its own name, never at that of a parent. */
export function trustDomainUrl(name: string): string {
  const labels = name.split('.')
  const isName =
    name.length <= 253 &&
    labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) &&
    isIP(name) === 0 &&
    !/^[0-9]+$/.test(labels.at(-1) ?? '')
  if (!isName)
    throw new CommandFailure(
      `${JSON.stringify(printable(name))} is no https URL, and no name of a trust domain that could be looked up in DNS.`,
      EXIT.usage,
    )
  return `https://${name}/.well-known/wimse-trust-domain`
}

export async function discoverTrustDomain(name: string, getting: Getting): Promise<Found> {
  const at = trustDomainUrl(name)
  const { trust_domain: named, trust_bundle_endpoint: keysUrl } = await object(at, MEDIA_TYPES.trustDomain, getting)
  if (named !== name)
    throw new CommandFailure(`${at} speaks for ${shown(named)}, not for ${name}; the two must be equal in every byte.`)
  if (typeof keysUrl !== 'string')
    throw new CommandFailure(`${at} does not say where the keys are (trust_bundle_endpoint).`)
  httpsUrl(keysUrl)
  const bundle = await object(keysUrl, MEDIA_TYPES.bundle, getting)
  const sequence = bundle['sequence_number']
  return {
    what: 'wimse-trust-domain',
    name,
    metadataUrl: at,
    keysUrl,
    ...keysIn(bundle, keysUrl),
    algorithms: [],
    sequence: typeof sequence === 'number' ? sequence : undefined,
  }
}

/** The SHA-256 of a certificate as `openssl x509 -fingerprint -sha256` prints it, or the RFC 7638 thumbprint of a key. */
export function fingerprintOf({ key, certificate }: FoundKey): string {
  if (certificate !== undefined)
    return createHash('sha256')
      .update(certificate.raw)
      .digest('hex')
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:')
  return key?.thumbprint ?? ''
}

/** A fetch has failed; `code` is trust's. */
class Unfetched extends CommandFailure {
  readonly code: string

  constructor({ code, message }: FetchFailure) {
    // What a server can be told to allow does not help whoever runs a command.
    super(`Nothing was found: ${message.replace(/; (?:for development, )?list .*$/, '')}.`)
    this.code = code
  }
}

async function object(url: string, mediaTypes: readonly string[], { get, ca }: Getting): Promise<JsonObject> {
  let body: Buffer
  try {
    ;({ body } = await get(url, { accept: mediaTypes.join(', '), mediaTypes, ...(ca === undefined ? {} : { ca }) }))
  } catch (error) {
    throw error instanceof FetchFailure ? new Unfetched(error) : error
  }
  const value = parseJsonObject(body)
  if (value === undefined) throw new CommandFailure(`What is at ${url} is not one sound JSON object.`)
  return value
}

function httpsUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'https:') return url
  throw new CommandFailure(`${shown(text)} is no https URL, and nothing else is asked.`, EXIT.usage)
}

function keysIn(set: JsonObject, url: string): Pick<Found, 'keys' | 'skipped'> {
  const written = set['keys']
  if (!Array.isArray(written) || written.length > MAX_KEYS)
    throw new CommandFailure(`What is at ${url} is no key set: it has no list named keys of at most ${MAX_KEYS}.`)
  const keys: FoundKey[] = []
  const skipped: string[] = []
  for (const [index, one] of written.entries()) {
    const reading = keyIn(one)
    if (typeof reading === 'string') skipped.push(`keys[${index}] ${reading}`)
    else keys.push(reading)
  }
  if (keys.length === 0)
    throw new CommandFailure(
      `The key set at ${url} has no usable key${skipped[0] === undefined ? '' : `: ${printable(skipped[0])}`}.`,
    )
  return { keys, skipped }
}

/** A key, or a phrase that says why it is none. */
function keyIn(value: Json): FoundKey | string {
  if (!isJsonObject(value)) return 'is not a JSON object'
  const { kid, use = '', x5c } = value
  if (typeof use !== 'string') return 'has a use that is no text'
  // Certificates are what a bundle has for X.509; elsewhere the key itself is meant, whatever stands beside it.
  if (use === 'x509-svid' || use === 'wimse-x509') {
    const [first, ...more] = Array.isArray(x5c) ? x5c : []
    if (typeof first !== 'string' || more.length > 0) return 'does not have exactly one certificate (x5c)'
    try {
      const certificate = new X509Certificate(Buffer.from(first, 'base64'))
      return { kid: typeof kid === 'string' ? kid : undefined, use, key: undefined, certificate }
    } catch {
      return 'has a certificate that cannot be read'
    }
  }
  const { use: _use, ...jwk } = value
  const reading = readJwk(use === 'sig' || use === 'enc' ? value : jwk)
  return 'fault' in reading ? reading.fault : { kid: reading.key.kid, use, key: reading.key, certificate: undefined }
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return 'nobody'
  return JSON.stringify(printable(value.length > 200 ? `${value.slice(0, 200)}…` : value))
}
