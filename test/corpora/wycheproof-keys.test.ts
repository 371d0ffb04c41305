/** Wycheproof's keys: written into documents by an administrator, and served by a key server that lies (CAMBIST_CORPORA/wycheproof-jose). */
import { createHmac, createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { algorithms } from '../../src/lib/algorithms.ts'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { corpus } from '../harness/corpora.ts'
import { freePorts } from '../harness/ports.ts'
import { type Claims, Cluster, SigningKey, segment, TYPE } from '../harness/tokens.ts'
import { json, serve } from '../unit/trust/hostile-server.ts'

interface Group {
  readonly comment: string
  readonly public?: Claims
  readonly private?: Claims
  readonly tests: readonly {
    readonly tcId: number
    readonly result: string
    readonly jws?: unknown
    readonly jwe?: unknown
  }[]
}

const directory = corpus('wycheproof-jose')
const groups = ['json_web_key_test.json', 'json_web_crypto_test.json'].flatMap((file) =>
  directory === undefined
    ? []
    : (JSON.parse(readFileSync(join(directory, file), 'utf8')) as { testGroups: Group[] }).testGroups,
)
const keysIn = (set: Claims = {}): readonly Claims[] => (Array.isArray(set['keys']) ? set['keys'] : [set])
/** What an issuer of the group would publish, where it knew no better: its secrets, where it has nothing else. */
const published = (group: Group): readonly Claims[] => keysIn(group.public ?? group.private)
/** What is valid there, and no secret: sets in which every key is fit. */
const FIT = ['rs256', 'jws_ec', 'jws_rsa']
const isFit = (group: Group): boolean =>
  FIT.includes(group.comment) && group.tests.some(({ result }) => result === 'valid')

/** A JWT in order, but for the key that has signed it. */
function signedBy(jwk: Claims, claims: Claims): string | undefined {
  const made = (alg: string) => `${segment({ alg, kid: jwk['kid'] })}.${segment(claims)}`
  if (jwk['kty'] === 'oct') {
    const input = made('HS256')
    const secret = Buffer.from(String(jwk['k']), 'base64url')
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  let key: KeyObject
  try {
    key = createPrivateKey({ key: jwk as never, format: 'jwk' })
  } catch {
    return undefined // a key that cannot even sign
  }
  const crv: unknown = jwk['crv']
  const name = jwk['kty'] === 'RSA' ? 'RS256' : [...algorithms.values()].find((one) => one.crv === crv)?.name
  const input = made(name ?? 'ES256')
  return `${input}.${algorithms
    .get(name ?? 'ES256')
    ?.sign(key, Buffer.from(input))
    .toString('base64url')}`
}

describe.skipIf(directory === undefined)('Wycheproof keys', async () => {
  if (directory === undefined) return
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const good = new SigningKey('ES256', 'the good key')
  const issuers = groups.map((group, index) => ({ group, issuer: `${url}/${index}`, name: `wycheproof-${index}` }))
  const server = await startCambist({ env: { CAMBIST_INSECURE_FETCH: `127.0.0.1:${port}` } })
  const claimsOf = (issuer: string) =>
    new Cluster({ issuer, audience: server.issuer, key: good, now: server.clock.seconds }).claims()

  it('are all here', () => {
    expect(groups.flatMap(({ tests }) => tests)).toHaveLength(26 + 83)
    expect(groups.filter(isFit).map(({ comment }) => comment)).toEqual(FIT)
  })

  it('are taken from an administrator only where each of them is fit', async () => {
    const written = await Promise.all(
      issuers.map(async ({ group, issuer, name }) => {
        const jwks = { keys: published(group) }
        const trusted = { preset: 'kubernetes', issuer, audiences: [server.issuer], keys: { jwks } }
        const taken = await server.apply(document('TrustedIssuer', name, trusted)).then(
          () => true,
          () => false,
        )
        return [group.comment, taken] as const
      }),
    )
    expect(written.filter(([, taken]) => taken).map(([comment]) => comment)).toEqual(FIT)
    for (const group of groups.filter((one) => !isFit(one))) {
      const authentication = { method: 'private_key_jwt', jwks: { keys: published(group) } }
      await expect(server.apply(document('Client', 'registered', { authentication }))).rejects.toThrow(/spec\.auth/)
    }
  })

  it('are used by nobody where a key server has them among its good ones, but for the fit', async () => {
    await using keyServer = await serve(
      (request, response) => {
        const found = issuers[Number((request.url ?? '').split('/')[1])]
        json({ keys: [...(found === undefined ? [] : published(found.group)), good.jwk] })(request, response)
      },
      undefined,
      { port },
    )
    await server.apply(
      ...baseDocuments(server.cluster),
      ...issuers.map(({ issuer, name }) =>
        document('TrustedIssuer', name, {
          ...{ preset: 'kubernetes', issuer, audiences: [server.issuer], keys: { jwksUri: `${issuer}/jwks` } },
        }),
      ),
      document('Client', 'elsewhere', {
        workloads: issuers.map(({ name }) => ({ issuer: name, match: { namespace: ['shop'] } })),
      }),
      document('Policy', 'elsewhere', { clients: ['elsewhere'], targets: ['orders'], scopes: ['orders:read'] }),
    )
    let tried = 0
    for (const { group, issuer } of issuers) {
      expect((await server.exchange({ subject_token: good.sign(claimsOf(issuer)) })).status).toBe(200)
      for (const jwk of keysIn(group.private)) {
        const token = signedBy(jwk, claimsOf(issuer))
        if (token === undefined) continue
        tried++
        const { status } = await server.exchange({ subject_token: token })
        expect([group.comment, status]).toEqual([group.comment, isFit(group) ? 200 : 400])
        server.clock.advance(0.2)
      }
    }
    expect(tried).toBeGreaterThan(25)
    expect(keyServer.requests.length).toBeGreaterThanOrEqual(issuers.length)
  })

  it('have rows that are refused as subject tokens and as client assertions, never by 5xx', async () => {
    const tokens = groups
      .flatMap(({ tests }) => tests)
      .map(({ jws, jwe }) => jws ?? jwe)
      .map((token) => (typeof token === 'string' ? token : JSON.stringify(token)))
      .filter((token) => token !== '')
    expect(tokens.length).toBeGreaterThan(100)
    for (const token of tokens) {
      const forms: Form[] = [
        { subject_token: token },
        { client_assertion: token, client_assertion_type: TYPE.clientAssertion },
      ]
      const answers = await Promise.all(forms.map((form) => server.exchange(form)))
      expect(answers.map(({ status }) => status)).toEqual([400, 401])
      server.clock.advance(0.4)
    }
  })
})
