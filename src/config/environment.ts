/**
 * config/ owns what the process is told from outside: environment variables become one frozen Config, all faults in one
 * message, secrets apart. It is read by app.ts, main.ts and the command line only.
 */

import { nearestName } from '../lib/nearest.ts'

/** Every variable of the server, with one sentence on each: the one list, and the only reader of the environment. */
export const variables = {
  CAMBIST_ISSUER: 'issuer identifier: https, or http on a loopback address only',
  CAMBIST_TRUST_DOMAIN: 'our own trust domain, for canonical subject ids',
  CAMBIST_HOSTS: 'further Host values that are answered at the workloads’ door',
  CAMBIST_LISTEN: 'address of the workloads’ door',
  CAMBIST_ENTRA_TENANT:
    'tenant below which the token endpoint is served in the shape of Microsoft Entra’s too (/TENANT/oauth2/v2.0/token), for clients of MSAL; absent: nowhere',
  CAMBIST_ADMIN_LISTEN: 'address of the administrators’ door, health and metrics',
  CAMBIST_ADMIN_HOSTS: 'further Host values that are answered at the administrators’ door',
  CAMBIST_ADMIN_AUDIENCE: 'audience of administrators’ JWTs',
  CAMBIST_TLS_CERT: 'certificate file of the workloads’ door; with it the door speaks TLS only',
  CAMBIST_TLS_KEY: 'key file of the workloads’ door',
  CAMBIST_ADMIN_TLS_CERT: 'certificate file of the administrators’ door',
  CAMBIST_ADMIN_TLS_KEY: 'key file of the administrators’ door',
  CAMBIST_MTLS_LISTEN:
    'address of a second listener that asks for client certificates, with the certificate of CAMBIST_TLS_CERT',
  CAMBIST_MTLS_URL:
    'public base URL where client certificates are asked for (mtls_endpoint_aliases); the issuer stays the same',
  CAMBIST_TRUSTED_PROXIES:
    'addresses and CIDR blocks of proxies: their X-Forwarded-For and certificate header are believed',
  CAMBIST_CLIENT_CERT_HEADER: 'how trusted proxies hand client certificates on: rfc9440, xfcc or nginx',
  CAMBIST_DPOP_NONCE:
    'offered: answers to DPoP proofs carry a nonce, which a proof may hold; required: a proof without one is refused',
  DATABASE_URL: 'PostgreSQL 15 or newer; absent: embedded',
  CAMBIST_DATA_DIR: 'the embedded database and the development secrets',
  CAMBIST_KEY_ENCRYPTION_KEY_FILES: 'comma-separated files of 32 bytes base64url; the first wraps, all unwrap',
  CAMBIST_SECRETS_DIR: 'secrets that documents may name',
  CAMBIST_BUNDLES_DIR: 'SPIFFE bundles that documents may name, a file each',
  CAMBIST_ADMIN_TOKEN_FILE: 'bootstrap administrator token: one line',
  CAMBIST_QUICKSTART: 'on: a new embedded database begins with examples/quickstart',
  CAMBIST_WORKERS: 'number of processes at the workloads’ door',
  CAMBIST_LOG_LEVEL: 'fatal, error, warn, info, debug, trace or silent',
  CAMBIST_INSECURE_FETCH: 'host:port values that key fetches may reach over http or on private addresses',
} as const

/** What holds where a variable is absent, for documentation; config.ts is where it is read. */
export const defaults: Readonly<Partial<Record<keyof typeof variables, string>>> = {
  CAMBIST_ISSUER: '`http://127.0.0.1:8400`',
  CAMBIST_TRUST_DOMAIN: 'host of the issuer',
  CAMBIST_HOSTS: 'host of the issuer',
  CAMBIST_LISTEN: '`127.0.0.1:8400`',
  CAMBIST_ADMIN_LISTEN: '`127.0.0.1:8401`',
  CAMBIST_ADMIN_HOSTS: 'host of the admin listener, loopback names',
  CAMBIST_ADMIN_AUDIENCE: '`cambist-admin`',
  CAMBIST_DPOP_NONCE: '`offered`',
  CAMBIST_DATA_DIR: '`.cambist`',
  CAMBIST_KEY_ENCRYPTION_KEY_FILES: 'made in the data directory when embedded, required otherwise',
  CAMBIST_ADMIN_TOKEN_FILE: '`admin-token` in the data directory, made when embedded; required otherwise',
  CAMBIST_QUICKSTART: '`on`',
  CAMBIST_WORKERS: 'number of cores',
  CAMBIST_LOG_LEVEL: '`info`',
}

/** Variables of the command line. */
export const cliVariables = {
  CAMBIST_ADMIN_URL: 'the administrators’ door that commands talk to',
} as const

/** Names that tests and the project's own tools read. */
const TOOLS: ReadonlySet<string> = new Set(['CAMBIST_CORPORA'])

export type VariableName = keyof typeof variables
export type Environment = Readonly<Partial<Record<VariableName, string>>>

export interface ReadEnvironment {
  readonly values: Environment
  /** Sentences about variables that nobody reads. */
  readonly warnings: readonly string[]
}

/** Takes the known variables out of the process environment; an empty one counts as absent. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): ReadEnvironment {
  const values: Partial<Record<VariableName, string>> = {}
  const warnings: string[] = []
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue
    if (Object.hasOwn(variables, name)) values[name as VariableName] = value
    else if (name.startsWith('CAMBIST_') && !Object.hasOwn(cliVariables, name) && !TOOLS.has(name)) {
      const near = nearestName(name, Object.keys(variables))
      warnings.push(`${name} is not a variable of Cambist${near === undefined ? '' : `; did you mean ${near}?`}`)
    }
  }
  return { values: Object.freeze(values), warnings }
}

export interface CliEnvironment {
  readonly adminUrl: string
  readonly adminTokenFile: string
  readonly issuer: string
  /** '' where nothing is said. */
  readonly trustDomain: string
}

/** What the command line needs of the environment. */
export function readCliEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): CliEnvironment {
  return {
    adminUrl: env['CAMBIST_ADMIN_URL'] || 'http://127.0.0.1:8401',
    adminTokenFile: env['CAMBIST_ADMIN_TOKEN_FILE'] || `${env['CAMBIST_DATA_DIR'] || '.cambist'}/admin-token`,
    issuer: env['CAMBIST_ISSUER'] || 'http://127.0.0.1:8400',
    trustDomain: env['CAMBIST_TRUST_DOMAIN'] || '',
  }
}

/** The trust domain of a server that is told none: the host of its issuer. */
export function trustDomainOf(issuer: string): string {
  const host = URL.parse(issuer)?.hostname ?? ''
  return host === '' || host === '[::1]' ? 'localhost' : host
}
