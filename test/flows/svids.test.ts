/** SVIDs of ours (spiffe.md §3, §4; wimse.md §3), and a second server that knows nothing of the first but its bundle. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importJWK, type JWK, jwtVerify } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { jwtSvid } from '../../src/tokens/kinds/jwt-svid.ts'
import { wit } from '../../src/tokens/kinds/wit.ts'
import { type Answer, baseDocuments, document, type Form, startCambist, type TestServer } from '../harness/cambist.ts'
import { asSubject, BEHIND_PROXY, behindProxy, svidOf as certificateOf } from '../harness/certificates.ts'
import { corpus } from '../harness/corpora.ts'
import { type Schema, schemaFaults } from '../harness/json-schema.ts'
import { createRoot } from '../harness/pki.ts'
import { dpop, proofJwk, wpt } from '../harness/proofs.ts'
import { expectRefusal, refusal } from '../harness/refusal.ts'
import { type Claims, clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'
import { ask, byDpop, type Headers, witAndWpt } from '../harness/workload.ts'

const home = await startCambist({ env: { CAMBIST_TRUST_DOMAIN: 'prod.example', ...BEHIND_PROXY } })
const { clock, cluster } = home
const away = await startCambist({
  clock,
  env: { CAMBIST_TRUST_DOMAIN: 'away.example', CAMBIST_INSECURE_FETCH: new URL(home.issuer).host },
})

const spiffe = corpus('spiffe')
const WIT = 'urn:cambist:token-type:wit'
const REQUEST = { status: 400, error: 'invalid_request' } as const
const MESH = "'spiffe://prod.example/ns/' + subject.namespace + '/sa/' + subject.serviceaccount"
const edge = new SigningKey('ES256')
const target = (name: string, tokens: object[], more: object = {}) =>
  document('Target', name, { audience: `urn:${name}`, tokens, ...more })

const AWAY = target(
  'away',
  [
    { kind: 'jwt-svid', subject: MESH },
    { kind: 'wit', subject: MESH },
    { kind: 'access-token', subject: MESH },
  ],
  { audience: away.issuer, scopes: ['talk'] },
)

await home.apply(
  ...baseDocuments(cluster),
  document('Client', 'edge', { authentication: { method: 'private_key_jwt', jwks: { keys: [edge.jwk] } } }),
  AWAY,
  target('plain', [{ kind: 'jwt-svid' }, { kind: 'wit' }]),
  target('mapped', [
    { kind: 'jwt-svid', subject: 'subject.serviceaccount' },
    { kind: 'wit', subject: 'subject.serviceaccount' },
  ]),
  target('rs256', [{ kind: 'jwt-svid', algorithm: 'RS256', subject: MESH }]),
  target('ps512', [{ kind: 'jwt-svid', algorithm: 'PS512', subject: MESH }]),
  target('es384', [{ kind: 'jwt-svid', algorithm: 'ES384', subject: MESH, claims: { team: 'subject.namespace' } }]),
  document('Policy', 'checkout-is-a-workload', {
    clients: ['checkout'],
    targets: ['away', 'plain', 'mapped', 'rs256', 'ps512', 'es384'],
    scopes: ['talk'],
    changes: ['format', 'scope', 'authority', 'identity'],
  }),
  document('Policy', 'edge-asks-for-others', {
    clients: ['edge'],
    targets: ['away'],
    subject: { issuers: ['cluster'], match: { serviceaccount: ['checkout'] } },
    delegation: { mode: 'delegate' },
    changes: ['format', 'authority', 'identity'],
  }),
  document('Policy', 'edge-stands-for-web', {
    clients: ['edge'],
    targets: ['away'],
    subject: { issuers: ['cluster'], match: { serviceaccount: ['web'] } },
    delegation: { mode: 'impersonate' },
    changes: ['format', 'authority', 'identity'],
  }),
)
const fromHome = { bundle: { url: `${home.issuer}/bundle` } }
await away.apply(
  document('TrustedIssuer', 'prod', {
    credential: 'spiffe-jwt-svid',
    trustDomain: 'prod.example',
    audiences: [away.issuer],
    keys: fromHome,
  }),
  document('TrustedIssuer', 'prod-wit', { credential: 'wit', trustDomain: 'prod.example', keys: fromHome }),
  document('TrustedIssuer', 'mesh-wit', {
    credential: 'wit',
    trustDomain: 'prod.example',
    scheme: 'wimse',
    keys: fromHome,
  }),
  document('Client', 'neighbour', {
    workloads: [
      { issuer: 'prod', ids: ['spiffe://prod.example/**'] },
      { issuer: 'prod-wit', ids: ['spiffe://prod.example/**'] },
      { issuer: 'mesh-wit', ids: ['wimse://prod.example/**'] },
    ],
  }),
  document('Policy', 'neighbour-reads-orders', {
    clients: ['neighbour'],
    targets: ['orders'],
    scopes: ['orders:read'],
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
)

const holder = new SigningKey('ES256')
const svidOf = async (form: Form = {}): Promise<string> => {
  const answer = await home.exchange({ audience: away.issuer, ...form })
  expect(answer.body).toMatchObject({ issued_token_type: TYPE.jwt })
  return String(answer.body['access_token'])
}
const askWit = (key: SigningKey, form: Form = {}, header: Claims = {}) =>
  home.exchange({ audience: away.issuer, requested_token_type: WIT, ...form }, byDpop(home, key, {}, header))
const witOf = async (key: SigningKey, form: Form = {}): Promise<string> => {
  const { status, body } = await askWit(key, form)
  expect([status, body['issued_token_type']]).toEqual([200, WIT])
  return String(body['access_token'])
}
const keysAt = async (path: string) =>
  ((await (await home.get(path)).json()) as { keys: (JWK & { kid: string; use: string })[] }).keys
const bundleKey = async (token: string) =>
  (await keysAt('/bundle')).find(({ kid }) => kid === decode(token).header['kid'])

/** Verifies as a relying party with a JOSE library does that picks the key of the bundle by `kid`, as go-spiffe does. */
async function verify(token: string, jwk: JWK | undefined, audience = away.issuer) {
  const { alg } = decode(token).header as { alg: string }
  return jwtVerify(token, await importJWK({ ...jwk, use: 'sig' }, alg), {
    audience,
    algorithms: [alg],
    currentDate: new Date(clock.now()),
  })
}

describe('a JWT-SVID of ours', () => {
  it('S-40 to S-49, TE-23: has what SPIFFE says and nothing beside it, and is no access token', async () => {
    const answer = await home.exchange({ audience: away.issuer })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: TYPE.jwt,
      token_type: 'N_A',
      expires_in: 300,
    })
    const { header, claims } = decode(String(answer.body['access_token']))
    expect(header).toEqual({ typ: 'JWT', alg: 'ES256', kid: expect.stringMatching(/^[\w-]{43}$/) })
    const now = clock.seconds()
    expect(claims).toEqual({
      sub: 'spiffe://prod.example/ns/shop/sa/checkout',
      aud: away.issuer,
      iat: now,
      exp: now + 300,
      jti: answer.id,
    })
    expect(jwtSvid.claims.safeParse(claims).success).toBe(true)
    expect(await home.record(answer.id)).toMatchObject({
      outcome: 'granted',
      granted: { scopes: [], targets: ['away'], tokenType: TYPE.jwt, binding: 'none' },
      changes: ['identity', 'authority'],
      jti: answer.id,
    })
  })

  it.skipIf(spiffe === undefined)('S-40 to S-46: is valid by the schema that SPIFFE publishes', async () => {
    const schema = parse(readFileSync(join(spiffe ?? '', 'JWT-SVID.schema'), 'utf8')) as Schema
    const { $schema: _, ...rules } = schema
    const { header, claims: payload } = decode(await svidOf({ audience: 'urn:es384' }))
    expect(schemaFaults(rules, { header, payload }, rules)).toEqual([])
    expect(schemaFaults(rules, { header: { ...header, alg: 'EdDSA' }, payload }, rules)).toHaveLength(1)
  })

  it.each([
    ['ES256', away.issuer],
    ['RS256', 'urn:rs256'],
    ['PS512', 'urn:ps512'],
    ['ES384', 'urn:es384'],
  ])('S-41 S-49 I5: is verified by jose with the key of the bundle, in %s', async (alg, audience) => {
    const token = await svidOf({ audience })
    expect(decode(token).header['alg']).toBe(alg)
    const key = await bundleKey(token)
    expect([key?.use, key?.alg]).toEqual(['jwt-svid', undefined])
    expect((await verify(token, key, audience)).payload.sub).toBe('spiffe://prod.example/ns/shop/sa/checkout')
  })

  it('UC-104 S-45: is accepted by a server that trusts our bundle, for the audience that it is for and no other', async () => {
    const answer = await away.exchange({ subject_token: await svidOf() })
    expect(answer.status).toBe(200)
    expect(decode(String(answer.body['access_token'])).claims).toMatchObject({
      sub: 'spiffe://prod.example/ns/shop/sa/checkout',
      client_id: 'neighbour',
    })
    await refusal(away, { subject_token: await svidOf({ audience: 'urn:rs256' }) }, [
      'issuer_unknown',
      'audience_mismatch',
    ])
  })

  it('S-47: has claims of the target, and none of ours or of SPIFFE can be mapped', async () => {
    expect(decode(await svidOf({ audience: 'urn:es384' })).claims['team']).toBe('shop')
    for (const claim of ['sub', 'aud', 'cnf', 'act', 'scope', 'cambist_lineage'])
      await expect(home.apply(target('x', [{ kind: 'jwt-svid', claims: { [claim]: "'x'" } }]))).rejects.toThrow(claim)
  })

  it.each([
    ['EdDSA (S-41)', { algorithm: 'EdDSA' }, /tokens\[0\]\.algorithm.*RS256/],
    ['Ed25519 (S-41)', { algorithm: 'Ed25519' }, /tokens\[0\]\.algorithm.*RS256/],
    ['a binding, which verifiers would not look at', { binding: 'dpop' }, /tokens\[0\]\.binding.*none/],
    ['a typ of its own (S-43)', { typ: 'at+jwt' }, /typ/],
  ])('is refused in a document with %s', async (_, fields, said) => {
    await expect(home.apply(target('x', [{ kind: 'jwt-svid', ...fields }]))).rejects.toThrow(said)
  })

  it('is refused in a document that grants scopes by default, which it could not say', async () => {
    const written = target('x', [{ kind: 'jwt-svid' }], { scopes: ['a'], defaultScopes: ['a'] })
    await expect(home.apply(written)).rejects.toThrow(/says no scopes/)
  })

  it('ends with the credential that it was made of (I4)', async () => {
    const token = await svidOf({ subject_token: cluster.token({ exp: clock.seconds() + 60 }) })
    expect(decode(token).claims['exp']).toBe(clock.seconds() + 60)
  })

  it('UC-80 S-47: is had for an X.509-SVID where a rule lets the key go, since whoever validates it looks for none', async () => {
    const root = await createRoot()
    const { chain } = await certificateOf(root, clock.seconds(), 'spiffe://prod.example/ns/shop/sa/checkout')
    const rule = (changes: string[]) =>
      document('Policy', 'tls-asks', {
        clients: ['tls'],
        targets: ['away'],
        changes: ['format', 'authority', ...changes],
      })
    await home.apply(
      document('TrustedIssuer', 'certificates', {
        credential: 'spiffe-x509-svid',
        trustDomain: 'prod.example',
        keys: { roots: root.pem },
      }),
      document('Client', 'tls', { workloads: [{ issuer: 'certificates' }] }),
      target('away', [{ kind: 'jwt-svid' }], { audience: away.issuer }),
      rule([]),
    )
    const asking = () => behindProxy(home, chain(), { ...asSubject(), audience: away.issuer })
    await expectRefusal(home, await asking(), { ...REQUEST, reason: 'change_denied' })
    await home.apply(rule(['unbind']))
    const answer = await asking()
    expect(decode(String(answer.body['access_token'])).claims).toEqual({
      sub: 'spiffe://prod.example/ns/shop/sa/checkout',
      aud: away.issuer,
      iat: clock.seconds(),
      exp: clock.seconds() + 300,
      jti: answer.id,
    })
    expect(await home.record(answer.id)).toMatchObject({
      granted: { binding: 'none' },
      changes: ['format', 'authority', 'unbind'],
    })
    await home.apply(AWAY)
  })

  it('may be had in the name of another where a rule says impersonate, and has no act then', async () => {
    const subject_token = cluster.token({}, { serviceaccount: 'web' })
    const token = await svidOf({ subject_token, ...asEdge(), audience: away.issuer })
    expect(decode(token).claims).toMatchObject({ sub: 'spiffe://prod.example/ns/shop/sa/web' })
    expect(decode(token).claims).not.toHaveProperty('act')
  })
})

const asEdge = (): Form => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('edge', edge, home.issuer, clock.seconds()),
})

describe('what cannot be said in an SVID is refused with token_unfit, and explained', () => {
  const kinds = [
    ['jwt-svid', TYPE.jwt],
    ['wit', WIT],
  ] as const
  const asking = (type: string, form: Form, headers: Headers = type === WIT ? byDpop(home, holder) : {}) =>
    home.exchange({ requested_token_type: type, audience: 'urn:mapped', ...form }, headers)
  const named = (serviceaccount: string): Form => ({ subject_token: cluster.token({}, { serviceaccount }) })
  const MAPPED = document('Client', 'checkout', { workloads: [{ issuer: 'cluster' }] })

  it.each(
    kinds.flatMap(([kind, type]) =>
      [
        'checkout',
        'spiffe://prod.example',
        'spiffe://prod.example/',
        'spiffe://prod.example//admin',
        'spiffe://prod.example/shop/../admin',
        'spiffe://prod.example/shop/./admin',
        'spiffe://prod.example/shop%2fadmin',
        'spiffe://prod.example/shop admin',
        'spiffe://prod.example/shöp',
        'spiffe://PROD.example/shop',
        'SPIFFE://prod.example/shop',
        'spiffe://prod.example:443/shop',
        'spiffe://x@prod.example/shop',
        'spiffe://prod.example/shop?x',
        'spiffe://prod.example/shop#x',
        'spiffe://other.example/shop',
        'spiffe://prod.example.evil.example/shop',
        'https://prod.example/shop',
      ].map((id) => [kind, id, type] as const),
    ),
  )('T15 S-1 to S-7, W-1 to W-6: a %s for %j, judged as the mapping made it', async (_, id, type) => {
    await home.apply(MAPPED)
    await expectRefusal(home, await asking(type, named(id)), { ...REQUEST, reason: 'token_unfit' })
  })

  it('takes what is one, in every character as the mapping made it', async () => {
    await home.apply(MAPPED)
    for (const id of ['spiffe://prod.example/A/b.c_d-e', `spiffe://prod.example/${'x'.repeat(900)}`]) {
      for (const [, type] of kinds) {
        const { status, body } = await asking(type, named(id))
        expect(status).toBe(200)
        expect(decode(String(body['access_token'])).claims['sub']).toBe(id)
      }
    }
    const wimse = await asking(WIT, named('wimse://prod.example/a%20b~c'))
    expect(decode(String(wimse.body['access_token'])).claims['sub']).toBe('wimse://prod.example/a%20b~c')
    await expectRefusal(home, await asking(TYPE.jwt, named('wimse://prod.example/a')), {
      ...REQUEST,
      reason: 'token_unfit',
    })
  })

  it.each(kinds)('a %s with scopes', async (_, type) => {
    const record = await expectRefusal(home, await asking(type, { audience: away.issuer, scope: 'talk' }), {
      ...REQUEST,
      reason: 'token_unfit',
    })
    expect(record['detail']).toMatch(/says no scopes, and talk/)
  })

  it.each(kinds)('TE-40: a %s that would hide who acts', async (_, type) => {
    const record = await expectRefusal(home, await asking(type, { audience: away.issuer, ...asEdge() }), {
      ...REQUEST,
      reason: 'token_unfit',
    })
    expect(record['detail']).toMatch(/would; have the subject ask for itself/)
  })

  it('S-45: a jwt-svid for two audiences', async () => {
    const answer = await home.exchange({ audience: ['urn:one', 'urn:two'] })
    expect(answer.status).toBe(400)
    await home.apply(
      target('one', [{ kind: 'jwt-svid', subject: MESH }]),
      target('two', [{ kind: 'jwt-svid', subject: MESH }]),
      document('Policy', 'both', {
        clients: ['checkout'],
        targets: ['one', 'two'],
        changes: ['authority', 'identity'],
      }),
    )
    const both = await home.exchange({ audience: ['urn:one', 'urn:two'] })
    await expectRefusal(home, both, { ...REQUEST, reason: 'token_unfit' })
    expect((await home.exchange({ audience: 'urn:two' })).status).toBe(200)
  })

  it('a jwt-svid asked for with a proof, which would bind nothing', async () => {
    const answer = await home.exchange({ audience: away.issuer }, byDpop(home, holder))
    await expectRefusal(home, answer, { ...REQUEST, reason: 'token_unfit' })
  })

  it('says the same to an administrator before anybody asks', async () => {
    const parameters = {
      grant_type: TYPE.exchange,
      subject_token: cluster.token(),
      subject_token_type: TYPE.jwt,
      audience: 'urn:plain',
    }
    const { json } = await home.adminSend('POST', '/admin/v1/explain', { parameters })
    expect(json).toMatchObject({ verdict: 'refused', stage: 'token', reason: 'token_unfit' })
    expect(json['sentence']).toMatch(/names its subject by a SPIFFE ID.*the target's `subject` makes one/)
    const wit = await home.adminSend('POST', '/admin/v1/explain', {
      parameters: { ...parameters, requested_token_type: WIT },
    })
    expect(wit.json).toMatchObject({ verdict: 'refused', stage: 'decision', reason: 'binding_required' })
  })
})

describe('a workload identity token of ours', () => {
  it('W-30 to W-34, S-60 to S-63: names the proven key and no audience, and nothing else that the proof says', async () => {
    const answer = await askWit(
      holder,
      {},
      { jwk: { ...proofJwk(holder), kid: 'evil', use: 'sig', x5u: 'https://evil.example' } },
    )
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: WIT,
      token_type: 'N_A',
      expires_in: 300,
    })
    const token = String(answer.body['access_token'])
    const { header, claims } = decode(token)
    expect(header).toEqual({ typ: 'wit+jwt', alg: 'ES256', kid: expect.any(String) })
    const now = clock.seconds()
    const { kty, crv, x, y } = holder.publicKey.export({ format: 'jwk' })
    expect(claims).toEqual({
      iss: 'spiffe://prod.example',
      sub: 'spiffe://prod.example/ns/shop/sa/checkout',
      iat: now,
      exp: now + 300,
      jti: answer.id,
      cnf: { jwk: { kty, crv, x, y, alg: 'ES256' } },
    })
    expect(wit.claims.safeParse(claims).success).toBe(true)
    expect((await bundleKey(token))?.use).toBe('wit-svid')
    expect(await home.record(answer.id)).toMatchObject({
      granted: { binding: 'dpop' },
      changes: ['format', 'identity', 'authority'],
    })
  })

  it('DP-04: is refused without a proof, in whatever way a rule is written', async () => {
    const answer = await home.exchange({ audience: away.issuer, requested_token_type: WIT })
    await expectRefusal(home, answer, { ...REQUEST, reason: 'binding_required' })
    for (const binding of ['none', 'mtls', 'any'])
      await expect(home.apply(target('x', [{ kind: 'wit', binding }]))).rejects.toThrow(/a binding is one of dpop/)
  })

  it.each([
    ['spiffe', () => witOf(holder)],
    ['wimse', () => witOf(holder, { audience: 'urn:plain' })],
  ])(
    'W-40 to W-44: of scheme %s is accepted by a server that trusts our bundle, with a proof of that key alone',
    async (_, made) => {
      const token = await made()
      const sent: Form = { subject_token: token, scope: 'orders:read' }
      const accepted = await ask(away, sent, (body) => witAndWpt(away, holder, token, body))
      expect(accepted.status).toBe(200)
      expect(decode(String(accepted.body['access_token'])).claims).toMatchObject({
        sub: decode(token).claims['sub'],
        client_id: 'neighbour',
      })
      const thief = new SigningKey('ES256')
      const stolen = await ask(away, sent, (body) => witAndWpt(away, thief, token, body))
      await expectRefusal(away, stolen, { status: 401, error: 'invalid_client', reason: 'proof_invalid' })
      const asBearer = await away.exchange({}, { Authorization: `Bearer ${token}` })
      await expectRefusal(away, asBearer, { status: 401, error: 'invalid_client', reason: 'authentication_scheme' })
      await refusal(away, sent, 'confirmation_unproven')
    },
  )

  it('W-34: a new key makes a new credential, and the old one is not good for it', async () => {
    const fresh = new SigningKey('ES384')
    const token = await witOf(fresh)
    expect(decode(token).claims['cnf']).toMatchObject({ jwk: { crv: 'P-384', alg: 'ES384' } })
    const old = await witOf(holder)
    const swapped = await ask(away, { subject_token: old, scope: 'orders:read' }, (body) =>
      witAndWpt(away, fresh, old, body),
    )
    expect(swapped.status).toBe(401)
  })

  it('S-41: has no Ed25519 key where its id is a SPIFFE ID, and may have one where it is a WIMSE identifier', async () => {
    const ed = new SigningKey('EdDSA')
    await expectRefusal(home, await askWit(ed), { ...REQUEST, reason: 'token_unfit' })
    const token = await witOf(ed, { audience: 'urn:plain' })
    expect(decode(token).claims['cnf']).toMatchObject({ jwk: { kty: 'OKP', alg: 'EdDSA' } })
  })
})

describe('T9 T39 JB-08: an SVID is nothing else, and nothing else is an SVID', () => {
  const SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'

  it('verifies by no key of /jwks, and an access token by no key of /bundle', async () => {
    const accessToken = String((await home.exchange()).body['access_token'])
    const [published, bundled] = [await keysAt('/jwks'), await keysAt('/bundle')]
    expect(published.map(({ use }) => use)).not.toContain('jwt-svid')
    const kids = (keys: readonly JWK[]) => keys.map(({ kid }) => kid)
    expect(kids(published).filter((kid) => kids(bundled).includes(kid))).toEqual([])
    for (const [token, keys] of [
      [await svidOf(), published],
      [await witOf(holder), published],
      [accessToken, bundled],
    ] as const) {
      expect(kids(keys)).not.toContain(decode(token).header['kid'])
      for (const key of keys.filter(({ crv }) => crv === 'P-256'))
        await expect(verify(token, key, String(decode(token).claims['aud']))).rejects.toThrow(/signature/)
    }
  })

  it.each([
    ['JWT-SVID', () => svidOf()],
    ['WIT', () => witOf(holder)],
  ])('a %s of ours is no access token, no subject, no actor and no client assertion of ours', async (_, made) => {
    const token = await made()
    await refusal(home, { subject_token: token, subject_token_type: TYPE.accessToken, ...asEdge() }, [
      'token_type_mismatch',
      'issuer_unknown',
      'claim_missing',
    ])
    await refusal(home, { subject_token: token }, ['issuer_unknown', 'token_type_mismatch'])
    await refusal(
      home,
      { actor_token: token, actor_token_type: TYPE.jwt },
      ['issuer_unknown', 'token_type_mismatch'],
      'actor',
    )
    for (const type of [TYPE.clientAssertion, SPIFFE]) {
      const form = { client_assertion: token, client_assertion_type: type }
      await refusal(home, form, ['claim_missing', 'issuer_unknown', 'token_type_mismatch'], 'client')
    }
  })

  it('an access token of ours is no JWT-SVID to whom it was sent, and neither SVID is the other', async () => {
    const exchanged: Answer = await home.exchange({ audience: away.issuer, requested_token_type: TYPE.accessToken })
    const accessToken = String(exchanged.body['access_token'])
    expect(decode(accessToken).claims).toMatchObject({
      sub: 'spiffe://prod.example/ns/shop/sa/checkout',
      aud: away.issuer,
    })
    await refusal(away, { subject_token: accessToken }, ['token_type_mismatch', 'issuer_unknown'])
    const svid = await svidOf()
    const header = (body: string, server: TestServer = away): Headers => ({
      'Workload-Identity-Token': svid,
      Authorization: `WPT ${wpt(holder, { token: svid, audience: `${server.issuer}/token`, body, now: clock.seconds() })}`,
    })
    const asWit = await ask(away, { subject_token: svid, scope: 'orders:read' }, header)
    expect(asWit.status).toBe(401)
    const wit = await witOf(holder)
    const proof = dpop(holder, { url: `${away.issuer}/token`, now: clock.seconds() })
    const asSvid = await away.exchange({ client_assertion: wit, client_assertion_type: SPIFFE }, { DPoP: proof })
    expect(asSvid.status).toBe(401)
    expect((await away.record(asSvid.id))['outcome']).toBe('refused')
  })
})

describe('the keys of SVIDs (I5)', () => {
  it('are shown with their use, and have successors by themselves, which those who follow the bundle never miss', async () => {
    const keys = async () =>
      ((await (await home.adminGet('/admin/v1/keys')).json()) as { items: { kid: string; use: string }[] }).items
    const count = async (use: string) => (await keys()).filter((key) => key.use === use).length
    const before = await Promise.all(['sig', 'jwt-svid', 'wit-svid'].map(count))
    const rotated = await home.adminSend('POST', '/admin/v1/keys/rotate', { use: 'jwt-svid', algorithm: 'ES256' })
    expect(rotated.json['items']).toMatchObject([{ use: 'jwt-svid', algorithm: 'ES256', state: 'published' }])
    const [successor] = rotated.json['items'] as { kid: string }[]
    await vi.waitFor(async () => expect((await keysAt('/bundle')).map(({ kid }) => kid)).toContain(successor?.kid))
    expect(await Promise.all(['sig', 'jwt-svid', 'wit-svid'].map(count))).toEqual([
      before[0],
      (before[1] ?? 0) + 1,
      before[2],
    ])

    const last = await svidOf()
    expect(decode(last).header['kid']).not.toBe(successor?.kid)
    clock.advance(3600)
    const fresh = await svidOf()
    expect(decode(fresh).header['kid']).toBe(successor?.kid)
    expect((await away.exchange({ subject_token: fresh })).status).toBe(200)
    expect(await bundleKey(last)).toBeDefined()
  })
})
