/** UC-106, P-19, K-2: the signature is good, and the issuer says no. T7, T35, T38: what asking may cost and tell. */

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { jwt } from '../../../src/credentials/kinds/jwt.ts'
import { readJwks } from '../../../src/lib/jwk.ts'
import { Secret } from '../../../src/lib/secret.ts'
import { Refusal } from '../../../src/refusal.ts'
import type { AskedCredential, OnlineCheck, TrustedIssuer } from '../../../src/trust/contract.ts'
import { FetchFailure } from '../../../src/trust/fetch-failure.ts'
import { type FetchRequest, guardedFetch } from '../../../src/trust/guarded-fetch.ts'
import { keySet } from '../../../src/trust/key-set.ts'
import { OnlineChecks } from '../../../src/trust/online-checks.ts'
import { Cluster } from '../../harness/tokens.ts'
import { verifyTools } from '../../harness/verify-tools.ts'
import { identityFor, serve } from './hostile-server.ts'
import { HandClock, issuerWith } from './test-keys.ts'

const US = 'https://cambist.example'
const SUB = 'system:serviceaccount:shop:checkout'
const REVIEW: OnlineCheck = {
  protocol: 'tokenReview',
  url: 'https://api.prod.example/apis/authentication.k8s.io/v1/tokenreviews',
  bearerToken: 'reviewer',
  maxAge: 10,
}
const INTROSPECTION: OnlineCheck = {
  protocol: 'introspection',
  url: 'https://login.example/introspect',
  maxAge: 60,
}
const issuerOf = (onlineCheck: OnlineCheck, more: Partial<TrustedIssuer> = {}) =>
  issuerWith({ from: 'inline', keys: [] }, { onlineCheck, ...more })

const review = (status: unknown, more = {}) => ({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenReview',
  status,
  ...more,
})
const YES = review({ authenticated: true, user: { username: SUB }, audiences: [US] })

interface Sent extends FetchRequest {
  readonly url: string
}

/** Checks over a made-up network. `answer` may be changed between questions. */
function world(answer: (sent: Sent) => unknown = () => YES) {
  const clock = new HandClock()
  const sent: Sent[] = []
  const failures: unknown[] = []
  const network = { answer }
  const checks = new OnlineChecks({
    clock,
    secret: async (name) => ({ host: 'api.prod.example', token: new Secret(`secret-${name}`) }),
    fetch: async (url, request) => {
      const one = { ...request, url }
      sent.push(one)
      const said = await network.answer(one)
      return { body: Buffer.isBuffer(said) ? said : Buffer.from(JSON.stringify(said)), maxAge: undefined }
    },
    onFailure: (failure) => failures.push(failure),
  })
  const credential = (token = 'a.b.c', more: Partial<AskedCredential> = {}): AskedCredential => ({
    token,
    id: 'jti-1',
    subject: SUB,
    expiresAt: clock.now() / 1000 + 3600,
    ...more,
  })
  return { clock, sent, failures, network, checks, credential }
}

async function refusal(check: () => void | Promise<void>): Promise<Refusal | undefined> {
  try {
    await check()
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal)
    return error as Refusal
  }
  return undefined
}

const dead = () => {
  throw new FetchFailure('connect', 'api.prod.example:443 cannot be reached (ECONNREFUSED)')
}

describe('a question', () => {
  it('is not put where the document does not say so', () => {
    const { checks, sent, credential } = world()
    expect(checks.check(issuerWith({ from: 'inline', keys: [] }), credential())).toBeUndefined()
    expect(sent).toEqual([])
  })

  it('is a TokenReview for our audiences, with the secret that the document names', async () => {
    const { checks, sent, credential } = world()
    await checks.check(issuerOf({ ...REVIEW, ca: 'PEM' }, { audiences: [US, 'prod'] }), credential())
    const [{ body, bearer, ...rest } = {} as Sent] = sent
    expect(rest).toMatchObject({
      url: REVIEW.url,
      method: 'POST',
      contentType: 'application/json',
      ca: 'PEM',
      statuses: [200, 201],
    })
    expect(bearer?.token.reveal()).toBe('secret-reviewer')
    expect(JSON.parse(body ?? '')).toEqual({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: 'a.b.c', audiences: [US, 'prod'] },
    })
  })

  it('is a form of RFC 7662, without a secret where none is named', async () => {
    const { checks, sent, credential } = world(() => ({ active: true }))
    await checks.check(issuerOf(INTROSPECTION), credential('a+b&c'))
    expect(sent).toEqual([
      expect.objectContaining({ contentType: 'application/x-www-form-urlencoded', body: 'token=a%2Bb%26c' }),
    ])
    expect(sent[0]).not.toHaveProperty('bearer')
    expect(sent[0]?.statuses).toBeUndefined()
  })
})

describe('an answer', () => {
  it.each([
    ['says yes', REVIEW, YES],
    ['says yes among further audiences', REVIEW, review({ ...(YES.status as object), audiences: ['x', US] })],
    ['says yes', INTROSPECTION, { active: true }],
    ['names the same subject', INTROSPECTION, { active: true, sub: SUB }],
  ] as const)('that %s is a yes (%#)', async (_what, check, said) => {
    const { checks, credential } = world(() => said)
    await expect(checks.check(issuerOf(check), credential())).resolves.toBeUndefined()
  })

  it.each([
    ['does not say authenticated', REVIEW, review({ error: 'pod not found' })],
    ['says authenticated false', REVIEW, review({ ...(YES.status as object), authenticated: false })],
    ['says authenticated in a text', REVIEW, review({ ...(YES.status as object), authenticated: 'true' })],
    ['is for no audience', REVIEW, review({ authenticated: true, user: { username: SUB } })],
    [
      'is for another audience',
      REVIEW,
      review({ ...(YES.status as object), audiences: ['https://kubernetes.default.svc'] }),
    ],
    ['is of another user', REVIEW, review({ ...(YES.status as object), user: { username: `${SUB}-2` } })],
    ['names no user', REVIEW, review({ authenticated: true, audiences: [US] })],
    ['is inactive', INTROSPECTION, { active: false }],
    ['is of another subject', INTROSPECTION, { active: true, sub: 'somebody' }],
  ] as const)('that %s is a no (%#)', async (_what, check, said) => {
    const { checks, credential, failures } = world(() => said)
    expect((await refusal(() => checks.check(issuerOf(check), credential())))?.reason).toBe('status_refused')
    expect(failures).toEqual([])
  })

  it.each([
    ['is of another kind', REVIEW, review(YES.status, { kind: 'SubjectAccessReview' })],
    ['is of another version', REVIEW, review(YES.status, { apiVersion: 'authentication.k8s.io/v1beta1' })],
    ['has no status', REVIEW, review(undefined)],
    ['is a list', REVIEW, [YES]],
    ['says it twice', INTROSPECTION, Buffer.from('{"active":true,"active":false}')],
    ['does not say active', INTROSPECTION, {}],
    ['says active in a text', INTROSPECTION, { active: 'true' }],
    ['ends at no time', INTROSPECTION, { active: true, exp: 'soon' }],
  ] as const)('that %s is none (%#)', async (_what, check, said) => {
    const { checks, credential, failures } = world(() => said)
    const refused = await refusal(() => checks.check(issuerOf(check), credential()))
    expect([refused?.reason, refused?.retryAfter]).toEqual(['status_unavailable', 5])
    expect(failures).toEqual([expect.objectContaining({ issuer: 'prod', url: check.url, code: 'malformed' })])
  })
})

describe('what is kept', () => {
  it('is a yes for maxAge, and is then answered at once', async () => {
    const { checks, clock, sent, credential } = world()
    const issuer = issuerOf(REVIEW)
    await checks.check(issuer, credential())
    clock.pass(9.9)
    expect(checks.check(issuer, credential())).toBeUndefined()
    clock.pass(0.1)
    await checks.check(issuer, credential())
    expect(sent).toHaveLength(2)
  })

  it('is a no for ten seconds, whatever maxAge is; a deleted pod stays deleted', async () => {
    const { checks, clock, sent, network, credential } = world(() => review({ error: 'gone' }))
    const issuer = issuerOf({ ...REVIEW, maxAge: 300 })
    expect((await refusal(() => checks.check(issuer, credential())))?.reason).toBe('status_refused')
    network.answer = () => YES
    clock.pass(9.9)
    expect(() => checks.check(issuer, credential())).toThrow(Refusal)
    clock.pass(0.1)
    expect(await refusal(() => checks.check(issuer, credential()))).toBeUndefined()
    expect(sent).toHaveLength(2)
  })

  it('is never older than the credential, nor than the exp of the answer', async () => {
    const { checks, clock, sent, credential, network } = world(() => ({ active: true }))
    const issuer = issuerOf(INTROSPECTION)
    const short = credential('short', { expiresAt: clock.now() / 1000 + 5 })
    await checks.check(issuer, short)
    network.answer = () => ({ active: true, exp: clock.now() / 1000 + 3 })
    const shorter = credential('shorter')
    await checks.check(issuer, shorter)
    clock.pass(2.9)
    expect([checks.check(issuer, short), checks.check(issuer, shorter)]).toEqual([undefined, undefined])
    clock.pass(0.1)
    await checks.check(issuer, shorter)
    clock.pass(2)
    network.answer = () => ({ active: false })
    expect((await refusal(() => checks.check(issuer, short)))?.reason).toBe('status_refused')
    expect(sent).toHaveLength(4)
  })

  it('is kept of this token of this issuer and of nothing else (T43)', async () => {
    const { checks, sent, credential } = world()
    const issuer = issuerOf(REVIEW)
    await checks.check(issuer, credential('one'))
    await checks.check(issuer, credential('two'))
    await checks.check(issuerOf(REVIEW, { name: 'staging' }), credential('one'))
    expect(sent).toHaveLength(3)
  })

  it('begins anew with a changed document', async () => {
    const { checks, sent, credential } = world()
    await checks.check(issuerOf(REVIEW), credential())
    await checks.check(issuerOf({ ...REVIEW, url: 'https://other.example/' }), credential())
    expect(sent.map(({ url }) => url)).toEqual([REVIEW.url, 'https://other.example/'])
  })
})

describe('cost (T7, T38)', () => {
  it('a thousand requests with one token are one question, and each has a refusal of its own', async () => {
    const { checks, sent, credential } = world(() => review({}))
    const issuer = issuerOf(REVIEW)
    const refused = await Promise.all(
      Array.from({ length: 1000 }, () => refusal(() => checks.check(issuer, credential()))),
    )
    expect(sent).toHaveLength(1)
    expect(new Set(refused.map((one) => one?.reason))).toEqual(new Set(['status_refused']))
    expect(new Set(refused).size).toBe(1000)
  })

  it('a dead endpoint is asked once in five seconds, whoever comes, and again afterwards', async () => {
    const { checks, clock, sent, network, credential, failures } = world(dead)
    const issuer = issuerOf(REVIEW)
    for (let at = 0; at < 2000; at++) {
      const refused = await refusal(() => checks.check(issuer, credential(`token-${at}`)))
      expect(refused?.reason).toBe('status_unavailable')
      expect(refused?.retryAfter).toBeGreaterThanOrEqual(1)
      expect(refused?.retryAfter).toBeLessThanOrEqual(5)
      clock.pass(0.01)
    }
    expect(sent).toHaveLength(4)
    expect(failures).toHaveLength(4)
    network.answer = () => YES
    expect((await refusal(() => checks.check(issuer, credential())))?.reason).toBeUndefined()
    await checks.check(issuer, credential('another'))
    expect(sent).toHaveLength(6)
  })

  it('a yes that is fresh is believed while the endpoint is dead', async () => {
    const { checks, clock, network, credential } = world()
    const issuer = issuerOf({ ...REVIEW, maxAge: 60 })
    await checks.check(issuer, credential('known'))
    network.answer = dead
    await refusal(() => checks.check(issuer, credential('other')))
    clock.pass(59)
    expect(checks.check(issuer, credential('known'))).toBeUndefined()
    clock.pass(1)
    expect((await refusal(() => checks.check(issuer, credential('known'))))?.reason).toBe('status_unavailable')
  })

  it('a slow endpoint has sixteen questions at once and sixty-four waiting, and holds up no other issuer', async () => {
    const held: (() => void)[] = []
    const { checks, sent, credential } = world(({ url }) =>
      url === REVIEW.url ? new Promise((done) => held.push(() => done(YES))) : { active: true },
    )
    const slow = issuerOf(REVIEW)
    const asking = Array.from({ length: 100 }, (_, at) => refusal(() => checks.check(slow, credential(`token-${at}`))))
    await expect.poll(() => held.length).toBe(16)
    const turnedAway = await Promise.all(asking.slice(80))
    expect(turnedAway.map((one) => [one?.reason, one?.retryAfter])).toEqual(
      Array.from({ length: 20 }, () => ['status_unavailable', 1]),
    )
    expect(sent).toHaveLength(16)
    await checks.check(issuerOf(INTROSPECTION, { name: 'other' }), credential('elsewhere'))
    for (let answered = 0; answered < 80; answered++) {
      await expect.poll(() => held.length).toBeGreaterThan(answered)
      held[answered]?.()
    }
    expect(await Promise.all(asking.slice(0, 80))).toEqual(Array.from({ length: 80 }, () => undefined))
    expect(sent).toHaveLength(81)
  })

  it('those who wait while the endpoint dies are answered without a question', async () => {
    let die = () => {}
    const died = new Promise<void>((_, failed) => {
      die = () => failed(new FetchFailure('deadline', 'did not answer'))
    })
    const { checks, sent, credential } = world(() => died)
    const issuer = issuerOf(REVIEW)
    const asking = Array.from({ length: 80 }, (_, at) => refusal(() => checks.check(issuer, credential(`t-${at}`))))
    await expect.poll(() => sent.length).toBe(16)
    die()
    expect(new Set((await Promise.all(asking)).map((one) => one?.reason))).toEqual(new Set(['status_unavailable']))
    expect(sent).toHaveLength(16)
  })
})

describe('secrecy (I8, T35)', () => {
  it('nothing of the token or the secret is in a refusal or an event', async () => {
    const token = 'eyJMARKER.MARKER.MARKER'
    for (const answer of [
      () => review({ error: `cannot find ${token}` }),
      () => Buffer.from(`junk ${token}`),
      () => ({ ...YES, status: token }),
      dead,
      () => {
        throw new Error(`${token} secret-reviewer`)
      },
    ]) {
      const { checks, failures, credential } = world(answer)
      const refused = await refusal(() => checks.check(issuerOf(REVIEW), credential(token)))
      const told = JSON.stringify([refused?.message, refused?.detail, failures, String(refused?.cause)])
      expect(told).toContain(REVIEW.url)
      expect(told).not.toMatch(/MARKER|secret-reviewer/)
    }
  })

  it('a no names the credential by its id, cut', async () => {
    const { checks, credential } = world(() => review({}))
    const refused = await refusal(() => checks.check(issuerOf(REVIEW), credential('t', { id: 'x'.repeat(10_000) })))
    expect(refused?.detail).toContain('xxx…"')
    expect(refused?.detail.length).toBeLessThan(400)
  })
})

describe('a cluster with an API server, over TLS', () => {
  const identity = identityFor('api.prod.example')

  /** The API server: who is asked about, and which pods are there. */
  async function apiServer() {
    const pods = new Set<string>()
    const seen: { authorization: string | undefined; method: string | undefined }[] = []
    const server = await serve((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        seen.push({ authorization: request.headers.authorization, method: request.method })
        const asked = JSON.parse(Buffer.concat(parts).toString())
        const claims = JSON.parse(Buffer.from(asked.spec.token.split('.')[1], 'base64url').toString())
        const there = pods.has(claims['kubernetes.io'].pod.uid)
        const status = there
          ? { authenticated: true, user: { username: claims.sub }, audiences: asked.spec.audiences }
          : { error: '[invalid bearer token, pod not found]' }
        response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ ...asked, status }))
      })
    }, identity)
    return { pods, seen, server }
  }

  it('a deleted pod is refused while its signature is good', async () => {
    const { pods, seen, server } = await apiServer()
    await using _server = server
    const clock = new HandClock()
    const cluster = new Cluster({ audience: US, now: () => clock.now() / 1000 })
    const uid = randomUUID()
    const token = cluster.key.sign(cluster.claims({}, { uid }))
    const set = keySet(readJwks(cluster.jwks).keys)
    const address = `api.prod.example:${server.port}`
    const issuer = issuerOf(
      { ...REVIEW, url: `https://${address}/apis/authentication.k8s.io/v1/tokenreviews`, ca: identity.cert },
      {
        authority: cluster.issuer,
        keys: { from: 'inline', keys: set.keys },
        settings: jwt.settings.parse({ issuer: cluster.issuer }),
        maxAge: 86_400,
        maxLifetime: 86_400,
      },
    )
    const checks = new OnlineChecks({
      clock,
      secret: async () => ({ host: address, token: new Secret('reviewer') }),
      fetch: guardedFetch({
        insecure: new Set([address]),
        resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      }),
    })
    /** Verified as the road does it, then asked. */
    const present = async () => {
      const tools = verifyTools({ now: clock.now() / 1000, audiences: [US], keys: set.keys })
      const facts = await jwt.verify(jwt.read(token), issuer as never, tools)
      await checks.check(issuer, {
        token,
        id: facts.useId,
        subject: String(facts.claims['sub']),
        expiresAt: facts.expiresAt,
      })
    }

    pods.add(uid)
    expect(await refusal(present)).toBeUndefined()
    pods.delete(uid)
    expect(await refusal(present)).toBeUndefined()
    clock.pass(10)
    expect((await refusal(present))?.reason).toBe('status_refused')
    expect(seen).toEqual([
      { authorization: 'Bearer reviewer', method: 'POST' },
      { authorization: 'Bearer reviewer', method: 'POST' },
    ])
  })

  it('an API server of another certificate is not told the token', async () => {
    const { seen, server } = await apiServer()
    await using _server = server
    const address = `api.prod.example:${server.port}`
    const failures: string[] = []
    const checks = new OnlineChecks({
      clock: new HandClock(),
      secret: async () => ({ host: address, token: new Secret('reviewer') }),
      fetch: guardedFetch({
        insecure: new Set([address]),
        resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      }),
      onFailure: ({ code }) => failures.push(code),
    })
    const issuer = issuerOf({ ...REVIEW, url: `https://${address}/`, ca: identityFor('api.prod.example').cert })
    const refused = await refusal(() => checks.check(issuer, { token: 'a.b.c', id: 'x', expiresAt: 2e9 }))
    expect([refused?.reason, failures, seen]).toEqual(['status_unavailable', ['tls'], []])
  })

  it('a question that hangs is ended when the server stops', async () => {
    await using server = await serve(() => {}, identity)
    const address = `api.prod.example:${server.port}`
    const checks = new OnlineChecks({
      clock: new HandClock(),
      secret: async () => ({ host: address, token: new Secret('reviewer') }),
      fetch: guardedFetch({
        insecure: new Set([address]),
        resolve: async () => [{ address: '127.0.0.1', family: 4 }],
        milliseconds: 60_000,
      }),
    })
    const issuer = issuerOf({ ...REVIEW, url: `https://${address}/`, ca: identity.cert })
    const refused = refusal(() => checks.check(issuer, { token: 'a.b.c', id: 'x', expiresAt: 2e9 }))
    await expect.poll(() => server.requests.length).toBe(1)
    checks.close()
    expect((await refused)?.detail).toContain('the server is stopping')
  })
})
