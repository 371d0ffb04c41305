import { X509Certificate } from 'node:crypto'
import type { Fault } from '../lib/fault.ts'
import { readJwks } from '../lib/jwk.ts'
import type { KeySource } from './contract.ts'
import { FetchFailure } from './fetch-failure.ts'
import { fetchTarget } from './fetch-target.ts'
import { metadataUrl } from './key-source.ts'

/** `spec.keys` of a TrustedIssuer document. */
export interface WrittenKeys {
  readonly discovery?: true | undefined
  readonly jwksUri?: string | undefined
  readonly jwks?: unknown
  readonly ca?: string | undefined
  readonly bearerToken?: { readonly secret: string } | undefined
}

const MAX_CERTIFICATES = 32
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g

/** Where the keys come from; undefined where that has faults. `insecure` undefined: what may be fetched here is not judged. */
export function compileKeys(
  written: WrittenKeys,
  authority: string,
  insecure: ReadonlySet<string> | undefined,
  faults: Fault[],
): KeySource | undefined {
  const before = faults.length
  const { discovery, jwksUri, jwks, ca, bearerToken } = written
  const said = Object.entries({ discovery, jwksUri, jwks }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  )
  if (said.length !== 1) {
    const what = said.length === 0 ? 'says nothing' : `says ${said.join(' and ')}`
    faults.push({ path: 'spec.keys', message: `${what}, and must say exactly one of discovery, jwksUri and jwks` })
  }
  if (jwks !== undefined) {
    for (const [name, value] of Object.entries({ ca, bearerToken })) {
      if (value !== undefined)
        faults.push({ path: `spec.keys.${name}`, message: 'is for keys that are fetched, and these are written here' })
    }
  }
  if (ca !== undefined) checkCertificates(ca, 'spec.keys.ca', faults)
  if (jwksUri !== undefined) checkUrl(jwksUri, 'spec.keys.jwksUri', insecure, faults)
  if (discovery !== undefined && authority !== '')
    checkUrl(metadataUrl(authority), 'spec.keys.discovery', insecure, faults)
  const keys = jwks === undefined ? [] : inlineKeys(jwks, faults)
  if (faults.length > before) return undefined

  if (jwks !== undefined) return Object.freeze({ from: 'inline', keys })
  const further = {
    ...(ca === undefined ? {} : { ca }),
    ...(bearerToken === undefined ? {} : { bearerToken: bearerToken.secret }),
  }
  return jwksUri === undefined
    ? Object.freeze({ from: 'discovery', issuer: authority, ...further })
    : Object.freeze({ from: 'jwksUri', url: jwksUri, ...further })
}

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

export function checkCertificates(pem: string, path: string, faults: Fault[]): void {
  const blocks = pem.match(CERTIFICATE) ?? []
  if (pem.includes('PRIVATE KEY'))
    faults.push({
      path,
      message: 'holds a private key; keep only the certificates, and renew that key: it has been seen',
    })
  if (blocks.length === 0 || blocks.length > MAX_CERTIFICATES) {
    faults.push({ path, message: `holds ${blocks.length} certificates in PEM; 1 to ${MAX_CERTIFICATES} are taken` })
    return
  }
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block)
    } catch {
      faults.push({ path, message: `certificate ${index + 1} cannot be read` })
    }
  }
}
