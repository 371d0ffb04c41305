import { createRemoteJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { inquire } from '../../harness/inquiries.ts'
import { thumbprintOf } from '../../harness/proofs.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, clientAssertion, SigningKey, TYPE } from '../../harness/tokens.ts'
import { byDpop } from '../../harness/workload.ts'

/** RFC 9068: the access tokens that we issue, as a resource server reads them. */
const server = await startCambist()
const { cluster, clock } = server
await server.apply(
  document('Target', 'signed-rs256', {
    audience: 'urn:signed:RS256',
    tokens: [{ kind: 'access-token', algorithm: 'RS256' }],
  }),
  document('Target', 'signed-eddsa', {
    audience: 'urn:signed:EdDSA',
    tokens: [{ kind: 'access-token', algorithm: 'EdDSA' }],
  }),
  document('Target', 'signed-es384', {
    audience: 'urn:signed:ES384',
    tokens: [{ kind: 'access-token', algorithm: 'ES384' }],
  }),
  document('Target', 'plain-typ', { audience: 'urn:plain-typ', tokens: [{ kind: 'access-token', typ: 'JWT' }] }),
  document('Target', 'renamed', {
    audience: 'urn:renamed',
    scopes: ['named', 'unnamed'],
    tokens: [{ kind: 'access-token', subject: 'subject.serviceaccount' }],
  }),
  document('Target', 'detailed', {
    audience: 'urn:detailed',
    tokens: [
      {
        kind: 'access-token',
        claims: {
          'https://orders.example/team': 'subject.namespace',
          pod: 'subject.pod',
          nothing: 'subject.pod.department',
          asker: 'client.name',
          number: '7',
        },
      },
    ],
  }),
  document('Client', 'odd', {
    workloads: [
      { issuer: 'cluster', match: { namespace: ['shop'] }, condition: "workload.serviceaccount.startsWith('odd')" },
    ],
  }),
  document('Policy', 'odd', { clients: ['odd'], targets: ['orders'], scopes: ['orders:read'] }),
  document('Policy', 'signed', {
    clients: ['checkout'],
    targets: ['signed-rs256', 'signed-eddsa', 'signed-es384', 'plain-typ', 'detailed'],
  }),
  document('Policy', 'renames', {
    clients: ['checkout'],
    targets: ['renamed'],
    scopes: ['named'],
    changes: ['format', 'scope', 'authority', 'identity'],
  }),
  document('Policy', 'does-not-rename', { clients: ['checkout'], targets: ['renamed'], scopes: ['unnamed'] }),
)

const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`))

/** As a resource server does by RFC 9068 §4 (AT-09). */
async function verified(form: Form = {}, typ = 'at+jwt', headers: Record<string, string> = {}) {
  const answer = await server.exchange(form, headers)
  expect(answer.body).toMatchObject({ issued_token_type: TYPE.accessToken })
  const { protectedHeader, payload } = await jwtVerify(String(answer.body['access_token']), keys, {
    issuer: server.issuer,
    audience: (form['audience'] as string | undefined) ?? 'https://orders.example',
    typ,
    requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
    currentDate: new Date(clock.now()),
  })
  return { header: protectedHeader as Claims, claims: payload as Claims, answer }
}

describe('RFC 9068 §2.1: header', () => {
  it('AT-01 is typed at+jwt, signed, and names its key', async () => {
    const { header } = await verified()
    expect(header).toEqual({ typ: 'at+jwt', alg: 'ES256', kid: expect.any(String) })
  })

  it.each(['RS256', 'EdDSA', 'ES384'])('AT-01 signs by %s where the target wants it', async (algorithm) => {
    const { header } = await verified({ audience: `urn:signed:${algorithm}` })
    expect(header).toEqual({ typ: 'at+jwt', alg: algorithm, kid: expect.any(String) })
  })

  it('AT-01 is typed JWT only where the target says so', async () => {
    const { header } = await verified({ audience: 'urn:plain-typ' }, 'JWT')
    expect(header['typ']).toBe('JWT')
  })
})

describe('RFC 9068 §2.2: claims', () => {
  it('AT-02 has what is required and nothing that nobody asked for', async () => {
    const { claims, answer } = await verified()
    expect(claims).toEqual({
      iss: server.issuer,
      sub: 'wimse://127.0.0.1/cluster/system%3Aserviceaccount%3Ashop%3Acheckout',
      aud: 'https://orders.example',
      client_id: 'checkout',
      iat: clock.seconds(),
      exp: clock.seconds() + 300,
      jti: answer.id,
      scope: 'orders:read',
      cambist_lineage: answer.id,
      cambist_path: ['checkout'],
    })
  })

  it('AT-02 gives every token an id of its own, the one of its record', async () => {
    const ids = new Set<unknown>()
    for (let count = 0; count < 5; count++) {
      const { claims, answer } = await verified()
      expect(claims['jti']).toBe((await server.record(answer.id))['jti'])
      ids.add(claims['jti'])
    }
    expect(ids.size).toBe(5)
  })

  it.each([
    ['odd:name', 'odd%3Aname'],
    ['odd/../checkout', 'odd%2F..%2Fcheckout'],
    ['odd name', 'odd%20name'],
    ['odd-ü', 'odd-%C3%BC'],
    ["odd!'()*", 'odd%21%27%28%29%2A'],
    ['odd%2Fname', 'odd%252Fname'],
    ['odd#?&', 'odd%23%3F%26'],
  ])('AT-03 UC-55 names the subject %s by a URI that no other has', async (name, encoded) => {
    const { claims } = await verified({
      subject_token: cluster.token({ sub: name }, { serviceaccount: name }),
    })
    expect(claims['sub']).toBe(`wimse://127.0.0.1/cluster/${encoded}`)
  })

  it('AT-03 BC-07 never issues a subject that is the name of a client', async () => {
    const { claims } = await verified({ subject_token: cluster.token({ sub: 'checkout' }) })
    expect(claims['sub']).toBe('wimse://127.0.0.1/cluster/checkout')
  })

  it('AT-03 issues another subject by the mapping of the target, and records the change of identity', async () => {
    const { claims, answer } = await verified({ audience: 'urn:renamed', scope: 'named' })
    expect(claims['sub']).toBe('checkout')
    const record = await server.record(answer.id)
    expect(record['changes']).toContain('identity')
    expect(record).toMatchObject({
      subject: { id: 'wimse://127.0.0.1/cluster/system%3Aserviceaccount%3Ashop%3Acheckout' },
    })
  })

  it('AT-03 issues no other subject where the rule does not name the change of identity', async () => {
    const answer = await server.exchange({ audience: 'urn:renamed', scope: 'unnamed' })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'change_denied' })
    const both = await server.exchange({ audience: 'urn:renamed', scope: 'named unnamed' })
    await expectRefusal(server, both, { error: 'invalid_request', reason: 'change_denied' })
  })

  it('AT-04 invents nothing about how a user signed in', async () => {
    const { claims } = await verified({
      subject_token: cluster.token({ auth_time: 1, acr: 'high', amr: ['hwk'], nonce: 'n', at_hash: 'x', email: 'a@b' }),
    })
    for (const name of ['auth_time', 'acr', 'amr', 'nonce', 'at_hash', 'email']) expect(claims).not.toHaveProperty(name)
  })

  it('AT-07 is for the target, by its audience, also where a resource was named', async () => {
    const { claims } = await verified({ resource: 'https://orders.example/api', audience: undefined })
    expect(claims['aud']).toBe('https://orders.example')
  })

  it('AT-08 names a single audience as a text', async () => {
    expect((await verified()).claims['aud']).toBe('https://orders.example')
  })

  it('AT-12 carries the claims that the target maps, and leaves out what has no value', async () => {
    const { claims } = await verified({ audience: 'urn:detailed' })
    expect(claims).toMatchObject({
      'https://orders.example/team': 'shop',
      pod: 'checkout-6d5f7c9b8-x2x7q',
      asker: 'checkout',
      number: 7,
    })
    expect(claims).not.toHaveProperty('nothing')
  })

  it('AT-12 UC-29 tells one service more of the same subject than another', async () => {
    const subject_token = cluster.token()
    const [full, bare] = [
      await verified({ subject_token, audience: 'urn:detailed' }),
      await verified({ subject_token }),
    ]
    expect(full.claims['sub']).toBe(bare.claims['sub'])
    for (const name of ['https://orders.example/team', 'pod', 'asker']) {
      expect(full.claims).toHaveProperty([name])
      expect(bare.claims).not.toHaveProperty([name])
    }
  })

  it.each(['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope', 'act', 'cnf', 'cambist_lineage', 'acr'])(
    'AT-02 lets no target map %s, which is ours to write',
    async (claim) => {
      const target = document('Target', 'greedy', {
        audience: 'urn:greedy',
        tokens: [{ kind: 'access-token', claims: { [claim]: "'x'" } }],
      })
      await expect(server.apply(target)).rejects.toThrow(new RegExp(`spec\\.tokens\\[0\\]\\.claims\\.${claim}`))
    },
  )
})

describe('RFC 9068 §2.2.3, RFC 8693, 9449, 9396: what a token says beside that', () => {
  it('AT-11 says at once who acts, which key it is bound to, and which details were granted', async () => {
    const [key, gateway] = [new SigningKey('ES256'), new SigningKey('ES256')]
    await server.apply(
      document('Client', 'gateway', { authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } } }),
      document('Target', 'payments', {
        audience: 'urn:payments',
        authorizationDetails: [{ type: 'payment', members: { actions: 'texts' } }],
      }),
      document('Policy', 'gateway-pays', {
        ...{ clients: ['gateway'], targets: ['payments'], authorizationDetails: [{ type: 'payment' }] },
        delegation: { mode: 'delegate' },
      }),
    )
    const details = [{ type: 'payment', actions: ['initiate'] }]
    const form = {
      client_assertion: clientAssertion('gateway', gateway, server.issuer, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
      audience: 'urn:payments',
      authorization_details: JSON.stringify(details),
    }
    const { claims } = await verified(form, 'at+jwt', byDpop(server, key))
    expect(claims).toMatchObject({
      act: { sub: 'wimse://127.0.0.1/clients/gateway' },
      cnf: { jkt: thumbprintOf(key) },
      authorization_details: details,
    })
  })
})

/** Milliseconds: beyond the end of every token that a test here is given. */
const END = clock.now() + 3_600_000

describe('RFC 9068 §4: what a resource server refuses', () => {
  it.each([
    ['another audience', { audience: 'https://billing.example' }],
    ['another issuer', { issuer: 'https://evil.example' }],
    ['another type', { typ: 'JWT' }],
    ['a time after its end', { currentDate: new Date(END) }],
    ['another algorithm', { algorithms: ['RS256'] }],
  ])('AT-09 AT-10 does not pass for %s', async (_, options) => {
    const token = String((await server.exchange()).body['access_token'])
    const right = {
      issuer: server.issuer,
      audience: 'https://orders.example',
      typ: 'at+jwt',
      currentDate: new Date(clock.now()),
    }
    await expect(jwtVerify(token, keys, right)).resolves.toBeDefined()
    await expect(jwtVerify(token, keys, { ...right, ...options })).rejects.toThrow(
      /unexpected|"exp"|not allowed|timestamp/,
    )
  })

  it('AT-10 lets no other JWT of ours pass, though it is signed by a published key, for that audience, and in force', async () => {
    let published = keys
    const audience = 'https://anything.example'
    const kinds = [
      ['authorization-grant', TYPE.jwt, 'cambist-authorization-grant+jwt'],
      ['transaction-token', TYPE.transactionToken, 'txntoken+jwt'],
    ] as const
    const passes = (token: string, typ: string, aud = audience) =>
      jwtVerify(token, published, { issuer: server.issuer, audience: aud, typ, currentDate: new Date(clock.now()) })
    for (const [kind, requested_token_type, typ] of kinds) {
      await server.apply(
        document('Target', 'anything', { audience, scopes: ['x'], tokens: [{ kind }] }),
        document('Policy', 'anything', { clients: ['checkout'], targets: ['anything'], scopes: ['x'] }),
      )
      published = createRemoteJWKSet(new URL(`${server.issuer}/jwks`)) // with the key of that kind
      const { body } = await server.exchange({ audience, requested_token_type, scope: 'x' })
      const token = String(body['access_token'])
      await expect(passes(token, typ)).resolves.toBeDefined()
      for (const asked of ['at+jwt', 'JWT']) await expect(passes(token, asked)).rejects.toThrow(/unexpected "typ"/)
    }
    const token = String((await server.exchange()).body['access_token'])
    const pod = { client_assertion: cluster.token(), client_assertion_type: TYPE.clientAssertion }
    const signed = { Accept: 'application/token-introspection+jwt' }
    const { text } = await inquire(server, '/introspect', { token, ...pod }, signed)
    await expect(passes(text, 'token-introspection+jwt', 'checkout')).resolves.toBeDefined()
    await expect(passes(text, 'at+jwt', 'checkout')).rejects.toThrow(/unexpected "typ"/)
  })

  it('I5 verifies with the keys that were read before it was issued', async () => {
    const early = await server.get('/jwks').then((response) => response.json())
    clock.advance(600)
    const { header } = await verified()
    expect((early as { keys: Claims[] }).keys.map(({ kid }) => kid)).toContain(header['kid'])
  })
})
