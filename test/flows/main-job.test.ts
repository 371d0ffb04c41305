import { createRemoteJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { decode } from '../harness/tokens.ts'

const server = await startCambist()

describe('the main job', () => {
  it('turns a Kubernetes token into a scoped access token that jose verifies, and records it', async () => {
    const subjectToken = server.cluster.token()
    const answer = await server.exchange({ subject_token: subjectToken, scope: 'orders:read' })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders:read',
    })
    const token = String(answer.body['access_token'])
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(`${server.issuer}/jwks`)), {
      issuer: server.issuer,
      audience: 'https://orders.example',
      typ: 'at+jwt',
      algorithms: ['ES256'],
      currentDate: new Date(server.clock.now()),
    })
    expect(payload).toMatchObject({
      sub: 'wimse://127.0.0.1/cluster/system%3Aserviceaccount%3Ashop%3Acheckout',
      client_id: 'checkout',
      scope: 'orders:read',
      iat: server.clock.seconds(),
      exp: server.clock.seconds() + 300,
      jti: answer.id,
      cambist_lineage: answer.id,
      cambist_path: ['checkout'],
    })

    const row = await server.record(answer.id)
    expect(row).toMatchObject({
      id: answer.id,
      outcome: 'granted',
      grant: 'token-exchange',
      client: 'checkout',
      authentication: 'subject_token',
      subject: { issuer: 'cluster', id: payload.sub, kind: 'jwt', instance: '7f0f2c3e-8a51-4b1c-bb55-2f6a3f9f3c11' },
      requested: { scopes: ['orders:read'], audiences: ['https://orders.example'] },
      granted: { scopes: ['orders:read'], targets: ['orders'], lifetime: 300, binding: 'none' },
      rules: ['checkout-reads-orders'],
      changes: ['authority', 'scope'],
      jti: answer.id,
      lineage: answer.id,
    })
    expect(row['tokenHash']).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(JSON.stringify(row)).not.toContain(subjectToken.slice(-40))
    expect(JSON.stringify(row)).not.toContain(token.slice(-40))
  })

  it('gives the default scopes when none is named, and never more than the policy permits', async () => {
    const answer = await server.exchange()
    expect(answer.body['scope']).toBe('orders:read')
    const refused = await server.exchange({ scope: 'orders:read orders:write' })
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_scope'])
    expect(await server.record(refused.id)).toMatchObject({
      outcome: 'refused',
      reason: 'scope_denied',
      client: 'checkout',
      tokenHash: '',
      granted: null,
    })
  })

  it('never lets a token outlive the one it came from (TE-13, I4)', async () => {
    const answer = await server.exchange({ subject_token: server.cluster.token({ exp: server.clock.seconds() + 42 }) })
    expect(answer.body['expires_in']).toBe(42)
    const { claims } = decode(String(answer.body['access_token']))
    expect(claims['exp']).toBe(server.clock.seconds() + 42)
  })
})

describe('a change is in force when it is acknowledged (I3)', () => {
  it.each([
    ['an issuer', 'TrustedIssuer', 'cluster', 'issuer_disabled'],
    ['a client', 'Client', 'checkout', 'client_disabled'],
    ['a target', 'Target', 'orders', 'target_closed'],
    ['a rule', 'Policy', 'checkout-reads-orders', 'denied'],
  ])('%s that is disabled', async (_what, kind, name, reason) => {
    const documents = (await (
      await server.adminGet(
        `/admin/v1/${{ TrustedIssuer: 'trusted-issuers', Client: 'clients', Target: 'targets', Policy: 'policies' }[kind]}/${name}`,
      )
    ).json()) as {
      spec: object
    }
    expect((await server.exchange()).status).toBe(200)
    await server.apply(document(kind, name, { ...documents.spec, disabled: true }))
    const refused = await server.exchange()
    expect((await server.record(refused.id))['reason']).toBe(reason)
    await server.apply(document(kind, name, documents.spec))
    expect((await server.exchange()).status).toBe(200)
  })
})
