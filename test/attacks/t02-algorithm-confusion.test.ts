import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { refusal } from '../harness/refusal.ts'
import { Cluster, clientAssertion, hmacToken, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server

const p256 = new SigningKey('ES256')
const p384 = new SigningKey('ES384')
const curves = new Cluster({ issuer: 'https://curves.test.example', audience: us, key: p256, now: clock.seconds })
/** An issuer that lists both paddings, with one RSA key that is written for one of them, and one that is not. */
const pss = new SigningKey('PS256')
const free = new SigningKey('RS256')
const both = new Cluster({ issuer: 'https://both.test.example', audience: us, key: pss, now: clock.seconds })
const registered = new SigningKey('RS256')

const { alg: _, ...freeJwk } = free.jwk
const trusted = (name: string, { issuer }: Cluster, keys: object[], algorithms: string[]) =>
  document('TrustedIssuer', name, {
    preset: 'kubernetes',
    issuer,
    algorithms,
    audiences: [us],
    keys: { jwks: { keys } },
  })
await server.apply(
  trusted('curves', curves, [p256.jwk, p384.jwk], ['ES256', 'ES384']),
  trusted('both', both, [pss.jwk, freeJwk], ['RS256', 'PS256']),
  document('Client', 'elsewhere', {
    workloads: ['curves', 'both'].map((issuer) => ({ issuer, match: { namespace: ['shop'] } })),
  }),
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
  document('Policy', 'elsewhere-reads-orders', {
    clients: ['elsewhere', 'registered'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

/** Every text of a public key that a library may once have taken for a secret. */
function secretsOf({ publicKey, jwk }: SigningKey): [string, string | Buffer][] {
  const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  return [
    ['its PEM', spki],
    ['its PEM without the last line feed', spki.trimEnd()],
    ['its PEM with CRLF', spki.replaceAll('\n', '\r\n')],
    ['its PKCS#1 PEM', publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()],
    ['its DER', publicKey.export({ type: 'spki', format: 'der' })],
    ['the base64 of its DER', publicKey.export({ type: 'spki', format: 'der' }).toString('base64')],
    ['its JWK as text', JSON.stringify(jwk)],
    ['its modulus as text', String(jwk['n'])],
    ['its modulus as bytes', Buffer.from(String(jwk['n']), 'base64url')],
    ['nothing', ''],
  ]
}

describe('T2 algorithm confusion (JB-01, JV-02)', () => {
  it('grants what is signed as it should be, so that the refusals below mean something', async () => {
    for (const token of [
      cluster.token(),
      curves.token(),
      p384.sign(curves.claims()),
      both.token(),
      free.sign(both.claims()),
    ]) {
      expect((await server.exchange({ subject_token: token })).body).toHaveProperty('access_token')
    }
    const assertion = clientAssertion('registered', registered, us, clock.seconds())
    const answer = await server.exchange({ client_assertion: assertion, client_assertion_type: TYPE.clientAssertion })
    expect(answer.body).toHaveProperty('access_token')
  })

  it.each(secretsOf(cluster.key))('refuses HS256 with the public key as the secret: %s', async (_, secret) => {
    const { kid } = cluster.key
    const token = hmacToken({ alg: 'HS256', kid }, cluster.claims(), secret)
    await refusal(server, { subject_token: token }, 'algorithm_refused')
    const disguised = hmacToken({ alg: 'RS256', kid }, cluster.claims(), secret)
    await refusal(server, { subject_token: disguised }, 'signature_invalid')
  })

  it.each(secretsOf(registered))(
    'refuses a client assertion with the public key as the secret: %s',
    async (_, secret) => {
      for (const [alg, reason] of [
        ['HS256', 'algorithm_refused'],
        ['RS256', 'signature_invalid'],
      ] as const) {
        const claims = {
          iss: 'registered',
          sub: 'registered',
          aud: us,
          jti: crypto.randomUUID(),
          iat: clock.seconds(),
          exp: clock.seconds() + 60,
        }
        const assertion = hmacToken({ alg, kid: registered.kid }, claims, secret)
        const { answer } = await refusal(
          server,
          { client_assertion: assertion, client_assertion_type: TYPE.clientAssertion },
          reason,
          'client',
        )
        expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
      }
    },
  )

  it.each([
    'HS384',
    'HS512',
    'hs256',
    'rs256',
    'RS1',
    'RS256 ',
    'RSA',
    'ES256K',
    'A128KW',
    'dir',
    'RSA-OAEP',
    'EdDSA',
    'ML-DSA-65',
    '__proto__',
    'constructor',
  ])('refuses the algorithm %s, which is not in the list of the issuer', async (alg) => {
    await refusal(server, { subject_token: cluster.token({}, {}, { alg }) }, 'algorithm_refused')
  })

  it('refuses the signature of one type of key under the name of another', async () => {
    const { kid } = cluster.key
    await refusal(server, { subject_token: p256.sign(cluster.claims(), { alg: 'RS256', kid }) }, 'signature_invalid')
    await refusal(server, { subject_token: p256.sign(cluster.claims(), { kid }) }, 'key_unknown')
    await refusal(server, { subject_token: cluster.token({}, {}, { alg: 'ES256' }) }, 'key_unknown')
    await refusal(server, { subject_token: cluster.token({}, {}, { alg: 'ES256', kid: undefined }) }, 'key_unknown')
  })

  it('keeps curves and hashes together', async () => {
    await refusal(server, { subject_token: curves.token({}, {}, { alg: 'ES384' }) }, 'key_unknown')
    await refusal(server, { subject_token: p384.sign(curves.claims(), { alg: 'ES256' }) }, 'key_unknown')
    await refusal(server, { subject_token: curves.token({}, {}, { alg: 'ES384', kid: p384.kid }) }, 'signature_invalid')
    await refusal(
      server,
      { subject_token: p384.sign(curves.claims(), { alg: 'ES256', kid: p256.kid }) },
      'signature_invalid',
    )
  })

  it('keeps the paddings of RSA apart', async () => {
    await refusal(server, { subject_token: cluster.token({}, {}, { alg: 'PS256' }) }, 'algorithm_refused')
    await refusal(server, { subject_token: both.token({}, {}, { alg: 'RS256' }) }, 'key_unknown')
    await refusal(server, { subject_token: free.sign(both.claims(), { alg: 'PS256' }) }, 'signature_invalid')
    await refusal(server, { subject_token: cluster.token({}, {}, { alg: 'RS512' }) }, 'algorithm_refused')
  })

  it('refuses documents that would make a secret of a public key, or bring one', async () => {
    const oct = { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url'), alg: 'HS256', kid: 'x' }
    await expect(server.apply(trusted('weak', curves, [oct], ['ES256']))).rejects.toThrow(/spec\.keys\.jwks/)
    await expect(server.apply(trusted('weak', curves, [p256.jwk], ['HS256']))).rejects.toThrow(/spec\.algorithms/)
    await expect(server.apply(trusted('weak', curves, [p256.jwk], ['none']))).rejects.toThrow(/spec\.algorithms/)
    const client = document('Client', 'weak', { authentication: { method: 'private_key_jwt', jwks: { keys: [oct] } } })
    await expect(server.apply(client)).rejects.toThrow(/jwks/)
  })
})
