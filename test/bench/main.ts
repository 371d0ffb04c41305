/**
 * npm run bench [-- --only exchange,kinds,outputs,introspection,workloads,fetches,replay,decision,documents,status] [--kinds NAME,…] [--workloads N] [--records N] [--rounds N] [--seconds S] [--json FILE]
 *
 * What an exchange costs, beside what it must cost: one exchange at two numbers of connections; each kind of input beside
 * its own floor, and each kind of output; introspection; ten thousand workloads under one Client; how often keys are fetched; what a decision costs,
 * and what documents cost as they come into force, by how many there are; how large status lists are, and what they cost. Each round runs what is compared one
 * after the other; a ratio is taken within a round, and the median over the rounds is reported, since the machine may
 * have other things to do. CPU is the operating system's accounting of the server's processes.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { developmentCluster } from '../../src/quickstart.ts'
import { measureDecision } from './decision.ts'
import { measureDocuments } from './documents.ts'
import { measureExchange, quickstartDocuments } from './exchange.ts'
import { measureFetches } from './fetches.ts'
import { measureIntrospection } from './introspection.ts'
import { formOf, jwtSvid, type Kind, plainKinds, tlsKinds } from './kinds.ts'
import { outputDocuments, outputKinds } from './outputs.ts'
import { measureKinds, OUTPUTS } from './per-kind.ts'
import { residentMiB } from './processes.ts'
import { measureReplay } from './replay.ts'
import { type Server, startFloor, startServer } from './servers.ts'
import { measureRevocable, measureStatusLists } from './status.ts'
import { measureWorkloads } from './workloads.ts'
import { makeWorld, serverIdentity } from './world.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    kinds: { type: 'string' },
    workloads: { type: 'string' },
    records: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'string' },
  },
})
const PARTS = [
  'exchange',
  'kinds',
  'outputs',
  'introspection',
  'workloads',
  'fetches',
  'replay',
  'decision',
  'documents',
  'status',
]
/** Those that measure in this process, and need no server. */
const HERE = new Set(['fetches', 'decision', 'documents'])
// To name kinds, or a number of workloads, is to ask for that part.
const parts = new Set(
  values.only?.split(',') ??
    (values.kinds === undefined && values.workloads === undefined
      ? PARTS
      : [...(values.kinds === undefined ? [] : ['kinds']), ...(values.workloads === undefined ? [] : ['workloads'])]),
)
for (const part of parts) if (!PARTS.includes(part)) throw new Error(`${part} is not one of ${PARTS.join(', ')}`)
const rounds = (byDefault: number): number => Number(values.rounds ?? byDefault)
const milliseconds = (byDefault: number): number => Number(values.seconds ?? byDefault) * 1000

/** A token that the server issued itself, for a client that brings it back, and the key that signs such tokens. */
async function ownToken(server: Server, svid: string): Promise<{ token: string; key: object }> {
  const form = formOf({
    ...{ subject_token: svid, subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
    audience: 'https://gateway.example',
  })
  const response = await fetch(`${server.issuer}/token`, { method: 'POST', body: new URLSearchParams(form) })
  const { access_token: token, ...answer } = (await response.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`no token of ours: ${JSON.stringify(answer)}`)
  const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
  const { keys } = (await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: { kid: string }[] }
  return { token, key: keys.find((one) => one.kid === kid) ?? {} }
}

async function main(stack: AsyncDisposableStack): Promise<Record<string, unknown>> {
  const figures: Record<string, unknown> = {}
  if (!parts.isSubsetOf(HERE)) Object.assign(figures, await askServers(stack))
  if (parts.has('fetches')) figures['fetches'] = await measureFetches()
  if (parts.has('decision')) figures['decision'] = await measureDecision(rounds(15))
  if (parts.has('documents')) figures['documents'] = await measureDocuments(rounds(7))
  if (parts.has('status')) figures['statusLists'] = await measureStatusLists(rounds(7))
  return figures
}

async function askServers(stack: AsyncDisposableStack): Promise<Record<string, unknown>> {
  const figures: Record<string, unknown> = {}
  const identity = await serverIdentity()
  const plain = stack.adopt(await startServer(), (server) => server.stop())
  figures['firstStartMs'] = Math.round(plain.firstStartMs)

  // Before any other document is there, so that its figures are those of such a server.
  const cluster = developmentCluster(plain.directory)
  const rsa = cluster.jwks.keys[0] ?? {}
  const rs256 = (): string =>
    cluster.token({ audience: plain.issuer, now: Math.floor(Date.now() / 1000), lifetime: 7200 })
  await plain.apply(quickstartDocuments(plain.issuer, cluster.jwks))
  if (parts.has('exchange')) {
    const floor = stack.adopt(
      await startFloor([{ verifications: [{ in: 'form', field: 'subject_token', jwk: rsa }] }]),
      (one) => one.stop(),
    )
    figures['exchange'] = await measureExchange(
      { server: plain, floor, token: rs256 },
      { rounds: rounds(7), milliseconds: milliseconds(3) },
    )
  }

  if (['kinds', 'outputs', 'introspection', 'workloads'].some((part) => parts.has(part))) {
    const world = await makeWorld(plain.issuer)
    await plain.apply(world.documents)
    if (parts.has('kinds')) {
      const tls = stack.adopt(await startServer(identity), (server) => server.stop())
      const behindTls = await makeWorld(tls.issuer)
      await tls.apply(behindTls.documents)
      const { token: ours, key: ourKey } = await ownToken(plain, jwtSvid(world))
      const all: readonly Kind[] = [
        ...plainKinds(world, { rs256, rsa, ours, ourKey }),
        ...tlsKinds(behindTls, `https://127.0.0.1:${tls.mtlsPort}`),
      ]
      const asked = values.kinds?.split(',')
      const kinds = all.filter(({ name }) => asked === undefined || asked.includes(name))
      for (const name of asked ?? [])
        if (!all.some((kind) => kind.name === name))
          throw new Error(`${name} is not one of ${all.map((kind) => kind.name).join(', ')}`)
      figures['kinds'] = await measureKinds(
        kinds,
        { plain, tls, identity },
        {
          rounds: rounds(4),
          milliseconds: milliseconds(1),
        },
      )
    }
    if (parts.has('outputs')) {
      await plain.apply(outputDocuments(world))
      figures['outputs'] = await measureKinds(
        outputKinds(world),
        { plain, tls: plain, identity },
        { rounds: rounds(4), milliseconds: milliseconds(1) },
        OUTPUTS,
      )
    }
    if (parts.has('introspection'))
      figures['introspection'] = await measureIntrospection(plain, world, {
        rounds: rounds(5),
        milliseconds: milliseconds(2),
      })
    if (parts.has('workloads'))
      figures['workloads'] = await measureWorkloads(plain, world, Number(values.workloads ?? 10_000))
  }
  if (parts.has('status')) {
    const measuring = { rounds: rounds(7), milliseconds: milliseconds(2) }
    figures['revocable'] = await measureRevocable(plain, rs256, measuring, Number(values.records ?? 100_000))
  }
  // Last, because it leaves a large record behind.
  if (parts.has('replay')) figures['replay'] = await measureReplay(plain, rs256, Number(values.records ?? 100_000))
  figures['residentMiB'] = residentMiB(plain.pid)
  process.stdout.write(
    `First start with an empty data directory: ${(plain.firstStartMs / 1000).toFixed(2)} s. Resident: ${figures['residentMiB']} MiB.\n`,
  )
  return figures
}

const stack = new AsyncDisposableStack()
try {
  const figures = await main(stack)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`)
} finally {
  await stack.disposeAsync()
}
