/**
 * npm run bench [-- --json FILE] [--rounds N] [--seconds S]
 *
 * What one exchange costs, beside what it must cost. Each round runs the floor and the server one after the other at the
 * same number of connections; a ratio is taken within a round, and the median over the rounds is reported, since the
 * machine may have other things to do. CPU is the operating system's accounting of the server's processes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { developmentCluster } from '../../src/quickstart.ts'
import { freePorts } from '../harness/ports.ts'
import { type Measured, median, percentile, run } from './load.ts'
import { residentMiB, treeCpu } from './processes.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
  },
})
const ROUNDS = Number(values.rounds)
const MILLISECONDS = Number(values.seconds) * 1000
const CONNECTIONS = [16, 64]

interface Sample {
  /** Microseconds of CPU per exchange. */
  readonly node: number
  readonly postgres: number
  readonly perSecond: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const children: ChildProcess[] = []
const directory = mkdtempSync(join(tmpdir(), 'cambist-bench-'))

function child(file: string, args: readonly string[], env: Record<string, string>): ChildProcess {
  const started = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(started)
  return started
}

async function until(started: ChildProcess, seen: (line: string) => boolean): Promise<void> {
  const lines = createInterface({ input: started.stdout as NodeJS.ReadableStream })
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => seen(line) && resolve())
    started.on('exit', (code) => reject(new Error(`a server ended with ${code}`)))
  })
}

function requests(port: number, tokens: readonly string[]): Buffer[] {
  return tokens.map((token) => {
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      subject_token: token,
      audience: 'https://orders.example',
      scope: 'orders:read',
    }).toString()
    return Buffer.from(
      `POST /token HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
  })
}

async function sample(pid: number, port: number, connections: number, tokens: readonly string[]): Promise<Sample> {
  await run({ port, connections, milliseconds: 400, requests: requests(port, tokens) })
  const before = treeCpu(pid)
  const measured: Measured = await run({
    port,
    connections,
    milliseconds: MILLISECONDS,
    requests: requests(port, tokens),
  })
  const after = treeCpu(pid)
  if (measured.refused > 0)
    throw new Error(`${measured.refused} of ${measured.count} requests were not answered with 200`)
  return {
    node: (after.node - before.node) / measured.count,
    postgres: (after.postgres - before.postgres) / measured.count,
    perSecond: measured.count / measured.seconds,
    p50: percentile(measured.latencies, 0.5),
    p95: percentile(measured.latencies, 0.95),
    p99: percentile(measured.latencies, 0.99),
  }
}

const DOCUMENTS = (audience: string, jwks: unknown) => [
  {
    apiVersion: 'cambist/v1',
    kind: 'Policy',
    metadata: { name: 'checkout-reads-orders' },
    spec: {
      clients: ['checkout'],
      targets: ['orders'],
      scopes: ['orders:read'],
      condition: "subject.namespace == 'shop' && request.scopes.size() < 5",
    },
  },
  {
    apiVersion: 'cambist/v1',
    kind: 'TrustedIssuer',
    metadata: { name: 'development-cluster' },
    spec: {
      preset: 'kubernetes',
      issuer: 'https://kubernetes.development.example',
      audiences: [audience],
      keys: { jwks },
    },
  },
]

async function main(): Promise<void> {
  const [port, adminPort] = (await freePorts(2)) as [number, number]
  const issuer = `http://127.0.0.1:${port}`
  const env = {
    CAMBIST_ISSUER: issuer,
    CAMBIST_LISTEN: `127.0.0.1:${port}`,
    CAMBIST_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    CAMBIST_DATA_DIR: directory,
    CAMBIST_WORKERS: '1',
    CAMBIST_LOG_LEVEL: 'warn',
  }
  const begin = performance.now()
  const server = child('src/start.js', ['serve'], env)
  await until(server, (line) => line.includes('Cambist is ready'))
  const firstStart = performance.now() - begin

  const cluster = developmentCluster(directory)
  const applied = await fetch(`http://127.0.0.1:${adminPort}/admin/v1/apply`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${await adminToken()}` },
    body: JSON.stringify(DOCUMENTS(issuer, cluster.jwks)),
  })
  if (!applied.ok) throw new Error(`apply answered ${applied.status}: ${await applied.text()}`)
  const now = Math.floor(Date.now() / 1000)
  const tokens = Array.from({ length: 64 }, () => cluster.token({ audience: issuer, now, lifetime: 3600 }))

  const floor = child('test/bench/floor.ts', [JSON.stringify(cluster.jwks.keys[0])], {})
  let floorPort = 0
  await until(floor, (line) => {
    floorPort = JSON.parse(line).port
    return true
  })

  const pids = { server: server.pid ?? 0, floor: floor.pid ?? 0 }
  await run({ port, connections: 16, milliseconds: 4000, requests: requests(port, tokens) })
  await run({ port: floorPort, connections: 16, milliseconds: 1500, requests: requests(floorPort, tokens) })

  const results: Record<string, { floor: Sample[]; cambist: Sample[] }> = {}
  for (let round = 1; round <= ROUNDS; round++) {
    for (const connections of CONNECTIONS) {
      results[connections] ??= { floor: [], cambist: [] }
      const rows = results[connections]
      rows.floor.push(await sample(pids.floor, floorPort, connections, tokens))
      rows.cambist.push(await sample(pids.server, port, connections, tokens))
    }
    process.stderr.write(`round ${round} of ${ROUNDS}\n`)
  }
  report(results, firstStart, residentMiB(pids.server))
}

async function adminToken(): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return (await readFile(join(directory, 'admin-token'), 'utf8')).trim()
}

function report(
  results: Record<string, { floor: Sample[]; cambist: Sample[] }>,
  firstStartMs: number,
  rss: number,
): void {
  const figures: Record<string, unknown> = { firstStartMs: Math.round(firstStartMs), residentMiB: rss }
  say(`One exchange: RS256 subject token in, policy with one condition, durable record, ES256 access token out.`)
  say(
    `Medians of ${ROUNDS} interleaved rounds of ${MILLISECONDS / 1000} s; one server process; [least..most] of the rounds.\n`,
  )
  say('connections           CPU of Node   of PostgreSQL   exchanges/s    p50 ms   p95 ms   p99 ms')
  const column = (samples: readonly Sample[], pick: (one: Sample) => number) => median(samples.map(pick))
  for (const connections of CONNECTIONS) {
    const rows = results[connections]
    if (rows === undefined) continue
    for (const name of ['floor', 'cambist'] as const) {
      const samples = rows[name]
      const row = {
        nodeMicroseconds: column(samples, (one) => one.node),
        postgresMicroseconds: column(samples, (one) => one.postgres),
        perSecond: column(samples, (one) => one.perSecond),
        p50: column(samples, (one) => one.p50),
        p95: column(samples, (one) => one.p95),
        p99: column(samples, (one) => one.p99),
      }
      figures[`${name}-${connections}`] = row
      say(
        `${String(connections).padEnd(5)} ${name.padEnd(12)} ${row.nodeMicroseconds.toFixed(0).padStart(11)} µs ${row.postgresMicroseconds.toFixed(0).padStart(12)} µs ${row.perSecond.toFixed(0).padStart(13)} ${row.p50.toFixed(2).padStart(9)} ${row.p95.toFixed(2).padStart(8)} ${row.p99.toFixed(2).padStart(8)}`,
      )
    }
    const ratios = rows.cambist.map((one, index) => one.node / (rows.floor[index]?.node ?? Number.NaN))
    const whole = rows.cambist.map((one, index) => (one.node + one.postgres) / (rows.floor[index]?.node ?? Number.NaN))
    figures[`ratio-${connections}`] = {
      median: median(ratios),
      least: Math.min(...ratios),
      most: Math.max(...ratios),
      withPostgres: median(whole),
    }
    const goal = connections >= 64 ? 1.5 : 1.8
    say(
      `      ratio ${median(ratios).toFixed(2)} × floor [${Math.min(...ratios).toFixed(2)}..${Math.max(...ratios).toFixed(2)}], goal ${goal}; with PostgreSQL ${median(whole).toFixed(2)} ×\n`,
    )
  }
  say(`First start with an empty data directory: ${(firstStartMs / 1000).toFixed(2)} s. Resident: ${rss} MiB.`)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`)
}

try {
  await main()
} finally {
  const gone = children.map(
    (one) => new Promise((resolve) => (one.exitCode === null ? one.once('exit', resolve) : resolve(undefined))),
  )
  for (const one of children) one.kill('SIGTERM')
  await Promise.all(gone)
  rmSync(directory, { recursive: true, force: true })
}
