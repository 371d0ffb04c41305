/**
 * T6, T7, T26, T27, F7, F8 on a whole server: whatever a key server does, it hurts its own issuer alone, is done with within
 * the time that a fetch has, and leaves the last good keys in force. What a fetch makes of each behaviour is in
 * t06-jwks-poisoning, t28-hostile-issuer and the tests of the guarded fetch.
 */
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import type { Reason } from '../../src/refusal.ts'
import { type Answer, baseDocuments, document, startCambist, TestClock } from '../harness/cambist.ts'
import { freePorts } from '../harness/ports.ts'
import { expectWireOf } from '../harness/refusal.ts'
import { Cluster, SigningKey } from '../harness/tokens.ts'
import { type Handler, identityFor, json, serve } from '../unit/trust/hostile-server.ts'

/** Milliseconds: F8 gives a fetch three seconds, and the machine of the test some more. */
const TIME = 4500

const clock = new TestClock()
/** The key server is good before it is hostile, and its issuers come into being with it, or only when it is. */
let hostile = false
const evil = new SigningKey('ES256', 'evil')
const JSON_TYPE = { 'content-type': 'application/json' }

const endless: Handler = (_request, response) => {
  response.writeHead(200, JSON_TYPE)
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
  }
  response.on('drain', more)
  more()
}
const dribbling: Handler = (_request, response) => {
  response.writeHead(200, JSON_TYPE)
  const drop = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(drop))
}
const answering =
  (status: number, headers: Record<string, string>, body: string | Buffer = ''): Handler =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body)

const set = { keys: [evil.jwk] }
const text = JSON.stringify(set)
const huge = { kty: 'RSA', kid: 'evil', e: 'AQAB', n: Buffer.alloc(8192, 0xff).toString('base64url') }

/** What it answers where its keys are asked for. */
const BEHAVIOURS: Readonly<Record<string, Handler>> = {
  'redirects-to-keys': answering(302, { location: '/elsewhere/jwks', ...JSON_TYPE }, text),
  'never-answers': () => {},
  dribbles: dribbling,
  'sends-without-end': endless,
  'announces-a-gigabyte': (_request, response) =>
    response.writeHead(200, { ...JSON_TYPE, 'content-length': String(2 ** 30) }).flushHeaders(),
  compresses: answering(200, { ...JSON_TYPE, 'content-encoding': 'gzip' }, gzipSync(text)),
  'compresses-in-secret': answering(200, JSON_TYPE, gzipSync(text)),
  'has-no-keys': json({ keys: [] }),
  'has-no-list': json({ keys: { 0: evil.jwk } }),
  'answers-an-error': answering(500, JSON_TYPE, text),
  'answers-nothing': answering(204, {}),
  'answers-html': answering(200, { 'content-type': 'text/html' }, text),
  'stops-in-the-middle': answering(200, JSON_TYPE, text.slice(0, -2)),
  'hangs-up': (request) => void request.socket.destroy(),
  'has-a-key-of-65536-bits': json({ keys: [huge] }),
  'has-100000-keys': json({ keys: Array.from({ length: 100_000 }, (_, index) => ({ ...evil.jwk, kid: `${index}` })) }),
  'has-200-keys': json({ keys: Array.from({ length: 200 }, (_, index) => ({ ...evil.jwk, kid: `${index}` })) }),
  'shows-a-private-key': json({ keys: [evil.privateJwk] }),
  'has-a-secret': json({ keys: [{ kty: 'oct', kid: 'evil', alg: 'HS256', k: 'c2VjcmV0' }] }),
  'has-two-keys-of-one-name': json({ keys: [evil.jwk, new SigningKey('ES256', 'evil').jwk] }),
}

/** What it answers where its metadata is asked for; its keys are good. */
const METADATA: Readonly<Record<string, (issuer: string) => unknown>> = {
  'names-another-issuer': (issuer) => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}/jwks` }),
  'names-the-good-issuer': () => ({ issuer: steady.issuer, jwks_uri: `${url}/elsewhere/jwks` }),
  'has-keys-elsewhere': (issuer) => ({ issuer, jwks_uri: 'https://169.254.169.254/jwks' }),
}

const [port = 0] = await freePorts(1)
const url = `http://127.0.0.1:${port}`
const steady = new Cluster({
  issuer: `${url}/steady`,
  audience: 'us',
  key: new SigningKey('ES256'),
  now: clock.seconds,
})
/** Every behaviour has an issuer that was good before, and one that never was. */
const issuers = [...Object.keys(BEHAVIOURS), ...Object.keys(METADATA)].flatMap((name) =>
  ['', 'cold-'].map((prefix) => ({
    name: `${prefix}${name}`,
    behaviour: name,
    cluster: new Cluster({
      issuer: `${url}/${prefix}${name}`,
      audience: 'us',
      key: new SigningKey('ES256'),
      now: clock.seconds,
    }),
  })),
)
const byName = new Map(issuers.map((one) => [one.name, one]))

const keyServer = await serve(
  (request, response) => {
    const [, name = '', ...rest] = (request.url ?? '').split('/')
    const path = rest.join('/')
    const issuer = `${url}/${name}`
    const found = name === 'steady' ? { behaviour: '', cluster: steady } : byName.get(name)
    if (found === undefined) return json(set)(request, response) // the good keys of an evil place
    const metadata = METADATA[found.behaviour]
    const keys = hostile ? (BEHAVIOURS[found.behaviour] ?? json(found.cluster.jwks)) : json(found.cluster.jwks)
    if (path === 'jwks') return keys(request, response)
    json(hostile && metadata !== undefined ? metadata(issuer) : { issuer, jwks_uri: `${issuer}/jwks` })(
      request,
      response,
    )
  },
  undefined,
  { port },
)
afterAll(() => keyServer[Symbol.asyncDispose]())

/** The server of a name whose address changes, and a name that leads inside. */
const NAME = 'moving.example'
const identity = identityFor(NAME)
const moving = new Cluster({
  issuer: `https://${NAME}`,
  audience: 'us',
  key: new SigningKey('ES256'),
  now: clock.seconds,
})
const inside = new Cluster({
  issuer: 'https://inside.example',
  audience: 'us',
  key: new SigningKey('ES256'),
  now: clock.seconds,
})
const nameServer = await serve((request, response) => json(moving.jwks)(request, response), identity)
afterAll(() => nameServer[Symbol.asyncDispose]())
const asked: string[] = []
const server = await startCambist({
  clock,
  env: { CAMBIST_INSECURE_FETCH: `127.0.0.1:${port},${NAME}:${nameServer.port}` },
  resolve: async (name) => {
    asked.push(name)
    if (name === 'inside.example')
      return [
        { address: '8.8.8.8', family: 4 },
        { address: '169.254.169.254', family: 4 },
      ]
    return [{ address: hostile ? '127.0.0.99' : '127.0.0.1', family: 4 }]
  },
})

const trusted = (name: string, { issuer }: Cluster, keys: object) =>
  document('TrustedIssuer', name, { preset: 'kubernetes', issuer, audiences: ['us'], keys })
const keysOf = ({ behaviour, cluster }: (typeof issuers)[number]) =>
  behaviour in METADATA ? { discovery: true } : { jwksUri: `${cluster.issuer}/jwks` }
const apply = (names: readonly string[], ...documents: object[]) =>
  server.apply(
    ...documents,
    document('Client', names[0] ?? '', {
      workloads: names.map((issuer) => ({ issuer, match: { namespace: ['shop'] } })),
    }),
    document('Policy', names[0] ?? '', {
      clients: [names[0]],
      targets: ['orders'],
      scopes: ['orders:read'],
    }),
  )
const warm = issuers.filter(({ name }) => !name.startsWith('cold-'))
const cold = issuers.filter(({ name }) => name.startsWith('cold-'))
await apply(
  ['steady', 'moving', ...warm.map(({ name }) => name)],
  ...baseDocuments(server.cluster),
  trusted('steady', steady, { jwksUri: `${steady.issuer}/jwks` }),
  trusted('moving', moving, { jwksUri: `https://${NAME}:${nameServer.port}/jwks`, ca: identity.cert }),
  ...warm.map((one) => trusted(one.name, one.cluster, keysOf(one))),
)

const unknown = (cluster: Cluster) => evil.sign(cluster.claims())
async function timed(token: string): Promise<Answer & { readonly ms: number }> {
  const began = performance.now()
  const answer = await server.exchange({ subject_token: token })
  return { ...answer, ms: performance.now() - began }
}

/** Exchanges of the good issuer, one after another, until the work is done: each must be granted, and soon. */
async function meanwhile<T>(work: Promise<T>): Promise<T> {
  let done = false
  const finished = work.finally(() => {
    done = true
  })
  const latencies: number[] = []
  while (!done) {
    const { status, ms } = await timed(steady.token())
    expect(status).toBe(200)
    latencies.push(ms)
    await new Promise((next) => setTimeout(next, 20))
  }
  expect(latencies.length).toBeGreaterThan(5)
  // Far below what any of the fetches takes that hang.
  expect(latencies.sort((one, other) => one - other)[Math.floor(latencies.length / 2)]).toBeLessThan(500)
  expect(Math.max(...latencies)).toBeLessThan(2500)
  return finished
}

const statuses = async (tokens: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(tokens).map(async ([name, token]) => [name, (await timed(token)).status] as const),
    ),
  )
const everyone = (status: number, of: readonly { readonly name: string }[] = warm) =>
  Object.fromEntries(of.map(({ name }) => [name, status]))
const tokens = (of: readonly (typeof issuers)[number][] = warm) =>
  Object.fromEntries(of.map(({ name, cluster }) => [name, cluster.token()]))

describe('a key server', () => {
  it('that was good hurts its own issuers alone, and them only when its last good keys are too old', async () => {
    expect(await statuses(tokens())).toEqual(everyone(200))
    expect(await statuses({ steady: steady.token(), moving: moving.token() })).toEqual({ steady: 200, moving: 200 })

    // It cannot make us believe another key, nor keep anybody waiting for longer than a fetch.
    hostile = true
    clock.advance(601)
    const before = keyServer.requests.length
    asked.length = 0
    const answers = await meanwhile(
      Promise.all(
        [...warm, { name: 'moving', cluster: moving }].flatMap(({ name, cluster }) =>
          Array.from({ length: 3 }, async () => ({ name, ...(await timed(unknown(cluster))) })),
        ),
      ),
    )
    for (const answer of answers) {
      expectWireOf(answer, 'key_unknown' satisfies Reason, 'subject')
      expect(answer.ms, answer.name).toBeLessThan(TIME)
    }

    // It was asked once for each of its issuers, and sent nobody on.
    const first = keyServer.requests.slice(before).filter((path) => !path.startsWith('/steady'))
    expect(first.filter((path) => path.startsWith('/elsewhere'))).toEqual([])
    expect(first.filter((path) => path.endsWith('jwks')).sort()).toEqual(
      warm
        .filter(({ behaviour }) => behaviour in BEHAVIOURS)
        .map(({ name }) => `/${name}/jwks`)
        .sort(),
    )
    expect(asked).toEqual([NAME])

    // The keys that it last gave are in force.
    expect(await statuses(tokens())).toEqual(everyone(200))
    expect(await statuses({ moving: moving.token() })).toEqual({ moving: 200 })
    const forged = Object.fromEntries(
      warm.map(({ name, cluster }) => [name, evil.sign(cluster.claims(), { kid: cluster.key.kid })]),
    )
    expect(await statuses(forged)).toEqual(everyone(400))

    // Once they are too old its issuers are refused, and nobody else.
    clock.advance(3700)
    const refused = await meanwhile(
      Promise.all(warm.map(async ({ name, cluster }) => ({ name, ...(await timed(cluster.token())) }))),
    )
    for (const answer of refused) {
      expect([answer.name, answer.status, answer.body['error']]).toEqual([answer.name, 503, 'temporarily_unavailable'])
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(answer.ms, answer.name).toBeLessThan(TIME)
    }
    expect((await server.exchange()).status).toBe(200)

    // They are back as soon as it is good again.
    hostile = false
    clock.advance(31)
    expect(await statuses(tokens())).toEqual(everyone(200))
  })

  it('that is hostile from the beginning has its issuers refused until it is good, and nobody else, and documents are applied all the same', async () => {
    hostile = true
    await apply(
      ['inside', ...cold.map(({ name }) => name)],
      trusted('inside', inside, { jwksUri: 'https://inside.example/jwks' }),
      ...cold.map((one) => trusted(one.name, one.cluster, keysOf(one))),
    )
    const sent = [...cold, { name: 'inside', cluster: inside }]
    const answers = await meanwhile(
      Promise.all(sent.map(async ({ name, cluster }) => ({ name, ...(await timed(cluster.token())) }))),
    )
    for (const answer of answers) {
      expect([answer.name, answer.status]).toEqual([answer.name, 503])
      expect(answer.ms, answer.name).toBeLessThan(TIME)
    }
    expect(keyServer.requests.filter((path) => path.startsWith('/elsewhere'))).toEqual([])
    hostile = false
    clock.advance(31)
    expect(await statuses(tokens(cold))).toEqual(everyone(200, cold))
    expect((await timed(inside.token())).status).toBe(503)
  })
})
