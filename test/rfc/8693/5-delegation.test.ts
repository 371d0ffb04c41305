import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../../harness/tokens.ts'

/** RFC 8693 §1.1: who acts for whom, and when a token says so. */
const server = await startCambist()
const { cluster } = server
const gateway = new SigningKey('ES256')
const target = (name: string) => document('Target', name, { audience: `urn:${name}` })
const rule = (name: string, client: string, spec: object = {}) =>
  document('Policy', name, { clients: [client], targets: [name.replace(/-(agent|gateway|batch)$/, '')], ...spec })
await server.apply(
  document('Client', 'gateway', { authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } } }),
  document('Client', 'agent', {
    workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['agent'] } }],
  }),
  ...['defaulted', 'none', 'delegated', 'impersonated', 'mixed', 'particular'].map(target),
  rule('defaulted-gateway', 'gateway'),
  rule('defaulted-agent', 'agent'),
  rule('none-gateway', 'gateway', { delegation: { mode: 'none' } }),
  rule('none-agent', 'agent', { delegation: { mode: 'none' } }),
  rule('delegated-gateway', 'gateway', { delegation: { mode: 'delegate' } }),
  rule('delegated-agent', 'agent', { delegation: { mode: 'delegate' } }),
  rule('impersonated-gateway', 'gateway', { delegation: { mode: 'impersonate' } }),
  rule('impersonated-agent', 'agent', { delegation: { mode: 'impersonate' } }),
  rule('mixed-gateway', 'gateway', { delegation: { mode: 'impersonate' } }),
  document('Policy', 'mixed-too', { clients: ['gateway'], targets: ['mixed'], delegation: { mode: 'delegate' } }),
  rule('particular-agent', 'agent', {
    delegation: { mode: 'delegate' },
    actor: { issuers: ['cluster'], match: { namespace: ['other'] } },
  }),
)

const GATEWAY = 'wimse://127.0.0.1/clients/gateway'
const subjectOf = (serviceaccount: string) =>
  `wimse://127.0.0.1/cluster/system%3Aserviceaccount%3Ashop%3A${serviceaccount}`
const tokenOf = (serviceaccount: string) => cluster.token({}, { serviceaccount })

const byGateway = (): Form => ({
  subject_token: tokenOf('web'),
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('gateway', gateway, server.issuer, server.clock.seconds()),
})
const byAgent = (): Form => ({
  subject_token: tokenOf('web'),
  actor_token: tokenOf('agent'),
  actor_token_type: TYPE.jwt,
})
const claimsOf = (answer: { body: Record<string, unknown> }) => decode(String(answer.body['access_token'])).claims

const DENIED = { error: 'invalid_request', reason: 'delegation_denied' } as const

describe('RFC 8693 §1.1: delegation', () => {
  it('TE-51 TE-52 names the registered client that brings a token of somebody else', async () => {
    const answer = await server.exchange({ ...byGateway(), audience: 'urn:delegated' })
    expect(claimsOf(answer)).toMatchObject({ sub: subjectOf('web'), client_id: 'gateway', act: { sub: GATEWAY } })
    expect(await server.record(answer.id)).toMatchObject({
      client: 'gateway',
      authentication: 'private_key_jwt',
      subject: { id: subjectOf('web') },
      actors: [{ sub: GATEWAY }],
    })
  })

  it('TE-51 names the party of the actor token, who is the client then', async () => {
    const answer = await server.exchange({ ...byAgent(), audience: 'urn:delegated' })
    expect(claimsOf(answer)).toMatchObject({
      sub: subjectOf('web'),
      client_id: 'agent',
      act: { sub: subjectOf('agent') },
    })
    expect(await server.record(answer.id)).toMatchObject({ client: 'agent', authentication: 'actor_token' })
  })

  it('TE-52 names the party of the actor token, and not the client that brings both', async () => {
    const answer = await server.exchange({ ...byAgent(), ...byGateway(), audience: 'urn:delegated' })
    expect(claimsOf(answer)).toMatchObject({ client_id: 'gateway', act: { sub: subjectOf('agent') } })
    expect(claimsOf(answer)['act']).toEqual({ sub: subjectOf('agent') })
  })

  it('TE-52 writes no act where client and subject are the same', async () => {
    const answer = await server.exchange()
    expect(claimsOf(answer)).not.toHaveProperty('act')
    const withActor = { subject_token: tokenOf('agent'), actor_token: tokenOf('agent'), actor_token_type: TYPE.jwt }
    const same = await server.exchange({ ...withActor, audience: 'urn:defaulted' })
    expect(same.status).toBe(200)
    expect(claimsOf(same)).not.toHaveProperty('act')
  })

  it('TE-52 writes no act where a workload authenticates by a token of its own, and brings another', async () => {
    const own = { client_assertion_type: TYPE.clientAssertion, client_assertion: tokenOf('agent') }
    const answer = await server.exchange({ ...own, subject_token: tokenOf('agent'), audience: 'urn:defaulted' })
    expect(claimsOf(answer)).toMatchObject({ sub: subjectOf('agent'), client_id: 'agent' })
    expect(claimsOf(answer)).not.toHaveProperty('act')
    expect(await server.record(answer.id)).toMatchObject({ authentication: 'client_assertion', actors: [] })
    const other = await server.exchange({ ...own, subject_token: tokenOf('web'), audience: 'urn:delegated' })
    expect(claimsOf(other)['act']).toEqual({ sub: subjectOf('agent') })
    await expectRefusal(
      server,
      await server.exchange({ ...own, subject_token: tokenOf('web'), audience: 'urn:none' }),
      DENIED,
    )
  })

  it('TE-53 a rule may say which actors it is about', async () => {
    const refused = await server.exchange({ ...byAgent(), audience: 'urn:particular' })
    await expectRefusal(server, refused, { error: 'invalid_target', reason: 'denied' })
  })
})

describe('RFC 8693 §1.1: no delegation', () => {
  it.each(['urn:defaulted', 'urn:none'])(
    'TE-52 refuses to let anybody act for somebody else where no rule says so: %s',
    async (audience) => {
      await expectRefusal(server, await server.exchange({ ...byGateway(), audience }), DENIED)
      await expectRefusal(server, await server.exchange({ ...byAgent(), audience }), DENIED)
    },
  )
})

describe('RFC 8693 §1.1: impersonation', () => {
  it('TE-50 TE-53 writes no act where the rule impersonates, and records who asked', async () => {
    const answer = await server.exchange({ ...byGateway(), audience: 'urn:impersonated' })
    expect(claimsOf(answer)).toMatchObject({ sub: subjectOf('web'), client_id: 'gateway' })
    expect(claimsOf(answer)).not.toHaveProperty('act')
    expect(await server.record(answer.id)).toMatchObject({
      client: 'gateway',
      rules: ['impersonated-gateway'],
      facts: { actor: { id: GATEWAY } },
    })
  })

  it('TE-53 impersonates for an actor token too', async () => {
    const answer = await server.exchange({ ...byAgent(), audience: 'urn:impersonated' })
    expect(claimsOf(answer)).toMatchObject({ sub: subjectOf('web'), client_id: 'agent' })
    expect(claimsOf(answer)).not.toHaveProperty('act')
  })

  it('TE-49 names the actor where one of two rules delegates and the other impersonates', async () => {
    const answer = await server.exchange({ ...byGateway(), audience: 'urn:mixed' })
    expect(claimsOf(answer)['act']).toEqual({ sub: GATEWAY })
  })
})
