import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { type Fault, Faults } from '../lib/fault.ts'
import { type ClientCertificates, hostOf, readClientCertificates } from './client-certificates.ts'
import { type Environment, trustDomainOf, type VariableName } from './environment.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

/** What the server runs by. Frozen, complete, checked; no secrets in it (secrets.ts). */
export interface Config {
  readonly issuer: string
  readonly trustDomain: string
  /** Lower-case `Host` values, with port where it is not the scheme's own. */
  readonly hosts: ReadonlySet<string>
  readonly listen: Address
  /** Below which the token endpoint is also answered in the shape of Entra's; undefined: nowhere. */
  readonly entraTenant: string | undefined
  readonly tls: TlsFiles | undefined
  readonly clientCertificates: ClientCertificates
  /** Whether a DPoP proof must hold a nonce of ours, or only may (DP-13). */
  readonly dpopNonce: 'offered' | 'required'
  readonly admin: {
    readonly listen: Address
    readonly hosts: ReadonlySet<string>
    readonly tls: TlsFiles | undefined
    readonly audience: string
  }
  readonly database: { readonly url: string } | { readonly embeddedIn: string }
  readonly dataDir: string
  readonly keyEncryptionKeyFiles: readonly string[]
  readonly adminTokenFile: string | undefined
  readonly secretsDir: string | undefined
  readonly bundlesDir: string | undefined
  readonly quickstart: boolean
  readonly workers: number
  readonly logLevel: string
  readonly insecureFetch: ReadonlySet<string>
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
const TRUST_DOMAIN = /^[a-z0-9]([a-z0-9._-]{0,253}[a-z0-9])?$/

/** Reads and checks the whole. Throws Faults with every fault at once; their paths are variable names. */
export function readConfig(env: Environment): Config {
  const faults: Fault[] = []
  const fault = (path: VariableName, message: string) => void faults.push({ path, message })

  const listen = address(env, 'CAMBIST_LISTEN', '127.0.0.1:8400', fault)
  const entraTenant = tenant(env.CAMBIST_ENTRA_TENANT, fault)
  const adminListen = address(env, 'CAMBIST_ADMIN_LISTEN', '127.0.0.1:8401', fault)
  const issuerText = env.CAMBIST_ISSUER ?? 'http://127.0.0.1:8400'
  const issuer = checkedIssuer(issuerText, fault)
  const trustDomain = env.CAMBIST_TRUST_DOMAIN ?? trustDomainOf(issuer?.href ?? '')
  if (!TRUST_DOMAIN.test(trustDomain)) {
    fault(
      'CAMBIST_TRUST_DOMAIN',
      `${JSON.stringify(trustDomain)} is not a trust domain: use lower-case letters, digits, dots, dashes and underscores, such as prod.example`,
    )
  }
  const tls = tlsFiles(env, 'CAMBIST_TLS_CERT', 'CAMBIST_TLS_KEY', fault)
  const mtlsListen = env.CAMBIST_MTLS_LISTEN === undefined ? undefined : address(env, 'CAMBIST_MTLS_LISTEN', '', fault)
  const clientCertificates = readClientCertificates(env, { listen: mtlsListen, tls }, fault)
  const own = [issuer?.host ?? '', hostOf(clientCertificates.url)].filter((host) => host !== '')
  const hosts = new Set([...own, ...list(env.CAMBIST_HOSTS)])
  const dataDir = resolve(env.CAMBIST_DATA_DIR ?? '.cambist')
  const url = env.DATABASE_URL
  if (url !== undefined && !/^postgres(ql)?:\/\//.test(url)) {
    fault('DATABASE_URL', 'is not a PostgreSQL URL: write postgres://USER@HOST/DATABASE')
  }
  const keyFiles = list(env.CAMBIST_KEY_ENCRYPTION_KEY_FILES, false)
  if (url !== undefined && keyFiles.length === 0) {
    fault(
      'CAMBIST_KEY_ENCRYPTION_KEY_FILES',
      'is required with DATABASE_URL: name a file that holds 32 random bytes as base64url, such as `openssl rand 32 | basenc --base64url` writes',
    )
  }
  if (url !== undefined && env.CAMBIST_ADMIN_TOKEN_FILE === undefined) {
    fault(
      'CAMBIST_ADMIN_TOKEN_FILE',
      'is required with DATABASE_URL: name a file that holds the bootstrap administrator token, one line of 32 characters or more',
    )
  }
  const insecureFetch = new Set(list(env.CAMBIST_INSECURE_FETCH))
  for (const one of insecureFetch) {
    if (!/^(\[[0-9a-f:]+\]|[^:\s]+):\d{1,5}$/i.test(one))
      fault('CAMBIST_INSECURE_FETCH', `${JSON.stringify(one)} is not host:port`)
  }
  const quickstart = env.CAMBIST_QUICKSTART ?? 'on'
  if (quickstart !== 'on' && quickstart !== 'off')
    fault('CAMBIST_QUICKSTART', `${JSON.stringify(quickstart)} is neither on nor off`)
  const dpopNonce = env.CAMBIST_DPOP_NONCE ?? 'offered'
  if (dpopNonce !== 'offered' && dpopNonce !== 'required')
    fault('CAMBIST_DPOP_NONCE', `${JSON.stringify(dpopNonce)} is neither offered nor required`)
  const logLevel = env.CAMBIST_LOG_LEVEL ?? 'info'
  if (!LOG_LEVELS.includes(logLevel))
    fault('CAMBIST_LOG_LEVEL', `${JSON.stringify(logLevel)} is not one of ${LOG_LEVELS.join(', ')}`)
  const audience = env.CAMBIST_ADMIN_AUDIENCE ?? 'cambist-admin'
  // As written, and as clients of older specifications write it (JC-11).
  if ([issuerText, `${issuerText.replace(/\/$/, '')}/`, `${issuerText.replace(/\/$/, '')}/token`].includes(audience))
    fault(
      'CAMBIST_ADMIN_AUDIENCE',
      'must mean this door alone, and neither the issuer nor its token endpoint: a token for the workloads’ door would then open the administrators’ door',
    )

  const config: Config = {
    issuer: issuerText,
    trustDomain,
    hosts,
    listen,
    entraTenant,
    tls,
    clientCertificates,
    dpopNonce: dpopNonce === 'required' ? 'required' : 'offered',
    admin: {
      listen: adminListen,
      hosts: adminHosts(adminListen, list(env.CAMBIST_ADMIN_HOSTS)),
      tls: tlsFiles(env, 'CAMBIST_ADMIN_TLS_CERT', 'CAMBIST_ADMIN_TLS_KEY', fault),
      audience,
    },
    database: url === undefined ? { embeddedIn: resolve(dataDir, 'postgres') } : { url },
    dataDir,
    keyEncryptionKeyFiles: keyFiles,
    adminTokenFile: env.CAMBIST_ADMIN_TOKEN_FILE,
    secretsDir: env.CAMBIST_SECRETS_DIR,
    bundlesDir: env.CAMBIST_BUNDLES_DIR,
    quickstart: quickstart === 'on' && url === undefined,
    workers: workers(env.CAMBIST_WORKERS, fault),
    logLevel,
    insecureFetch,
  }
  if (faults.length > 0) throw new Faults(faults)
  return Object.freeze(config)
}

type Report = (path: VariableName, message: string) => void

/** An issuer identifier: https, no query, no fragment (MD-01); http only where it cannot leave the machine. */
function checkedIssuer(text: string, fault: Report): URL | undefined {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    fault('CAMBIST_ISSUER', `${JSON.stringify(text)} is not a URL: write one such as https://cambist.example`)
    return undefined
  }
  const plain = `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`
  if (url.search !== '' || url.hash !== '' || url.username !== '' || text !== plain) {
    fault('CAMBIST_ISSUER', `${JSON.stringify(text)} is not the plain form of an issuer; write ${plain}`)
  }
  if (url.pathname !== '/') {
    fault(
      'CAMBIST_ISSUER',
      `${JSON.stringify(text)} has a path: the doors answer at the root of a host of their own; write ${url.protocol}//${url.host}`,
    )
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    fault('CAMBIST_ISSUER', `${JSON.stringify(text)} must begin with https://; http is for loopback addresses only`)
  }
  return url
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)

function address(env: Environment, name: VariableName, fallback: string, fault: Report): Address {
  const text = env[name] ?? fallback
  const match = /^(?:\[([0-9A-Fa-f:]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    fault(name, `${JSON.stringify(text)} is not an address: write HOST:PORT such as 0.0.0.0:8400 or [::]:8400`)
    return { host: '127.0.0.1', port: 0 }
  }
  return { host: match[1] ?? match[2] ?? '', port }
}

function tlsFiles(env: Environment, cert: VariableName, key: VariableName, fault: Report): TlsFiles | undefined {
  const files = { cert: env[cert], key: env[key] }
  if (files.cert === undefined && files.key === undefined) return undefined
  if (files.cert === undefined) fault(cert, `is missing: ${key} is set, and a key alone makes no TLS`)
  if (files.key === undefined) fault(key, `is missing: ${cert} is set, and a certificate alone makes no TLS`)
  return { cert: files.cert ?? '', key: files.key ?? '' }
}

/** The listener's own name and the loopback names, each with the port, and without it where it is a scheme's own. */
function adminHosts({ host, port }: Address, further: readonly string[]): ReadonlySet<string> {
  const written = (isIP(host) === 6 ? `[${host}]` : host).toLowerCase()
  const names = [written, '127.0.0.1', '[::1]', 'localhost']
  const own = names.map((name) => `${name}:${port}`)
  return new Set([...own, ...(port === 80 || port === 443 ? names : []), ...further])
}

/** As MSAL writes it into a path: in lower case. */
const TENANT = /^[a-z0-9]([a-z0-9.-]{0,126}[a-z0-9])?$/

function tenant(text: string | undefined, fault: Report): string | undefined {
  if (text !== undefined && !TENANT.test(text))
    fault(
      'CAMBIST_ENTRA_TENANT',
      `${JSON.stringify(text)} is not a tenant: write a GUID or a domain name in lower case, such as shop.example`,
    )
  return text
}

function workers(text: string | undefined, fault: Report): number {
  if (text === undefined) return availableParallelism()
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 256)
    fault('CAMBIST_WORKERS', `${JSON.stringify(text)} is not a number from 1 to 256`)
  return count
}

function list(text: string | undefined, lower = true): readonly string[] {
  const items = (text ?? '').split(',').map((item) => item.trim())
  return items.filter((item) => item !== '').map((item) => (lower ? item.toLowerCase() : item))
}
