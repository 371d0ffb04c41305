import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { decode } from '../../harness/tokens.ts'

/** RFC 8693 §4.3: which client a token names where a workload is several of them. */
const server = await startCambist()
const selects = (...serviceaccount: string[]) => ({
  workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount } }],
})
const rule = (client: string, target: string, spec: object = {}) =>
  document('Policy', `${client}-${target}`, { clients: [client], targets: [target], ...spec })
await server.apply(
  document('Client', 'b-team', selects('twice')),
  document('Client', 'a-team', selects('twice', 'switched-off')),
  document('Client', 'z-off', { disabled: true, ...selects('switched-off') }),
  ...['both', 'second', 'forbidden'].map((name) => document('Target', name, { audience: `urn:${name}` })),
  rule('a-team', 'both'),
  rule('b-team', 'both'),
  rule('b-team', 'second'),
  rule('a-team', 'forbidden'),
  rule('b-team', 'forbidden', { effect: 'forbid' }),
)
const asks = (audience: string, clientId?: string, serviceaccount = 'twice') =>
  server.exchange({ subject_token: server.cluster.token({}, { serviceaccount }), audience, client_id: clientId })
const clientOf = (answer: { body: Record<string, unknown> }) =>
  decode(String(answer.body['access_token'])).claims['client_id']

describe('RFC 8693 §4.3: client_id', () => {
  it('TE-44 names the first by name of those that policy permits', async () => {
    expect(clientOf(await asks('urn:both'))).toBe('a-team')
    expect(clientOf(await asks('urn:second'))).toBe('b-team')
  })

  it('TE-44 names the one that the request names', async () => {
    for (const name of ['a-team', 'b-team']) {
      const answer = await asks('urn:both', name)
      expect(clientOf(answer)).toBe(name)
      expect(await server.record(answer.id)).toMatchObject({ client: name })
    }
  })

  it('TE-44 lets only the one that the request names permit', async () => {
    await expectRefusal(server, await asks('urn:second', 'a-team'), { error: 'invalid_target', reason: 'denied' })
  })

  it('T18 frees nobody from what is forbidden to another name of his', async () => {
    for (const name of [undefined, 'a-team', 'b-team']) {
      await expectRefusal(server, await asks('urn:forbidden', name), { error: 'invalid_target', reason: 'forbidden' })
    }
  })

  it('T22 lets nobody in by one name who is switched off by another', async () => {
    for (const name of [undefined, 'a-team', 'z-off']) {
      const answer = await asks('urn:both', name, 'switched-off')
      await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'client_disabled' })
    }
  })

  it('TE-44 takes no name that the credential does not prove', async () => {
    const answer = await asks('urn:both', 'checkout')
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'client_mismatch' })
  })
})
