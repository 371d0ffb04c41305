import { expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { TYPE } from '../harness/tokens.ts'
import { TrustDomain } from '../harness/workload.ts'

/** UC-11: nobody registers workloads one by one, and nobody keeps a row for each. */
const COUNT = 300

const server = await startCambist()
const { cluster, database, issuer: us } = server
const prod = new TrustDomain(server.clock.seconds)
await server.apply(
  ...baseDocuments(cluster),
  ...prod.trusted(us),
  document('Client', 'fleet', {
    workloads: [
      { issuer: 'cluster', match: { namespace: ['fleet'] } },
      { issuer: 'prod', ids: ['spiffe://prod.example/fleet/*'] },
    ],
  }),
  document('Policy', 'fleet-reads-orders', { clients: ['fleet'], targets: ['orders'], scopes: ['orders:read'] }),
)

/** Rows of every table but the record's own. */
async function rows(): Promise<Record<string, number>> {
  const tables = await database.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'cambist' AND table_name <> 'records' ORDER BY 1`,
  )
  const counted = tables.map(async ({ name }) => {
    const [row] = await database.query<{ count: string }>(`SELECT count(*) FROM cambist."${name}"`)
    return [name, Number(row?.count)] as const
  })
  return Object.fromEntries(await Promise.all(counted))
}

it.each([
  ['pods', (at: number) => cluster.token({}, { namespace: 'fleet', serviceaccount: `workload-${at}` })],
  ['JWT-SVIDs', (at: number) => prod.svid(`fleet/workload-${at}`, us)],
])(
  `${COUNT} distinct %s exchange under one Client document, and nothing is kept of them but the record`,
  async (_what, tokenOf) => {
    const before = await rows()
    expect(before['documents']).toBeGreaterThan(0)
    const answers = await Promise.all(
      Array.from({ length: COUNT }, (_, at) =>
        server.exchange({ subject_token: tokenOf(at), subject_token_type: TYPE.jwt, scope: 'orders:read' }),
      ),
    )
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    expect(await rows()).toEqual(before)
    const [recorded] = await database.query<{ subjects: string; clients: string }>(
      `SELECT count(DISTINCT subject_id) AS subjects, count(DISTINCT client) AS clients FROM cambist.records WHERE id = ANY($1)`,
      [answers.map(({ id }) => id)],
    )
    expect(recorded).toEqual({ subjects: String(COUNT), clients: '1' })
  },
)
