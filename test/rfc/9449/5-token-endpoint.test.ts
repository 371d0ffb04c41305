import { calculateJwkThumbprint, exportJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { algorithms } from '../../../src/lib/algorithms.ts'
import { type Answer, document, type Form, startCambist } from '../../harness/cambist.ts'
import { byTls } from '../../harness/certificates.ts'
import { createRoot } from '../../harness/pki.ts'
import { formOf, postLines } from '../../harness/post.ts'
import { dpop, proofJwk, sha256, thumbprintOf } from '../../harness/proofs.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, clientAssertion, decode, hmacToken, SigningKey, TYPE } from '../../harness/tokens.ts'
import { ask, byDpop } from '../../harness/workload.ts'

/** RFC 9449 §4 and §5: DPoP proofs at the token endpoint, as a client sees it. */
const root = await createRoot()
const own = await root.leaf({ ips: ['127.0.0.1'] })
const server = await startCambist({ mtls: { cert: own.chainPem(), key: own.keyPem } })
const { clock, cluster, issuer: us } = server
const key = new SigningKey('ES256')
const registered = new SigningKey('ES256')
await server.apply(
  document('TrustedIssuer', 'cluster', {
    preset: 'kubernetes',
    issuer: cluster.issuer,
    audiences: [us],
    uses: ['subject', 'actor', 'client', 'assertion'],
    keys: { jwks: cluster.jwks },
  }),
  document('Client', 'registered', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } },
    grants: ['token-exchange', 'jwt-bearer', 'client-credentials'],
  }),
  document('Target', 'stock', { audience: 'urn:stock', scopes: ['x'] }),
  document('Target', 'vault', { audience: 'urn:vault', scopes: ['x'] }),
  // The same of `tls_client_certificate_bound_access_tokens`.
  document('Policy', 'always-by-tls', { clients: ['checkout'], targets: ['vault'], scopes: ['x'], binding: 'mtls' }),
  document('Policy', 'registered', {
    clients: ['registered'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
  // What `dpop_bound_access_tokens` of a client means: each of its permits demands the proof.
  document('Policy', 'always-bound', { clients: ['checkout'], targets: ['stock'], scopes: ['x'], binding: 'dpop' }),
)
const INVALID = { status: 400, error: 'invalid_dpop_proof', reason: 'dpop_invalid' } as const
const at = (url: string, changes: Claims = {}, header: Claims = {}, by = key) =>
  dpop(by, { url, now: clock.seconds() }, changes, header)
const proven = (changes: Claims = {}, header: Claims = {}, by = key): Promise<Answer> =>
  ask(server, {}, () => byDpop(server, by, changes, header))
const cnfOf = ({ body }: Answer) => decode(String(body['access_token'])).claims['cnf']
const thumbprint = async (by: SigningKey) => calculateJwkThumbprint(await exportJWK(by.publicKey))

describe('RFC 9449 §5: a bound token', () => {
  it.each([...algorithms.keys()])(
    'DP-04, DP-10: is of token_type DPoP, and holds the thumbprint of a key of %s',
    async (name) => {
      const by = new SigningKey(name)
      const answer = await proven({}, {}, by)
      expect([answer.status, answer.body['token_type']]).toEqual([200, 'DPoP'])
      expect(cnfOf(answer)).toEqual({ jkt: await thumbprint(by) })
    },
  )

  it('DP-11: is had by every grant', async () => {
    const client = (): Form => ({
      client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
    })
    const bare = { subject_token: undefined, subject_token_type: undefined }
    const grants: readonly Form[] = [
      client(),
      { ...bare, ...client(), grant_type: TYPE.jwtBearer, assertion: cluster.token() },
      { ...bare, ...client(), grant_type: 'client_credentials', scope: 'orders:read' },
    ]
    for (const form of grants) {
      const answer = await ask(server, form, () => byDpop(server, key))
      expect([answer.status, answer.body['token_type']], String(form['grant_type'])).toEqual([200, 'DPoP'])
      expect(cnfOf(answer)).toEqual({ jkt: await thumbprint(key) })
    }
  })

  it('P-16, DP-11: of an assertion that is bound to a key takes a proof of that key', async () => {
    const bound = (headers: Record<string, string>) =>
      ask(
        server,
        {
          ...{ subject_token: undefined, subject_token_type: undefined, grant_type: TYPE.jwtBearer },
          client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
          client_assertion_type: TYPE.clientAssertion,
          assertion: cluster.token({ cnf: { jkt: thumbprintOf(key) } }),
        },
        () => headers,
      )
    const refused = { status: 400, error: 'invalid_grant', reason: 'confirmation_unproven' } as const
    for (const headers of [{}, byDpop(server, registered)]) await expectRefusal(server, await bound(headers), refused)
    expect(cnfOf(await bound(byDpop(server, key)))).toEqual({ jkt: thumbprintOf(key) })
  })

  it('DP-12: is the only one that a client gets whose permits demand it', async () => {
    const form = { audience: 'urn:stock', scope: 'x' }
    const refused = { error: 'invalid_request', reason: 'binding_required' } as const
    await expectRefusal(server, await server.exchange(form), refused)
    // A certificate is no proof of DPoP.
    await expectRefusal(server, await byTls(server, own, form), refused)
    expect((await ask(server, form, () => byDpop(server, key))).body['token_type']).toBe('DPoP')
  })

  it('CB-06: is bound to the certificate for a client whose permits demand that, who gets none without one', async () => {
    const form = { audience: 'urn:vault', scope: 'x' }
    const shown = await root.leaf()
    const bound = await byTls(server, shown, form)
    expect([bound.body['token_type'], cnfOf(bound)]).toEqual(['Bearer', { 'x5t#S256': sha256(shown.der) }])
    for (const answer of [
      await server.exchange(form),
      await byTls(server, undefined, form),
      await ask(server, form, () => byDpop(server, key)),
    ])
      await expectRefusal(server, answer, { error: 'invalid_request', reason: 'binding_required' })
  })

  it('DP-15: is offered by the metadata, with the algorithms of proofs', async () => {
    const metadata = await (await server.get('/.well-known/oauth-authorization-server')).json()
    expect(metadata).toMatchObject({ dpop_signing_alg_values_supported: [...algorithms.keys()] })
  })
})

describe('RFC 9449 §4.3: a proof', () => {
  it.each<[string, Claims, Claims]>([
    ['no typ', {}, { typ: undefined }],
    ['another typ', {}, { typ: 'JWT' }],
    ['no alg', {}, { alg: undefined }],
    ['no jwk', {}, { jwk: undefined }],
    ['a private jwk', {}, { jwk: { ...proofJwk(key), d: key.privateJwk['d'] } }],
    ['a jwk of another key', {}, { jwk: proofJwk(registered) }],
    ['no jti', { jti: undefined }, {}],
    ['no htm', { htm: undefined }, {}],
    ['another htm', { htm: 'GET' }, {}],
    ['no htu', { htu: undefined }, {}],
    ['no iat', { iat: undefined }, {}],
    ['an iat of 61 seconds ago', { iat: clock.seconds() - 61 }, {}],
    ['an iat in 11 seconds', { iat: clock.seconds() + 11 }, {}],
  ])('DP-01, DP-02: with %s is refused', async (_, changes, header) => {
    const moved = typeof changes['iat'] === 'number' ? { iat: changes['iat'] + clock.seconds() - started } : changes
    await expectRefusal(server, await proven(moved, header), INVALID)
  })
  const started = clock.seconds()

  it('DP-02: by a shared secret, or by none, is refused', async () => {
    const claims = { jti: 'a', htm: 'POST', htu: `${us}/token`, iat: clock.seconds() }
    const secret = key.publicKey.export({ type: 'spki', format: 'pem' })
    for (const jwk of [proofJwk(key), { kty: 'oct', k: 'c2VjcmV0' }]) {
      const mac = hmacToken({ alg: 'HS256', typ: 'dpop+jwt', jwk }, claims, secret)
      await expectRefusal(server, await ask(server, {}, () => ({ DPoP: mac })), INVALID)
    }
    await expectRefusal(server, await proven({}, { alg: 'none' }), INVALID)
  })

  it('DP-02: comes once: two are refused, the same or another, in lines of their own or in one', async () => {
    const body = formOf(server).toString()
    const [one, two] = [at(`${us}/token`), at(`${us}/token`, {}, {}, registered)]
    for (const lines of [[one, two], [one, one], [`${one}, ${two}`], [`${one},`]])
      await expectRefusal(server, await postLines(server, body, { DPoP: lines }), INVALID)
  })

  it('DP-02, DP-06: is taken once', async () => {
    const headers = byDpop(server, key)
    expect((await ask(server, {}, () => headers)).status).toBe(200)
    await expectRefusal(server, await ask(server, {}, () => headers), { ...INVALID, reason: 'replayed' })
  })

  it('DP-01, DP-03: is for our URL, by the rules of its scheme, and without regard to its query', async () => {
    const { host, port } = new URL(us)
    const good = [`HTTP://${host}/token`, `${us}/token?a=b`, `${us}/token#c`, `${us}/token?`]
    for (const htu of good) expect((await proven({ htu })).status, htu).toBe(200)
    expect((await ask(server, {}, () => byDpop(server, key), { path: '/token?utm=1' })).status).toBe(200)
    const bad = [
      `https://${host}/token`,
      `http://127.0.0.1:${Number(port) + 1}/token`,
      'http://127.0.0.1/token',
      `http://localhost:${port}/token`,
      `${us}/`,
      us,
      `${us}/Token`,
      `${us}/token/`,
      `${us}//token`,
      `${us}/%74oken`,
      `${us}/introspect`,
      `${us}/revoke`,
      `http://x@${host}/token`,
    ]
    for (const htu of bad) await expectRefusal(server, await proven({ htu }), INVALID)
  })

  it('CB-08: is for the issuer’s URL or for that of the mTLS alias, wherever it is sent, and for no other path of either', async () => {
    const sent = {
      'to the issuer': (proof: string) => server.exchange({}, { DPoP: proof }),
      'to the alias': (proof: string) => byTls(server, undefined, {}, [`DPoP: ${proof}`]),
    }
    for (const send of Object.values(sent)) {
      for (const base of [us, server.mtls]) {
        expect((await send(at(`${base}/token`))).body['token_type']).toBe('DPoP')
        for (const path of ['', '/', '/introspect', '/revoke', '/jwks'])
          await expectRefusal(server, await send(at(`${base}${path}`)), INVALID)
      }
    }
  })

  it('DP-05: with the hash of an access token says no more here than one without, since no resource is asked', async () => {
    for (const ath of ['x', 7, null]) expect((await proven({ ath })).body['token_type']).toBe('DPoP')
  })
})
