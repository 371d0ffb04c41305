/**
 * Many workloads under one Client document: no row for any of them, and the last is as cheap as the first. Each window of
 * new workloads is followed by one of the first thousand again, which tells the machine's own changes from ours.
 */
import { formOf, httpRequest, jwtSvid, podToken } from './kinds.ts'
import { ratioOf, type Sample, sample, written } from './sample.ts'
import type { Server } from './servers.ts'
import { TRUST_DOMAIN, type World } from './world.ts'

const WINDOW = 1000
const CONNECTIONS = 64
const WARM_UP = 4000

export async function measureWorkloads(server: Server, world: World, count: number): Promise<Record<string, unknown>> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const before = await server.documentRows()
  const figures: Record<string, unknown> = { count, documentRowsBefore: before }
  say(`${count} distinct workloads under one Client document, in windows of ${WINDOW}; CPU of Node per exchange, µs.`)
  for (const [name, tokenOf] of [
    ['kubernetes', (index: number) => podToken(world, `workload-${index}`)],
    ['jwt-svid', (index: number) => jwtSvid(world, `spiffe://${TRUST_DOMAIN}/shop/workload-${index}`)],
  ] as const) {
    const requests = (first: number, length = WINDOW): Buffer[] =>
      Array.from({ length }, (_, at) =>
        httpRequest(
          new URL(server.issuer).host,
          formOf({
            ...{ subject_token_type: 'urn:ietf:params:oauth:token-type:jwt', subject_token: tokenOf(first + at) },
          }),
        ),
      )
    const one = (sent: readonly Buffer[], first: readonly Buffer[]): Promise<Sample> =>
      sample({
        ...{ pid: server.pid, place: { port: server.port }, connections: CONNECTIONS },
        ...{ milliseconds: 60_000, first, requests: sent, once: true },
      })
    // Others than those that are measured.
    const others = requests(-WARM_UP, WARM_UP)
    const again = requests(0)
    await one(again, others)
    const fresh: number[] = []
    const repeated: number[] = []
    for (let at = 0; at < count; at += WINDOW) {
      const sent = requests(at, Math.min(WINDOW, count - at))
      fresh.push((await one(sent, others.slice(0, 200))).node)
      repeated.push((await one(again, others.slice(0, 200))).node)
      process.stderr.write(`workloads: ${name} ${at + sent.length} of ${count}\n`)
    }
    const ratio = ratioOf(fresh, repeated)
    figures[name] = { fresh, repeated, ratio }
    const row = (values: readonly number[]): string => values.map((value) => value.toFixed(0).padStart(5)).join('')
    say(`  ${name.padEnd(12)} new ones  ${row(fresh)}`)
    say(`  ${' '.repeat(12)} the first ${row(repeated)}   ratio ${written(ratio)}`)
  }
  const after = await server.documentRows()
  say(`  rows in the table of documents: ${before} before, ${after} after\n`)
  return { ...figures, documentRowsAfter: after }
}
