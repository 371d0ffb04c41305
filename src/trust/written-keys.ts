import type { Fault } from '../lib/fault.ts'
import { readJwks } from '../lib/jwk.ts'
import { type KeyMember, type KeySource, type KeyUse, keyMembers } from './contract.ts'
import { FetchFailure } from './fetch-failure.ts'
import { fetchTarget } from './fetch-target.ts'
import { metadataUrl } from './key-source.ts'
import { compileBundle, type WrittenBundle } from './written-bundle.ts'
import { anchorsOf, checkCertificates } from './written-certificates.ts'

/** `spec.keys` of a TrustedIssuer document. */
export interface WrittenKeys {
  readonly discovery?: true | undefined
  readonly jwksUri?: string | undefined
  readonly jwks?: unknown
  readonly bundle?: WrittenBundle | undefined
  readonly roots?: string | undefined
  readonly intermediates?: string | undefined
  readonly sts?: string | undefined
  readonly ca?: string | undefined
  readonly bearerToken?: { readonly secret: string } | undefined
}

/** Whose keys they are, and what may be said of them. */
export interface KeysOf {
  readonly authority: string
  /** Of the credential kind, as CredentialKindForm has them. */
  readonly name?: string
  readonly keyUse?: KeyUse
  readonly sources?: readonly KeyMember[]
  /** Lower-case `host:port` values; undefined: what may be fetched here is not judged. */
  readonly insecure: ReadonlySet<string> | undefined
}

const USUAL_SOURCES: readonly KeyMember[] = ['discovery', 'jwksUri', 'jwks']

/** Where the keys come from; undefined where that has faults. */
export function compileKeys(written: WrittenKeys, of: KeysOf, faults: Fault[]): KeySource | undefined {
  const before = faults.length
  const { discovery, jwksUri, jwks, bundle, roots, intermediates, sts, ca, bearerToken } = written
  checkMembers(written, of, faults)
  if (ca !== undefined) checkCertificates(ca, 'spec.keys.ca', faults)
  const checked = (url: string, path: string) => checkUrl(url, path, of.insecure, faults)
  if (jwksUri !== undefined) checked(jwksUri, 'spec.keys.jwksUri')
  if (discovery !== undefined && of.authority !== '') checked(metadataUrl(of.authority), 'spec.keys.discovery')
  if (sts !== undefined) checkOrigin(sts, checked, faults)
  const keys = jwks === undefined ? [] : inlineKeys(jwks, faults)
  const anchors = roots === undefined ? undefined : anchorsOf(roots, intermediates, faults)
  const source = bundle === undefined ? undefined : compileBundle(bundle, { ...of, ca, checkUrl: checked }, faults)
  if (faults.length > before) return undefined

  if (source !== undefined) return source
  if (sts !== undefined)
    return Object.freeze({ from: 'sts', url: new URL(sts).origin, ...(ca === undefined ? {} : { ca }) })
  if (anchors !== undefined) return Object.freeze({ from: 'certificates', anchors })
  if (jwks !== undefined) return Object.freeze({ from: 'inline', keys })
  const further = {
    ...(ca === undefined ? {} : { ca }),
    ...(bearerToken === undefined ? {} : { bearerToken: bearerToken.secret }),
  }
  return jwksUri === undefined
    ? Object.freeze({ from: 'discovery', issuer: of.authority, ...further })
    : Object.freeze({ from: 'jwksUri', url: jwksUri, ...further })
}

/** Exactly one source, one that the kind takes, and beside it nothing that is for another. */
function checkMembers(written: WrittenKeys, { name, sources = USUAL_SOURCES }: KeysOf, faults: Fault[]): void {
  const said = keyMembers.filter((member) => written[member] !== undefined)
  const taken = listed(sources)
  if (said.length !== 1) {
    const what = said.length === 0 ? 'says nothing' : `says ${said.join(' and ')}`
    const remedy = sources.length === 1 ? taken : `exactly one of ${taken}`
    faults.push({ path: 'spec.keys', message: `${what}, and must say ${remedy}` })
  }
  for (const member of said) {
    if (name !== undefined && !sources.includes(member)) {
      faults.push({
        path: `spec.keys.${member}`,
        message: `is nothing that credentials ${name} are verified by; say ${listed(sources, 'or')}`,
      })
    }
  }
  const refuse = (member: 'ca' | 'bearerToken' | 'intermediates', message: string) => {
    if (written[member] !== undefined) faults.push({ path: `spec.keys.${member}`, message })
  }
  if (written.jwks !== undefined || written.roots !== undefined) {
    for (const member of ['ca', 'bearerToken'] as const)
      refuse(member, 'is for keys that are fetched, and these are written here')
  }
  if (written.bundle !== undefined) {
    refuse('bearerToken', 'is for discovery and jwksUri; a bundle endpoint asks nobody who he is (S-83)')
    if (written.bundle.url === undefined)
      refuse('ca', 'is for keys that are fetched over https, and this bundle is not')
  }
  if (written.sts !== undefined)
    refuse('bearerToken', 'is for keys that are fetched; the service is asked by what the workload has signed')
  if (written.roots === undefined)
    refuse('intermediates', 'is for credentials whose roots stand beside it; say roots, or leave it out')
}

const listed = (names: readonly string[], last: 'and' | 'or' = 'and'): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${last} ${names.at(-1)}`

function inlineKeys(jwks: unknown, faults: Fault[]) {
  const { keys, faults: found } = readJwks(jwks)
  for (const { at, message } of found) {
    faults.push(
      at === ''
        ? { path: 'spec.keys.jwks', message: `the set ${message}` }
        : { path: `spec.keys.jwks.${at}`, message: `the key ${message}` },
    )
  }
  if (keys.length === 0 && found.length === 0)
    faults.push({ path: 'spec.keys.jwks.keys', message: 'is empty, so no credential could be verified' })
  return keys
}

/** A service is an origin: what is asked of it, the kind of credential says and nobody else. */
function checkOrigin(sts: string, checked: (url: string, path: string) => void, faults: Fault[]): void {
  const before = faults.length
  checked(sts, 'spec.keys.sts')
  if (faults.length === before && sts.replace(/\/$/, '') !== new URL(sts).origin)
    faults.push({
      path: 'spec.keys.sts',
      message: `${JSON.stringify(sts)} is more than an origin; write ${new URL(sts).origin}`,
    })
}

/** Where nobody says what this process may fetch, everything that some process may fetch is allowed. */
export function checkUrl(url: string, path: string, insecure: ReadonlySet<string> | undefined, faults: Fault[]): void {
  try {
    fetchTarget(url, insecure ?? EVERYTHING)
  } catch (error) {
    if (!(error instanceof FetchFailure)) throw error
    const remedy = path.endsWith('discovery') ? '; if the keys are elsewhere, write their URL as keys.jwksUri' : ''
    faults.push({ path, message: `${JSON.stringify(url)} ${error.message}${remedy}` })
  }
}

const EVERYTHING = { has: () => true }
