/** One exchange, at two numbers of connections, beside its floor. */
import { formOf, httpRequest } from './kinds.ts'
import { connections, median } from './load.ts'
import { medianOf, ratioOf, type Sample, sample, written } from './sample.ts'
import type { Floor, Server } from './servers.ts'

const CONNECTIONS = [16, 64]

/** The documents of the quickstart, with a condition in its rule and with this server for an audience. */
export const quickstartDocuments = (audience: string, jwks: unknown): readonly object[] => [
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

export interface Measuring {
  readonly rounds: number
  /** Of one window. */
  readonly milliseconds: number
}

export async function measureExchange(
  { server, floor, token }: { server: Server; floor: Floor; token: () => string },
  { rounds, milliseconds }: Measuring,
): Promise<Record<string, unknown>> {
  const requests = Array.from({ length: 64 }, () =>
    httpRequest(
      `127.0.0.1:${server.port}`,
      formOf({ subject_token_type: 'urn:ietf:params:oauth:token-type:jwt', subject_token: token() }),
    ),
  )
  const places = {
    floor: { pid: floor.pid, place: { port: floor.ports[0] ?? 0 } },
    cambist: { pid: server.pid, place: { port: server.port } },
  }
  for (const [name, warmUp] of [
    ['cambist', 4000],
    ['floor', 1500],
  ] as const) {
    const open = await connections(places[name].place, 16)
    await open.run({ milliseconds: warmUp, requests })
    open.close()
  }
  const results = new Map(CONNECTIONS.map((count) => [count, { floor: [] as Sample[], cambist: [] as Sample[] }]))
  for (let round = 1; round <= rounds; round++) {
    for (const [count, rows] of results) {
      for (const name of ['floor', 'cambist'] as const) {
        const window = { ...places[name], connections: count, milliseconds, requests }
        rows[name].push(await sample({ ...window, first: [...requests, ...requests, ...requests] }))
      }
    }
    process.stderr.write(`exchange: round ${round} of ${rounds}\n`)
  }
  return report(results, { rounds, milliseconds })
}

function report(
  results: ReadonlyMap<number, { readonly floor: readonly Sample[]; readonly cambist: readonly Sample[] }>,
  { rounds, milliseconds }: Measuring,
): Record<string, unknown> {
  const figures: Record<string, unknown> = {}
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say('One exchange: RS256 subject token in, policy with one condition, durable record, ES256 access token out.')
  say(
    `Medians of ${rounds} interleaved rounds of ${milliseconds / 1000} s; one server process; [least..most] of the rounds.\n`,
  )
  say('connections           CPU of Node   of PostgreSQL   exchanges/s    p50 ms   p95 ms   p99 ms')
  for (const [count, rows] of results) {
    for (const name of ['floor', 'cambist'] as const) {
      const samples = rows[name]
      const row = {
        nodeMicroseconds: medianOf(samples, (one) => one.node),
        postgresMicroseconds: medianOf(samples, (one) => one.postgres),
        perSecond: medianOf(samples, (one) => one.perSecond),
        p50: medianOf(samples, (one) => one.p50),
        p95: medianOf(samples, (one) => one.p95),
        p99: medianOf(samples, (one) => one.p99),
      }
      figures[`${name}-${count}`] = row
      say(
        `${String(count).padEnd(5)} ${name.padEnd(12)} ${row.nodeMicroseconds.toFixed(0).padStart(11)} µs ${row.postgresMicroseconds.toFixed(0).padStart(12)} µs ${row.perSecond.toFixed(0).padStart(13)} ${row.p50.toFixed(2).padStart(9)} ${row.p95.toFixed(2).padStart(8)} ${row.p99.toFixed(2).padStart(8)}`,
      )
    }
    const nodes = rows.floor.map(({ node }) => node)
    const ratio = ratioOf(
      rows.cambist.map(({ node }) => node),
      nodes,
    )
    const whole = rows.cambist.map(({ node, postgres }, round) => (node + postgres) / (nodes[round] ?? Number.NaN))
    figures[`ratio-${count}`] = { ...ratio, withPostgres: median(whole) }
    const goal = count >= 64 ? 1.5 : 1.8
    say(`      ratio ${written(ratio)} × floor, goal ${goal}; with PostgreSQL ${median(whole).toFixed(2)} ×\n`)
  }
  return figures
}
