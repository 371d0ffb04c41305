import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, clientAssertion, decode, SigningKey, TYPE } from '../../harness/tokens.ts'

/** RFC 8693 §4: act, scope, client_id and may_act. */
const server = await startCambist()
const { cluster, clock } = server
const gateway = new SigningKey('ES256')
const peer = new SigningKey('ES256')
const other = new SigningKey('ES256')
const PEER = 'https://peer.example'
const OTHER = 'https://other.example'
const oidc = (name: string, issuer: string, key: SigningKey, spec: object = {}) =>
  document('TrustedIssuer', name, {
    preset: 'oidc',
    issuer,
    audiences: [server.issuer],
    keys: { jwks: { keys: [key.jwk] } },
    attributes: { email: 'assertion.email' },
    ...spec,
  })
await server.apply(
  oidc('peer', PEER, peer, { act: 'keep' }),
  oidc('other', OTHER, other),
  document('Client', 'gateway', { authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } } }),
  document('Client', 'agents', {
    workloads: [
      { issuer: 'peer', ids: ['agent'] },
      { issuer: 'other', ids: ['agent'] },
    ],
  }),
  document('Target', 'deep', { audience: 'urn:deep' }),
  document('Target', 'seen', {
    audience: 'urn:seen',
    tokens: [{ kind: 'access-token', claims: { actor_id: 'actor.id' } }],
  }),
  document('Target', 'named', { audience: 'urn:named' }),
  document('Target', 'alone', { audience: 'urn:alone' }),
  document('Target', 'impersonated', { audience: 'urn:impersonated' }),
  document('Policy', 'delegates', {
    clients: ['gateway', 'agents'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
  document('Policy', 'deep', {
    clients: ['gateway'],
    targets: ['deep'],
    delegation: { mode: 'delegate', maxDepth: 8 },
  }),
  document('Policy', 'named', {
    clients: ['gateway'],
    targets: ['named'],
    delegation: { mode: 'delegate', requireMayAct: true },
  }),
  document('Policy', 'alone', { clients: ['gateway', 'agents'], targets: ['alone'] }),
  document('Policy', 'impersonated', {
    clients: ['gateway'],
    targets: ['impersonated'],
    delegation: { mode: 'impersonate' },
  }),
  document('Policy', 'seen', {
    clients: ['gateway'],
    targets: ['seen'],
    delegation: { mode: 'delegate' },
    condition: "actor.issuer == 'clients' && subject.email == 'user@peer.example'",
  }),
)

const GATEWAY = 'wimse://127.0.0.1/clients/gateway'
const of = (issuer: string, key: SigningKey, sub: string, claims: Claims = {}) => {
  const now = clock.seconds()
  return key.sign({
    iss: issuer,
    sub,
    aud: server.issuer,
    iat: now,
    exp: now + 600,
    email: `${sub}@peer.example`,
    ...claims,
  })
}
const ofPeer = (claims: Claims = {}) => of(PEER, peer, 'user', claims)
const asGateway = (): Form => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('gateway', gateway, server.issuer, clock.seconds()),
})
const byGateway = (claims: Claims, form: Form = {}) =>
  server.exchange({ ...asGateway(), subject_token: ofPeer(claims), ...form })
const byAgent = (claims: Claims, issuer: [string, SigningKey] = [PEER, peer]) =>
  server.exchange({ subject_token: ofPeer(claims), actor_token: of(...issuer, 'agent'), actor_token_type: TYPE.jwt })
const claimsOf = (answer: { body: Record<string, unknown> }) => decode(String(answer.body['access_token'])).claims
/** `act` of so many actors: actor-1 is the current one. */
const chain = (depth: number, at = 1): Claims | undefined =>
  at > depth ? undefined : { iss: PEER, sub: `actor-${at}`, ...(at < depth ? { act: chain(depth, at + 1) } : {}) }

const DELEGATION = { error: 'invalid_request', reason: 'delegation_denied' } as const
const MALFORMED = { error: 'invalid_request', reason: 'claim_malformed' } as const
const MISMATCH = { error: 'invalid_request', reason: 'may_act_mismatch' } as const

describe('RFC 8693 §4.1: act', () => {
  it('TE-40 names the actor by identity claims alone', async () => {
    expect(claimsOf(await byGateway({}))['act']).toEqual({ sub: GATEWAY })
  })

  it('TE-41 keeps the actors of the subject token inside the new one, the oldest deepest', async () => {
    const answer = await byGateway({ act: chain(2) })
    expect(claimsOf(answer)['act']).toEqual({
      sub: GATEWAY,
      act: { iss: PEER, sub: 'actor-1', act: { iss: PEER, sub: 'actor-2' } },
    })
    expect(await server.record(answer.id)).toMatchObject({
      actors: [{ sub: GATEWAY }, { iss: PEER, sub: 'actor-1' }, { iss: PEER, sub: 'actor-2' }],
    })
  })

  it('TE-40 TE-48 copies no other claim of an actor inwards', async () => {
    const act = { ...chain(1), exp: 1, aud: 'x', email: 'a@b', client_id: 'y', act: { ...chain(1), nbf: 9 } }
    expect(claimsOf(await byGateway({ act }))['act']).toEqual({
      sub: GATEWAY,
      act: { iss: PEER, sub: 'actor-1', act: { iss: PEER, sub: 'actor-1' } },
    })
  })

  it('TE-40 T20 says whose name it is where the issuer of the subject token left that open', async () => {
    const act = { sub: GATEWAY, act: { sub: 'actor-2' } }
    expect(claimsOf(await byGateway({ act }))['act']).toEqual({
      sub: GATEWAY,
      act: { iss: PEER, sub: GATEWAY, act: { iss: PEER, sub: 'actor-2' } },
    })
  })

  it.each([1, 2])('TE-48 lets %i actors before the new one pass where the rule allows three', async (depth) => {
    expect((await byGateway({ act: chain(depth) })).status).toBe(200)
  })

  it('TE-48 refuses a fourth actor where the rule allows three, and never cuts the chain', async () => {
    await expectRefusal(server, await byGateway({ act: chain(3) }), DELEGATION)
  })

  it('TE-48 goes eight deep where a rule says so, and never deeper', async () => {
    const audience = 'urn:deep'
    expect((await byGateway({ act: chain(7) }, { audience })).status).toBe(200)
    await expectRefusal(server, await byGateway({ act: chain(8) }, { audience }), DELEGATION)
    await expectRefusal(server, await byGateway({ act: chain(9) }, { audience }), MALFORMED)
  })

  it.each([
    ['a text', 'gateway'],
    ['a list', [chain(1)]],
    ['null', null],
    ['an actor without sub', { iss: PEER }],
    ['an actor with an empty sub', { sub: '' }],
    ['an actor whose sub is no text', { sub: 7 }],
    ['an actor whose iss is no text', { sub: 'x', iss: [PEER] }],
    ['an actor of 1025 characters', { sub: 'x'.repeat(1025) }],
    ['a text inside', { ...chain(1), act: 'x' }],
  ])('TE-48 refuses an act that is %s', async (_, act) => {
    await expectRefusal(server, await byGateway({ act }), MALFORMED)
  })

  it('TE-42 decides alike whatever the inner actors are', async () => {
    for (const act of [undefined, chain(1), chain(2), { iss: OTHER, sub: 'admin', act: { iss: 'x', sub: GATEWAY } }]) {
      const answer = await byGateway(act === undefined ? {} : { act }, { audience: 'urn:seen' })
      expect(answer.status).toBe(200)
      expect(claimsOf(answer)['actor_id']).toBe(GATEWAY)
      expect(await server.record(answer.id)).toMatchObject({ rules: ['seen'] })
    }
  })

  it('TE-49 T20 refuses actors that an issuer names who may not say so', async () => {
    const answer = await server.exchange({ ...asGateway(), subject_token: of(OTHER, other, 'user', { act: chain(1) }) })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'actor_claim_refused' })
  })

  it('TE-49 does not find the client from a token in which others act', async () => {
    const answer = await server.exchange({ subject_token: of(PEER, peer, 'agent', { act: chain(1) }) })
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'client_required' })
  })

  it('TE-49 keeps the actors where nobody new acts, by a rule that lets anybody act', async () => {
    const form = { actor_token: of(PEER, peer, 'agent'), actor_token_type: TYPE.jwt }
    const subject = of(PEER, peer, 'agent', { act: chain(2) })
    const kept = await server.exchange({ ...form, subject_token: subject })
    expect(claimsOf(kept)['act']).toEqual(chain(2))
    const refused = await server.exchange({ ...form, subject_token: subject, audience: 'urn:alone' })
    await expectRefusal(server, refused, DELEGATION)
  })

  it('TE-49 never drops actors: a rule that impersonates refuses them', async () => {
    const audience = 'urn:impersonated'
    expect(claimsOf(await byGateway({}, { audience }))).not.toHaveProperty('act')
    await expectRefusal(server, await byGateway({ act: chain(1) }, { audience }), DELEGATION)
  })
})

describe('RFC 8693 §4.2, §4.3: scope and client_id', () => {
  it('TE-43 writes scope as one text', async () => {
    expect(claimsOf(await server.exchange())['scope']).toBe('orders:read')
  })

  it('TE-44 names the client by the name of its document', async () => {
    expect(claimsOf(await server.exchange())['client_id']).toBe('checkout')
    expect(claimsOf(await byGateway({}))['client_id']).toBe('gateway')
    expect(claimsOf(await byAgent({}))['client_id']).toBe('agents')
  })

  it('TE-43 TE-44 takes neither scope nor client_id from a foreign token', async () => {
    const answer = await byGateway({ scope: 'orders:write admin', client_id: 'root', azp: 'root', roles: ['admin'] })
    expect(claimsOf(answer)).toMatchObject({ scope: 'orders:read', client_id: 'gateway' })
    expect(Object.keys(claimsOf(answer)).sort()).toEqual(
      ['act', 'aud', 'cambist_lineage', 'cambist_path', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'].sort(),
    )
  })
})

describe('RFC 8693 §4.4: may_act', () => {
  it.each([
    ['its sub at the same issuer', { sub: 'agent' }],
    ['its iss and sub', { iss: PEER, sub: 'agent' }],
    ['an attribute of it', { sub: 'agent', email: 'agent@peer.example' }],
  ])('TE-46 lets the party of the actor token act whom it names by %s', async (_, mayAct) => {
    const answer = await byAgent({ may_act: mayAct })
    expect(answer.status).toBe(200)
    expect(claimsOf(answer)).not.toHaveProperty('may_act')
  })

  it('TE-46 lets a registered client act whom it names by client_id', async () => {
    expect((await byGateway({ may_act: { client_id: 'gateway' } })).status).toBe(200)
  })

  it('TE-46 lets a party of another issuer act whom it names with that issuer', async () => {
    const answer = await byAgent({ may_act: { iss: OTHER, sub: 'agent' } }, [OTHER, other])
    expect(answer.status).toBe(200)
  })

  it.each([
    ['another sub', { sub: 'somebody' }],
    ['another issuer', { iss: OTHER, sub: 'agent' }],
    ['another attribute beside the right sub', { sub: 'agent', email: 'somebody@peer.example' }],
    ['a member that the actor does not have', { sub: 'agent', department: 'x' }],
    ['a prototype member', { sub: 'agent', constructor: 'x' }],
    ['a sub that is a list', { sub: ['agent'] }],
    ['a client_id that it has not here', { client_id: 'agents', sub: 'agent' }],
    ['nobody', {}],
    ['our own name for it', { sub: 'wimse://127.0.0.1/peer/agent' }],
  ])('TE-46 T20 refuses the party of an actor token where may_act names %s', async (_, mayAct) => {
    await expectRefusal(server, await byAgent({ may_act: mayAct }), MISMATCH)
  })

  it('TE-46 T20 refuses a party of another issuer that happens to have the name', async () => {
    await expectRefusal(server, await byAgent({ may_act: { sub: 'agent' } }, [OTHER, other]), MISMATCH)
    await expectRefusal(server, await byAgent({ may_act: { iss: PEER, sub: 'agent' } }, [OTHER, other]), MISMATCH)
  })

  it.each([
    ['another client', { client_id: 'agents' }],
    ['a subject of that name at the issuer of the token', { sub: 'gateway' }],
    ['a subject of that name elsewhere', { iss: 'gateway', sub: 'gateway' }],
    ['the right client and another member', { client_id: 'gateway', sub: 'x' }],
  ])('TE-46 T20 refuses a registered client where may_act names %s', async (_, mayAct) => {
    await expectRefusal(server, await byGateway({ may_act: mayAct }), MISMATCH)
  })

  it('TE-46 holds for a workload that brings its own token too', async () => {
    const answer = await server.exchange({ subject_token: cluster.token({ may_act: { sub: 'somebody' } }) })
    await expectRefusal(server, answer, MISMATCH)
  })

  it.each([
    ['a text', 'agent'],
    ['a list', ['agent']],
    ['null', null],
  ])('TE-45 refuses a may_act that is %s', async (_, mayAct) => {
    await expectRefusal(server, await byAgent({ may_act: mayAct }), MALFORMED)
  })

  it('TE-46 a rule may demand that the subject token says who may act', async () => {
    const audience = 'urn:named'
    await expectRefusal(server, await byGateway({}, { audience }), DELEGATION)
    expect((await byGateway({ may_act: { client_id: 'gateway' } }, { audience })).status).toBe(200)
    await expectRefusal(server, await byGateway({ may_act: { client_id: 'agents' } }, { audience }), MISMATCH)
  })
})
