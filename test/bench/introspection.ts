/** CPU per introspection of a signed and of an opaque token, by the ways in which whoever asks may say who he is, beside its floor. */
import { written as inHeader } from '../harness/client-chain.ts'
import { clientAssertion, decode, TYPE } from '../harness/tokens.ts'
import type { Measuring } from './exchange.ts'
import { formOf, httpRequest, jwtSvid } from './kinds.ts'
import { medianOf, ratioOf, type Sample, sample, written } from './sample.ts'
import { type Server, startFloor } from './servers.ts'
import type { World } from './world.ts'

const CONNECTIONS = 64
/** Made for a window where each is taken once: more than are answered. */
const ONCE_PER_SECOND = 4000

type Fields = Readonly<Record<string, string>>

interface Case {
  readonly name: string
  readonly token: string
  /** An assertion is taken once, and spent by a write; what else says who asks leaves everything in memory. */
  readonly once: boolean
  caller(): { readonly form: Fields; readonly headers: Fields }
}

interface Row {
  readonly floor: Sample[]
  readonly cambist: Sample[]
}

export const documents = (world: World): readonly object[] => [
  {
    ...{ apiVersion: 'cambist/v1', kind: 'Target', metadata: { name: 'vault' } },
    spec: {
      audience: 'https://vault.example',
      scopes: ['orders:read'],
      tokens: [{ kind: 'opaque', lifetime: '1h' }],
    },
  },
  {
    ...{ apiVersion: 'cambist/v1', kind: 'Policy', metadata: { name: 'vault' } },
    spec: {
      clients: ['svids'],
      targets: ['vault'],
      scopes: ['orders:read'],
      changes: ['format', 'scope', 'authority'],
    },
  },
  ...[
    { name: 'registered', authentication: { method: 'private_key_jwt', jwks: { keys: [world.registered.jwk] } } },
    { name: 'machines', workloads: [{ issuer: 'x509-svids', ids: ['spiffe://prod.example/shop/*'] }] },
  ].map(({ name, ...spec }) => ({
    ...{ apiVersion: 'cambist/v1', kind: 'Client', metadata: { name } },
    spec: { ...spec, audiences: ['https://gateway.example', 'https://vault.example'] },
  })),
]

async function issued(server: Server, world: World, audience: string): Promise<string> {
  const form = formOf({ subject_token: jwtSvid(world), subject_token_type: TYPE.jwt, audience })
  const response = await fetch(`${server.issuer}/token`, { method: 'POST', body: new URLSearchParams(form) })
  const { access_token: token, ...answer } = (await response.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`)
  return token
}

export async function measureIntrospection(
  server: Server,
  world: World,
  { rounds, milliseconds }: Measuring,
): Promise<Record<string, unknown>> {
  await server.apply(documents(world))
  const [signed, opaque] = [
    await issued(server, world, 'https://gateway.example'),
    await issued(server, world, 'https://vault.example'),
  ]
  const byCertificate = () => ({ form: {}, headers: inHeader.rfc9440(world.svid.chain()) })
  const byAssertion = () => ({
    form: {
      client_assertion: clientAssertion('registered', world.registered, server.issuer, world.now()),
      client_assertion_type: TYPE.clientAssertion,
    },
    headers: {},
  })
  const cases: readonly Case[] = [
    { name: 'JWT, certificate', token: signed, once: false, caller: byCertificate },
    { name: 'opaque, certificate', token: opaque, once: false, caller: byCertificate },
    { name: 'JWT, assertion', token: signed, once: true, caller: byAssertion },
    { name: 'opaque, assertion', token: opaque, once: true, caller: byAssertion },
  ]
  const key = await publicKeyOf(server, signed)
  const assertion = { in: 'form', field: 'client_assertion', jwk: world.registered.jwk } as const
  const floor = await startFloor(
    cases.map(({ token, once }) => ({
      unsigned: true,
      verifications: [
        ...(token === signed ? [{ in: 'form', field: 'token', jwk: key } as const] : []),
        ...(once ? [assertion] : []),
      ],
    })),
  )
  try {
    for (const each of cases) await checkActive(server, each)
    const rows = cases.map((): Row => ({ floor: [], cambist: [] }))
    // Round 0 warms both up, and counts for nothing.
    for (let round = 0; round <= rounds; round++) {
      for (const [index, each] of cases.entries()) {
        const count = each.once ? Math.ceil((ONCE_PER_SECOND * milliseconds) / 1000) : 64
        const requests = Array.from({ length: count }, () => requestOf(server, each))
        const first = Array.from({ length: round === 0 ? 2000 : 256 }, () => requestOf(server, each))
        const window = { connections: CONNECTIONS, milliseconds, first, requests, once: each.once }
        const ofFloor = await sample({ ...window, pid: floor.pid, place: { port: floor.ports[index] ?? 0 } })
        const ofCambist = await sample({ ...window, pid: server.pid, place: { port: server.port } })
        if (round === 0) continue
        rows[index]?.floor.push(ofFloor)
        rows[index]?.cambist.push(ofCambist)
      }
    }
    return report(cases, rows)
  } finally {
    await floor.stop()
  }
}

function requestOf(server: Server, { token, caller }: Case): Buffer {
  const { form, headers } = caller()
  const body = new URLSearchParams({ token, ...form }).toString()
  return httpRequest(`127.0.0.1:${server.port}`, body, headers, '/introspect')
}

/** A token that does not count is answered as well: what is measured must be one that does. */
async function checkActive(server: Server, { name, token, caller }: Case): Promise<void> {
  const { form, headers } = caller()
  const response = await fetch(`${server.issuer}/introspect`, {
    method: 'POST',
    body: new URLSearchParams({ token, ...form }),
    headers,
  })
  const text = await response.text()
  if (!text.includes('"active":true')) throw new Error(`${name}: ${text}`)
}

async function publicKeyOf(server: Server, token: string): Promise<object> {
  const { keys } = (await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: { kid: string }[] }
  return keys.find(({ kid }) => kid === decode(token).header['kid']) ?? {}
}

function report(cases: readonly Case[], rows: readonly Row[]): Record<string, unknown> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say(
    `Introspection, ${CONNECTIONS} keep-alive connections. Floor: bare HTTP, the same verifications, the same answer.\n`,
  )
  say('token, caller          floor   Cambist   × floor             PostgreSQL   per second and core')
  return Object.fromEntries(
    cases.map(({ name }, index) => {
      const { floor, cambist } = rows[index] ?? { floor: [], cambist: [] }
      const node = medianOf(cambist, (one) => one.node)
      const figures = {
        floorMicroseconds: medianOf(floor, (one) => one.node),
        nodeMicroseconds: node,
        postgresMicroseconds: medianOf(cambist, (one) => one.postgres),
        perSecondAndCore: Math.round(1_000_000 / node),
        ratio: ratioOf(
          cambist.map((one) => one.node),
          floor.map((one) => one.node),
        ),
      }
      say(
        `${name.padEnd(20)} ${figures.floorMicroseconds.toFixed(0).padStart(4)} µs ${node.toFixed(0).padStart(6)} µs   ${written(figures.ratio).padEnd(19)} ${figures.postgresMicroseconds.toFixed(0).padStart(8)} µs ${String(figures.perSecondAndCore).padStart(12)}`,
      )
      return [name, figures]
    }),
  )
}
