import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { expectWireOf } from '../harness/refusal.ts'
import { type Claims, decode, SigningKey } from '../harness/tokens.ts'

/** Seconds. */
const SKEW = 30
const MAX_AGE = 3600
const MAX_LIFETIME = 7200

const server = await startCambist()
const { clock, issuer: us } = server
const key = new SigningKey('ES256')
const ISSUER = 'https://times.test.example'
await server.apply(
  document('TrustedIssuer', 'times', {
    credential: 'jwt',
    issuer: ISSUER,
    audiences: [us],
    keys: { jwks: { keys: [key.jwk] } },
    clockSkew: `${SKEW}s`,
    maxAge: `${MAX_AGE}s`,
    maxLifetime: `${MAX_LIFETIME}s`,
  }),
  document('Client', 'times', { workloads: [{ issuer: 'times', ids: ['job'] }] }),
  document('Policy', 'times-read-orders', { clients: ['times'], targets: ['orders'], scopes: ['orders:read'] }),
)

/** A token whose dates are told in seconds from now; undefined leaves one out. */
function token({ iat = 0, exp = 600, nbf }: { iat?: number | null; exp?: number; nbf?: number }): string {
  const now = clock.seconds()
  const claims: Claims = { iss: ISSUER, sub: 'job', aud: us, exp: now + exp }
  if (iat !== null) claims['iat'] = now + iat
  if (nbf !== undefined) claims['nbf'] = now + nbf
  return key.sign(claims)
}

async function outcome(subject: string): Promise<unknown> {
  clock.advance(1)
  const answer = await server.exchange({ subject_token: subject })
  const record = await server.record(answer.id)
  if (answer.status !== 200) expectWireOf(answer, record['reason'] as 'expired', 'subject')
  return record['reason']
}

describe('dates to the second (JV-05, TE-71)', () => {
  // The clock moves on by one second between the making of a token and its use.
  it.each([
    ['exp, ending within the skew, but leaving no life for a token', { iat: -60, exp: -SKEW + 2 }, 'no_lifetime_left'],
    ['exp, over with its skew', { iat: -60, exp: -SKEW + 1 }, 'expired'],
    ['exp, long over', { iat: -1200, exp: -600 }, 'expired'],
    ['exp, ending now', { exp: 1 }, 'no_lifetime_left'],
    ['exp, ending in a second', { exp: 2 }, 'granted'],
    ['nbf, in the future within the skew', { nbf: SKEW + 1 }, 'granted'],
    ['nbf, a second beyond', { nbf: SKEW + 2 }, 'not_yet_valid'],
    ['iat, in the future within the skew', { iat: SKEW + 1 }, 'granted'],
    ['iat, a second beyond', { iat: SKEW + 2 }, 'not_yet_valid'],
    ['iat, as old as may be', { iat: -MAX_AGE - SKEW + 1 }, 'granted'],
    ['iat, a second older', { iat: -MAX_AGE - SKEW }, 'too_old'],
    ['a life as long as may be', { exp: MAX_LIFETIME }, 'granted'],
    ['a life of a second more', { exp: MAX_LIFETIME + 1 }, 'too_long_lived'],
    [
      'a life that is too long, all of it but a moment in the past',
      { iat: -MAX_AGE, exp: MAX_LIFETIME - MAX_AGE + 1 },
      'too_long_lived',
    ],
    ['no iat', { iat: null }, 'claim_missing'],
  ] as const)('%s', async (_, dates, expected) => {
    expect(await outcome(token(dates))).toBe(expected)
  })

  it('bears with clocks that differ by a minute at most, whatever a document says', async () => {
    const bearing = (clockSkew: string) =>
      server.apply(
        document('TrustedIssuer', 'bearing', {
          ...{ credential: 'jwt', issuer: 'https://bearing.test.example', audiences: [us], clockSkew },
          keys: { jwks: { keys: [key.jwk] } },
        }),
      )
    await bearing('60s')
    await expect(bearing('61s')).rejects.toThrow(/spec\.clockSkew/)
  })

  it('refuses one token from the second on at which it is over', async () => {
    const subject = token({ exp: 100 })
    expect((await server.exchange({ subject_token: subject })).status).toBe(200)
    clock.advance(98)
    expect(await outcome(subject)).toBe('granted')
    expect(await outcome(subject)).toBe('no_lifetime_left')
    clock.advance(SKEW - 2)
    expect(await outcome(subject)).toBe('no_lifetime_left')
    expect(await outcome(subject)).toBe('expired')
  })

  it('never issues a token that outlives what it was issued for (I4)', async () => {
    for (const exp of [2, 100, 299, 300, 301, 100.9]) {
      const now = clock.seconds()
      const answer = await server.exchange({ subject_token: token({ exp }) })
      const { claims } = decode(String(answer.body['access_token']))
      expect(claims['exp']).toBe(Math.floor(now + Math.min(exp, 300)))
      expect(answer.body['expires_in']).toBe(Number(claims['exp']) - now)
      expect(claims['iat']).toBe(now)
    }
  })
})
