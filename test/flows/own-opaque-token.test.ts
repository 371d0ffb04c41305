import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../harness/cambist.ts'
import { brought, type Registered, Services, tokenFor } from '../harness/inquiries.ts'
import { expectRefusal, refusal } from '../harness/refusal.ts'
import { decode, SigningKey } from '../harness/tokens.ts'
import { ask, byDpop } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster } = server
const services = new Services(server)
await server.apply(
  ...services.documents(),
  document('Target', 'safe', {
    ...{ audience: 'https://safe.example', scopes: ['safe:open'], tokens: [{ kind: 'opaque' }] },
  }),
  document('Policy', 'signed-alone', {
    clients: ['web'],
    targets: ['safe'],
    scopes: ['safe:open'],
    tokenTypes: ['access-token'],
  }),
)
const VAULT: Form = { audience: 'https://vault.example' }
const STOCK: Form = { audience: 'https://stock.example' }
const issued = (form: Form = {}) => tokenFor(server, { ...services.as('web'), ...VAULT, ...form })

describe('an opaque token of ours that comes back (TE-70)', () => {
  it('is exchanged by the client it was issued to and by one that it is for, and by no other (T18)', async () => {
    const token = await issued()
    for (const by of ['web', 'orders-api'] as const) {
      const answer = await server.exchange({ ...brought(token), ...services.as(by), ...STOCK })
      expect(answer.status).toBe(200)
      expect(decode(String(answer.body['access_token'])).claims).toMatchObject({
        sub: 'wimse://127.0.0.1/cluster/system%3Aserviceaccount%3Ashop%3Acheckout',
        cambist_path: ['web', by],
      })
      expect(await server.record(answer.id)).toMatchObject({
        subject: { issuer: 'self', kind: 'opaque' },
        changes: expect.arrayContaining(['format']),
      })
    }
    for (const by of ['stock-api', 'stranger'] satisfies Registered[])
      await refusal(server, { ...brought(token), ...services.as(by), ...STOCK }, 'audience_mismatch')
  })

  it('keeps its lineage over signed and opaque tokens', async () => {
    const first = await server.exchange({ ...services.as('web'), ...VAULT })
    const second = await tokenFor(server, {
      ...brought(String(first.body['access_token'])),
      ...services.as('orders-api'),
      ...VAULT,
    })
    const third = await server.exchange({ ...brought(second), ...services.as('orders-api'), ...STOCK })
    expect(await server.record(third.id)).toMatchObject({ lineage: first.id, parents: [expect.any(String)] })
    expect(decode(String(third.body['access_token'])).claims).toMatchObject({
      cambist_lineage: first.id,
      cambist_path: ['web', 'orders-api', 'orders-api'],
    })
  })

  it('ends no later than it says, and is made no wider (T19, TE-75)', async () => {
    const token = await issued()
    clock.advance(250)
    const next = await server.exchange({ ...brought(token), ...services.as('web'), ...STOCK })
    expect(next.body['expires_in']).toBe(50)
    await refusal(server, { ...brought(token), ...services.as('web'), ...VAULT, scope: 'vault:close' }, 'scope_unknown')
    clock.advance(50)
    await refusal(server, { ...brought(token), ...services.as('web'), ...STOCK }, 'expired')
  })

  it('is refused where nobody was given it, or one character is another (T11)', async () => {
    const token = await issued()
    const changed = `${token.slice(0, 20)}${token[20] === 'A' ? 'B' : 'A'}${token.slice(21)}`
    await refusal(server, { ...brought(changed), ...services.as('web'), ...STOCK }, 'token_malformed')
    const forgotten = await issued()
    await server.database.query(`DELETE FROM cambist.reference_tokens`)
    await refusal(server, { ...brought(forgotten), ...services.as('web'), ...STOCK }, 'token_unknown')
  })

  it('is no client, no actor, and of no other type (T9, TE-32)', async () => {
    const token = await issued()
    await refusal(server, { ...brought(token), ...STOCK }, 'client_required')
    const actor = { actor_token: token, actor_token_type: String(brought(token)['subject_token_type']) }
    await refusal(server, { ...services.as('web'), ...actor }, 'position_refused', 'actor')
    const jwt = { ...brought(token), subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }
    await refusal(server, { ...jwt, ...services.as('web') }, 'token_malformed')
    await refusal(server, { ...services.as('web'), subject_token: cluster.token(), ...jwtAsOpaque() }, 'issuer_unknown')
  })
  const jwtAsOpaque = (): Form => ({ subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' })

  it('is exchanged with a proof of the key that it is bound to, and without it by nobody (TE-74)', async () => {
    const key = new SigningKey('ES256')
    const first = await ask(server, { ...services.as('web'), ...VAULT }, () => byDpop(server, key))
    expect(first.body['token_type']).toBe('DPoP')
    const token = String(first.body['access_token'])
    const form = () => ({ ...brought(token), ...services.as('web'), ...STOCK })
    await refusal(server, form(), 'confirmation_unproven')
    const stolen = await ask(server, form(), () => byDpop(server, new SigningKey('ES256')))
    await expectRefusal(server, stolen, { error: 'invalid_request', reason: 'confirmation_unproven' })
    expect((await ask(server, form(), () => byDpop(server, key))).status).toBe(200)
  })
})

describe('documents about opaque tokens', () => {
  it('may leave them to no policy: a rule about signed ones permits none', async () => {
    await refusal(server, { ...services.as('web'), audience: 'https://safe.example' }, 'denied')
  })

  it.each([
    ['an algorithm, since they are not signed', [{ kind: 'opaque', algorithm: 'ES256' }], /not signed/],
    ['a type, since they have no header', [{ kind: 'opaque', typ: 'JWT' }], /typ/],
    ['signed ones beside them', [{ kind: 'opaque' }, { kind: 'access-token' }], /one request could mean both/],
  ])('cannot say %s', async (_, tokens, why) => {
    await expect(server.apply(document('Target', 'bad', { audience: 'urn:bad', tokens }))).rejects.toThrow(why)
  })

  it('are explained by what the token would stand for, and nothing is issued (I8)', async () => {
    const { json } = await server.adminSend('POST', '/admin/v1/explain', {
      parameters: {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: cluster.token(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        ...services.as('web'),
        ...VAULT,
      },
    })
    expect(JSON.stringify(json)).toContain('https://vault.example')
    expect(JSON.stringify(json)).not.toContain('cambist_at_')
  })
})
