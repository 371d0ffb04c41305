import { z } from 'zod'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { noQuery } from '../paging.ts'

/** What probes and scrapers ask: no token, any Host. */
export function health({ metrics, ready }: Pick<AdminDoor, 'metrics' | 'ready'>): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/livez',
      role: 'nobody',
      summary: 'Whether the process answers at all',
      query: noQuery,
      answers: { type: 'application/json', schema: z.object({ live: z.literal(true) }) },
      handle: () => ({ json: { live: true } }),
    }),
    route({
      method: 'get',
      path: '/readyz',
      role: 'nobody',
      summary: 'Whether exchanges can be granted now; 503 where they cannot, with each check',
      query: noQuery,
      answers: {
        type: 'application/json',
        schema: z.object({ ready: z.boolean(), checks: z.record(z.string(), z.boolean()) }),
        statuses: [200, 503],
      },
      async handle() {
        const state = await ready().catch(() => ({ ready: false, checks: {} }))
        return { status: state.ready ? 200 : 503, json: state }
      },
    }),
    route({
      method: 'get',
      path: '/metrics',
      role: 'nobody',
      summary: 'Metrics in Prometheus text',
      query: noQuery,
      answers: { type: 'text/plain' },
      handle: async () => ({ text: { type: 'text/plain; version=0.0.4; charset=utf-8', body: await metrics() } }),
    }),
  ]
}
