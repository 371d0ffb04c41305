import { parseJsonObject } from '../lib/json.ts'
import { isKeyId, MAX_KEYS, readJwk, type VerificationKey } from '../lib/jwk.ts'
import { readCertificate } from '../lib/x509/certificate.ts'
import { type Certificate, CertificateFault } from '../lib/x509/contract.ts'
import type { SvidUse } from './contract.ts'

/** A SPIFFE bundle, read (Trust Domain and Bundle §4): a JWK Set whose keys say which kind of SVID they verify. It does not say of which trust domain it is (S-72). */
export interface Bundle {
  readonly keys: Readonly<Record<Exclude<SvidUse, 'x509-svid'>, readonly VerificationKey[]>>
  /** Of use `x509-svid`, distinct. */
  readonly certificates: readonly Certificate[]
  /** Never goes backwards; undefined where the bundle does not say. */
  readonly sequence: bigint | undefined
  /** Seconds. */
  readonly refreshHint: number | undefined
  /** Phrases about entries that the standard has ignored (S-70). */
  readonly ignored: readonly string[]
  /** Entries that were meant for a use and cannot be read. Where no other is left of it, the bundle is broken, and voids nothing. */
  readonly unreadable: readonly { readonly use: SvidUse; readonly fault: string }[]
}

/** A bundle, or why it is none: a phrase that completes "the bundle …". */
export type BundleReading = { readonly bundle: Bundle; readonly fault?: never } | { readonly fault: string }

type Entry = Readonly<Record<string, unknown>>

const USES: ReadonlySet<unknown> = new Set<SvidUse>(['jwt-svid', 'wit-svid', 'x509-svid'])
const KEY_TYPES: ReadonlySet<unknown> = new Set(['EC', 'RSA', 'OKP'])
const MAX_SEQUENCE = 2n ** 64n - 1n

/** Reads a bundle as it came over the wire or out of a file. Never throws. */
export function parseBundle(bytes: Uint8Array): BundleReading {
  const value = parseJsonObject(bytes)
  if (value === undefined) return { fault: 'is not one sound JSON object' }
  const sequence = value['spiffe_sequence']
  if (typeof sequence !== 'number' || Number.isSafeInteger(sequence)) return readBundle(value)
  // A number of 64 bits does not fit (S-70): its digits do.
  return readBundle({ ...value, spiffe_sequence: exactSequence(Buffer.from(bytes).toString()) })
}

/**
 * Reads a bundle (S-49, S-62, S-70 to S-76). An entry of unknown `kty` or `use`, and a certificate without `x5c`, is
 * ignored and reported. A bundle that breaks a rule about the whole (a `kid` missing or shared, too many keys) is none.
 * Never throws.
 */
export function readBundle(value: unknown): BundleReading {
  if (!isObject(value)) return { fault: 'is not a JSON object' }
  if (value['trust_domains'] !== undefined)
    return { fault: 'is a map of several trust domains (trust_domains); give the one of this trust domain alone' }
  const written = value['keys']
  if (!Array.isArray(written)) return { fault: 'has no list named keys' }
  if (written.length > MAX_KEYS) return { fault: `has ${written.length} keys, at most ${MAX_KEYS} are taken` }
  const sequence = sequenceOf(value['spiffe_sequence'])
  if (sequence === 'malformed') return { fault: 'has a spiffe_sequence that is not an integer of 0 to 2^64 - 1' }

  const keys: { readonly [use in keyof Bundle['keys']]: VerificationKey[] } = { 'jwt-svid': [], 'wit-svid': [] }
  const certificates = new Map<string, Certificate>()
  const ignored: string[] = []
  const unreadable: Bundle['unreadable'][number][] = []
  const kids = new Set<string>()
  for (const [index, entry] of written.entries()) {
    const why = ignoredBecause(entry)
    if (why !== undefined) {
      ignored.push(`keys[${index}] ${why}`)
      continue
    }
    const use = entry.use as SvidUse
    if (use !== 'x509-svid') {
      const { kid } = entry
      if (!isKeyId(kid)) return { fault: `has a key of use ${use} without kid (keys[${index}])` }
      if (kids.has(kid)) return { fault: `has two keys of kid ${JSON.stringify(kid)}` }
      kids.add(kid)
    }
    const reading = use === 'x509-svid' ? anchorOf(entry) : readJwk({ ...entry, use: 'sig' })
    if ('fault' in reading) {
      unreadable.push({ use, fault: `keys[${index}] ${reading.fault}` })
    } else if ('certificate' in reading) certificates.set(reading.certificate.fingerprint, reading.certificate)
    else if (use !== 'x509-svid') keys[use].push(reading.key)
  }
  return {
    bundle: Object.freeze({
      keys,
      certificates: Object.freeze([...certificates.values()]),
      sequence,
      refreshHint: hintOf(value['spiffe_refresh_hint'], ignored),
      ignored,
      unreadable,
    }),
  }
}

/** Why the standard has the entry ignored (S-70, S-30), as a phrase; undefined where it has it read. */
function ignoredBecause(entry: unknown): string | undefined {
  if (!isObject(entry)) return 'is not a JSON object'
  if (entry['use'] === undefined) return 'has no use'
  if (!USES.has(entry['use'])) return 'has a use other than jwt-svid, wit-svid and x509-svid'
  if (!KEY_TYPES.has(entry['kty'])) return 'has a kty other than RSA, EC and OKP'
  return entry['use'] === 'x509-svid' && entry['x5c'] === undefined ? 'is of use x509-svid and has no x5c' : undefined
}

/** The certificate that an entry of use `x509-svid` stands for: the first of its `x5c`, and no other (X509-SVID §6). */
function anchorOf({ x5c }: Entry): { readonly certificate: Certificate } | { readonly fault: string } {
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined
  const der = typeof first === 'string' ? Buffer.from(first, 'base64') : undefined
  if (der === undefined || der.length === 0 || der.toString('base64') !== first)
    return { fault: 'has an x5c that does not begin with a certificate in base64' }
  try {
    const certificate = readCertificate(der)
    return certificate.isCa ? { certificate } : { fault: 'has a certificate that is none of an authority (CA)' }
  } catch (error) {
    if (!(error instanceof CertificateFault)) throw error
    return { fault: `has a certificate that cannot be used (${error.code})` }
  }
}

function sequenceOf(value: unknown): bigint | undefined | 'malformed' {
  if (value === undefined) return undefined
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return 'malformed'
  if (typeof value !== 'number' && typeof value !== 'bigint') return 'malformed'
  const sequence = BigInt(value)
  return sequence >= 0n && sequence <= MAX_SEQUENCE ? sequence : 'malformed'
}

/** The member of the outermost object, in all its digits. */
function exactSequence(text: string): unknown {
  const value: unknown = JSON.parse(text, (name, read: unknown, context?: { readonly source?: string }) =>
    name === 'spiffe_sequence' && /^\d{1,20}$/.test(context?.source ?? '') ? BigInt(context?.source ?? '') : read,
  )
  return isObject(value) ? value['spiffe_sequence'] : undefined
}

function hintOf(value: unknown, ignored: string[]): number | undefined {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return value
  ignored.push('spiffe_refresh_hint is not a number of seconds')
  return undefined
}

function isObject(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
