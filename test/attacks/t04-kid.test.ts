import { describe, expect, it } from 'vitest'
import type { Reason } from '../../src/refusal.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { everyJwt } from '../harness/every-jwt.ts'
import { refusal, refusedAnswer } from '../harness/refusal.ts'
import { Cluster, SigningKey } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const second = new SigningKey('RS256')
const pair = new Cluster({ issuer: 'https://pair.test.example', audience: us, now: clock.seconds })
const named = new SigningKey('RS256', `${'k'.repeat(255)}~`)
const long = new Cluster({ issuer: 'https://long.test.example', audience: us, key: named, now: clock.seconds })
const trusted = (name: string, { issuer }: Cluster, keys: object[]) =>
  document('TrustedIssuer', name, { preset: 'kubernetes', issuer, audiences: [us], keys: { jwks: { keys } } })
await server.apply(
  trusted('pair', pair, [pair.key.jwk, second.jwk]),
  trusted('long', long, [named.jwk]),
  document('Client', 'elsewhere', {
    workloads: ['pair', 'long'].map((issuer) => ({ issuer, match: { namespace: ['shop'] } })),
  }),
  document('Policy', 'elsewhere-reads-orders', {
    clients: ['elsewhere'],
    targets: ['orders'],
    scopes: ['orders:read'],
  }),
)

describe('T4 kid', () => {
  it.each([
    ['a path', '../../../../dev/null'],
    ['an absolute path', '/etc/passwd'],
    ['a URL', 'https://evil.example/jwks'],
    ['SQL', "x' OR '1'='1"],
    ['SQL of two statements', "'; DELETE FROM cambist.records; --"],
    ['a shell', '$(id)'],
    ['a template', '{{7*7}}'],
    ['a member of every object', '__proto__'],
    ['a method of every object', 'constructor'],
    ['another method', 'toString'],
    ['the kid in another case', cluster.key.kid.toUpperCase()],
    ['the kid with a space', `${cluster.key.kid} `],
    ['256 characters', 'k'.repeat(256)],
    ['a star', '*'],
  ])('looks %s up in a map, and does not find it', async (_, kid) => {
    await refusal(server, { subject_token: cluster.token({}, {}, { kid }) }, 'key_unknown')
  })

  it.each([
    ['of 257 characters', 'k'.repeat(257)],
    ['of 10,000 characters', 'k'.repeat(10_000)],
    ['empty', ''],
    ['a list', [cluster.key.kid]],
    ['a number', 1],
    ['null', null],
    ['true', true],
    ['an object', { kid: cluster.key.kid }],
    ['not printable', `${cluster.key.kid}\n`],
    ['not ASCII', 'schlüssel'],
    ['with NUL', `${cluster.key.kid}\u0000`],
  ])('refuses a kid that is %s', async (_, kid) => {
    await refusal(server, { subject_token: cluster.token({}, {}, { kid }) }, 'token_malformed')
  })

  it('takes a token without kid where exactly one key fits, and refuses it where two do', async () => {
    expect((await server.exchange({ subject_token: cluster.token({}, {}, { kid: undefined }) })).status).toBe(200)
    for (const key of [pair.key, second]) {
      expect((await server.exchange({ subject_token: key.sign(pair.claims()) })).status).toBe(200)
      await refusal(server, { subject_token: key.sign(pair.claims(), { kid: undefined }) }, 'key_unknown')
    }
  })

  it('takes the longest kid there may be', async () => {
    expect((await server.exchange({ subject_token: long.token() })).status).toBe(200)
  })

  it('does not try the other key where the named one does not verify', async () => {
    await refusal(server, { subject_token: second.sign(pair.claims(), { kid: pair.key.kid }) }, 'signature_invalid')
  })

  it('refuses a header that names kid twice', async () => {
    const [, claims = '', signature] = cluster.token().split('.')
    const header = Buffer.from(`{"alg":"RS256","kid":"x","kid":${JSON.stringify(cluster.key.kid)}}`).toString(
      'base64url',
    )
    await refusal(server, { subject_token: `${header}.${claims}.${signature}` }, 'token_malformed')
  })
})

describe.each((await everyJwt(server)).map((jwt) => [jwt.sort, jwt] as const))('T4 kid of a %s', (sort, jwt) => {
  const refused = async (kid: unknown, reason: Reason) => {
    const token = jwt.make({}, { kid })
    await refusedAnswer(server, await jwt.send(token), reason, jwt.about, [token])
  }

  it.each([
    '../../../../dev/null',
    'https://evil.example/jwks',
    "x' OR '1'='1",
    '__proto__',
    'constructor',
    '*',
    'k'.repeat(256),
    // The keys of others are not its own, whatever they are named.
    cluster.key.kid === jwt.key.kid ? second.kid : cluster.key.kid,
  ])('does not find %j', async (kid) => {
    await refused(kid, 'key_unknown')
  })

  it.each(['', 'k'.repeat(257), 1, null, ['x'], { kid: 'x' }, 'a\n', 'a\0', 'schlüssel'])(
    'does not even look for %j',
    async (kid) => {
      await refused(kid, 'token_malformed')
    },
  )

  it('may be left out where one key fits, but for a WIT-SVID (S-61) and a key of ours', async () => {
    if (sort.startsWith('WIT-SVID')) await refused(undefined, 'token_malformed')
    else if (sort.endsWith('of ours')) await refused(undefined, 'signature_invalid')
    else expect((await jwt.send(jwt.make({}, { kid: undefined }))).status).toBe(200)
  })
})
