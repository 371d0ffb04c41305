import { describe, expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { decode, SigningKey } from '../harness/tokens.ts'
import { ask, TrustDomain, witAndWpt } from '../harness/workload.ts'

/** A workload that authenticates by the credential that it also exchanges: the credential is verified once, and judged in both positions. */
const server = await startCambist()
const prod = new TrustDomain(server.clock.seconds)
const clientsOnly = new TrustDomain(server.clock.seconds, 'clients.example')
const holder = new SigningKey('ES256')
const wits = (name: string, domain: TrustDomain, more: object = {}) =>
  document('TrustedIssuer', name, {
    ...{ credential: 'wit', trustDomain: domain.name, keys: { bundle: { inline: domain.bundle } } },
    ...more,
  })
await server.apply(
  ...baseDocuments(server.cluster),
  wits('wits', prod),
  wits('client-wits', clientsOnly, { uses: ['client'] }),
  document('Client', 'svc', {
    workloads: [
      { issuer: 'wits', ids: [prod.id('svc')] },
      { issuer: 'client-wits', ids: [clientsOnly.id('svc')] },
    ],
  }),
  document('Policy', 'svc-reads-orders', {
    clients: ['svc'],
    targets: ['orders'],
    scopes: ['orders:read'],
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
)

describe('a credential in two positions', () => {
  it('is one party: client and subject, nobody acting for anybody, one proof spent', async () => {
    const token = prod.wit('svc', holder)
    let headers: Record<string, string> = {}
    const proven = (body: string) => {
      headers = witAndWpt(server, holder, token, body)
      return headers
    }
    const answer = await ask(server, { subject_token: token }, proven)
    expect(answer.status).toBe(200)
    expect(decode(String(answer.body['access_token'])).claims).toMatchObject({ sub: prod.id('svc'), client_id: 'svc' })
    expect(decode(String(answer.body['access_token'])).claims).not.toHaveProperty('act')
    expect(await server.record(answer.id)).toMatchObject({
      authentication: 'workload_identity_token',
      subject: { issuer: 'wits', id: prod.id('svc') },
    })
    const again = await ask(server, { subject_token: token }, () => headers)
    expect(again.status).not.toBe(200)
    expect(await server.record(again.id)).toMatchObject({ reason: 'replayed' })
  })

  it('is still refused in the one that its issuer is not trusted in', async () => {
    const token = clientsOnly.wit('svc', holder)
    const answer = await ask(server, { subject_token: token }, (body) => witAndWpt(server, holder, token, body))
    await expectRefusal(server, answer, { status: 400, error: 'invalid_request', reason: 'position_refused' })
  })

  it('is not taken for another of the same issuer', async () => {
    const token = prod.wit('svc', holder)
    const other = prod.wit('svc', new SigningKey('ES256'))
    const answer = await ask(server, { subject_token: other }, (body) => witAndWpt(server, holder, token, body))
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'proof_invalid' })
  })
})
