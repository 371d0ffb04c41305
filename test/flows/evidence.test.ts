/**
 * Evidence enrols a key once (UC-76, UC-91; platform-tokens.md §6.2, §8): over HTTP, with real signatures, and with two
 * servers on one database.
 */
import { describe, expect, it } from 'vitest'
import { nonceFor } from '../../src/credentials/instance-evidence.ts'
import { AZURE_DOCUMENT_TYPE } from '../../src/credentials/kinds/azure-attested-data.ts'
import { EC2_DOCUMENT_TYPE } from '../../src/credentials/kinds/ec2-instance-identity.ts'
import { type Answer, document, startCambist, TestClock } from '../harness/cambist.ts'
import { testDatabase } from '../harness/database.ts'
import { AzureCloud, azureDate, Ec2Region } from '../harness/evidence.ts'
import { dpop, thumbprintOf } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { decode, SigningKey } from '../harness/tokens.ts'

const US = 'https://cambist.example'
const clock = new TestClock()

const region = await Ec2Region.open(clock.seconds)
const stranger = await Ec2Region.open(clock.seconds, { subject: 'CN=Stranger' })
const cloud = await AzureCloud.open(clock.seconds)
const elsewhere = await AzureCloud.open(clock.seconds, ['www.example.com'])

const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555'
const documents = [
  document('TrustedIssuer', 'ec2', {
    preset: 'ec2-instance',
    keys: { roots: region.pem },
    tenants: ['123456789012'],
  }),
  document('TrustedIssuer', 'azure', {
    preset: 'azure-instance',
    keys: {
      roots: cloud.root.pem + elsewhere.root.pem,
      intermediates: cloud.intermediate.pem + elsewhere.intermediate.pem,
    },
    tenants: [SUBSCRIPTION],
  }),
  document('Client', 'machines', {
    workloads: [
      { issuer: 'ec2', match: { account_id: ['123456789012'] } },
      { issuer: 'azure', match: { subscription_id: [SUBSCRIPTION] } },
    ],
  }),
  document('Target', 'orders', {
    audience: 'https://orders.example',
    scopes: ['orders:read'],
    tokens: [{ kind: 'access-token', lifetime: '2h' }],
  }),
  document('Policy', 'reads', { clients: ['machines'], targets: ['orders'], scopes: ['orders:read'] }),
]

const database = await testDatabase()
const env = { CAMBIST_ISSUER: US }
const server = await startCambist({ clock, env, database, documents })
const other = await startCambist({ clock, env, database, documents })

const URL_OF_TOKENS = `${US}/token`
const proof = (key: SigningKey) => ({ DPoP: dpop(key, { url: URL_OF_TOKENS, now: clock.seconds() }) })
const form = (type: string, token: string) => ({
  ...{ subject_token_type: type, subject_token: token },
  ...{ audience: 'https://orders.example', scope: 'orders:read' },
})

let made = 0
/** An instance that nobody has seen before. */
const instance = () => ({ instanceId: `i-${(++made).toString(16).padStart(17, '0')}` })
const machine = () => ({ vmId: `02aab8a4-74ef-476e-8182-${(++made).toString(16).padStart(12, '0')}` })

function expectBound(answer: Answer, key: SigningKey): Record<string, unknown> {
  expect([answer.status, answer.body['token_type']]).toEqual([200, 'DPoP'])
  const { claims } = decode(String(answer.body['access_token']))
  expect(claims['cnf']).toEqual({ jkt: thumbprintOf(key) })
  return claims
}

function ago(seconds: number): string {
  return new Date((clock.seconds() - seconds) * 1000).toISOString().replace('.000', '')
}

const INVALID = { error: 'invalid_request' } as const

describe('an EC2 instance identity document', () => {
  const bring = (token: string, key?: SigningKey, at = server) =>
    at.exchange(form(EC2_DOCUMENT_TYPE, token), key === undefined ? {} : proof(key))

  it('enrols its instance once: a token bound to the key, of no longer life than the document says', async () => {
    const key = new SigningKey('ES256')
    const id = instance()
    const token = region.document(id)
    const answer = await bring(token, key)
    expectBound(answer, key)
    expect(answer.body['expires_in']).toBe(3600 - 120)
    const record = await server.record(answer.id)
    expect(record).toMatchObject({
      client: 'machines',
      subject: { id: `wimse://cambist.example/ec2/${id.instanceId}`, issuer: 'ec2' },
    })

    // The same document, another of the same instance, with the same key and with another: all are a second time.
    for (const [again, by] of [
      [token, key],
      [region.document({ ...id, privateIp: '10.0.4.18' }), key],
      [token, new SigningKey('ES256')],
    ] as const)
      await expectRefusal(server, await bring(again, by), { ...INVALID, reason: 'replayed' })
    await expectRefusal(other, await bring(token, key, other), { ...INVALID, reason: 'replayed' })
  })

  it('enrols once when it comes to two servers at the same moment (T10)', async () => {
    const token = region.document(instance())
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => bring(token, new SigningKey('ES256'), index % 2 === 0 ? server : other)),
    )
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([200, 400, 400, 400, 400, 400, 400, 400])
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 400)
        await expectRefusal(index % 2 === 0 ? server : other, answer, { ...INVALID, reason: 'replayed' })
    }
  })

  it('is not spent by a refusal', async () => {
    const token = region.document(instance())
    await expectRefusal(server, await bring(token), { ...INVALID, reason: 'confirmation_unproven' })
    const key = new SigningKey('ES256')
    expectBound(await bring(token, key), key)
  })

  it.each([
    [
      'of another account',
      (): string => region.document({ ...instance(), accountId: '210987654321' }),
      'tenant_refused',
    ],
    ['of eleven minutes ago', (): string => region.document({ ...instance(), pendingTime: ago(661) }), 'too_old'],
    ['of yesterday', (): string => region.document({ ...instance(), pendingTime: ago(86_400) }), 'expired'],
    ['of the future', (): string => region.document({ ...instance(), pendingTime: ago(-60) }), 'not_yet_valid'],
    [
      'of an account that is a number',
      (): string => region.document({ ...instance(), accountId: 123456789012 }),
      'claim_malformed',
    ],
    ['without an instance', (): string => region.document({ instanceId: null }), 'claim_missing'],
    [
      'of an instance that could be a path',
      (): string => region.document({ instanceId: 'i-0123456789abcdef0/../x' }),
      'claim_malformed',
    ],
    ['signed by a stranger', (): string => stranger.document(instance()), 'issuer_unknown'],
    [
      'signed by a stranger under the name of the region',
      (): string =>
        region.document(instance(), { signers: [{ ...region.signer, privateKey: stranger.signer.privateKey }] }),
      'signature_invalid',
    ],
    [
      'changed after it was signed',
      (): string => region.document(instance(), { digestOf: Buffer.from(JSON.stringify(region.claims())) }),
      'signature_invalid',
    ],
    [
      'that brings the certificate it is signed with (T5)',
      (): string =>
        region.document(instance(), { signers: [stranger.signer], certificates: [stranger.signer.certificate] }),
      'issuer_unknown',
    ],
    ['with SHA-1', (): string => region.document(instance(), { digest: 'sha1' }), 'algorithm_refused'],
    ['without its content', (): string => region.document(instance(), { detached: true }), 'token_malformed'],
    ['that is none', (): string => 'bm9uZQ==', 'token_malformed'],
  ] as const)('is refused %s', async (_what, make, reason) => {
    await expectRefusal(server, await bring(make(), new SigningKey('ES256')), { ...INVALID, reason })
  })

  it('stands in the position of a subject or actor, and authenticates no client', async () => {
    const answer = await server.exchange({
      client_assertion_type: EC2_DOCUMENT_TYPE,
      client_assertion: region.document(instance()),
    })
    expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client'])
  })
})

describe('attested data of Azure', () => {
  const bring = (token: string, key?: SigningKey) =>
    server.exchange(form(AZURE_DOCUMENT_TYPE, token), key === undefined ? {} : proof(key))
  const nonceOf = (key: SigningKey, issuer = US) => nonceFor(issuer, thumbprintOf(key))

  it('enrols its machine once, in whatever case its id is written', async () => {
    const key = new SigningKey('ES256')
    const id = { vmId: '02AAB8A4-74EF-476E-8182-F6D2BA4166A6' }
    const answer = await bring(cloud.document(nonceOf(key), id), key)
    expectBound(answer, key)
    const record = await server.record(answer.id)
    expect(record).toMatchObject({ subject: { id: `wimse://cambist.example/azure/${id.vmId.toLowerCase()}` } })
    for (const again of [id, { vmId: id.vmId.toLowerCase() }])
      await expectRefusal(server, await bring(cloud.document(nonceOf(key), again), key), {
        ...INVALID,
        reason: 'replayed',
      })
  })

  it('is useless to a thief: with another key, for another server, or without a key', async () => {
    const [key, thief] = [new SigningKey('ES256'), new SigningKey('ES256')]
    const id = machine()
    const stolen = cloud.document(nonceOf(key), id)
    const unproven = { ...INVALID, reason: 'confirmation_unproven' } as const
    await expectRefusal(server, await bring(stolen, thief), unproven)
    await expectRefusal(server, await bring(stolen), unproven)
    const ofOther = cloud.document(nonceOf(key, 'https://other.example'), id)
    await expectRefusal(server, await bring(ofOther, key), unproven)
    await expectRefusal(server, await bring(cloud.document('20261124-120000', id), key), unproven)
    expectBound(await bring(stolen, key), key)
  })

  it.each([
    ['of another subscription', () => ({ subscriptionId: '99999999-2222-4333-8444-555555555555' }), 'tenant_refused'],
    ['of no subscription', () => ({ subscriptionId: undefined }), 'claim_missing'],
    ['of eleven minutes ago', () => ({ timeStamp: at(-661, 21_600) }), 'too_old'],
    ['that is over', () => ({ timeStamp: at(-120, -60) }), 'expired'],
    ['of the future', () => ({ timeStamp: at(60, 21_600) }), 'not_yet_valid'],
    [
      'with dates of another form',
      () => ({ timeStamp: { createdOn: ago(60), expiresOn: ago(-60) } }),
      'claim_malformed',
    ],
    ['without its end', () => ({ timeStamp: { createdOn: at(0, 0).createdOn } }), 'claim_missing'],
    ['of a machine that is none', () => ({ vmId: 'x' }), 'claim_malformed'],
  ] as const)('is refused %s', async (_what, changes, reason) => {
    const key = new SigningKey('ES256')
    await expectRefusal(server, await bring(cloud.document(nonceOf(key), { ...machine(), ...changes() }), key), {
      ...INVALID,
      reason,
    })
  })

  it('is refused of a server that a trusted root has certified for another name', async () => {
    const key = new SigningKey('ES256')
    await expectRefusal(server, await bring(elsewhere.document(nonceOf(key), machine()), key), {
      ...INVALID,
      reason: 'certificate_refused',
    })
  })

  it('is refused with a signature by another key than that of its certificate', async () => {
    const key = new SigningKey('ES256')
    const forged = { ...cloud.signer, privateKey: elsewhere.signer.privateKey }
    await expectRefusal(server, await bring(cloud.document(nonceOf(key), machine(), { signers: [forged] }), key), {
      ...INVALID,
      reason: 'signature_invalid',
    })
  })
})

/** Seconds from the time of the test. */
function at(created: number, expires: number) {
  return { createdOn: azureDate(clock.seconds() + created), expiresOn: azureDate(clock.seconds() + expires) }
}
