/** What is measured: servers as `npm start` starts them, each with its own database, and the floor beside them. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { startChild } from '../harness/child.ts'
import { freePorts } from '../harness/ports.ts'
import type { FloorKind } from './floor.ts'

export interface Server {
  readonly pid: number
  readonly issuer: string
  readonly port: number
  /** Of the listener that asks for certificates; 0 where there is none. */
  readonly mtlsPort: number
  readonly directory: string
  /** Until it said that it is ready, with an empty data directory. */
  readonly firstStartMs: number
  apply(documents: readonly object[]): Promise<void>
  /** Base URL of the administrators' door, and what opens it. */
  readonly admin: string
  authorization(): { readonly Authorization: string }
  /** One statement on a connection of its own, as an onlooker of the embedded database. */
  sql<Row extends pg.QueryResultRow = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
  /** Rows in the table of documents, as the database has them. */
  documentRows(): Promise<number>
  stop(): Promise<void>
}

/** Starts a server in a directory of its own: behind a proxy, or ending TLS itself and asking for certificates on a second listener. */
export async function startServer(tls?: { readonly cert: string; readonly key: string }): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'cambist-bench-'))
  const [port, adminPort, mtlsPort] = (await freePorts(3)) as [number, number, number]
  const begin = performance.now()
  const child = await startChild({
    directory,
    ports: [port, adminPort],
    env:
      tls === undefined
        ? { CAMBIST_TRUSTED_PROXIES: '127.0.0.1', CAMBIST_CLIENT_CERT_HEADER: 'rfc9440' }
        : {
            CAMBIST_ISSUER: `https://127.0.0.1:${port}`,
            CAMBIST_MTLS_LISTEN: `127.0.0.1:${mtlsPort}`,
            CAMBIST_MTLS_URL: `https://127.0.0.1:${mtlsPort}`,
            CAMBIST_TLS_CERT: file(directory, 'tls.crt', tls.cert),
            CAMBIST_TLS_KEY: file(directory, 'tls.key', tls.key),
          },
  })
  const firstStartMs = performance.now() - begin
  const authorization = () => ({ Authorization: `Bearer ${child.adminToken()}` })
  const sql = <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
    query<Row>(directory, text, values)
  return {
    pid: child.pid,
    issuer: tls === undefined ? child.issuer : `https://127.0.0.1:${port}`,
    port,
    mtlsPort: tls === undefined ? 0 : mtlsPort,
    directory,
    firstStartMs,
    async apply(documents) {
      const response = await fetch(`${child.admin}/admin/v1/apply`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...authorization() },
        body: JSON.stringify(documents),
      })
      if (!response.ok) throw new Error(`apply answered ${response.status}: ${await response.text()}`)
    },
    admin: child.admin,
    authorization,
    sql,
    async documentRows() {
      const [row] = await sql<{ count: string }>('SELECT count(*) FROM cambist.documents')
      return Number(row?.count)
    },
    async stop() {
      child.process.kill('SIGTERM')
      await child.exited
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function query<Row extends pg.QueryResultRow>(
  directory: string,
  text: string,
  values: unknown[],
): Promise<Row[]> {
  // The fourth and fifth line: where the embedded database listens.
  const lines = readFileSync(join(directory, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')
  const client = new pg.Client({ host: lines[4] ?? '', port: Number(lines[3]), user: 'cambist', database: 'cambist' })
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

function file(directory: string, name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

export interface Floor {
  readonly pid: number
  /** One for each kind, in order. */
  readonly ports: readonly number[]
  stop(): Promise<void>
}

export async function startFloor(kinds: readonly FloorKind[]): Promise<Floor> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'floor.ts'), JSON.stringify(kinds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ports = await new Promise<number[]>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)))
    child.once('exit', (code) => reject(new Error(`the floor ended with ${code}`)))
  })
  return {
    pid: child.pid ?? 0,
    ports,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
