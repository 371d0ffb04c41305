/**
 * A draft judged by what was asked in a week: copies of real records, of requests that were granted, refused by policy and
 * refused before any decision, and the administrators' route over them as anybody asks it. CPU is the server's own; the
 * longest answer of /livez meanwhile says for how long the process was held up.
 */
import { formOf } from './kinds.ts'
import { residentMiB, treeCpu } from './processes.ts'
import type { Server } from './servers.ts'

const POLICY = 'checkout-reads-orders'

interface Line {
  readonly progress?: { readonly judged: number; readonly total: number }
  readonly result?: {
    readonly judged: number
    readonly changed: number
    readonly undecided: { readonly count: number }
    readonly groups: readonly unknown[]
  }
  readonly problem?: unknown
}

export async function measureReplay(
  server: Server,
  token: () => string,
  count: number,
): Promise<Record<string, unknown>> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const ids = await Promise.all(
    [
      { scope: 'orders:read' },
      {},
      { audience: 'https://nowhere.example' },
      { scope: 'orders:write' },
      { subject_token: `${token()}x` },
    ].map((different) => exchange(server, { subject_token: token(), ...different })),
  )
  const bytes = await copy(server, ids, count)
  say(
    `${count} recorded requests of a week, of ${bytes} bytes each on average, judged by documents in force and a draft.`,
  )
  say(
    'draft                       records/s/core   Node, µs   PostgreSQL, µs   seconds   changed   groups   MiB more   longest /livez, ms',
  )
  const figures: Record<string, unknown> = { count, bytes }
  for (const [name, scopes] of [
    ['changes nothing', ['orders:read']],
    ['permits nothing', []],
  ] as const) {
    const row = await replayed(server, [draftOf(scopes)])
    figures[name] = row
    say(
      [
        name.padEnd(27),
        row.perSecondPerCore.toFixed(0).padStart(14),
        row.node.toFixed(1).padStart(10),
        row.postgres.toFixed(1).padStart(16),
        row.seconds.toFixed(1).padStart(9),
        String(row.changed).padStart(9),
        String(row.groups).padStart(8),
        String(row.grownMiB).padStart(10),
        row.longestMs.toFixed(1).padStart(20),
      ].join(' '),
    )
  }
  say('')
  return figures
}

const draftOf = (scopes: readonly string[]): object => ({
  apiVersion: 'cambist/v1',
  kind: 'Policy',
  metadata: { name: POLICY },
  spec: {
    clients: ['checkout'],
    targets: ['orders'],
    scopes,
    // Another rule than the one in force, so that nothing is saved by its being the same.
    condition: "subject.namespace == 'shop' && request.scopes.size() < 6",
  },
})

async function exchange(server: Server, form: Record<string, string>): Promise<string> {
  const body = formOf({ subject_token_type: 'urn:ietf:params:oauth:token-type:jwt', ...form })
  const response = await fetch(`${server.issuer}/token`, { method: 'POST', body: new URLSearchParams(body) })
  await response.body?.cancel()
  return response.headers.get('cambist-request-id') ?? ''
}

/** Copies the records until there are as many, over the last week. Answers the average size of a body. */
async function copy(server: Server, ids: readonly string[], count: number): Promise<number> {
  await server.sql(
    `INSERT INTO cambist.records (at, decided_at, snapshot_version, id, outcome, reason, client, subject_issuer,
       subject_id, lineage, jti, token_hash, targets, detail, granted, body)
     SELECT now() - make_interval(secs => 604700.0 * ($2 - g) / $2), now(), snapshot_version, gen_random_uuid(), outcome,
       reason, client, subject_issuer, subject_id, lineage, CASE WHEN jti IS NULL THEN NULL ELSE gen_random_uuid()::text END,
       token_hash, targets, detail, granted, body
     FROM generate_series(1, $2::int) g
     JOIN (SELECT *, row_number() OVER () - 1 AS number FROM cambist.records WHERE id = ANY ($1::uuid[])) r
       ON r.number = g % $3::int ORDER BY g`,
    [ids.filter((id) => id !== ''), count, ids.length],
  )
  await server.sql('VACUUM ANALYZE cambist.records')
  const [row] = await server.sql<{ bytes: string }>('SELECT avg(octet_length(body))::int AS bytes FROM cambist.records')
  return Number(row?.bytes)
}

async function replayed(server: Server, documents: readonly object[]) {
  const probing = probe(server)
  const resident = residentMiB(server.pid)
  const before = treeCpu(server.pid)
  const begin = performance.now()
  const response = await fetch(`${server.admin}/admin/v1/replay`, {
    method: 'POST',
    headers: { ...server.authorization(), 'Content-Type': 'application/json', Accept: 'application/x-ndjson' },
    body: JSON.stringify({ documents, since: '7d', limit: 10_000_000 }),
  })
  if (response.body === null) throw new Error('the replay answered nothing')
  let text = ''
  let mostMiB = resident
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part
    mostMiB = Math.max(mostMiB, residentMiB(server.pid))
  }
  const seconds = (performance.now() - begin) / 1000
  const after = treeCpu(server.pid)
  const longestMs = await probing()
  const last = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '{}') as Line
  const { result } = last
  if (result === undefined) throw new Error(`the replay answered ${response.status}: ${JSON.stringify(last)}`)
  const { judged, changed, groups, undecided } = result
  const looked = judged + undecided.count
  const node = (after.node - before.node) / looked
  return {
    looked,
    perSecondPerCore: 1e6 / node,
    node,
    postgres: (after.postgres - before.postgres) / looked,
    seconds,
    changed,
    groups: groups.length,
    grownMiB: mostMiB - resident,
    longestMs,
  }
}

/** Asks /livez again and again; answers the longest that it took. */
function probe(server: Server): () => Promise<number> {
  let longest = 0
  let going = true
  const asking = (async () => {
    while (going) {
      const begin = performance.now()
      await (await fetch(`${server.admin}/livez`)).text()
      longest = Math.max(longest, performance.now() - begin)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  return async () => {
    going = false
    await asking
    return longest
  }
}
