/** The Cambist of the tour: a process of its own, over a database of its own, with TLS at both of the workloads' listeners. */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TlsIdentity } from './workload.ts'

export interface ExchangeRow {
  readonly outcome: string
  readonly reason: string
  readonly detail: string
  readonly authentication: string
  readonly granted: { readonly binding: string } | null
  readonly facts: { readonly subject?: { readonly key?: boolean }; readonly actor?: { readonly key?: boolean } } | null
  readonly [name: string]: unknown
}

/** What a command has printed, results and words for people, and how it ended. */
export interface Printed {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Cambist {
  readonly issuer: string
  readonly trustDomain: string
  /** Token endpoints: of the first listener, and of the one that asks for client certificates. */
  readonly endpoint: string
  readonly mtlsEndpoint: string
  readonly directory: string
  /** Applies documents as an administrator, whole or not at all. */
  apply(documents: readonly object[]): Promise<void>
  /** Runs a command line of an administrator, as it would be typed. */
  command(...args: readonly string[]): Promise<Printed>
  /** Asks the administrators' door for JSON. Rejects where it refuses. */
  administer(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>
  /** What an administrator reads of a request. */
  record(id: string): Promise<ExchangeRow>
  stop(): Promise<void>
}

/** Starts it with a server certificate. `insecureFetch`: the servers on loopback that it may have keys from. */
export async function startCambist(
  directory: string,
  identity: TlsIdentity,
  insecureFetch: readonly string[],
  trustDomain = 'cambist.example',
): Promise<Cambist> {
  mkdirSync(directory, { recursive: true })
  const [port, mtlsPort, adminPort] = await freePorts(3)
  const issuer = `https://127.0.0.1:${port}`
  const mtls = `https://127.0.0.1:${mtlsPort}`
  const administrators = `http://127.0.0.1:${adminPort}`
  const admin = `${administrators}/admin/v1`
  const files = { cert: join(directory, 'server.crt'), key: join(directory, 'server.key') }
  writeFileSync(files.cert, identity.cert)
  writeFileSync(files.key, identity.key, { mode: 0o600 })

  const server = spawn(process.execPath, ['src/start.js', 'serve'], {
    env: {
      ...process.env,
      CAMBIST_ISSUER: issuer,
      CAMBIST_TRUST_DOMAIN: trustDomain,
      CAMBIST_LISTEN: `127.0.0.1:${port}`,
      CAMBIST_MTLS_LISTEN: `127.0.0.1:${mtlsPort}`,
      CAMBIST_MTLS_URL: mtls,
      CAMBIST_TLS_CERT: files.cert,
      CAMBIST_TLS_KEY: files.key,
      CAMBIST_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      CAMBIST_DATA_DIR: directory,
      CAMBIST_INSECURE_FETCH: insecureFetch.join(','),
      CAMBIST_WORKERS: '1',
      CAMBIST_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // Whatever becomes of the tour, it leaves no server behind.
  process.once('exit', () => server.kill())
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    let seen = ''
    server.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.includes('Cambist is ready')) resolve()
    })
    server.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready\n${seen}`)))
  })

  const token = readFileSync(join(directory, 'admin-token'), 'utf8').trim()
  const administer: Cambist['administer'] = async (method, path, body) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    // What is deleted is what was read.
    const etag = method === 'DELETE' ? (await fetch(`${admin}${path}`, { headers })).headers.get('ETag') : null
    const response = await fetch(`${admin}${path}`, {
      method,
      headers: { ...headers, ...(etag === null ? {} : { 'If-Match': etag }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = await response.text()
    if (!response.ok) throw new Error(`the administrators’ door answered ${path} with ${response.status} ${answer}`)
    return JSON.parse(answer)
  }
  return {
    issuer,
    trustDomain,
    administer,
    endpoint: `${issuer}/token`,
    mtlsEndpoint: `${mtls}/token`,
    directory,
    async apply(documents) {
      await administer('POST', '/apply', documents)
    },
    command: (...args) =>
      printed(args, {
        CAMBIST_ADMIN_URL: administrators,
        CAMBIST_ADMIN_TOKEN_FILE: join(directory, 'admin-token'),
      }),
    async record(id) {
      return (await administer('GET', `/audit/${id}`)) as ExchangeRow
    },
    async stop() {
      if (server.exitCode === null) server.kill('SIGTERM')
      await exited
    },
  }
}

async function printed(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Printed> {
  const child = spawn(process.execPath, ['src/start.js', ...args], {
    env: { ...process.env, NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once('exit', resolve)),
  ])
  return { code, out, err }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  await Promise.all(servers.map((one) => new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))))
  const ports = servers.map((one) => (one.address() as { port: number }).port)
  await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))))
  return ports
}
