import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { createRoot, keyPair } from '../harness/pki.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { type Claims, clientAssertion, SigningKey, segment, TYPE } from '../harness/tokens.ts'
import { ask, byAttestation, byDpop, byWpt, TrustDomain } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const attester = new SigningKey('ES256')
const good = new SigningKey('RS256')
await server.apply(
  ...baseDocuments(cluster),
  ...prod.trusted(us),
  document('Client', 'svc', { workloads: [{ issuer: 'prod-wit', ids: [prod.id('svc')] }] }),
  document('Client', 'wallet', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
  }),
  document('Policy', 'svc', {
    clients: ['svc', 'wallet'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
)

interface Weak {
  readonly jwk: Claims
  readonly algorithm: string
  /** Undefined where nobody has the private part. */
  readonly privateKey?: KeyObject
}

function made({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }, algorithm: string): Weak {
  return { jwk: publicKey.export({ format: 'jwk' }) as Claims, algorithm, privateKey }
}

/** A modulus as the Infineon library made them (CVE-2017-15361): a power of 65537 modulo the product of small primes. */
function infineonModulus(): string {
  const primes = Array.from({ length: 168 }, (_, n) => n).filter(
    (n) => n > 2 && Array.from({ length: n }, (_, d) => d).every((d) => d < 2 || n % d !== 0),
  )
  const product = primes.reduce((all, prime) => all * BigInt(prime), 1n)
  let power = 1n
  for (let i = 0; i < 7; i++) power = (power * 65_537n) % product
  let n = (1n << 2047n) - ((1n << 2047n) % product) + product + power
  if (n % 2n === 0n) n += product
  return Buffer.from(n.toString(16), 'hex').toString('base64url')
}

const rsa = good.publicKey.export({ format: 'jwk' }) as Claims
/** Each fit for its algorithm but for what is said of it. */
const weak: Readonly<Record<string, Weak>> = {
  'RSA of 1024 bits': made(generateKeyPairSync('rsa', { modulusLength: 1024 }), 'RS256'),
  'RSA of 2047 bits': made(generateKeyPairSync('rsa', { modulusLength: 2047 }), 'PS256'),
  'RSA with exponent 3': made(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }), 'RS256'),
  ROCA: { jwk: { ...rsa, n: infineonModulus() }, algorithm: 'RS256' },
  'an even modulus': { jwk: { ...rsa, n: `${String(rsa['n']).slice(0, -2)}AA` }, algorithm: 'RS256' },
  'RSA of 16384 bits': { jwk: { ...rsa, n: Buffer.alloc(2048, 0xff).toString('base64url') }, algorithm: 'RS256' },
  secp256k1: made(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), 'ES256'),
  'P-224': { jwk: { kty: 'EC', crv: 'P-224', x: 'A'.repeat(38), y: 'A'.repeat(38) }, algorithm: 'ES256' },
  'a point off its curve': {
    jwk: { ...new SigningKey('ES256').jwk, y: new SigningKey('ES256').jwk['y'], kid: undefined, alg: undefined },
    algorithm: 'ES256',
  },
  Ed448: made(generateKeyPairSync('ed448'), 'EdDSA'),
  X25519: { jwk: generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }) as Claims, algorithm: 'EdDSA' },
  'a secret': { jwk: { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') }, algorithm: 'HS256' },
  'a private key': { jwk: { ...new SigningKey('ES256').privateJwk, kid: undefined }, algorithm: 'ES256' },
}
const cases = Object.entries(weak)

/** A proof that holds in all but its key, as far as anybody can make one. */
function proof({ privateKey, algorithm }: Weak, header: Claims, claims: Claims): string {
  const input = `${segment({ alg: algorithm, ...header })}.${segment(claims)}`
  const hash = algorithm === 'EdDSA' ? null : 'sha256'
  const signature =
    privateKey === undefined
      ? Buffer.alloc(256, 1)
      : sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

describe.each(cases)('T17 %s', (_, key) => {
  const named = { ...key.jwk, kid: 'weak' }

  it('is no key of an issuer, a client or an attester: the document is refused', async () => {
    for (const one of [
      document('TrustedIssuer', 'weak', {
        credential: 'jwt',
        issuer: 'https://weak.test.example',
        audiences: [us],
        keys: { jwks: { keys: [named] } },
      }),
      document('Client', 'weak', { authentication: { method: 'private_key_jwt', jwks: { keys: [named] } } }),
      document('Client', 'weak', { authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [named] } } }),
      ...['jwt-svid', 'wit-svid'].map((use) =>
        document('TrustedIssuer', 'weak', {
          trustDomain: 'weak.example',
          keys: { bundle: { inline: { keys: [{ ...named, use }] } } },
          ...(use === 'jwt-svid' ? { credential: 'spiffe-jwt-svid', audiences: [us] } : { credential: 'wit' }),
        }),
      ),
    ])
      await expect(server.apply(one), JSON.stringify(one)).rejects.toThrow('apply answered 400')
  })

  it('is no key of a workload, whoever has signed it into a credential', async () => {
    const holder = new SigningKey('ES256')
    for (const cnf of [{ jwk: { ...key.jwk, alg: key.algorithm } }, { jwk: key.jwk }]) {
      const wit = prod.wit('svc', holder, { cnf })
      const asWit = await ask(server, { subject_token: wit }, (body) => byWpt(server, holder, wit, body))
      await expectRefusal(server, asWit, { status: 400, error: 'invalid_request', reason: 'claim_malformed' })
      const attested = attester.sign(
        { sub: 'wallet', exp: clock.seconds() + 60, cnf },
        { typ: 'oauth-client-attestation+jwt' },
      )
      const asClient = await ask(server, {}, () => byAttestation(server, holder, attested))
      await expectRefusal(server, asClient, { status: 401, error: 'invalid_client', reason: 'claim_malformed' })
      const bound = cluster.token({ cnf })
      const asSubject = await ask(server, { subject_token: bound }, () => byDpop(server, holder))
      await expectRefusal(server, asSubject, { status: 400, error: 'invalid_request', reason: 'claim_malformed' })
    }
  })

  it('is no key of a DPoP proof, though it has signed it', async () => {
    const claims = { jti: 'x', htm: 'POST', htu: `${us}/token`, iat: clock.seconds() }
    const DPoP = proof(key, { typ: 'dpop+jwt', jwk: key.jwk }, claims)
    const answer = await ask(server, {}, () => ({ DPoP }))
    await expectRefusal(server, answer, { status: 400, error: 'invalid_dpop_proof', reason: 'dpop_invalid' })
  })
})

describe('T17 a key of two clients', () => {
  const registered = (name: string, keys: readonly Claims[]) =>
    document('Client', name, { authentication: { method: 'private_key_jwt', jwks: { keys } } })

  it('is refused, whatever it is called, when they are applied together and one after the other', async () => {
    const [one, two] = [new SigningKey('ES256'), new SigningKey('ES256')]
    const renamed = { ...one.jwk, kid: 'another' }
    await expect(server.apply(registered('a', [one.jwk]), registered('b', [two.jwk, renamed]))).rejects.toThrow(
      'has a key that client a has as well',
    )
    await server.apply(registered('a', [one.jwk]))
    await expect(server.apply(registered('b', [renamed]))).rejects.toThrow('has a key that client a has as well')
    await server.apply(registered('b', [two.jwk]))
    // Neither speaks as the other.
    const forged = { client_assertion: clientAssertion('a', two, us, clock.seconds(), {}, { kid: one.kid }) }
    const answer = await server.exchange({ ...forged, client_assertion_type: TYPE.clientAssertion })
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'signature_invalid' })
  })

  it('is refused in two certificates, and in a certificate and a key set', async () => {
    const keys = keyPair()
    const made = await Promise.all([createRoot({ keys, subject: 'CN=one' }), createRoot({ keys, subject: 'CN=two' })])
    const jwk = keys.publicKey.export({ format: 'jwk' })
    const [one, two] = made.map(({ der }, index) =>
      document('Client', `certified-${index}`, {
        authentication: {
          method: 'self_signed_tls_client_auth',
          jwks: { keys: [{ ...jwk, x5c: [der.toString('base64')] }] },
        },
      }),
    )
    await expect(server.apply(one ?? {}, two ?? {})).rejects.toThrow('has a key that client certified-0 has as well')
    await expect(server.apply(one ?? {}, registered('keyed', [{ ...jwk, kid: 'x' }]))).rejects.toThrow(
      'has a key that client certified-0 has as well',
    )
    await server.apply(one ?? {})
  })
})
