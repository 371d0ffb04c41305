import { parsePattern } from '../identity/pattern.ts'
import { parseSpiffeId } from '../identity/spiffe-id.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { readJwks } from '../lib/jwk.ts'
import { readCertificate } from '../lib/x509/certificate.ts'
import { type Certificate, CertificateFault } from '../lib/x509/contract.ts'
import { parseDistinguishedName } from '../lib/x509/distinguished-name.ts'
import { addressBytes } from './certificate-names.ts'
import type { CertificateName, ClientAuthentication } from './contract.ts'

/** `spec.authentication` of a Client document. */
export interface WrittenAuthentication {
  readonly method: ClientAuthentication['method']
  readonly jwks?: { readonly keys: readonly object[] } | undefined
  readonly jwksUri?: string | undefined
  readonly tokenEndpointAudienceUntil?: string | undefined
  readonly issuer?: string | undefined
  readonly subjectDn?: string | undefined
  readonly sanDns?: string | undefined
  readonly sanUri?: string | undefined
  readonly sanIp?: string | undefined
  readonly sanEmail?: string | undefined
  readonly spiffeId?: string | undefined
}

const AT = 'spec.authentication'
const KEYS = ['jwks', 'jwksUri'] as const
const NAMES = ['subjectDn', 'sanDns', 'sanUri', 'sanIp', 'sanEmail'] as const

/** What each method says beside its name. */
const FIELDS: Readonly<Record<ClientAuthentication['method'], readonly string[]>> = {
  private_key_jwt: [...KEYS, 'tokenEndpointAudienceUntil'],
  attest_jwt_client_auth: KEYS,
  self_signed_tls_client_auth: ['jwks'],
  tls_client_auth: ['issuer', ...NAMES],
  spiffe_jwt: ['issuer', 'spiffeId'],
  spiffe_x509: ['issuer', 'spiffeId'],
  spiffe_wit: ['issuer', 'spiffeId'],
}

/** How the client proves itself, compiled; undefined where that has faults. */
export function compileAuthentication(
  written: WrittenAuthentication,
  faults: Fault[],
): ClientAuthentication | undefined {
  const { method } = written
  const before = faults.length
  for (const [field, value] of Object.entries(written)) {
    if (value !== undefined && field !== 'method' && !FIELDS[method].includes(field))
      faults.push({
        path: `${AT}.${field}`,
        message: `is not a field of ${method}, which has ${FIELDS[method].join(', ')}`,
      })
  }
  const compiled = byMethod(written, faults)
  return faults.length > before ? undefined : compiled
}

function byMethod(written: WrittenAuthentication, faults: Fault[]): ClientAuthentication | undefined {
  const { method, issuer = '', spiffeId = '' } = written
  switch (method) {
    case 'private_key_jwt':
    case 'attest_jwt_client_auth':
      return withKeys(method, written, faults)
    case 'self_signed_tls_client_auth':
      return Object.freeze({ method, certificates: certificatesOf(written, faults) })
    case 'tls_client_auth': {
      demandIssuer(written, 'x509', faults)
      const name = nameOf(written, faults)
      return name === undefined ? undefined : Object.freeze({ method, issuer, name })
    }
    default:
      demandIssuer(written, 'SPIFFE', faults)
      if (written.spiffeId === undefined)
        faults.push({
          path: `${AT}.spiffeId`,
          message: `is missing: ${method} needs the SPIFFE ID of the client, such as spiffe://prod.example/checkout`,
        })
      else checkSpiffeId(spiffeId, faults)
      return Object.freeze({ method, issuer, spiffeId })
  }
}

function demandIssuer({ issuer, method }: WrittenAuthentication, of: string, faults: Fault[]): void {
  if (issuer === undefined)
    faults.push({
      path: `${AT}.issuer`,
      message: `is missing: ${method} needs the name of the TrustedIssuer (${of}) that vouches for the client, since any other could give somebody the same name`,
    })
}

function withKeys(
  method: 'private_key_jwt' | 'attest_jwt_client_auth',
  { jwks, jwksUri, tokenEndpointAudienceUntil: until }: WrittenAuthentication,
  faults: Fault[],
): ClientAuthentication {
  if ((jwks === undefined) === (jwksUri === undefined)) {
    faults.push({
      path: AT,
      message: `the keys of the client${method === 'private_key_jwt' ? '' : '’s attester'} stand in \`jwks\` or at \`jwksUri\`: exactly one of them`,
    })
  }
  if (jwks !== undefined) {
    for (const { at, message } of readJwks(jwks).faults) {
      const path = at === '' ? `${AT}.jwks` : `${AT}.jwks.${at}`
      faults.push({ path, message: at === '' ? `the set ${message}` : `the key ${message}` })
    }
  }
  return Object.freeze({
    method,
    ...(jwks === undefined ? {} : { jwks }),
    ...(jwksUri === undefined ? {} : { jwksUri }),
    // the day that is named still counts
    ...(until === undefined ? {} : { tokenEndpointAudienceUntil: Date.parse(`${until}T23:59:59Z`) / 1000 }),
  })
}

/** The certificates in the `x5c` of a client's keys (MT-04): the first of each, and nothing stands above it. */
function certificatesOf({ jwks }: WrittenAuthentication, faults: Fault[]): readonly Certificate[] {
  if (jwks === undefined) {
    faults.push({
      path: `${AT}.jwks`,
      message: 'is missing: the client’s certificates stand in it, each in `x5c` of a key',
    })
    return []
  }
  return jwks.keys.flatMap((key, index) => {
    const path = `${AT}.jwks.keys[${index}].x5c`
    const [first] = 'x5c' in key && Array.isArray(key.x5c) ? (key.x5c as readonly unknown[]) : []
    if (typeof first !== 'string') {
      faults.push({ path, message: 'is missing: write the certificate as the first member, in base64' })
      return []
    }
    try {
      return [readCertificate(Buffer.from(first, 'base64'))]
    } catch (error) {
      if (!(error instanceof CertificateFault)) throw error
      faults.push({ path, message: `the certificate cannot be taken: ${error.message}` })
      return []
    }
  })
}

function nameOf(written: WrittenAuthentication, faults: Fault[]): CertificateName | undefined {
  const said = NAMES.filter((name) => written[name] !== undefined)
  const [only] = said
  if (only === undefined || said.length !== 1) {
    faults.push({
      path: AT,
      message: `says ${said.length === 0 ? 'no name' : said.join(' and ')}: the client is known by exactly one of ${NAMES.join(', ')}`,
    })
    return undefined
  }
  const text = written[only] ?? ''
  const wrong = (message: string): undefined => {
    faults.push({ path: `${AT}.${only}`, message: `${JSON.stringify(text)} ${message}` })
  }
  switch (only) {
    case 'subjectDn': {
      const attributes = parseDistinguishedName(text)
      return attributes === undefined
        ? wrong('is not a distinguished name; write one as RFC 4514 does, such as CN=billing,O=Example,C=DE')
        : Object.freeze({ of: 'dn', attributes })
    }
    case 'sanIp': {
      const bytes = addressBytes(text)
      return bytes === undefined ? wrong('is not an IP address') : Object.freeze({ of: 'ip', bytes })
    }
    case 'sanDns':
      return Object.freeze({ of: 'dns', value: text })
    case 'sanUri':
      return Object.freeze({ of: 'uri', value: text })
    case 'sanEmail':
      return Object.freeze({ of: 'email', value: text })
  }
}

/** A SPIFFE ID with a path, whose segments may be patterns (SC-62); a whole trust domain is nobody in particular (SC-63). */
function checkSpiffeId(text: string, faults: Fault[]): void {
  const path = `${AT}.spiffeId`
  try {
    parsePattern(text)
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    faults.push(...error.faults.map(({ message }) => ({ path, message })))
    return
  }
  const id = parseSpiffeId(text.replace(/\*\*?/g, 'x'))
  if (id === undefined || id.path === '')
    faults.push({
      path,
      message: `${JSON.stringify(text)} is not the SPIFFE ID of a workload, such as spiffe://prod.example/checkout`,
    })
  else if (/^spiffe:\/\/[^/]*\*|^spiffe:\/\/[^/]+(?:\/\*\*?)+$/.test(text))
    faults.push({
      path,
      message: `${JSON.stringify(text)} is a whole trust domain; name at least one segment of the path`,
    })
}
