/** What a signed GetCallerIdentity request is worth (TE-84, T8, T26): over HTTP, with an STS on loopback TLS that verifies signatures. */
import { afterAll, describe, expect, it } from 'vitest'
import { AWS_REQUEST_TYPE } from '../../src/credentials/kinds/aws-caller-identity.ts'
import { document, startCambist, TestClock } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { callerIdentity, callerRequest, stsHandler } from '../harness/sigv4.ts'
import { identityFor, serve } from '../unit/trust/hostile-server.ts'

const US = 'https://cambist.example'
const clock = new TestClock()

const identity = identityFor('127.0.0.1')
const world = { answer: (): { status: number; body: object } => ({ status: 200, body: callerIdentity() }) }
const sts = await serve((request, response) => stsHandler(world)(request, response), identity)
const silent = await serve((request) => void request.socket.destroy(), identity)
afterAll(async () => {
  await sts[Symbol.asyncDispose]()
  await silent[Symbol.asyncDispose]()
})
const STS = `https://127.0.0.1:${sts.port}`
const SILENT = `https://127.0.0.1:${silent.port}`

const trusted = (url: string) => ({
  ...{ preset: 'aws-caller-identity', keys: { sts: url, ca: identity.cert } },
  ...{ audiences: [US], tenants: ['123456789012'] },
})
const server = await startCambist({
  clock,
  env: { CAMBIST_ISSUER: US, CAMBIST_INSECURE_FETCH: `127.0.0.1:${sts.port},127.0.0.1:${silent.port}` },
  documents: [
    document('TrustedIssuer', 'aws', trusted(STS)),
    document('TrustedIssuer', 'aws-silent', trusted(SILENT)),
    document('Client', 'role', {
      workloads: [{ issuer: 'aws', ids: ['arn:aws:sts::123456789012:assumed-role/orders'] }],
    }),
    document('Target', 'orders', {
      audience: 'https://orders.example',
      scopes: ['orders:read'],
      tokens: [{ kind: 'access-token', lifetime: '2h' }],
    }),
    document('Policy', 'reads', { clients: ['role'], targets: ['orders'], scopes: ['orders:read'] }),
  ],
})

const form = (type: string, token: string) => ({
  ...{ subject_token_type: type, subject_token: token },
  ...{ audience: 'https://orders.example', scope: 'orders:read' },
})

const INVALID = { error: 'invalid_request' } as const

describe('a signed GetCallerIdentity request', () => {
  const good = () => ({ sts: STS, audience: US, now: clock.seconds() })
  const bring = (request: object | string) =>
    server.exchange(form(AWS_REQUEST_TYPE, typeof request === 'string' ? request : JSON.stringify(request)))

  it('is the role that AWS says, once', async () => {
    const request = callerRequest(good())
    const answer = await bring(request)
    expect([answer.status, answer.body['token_type'], answer.body['expires_in']]).toEqual([200, 'Bearer', 900])
    expect(await server.record(answer.id)).toMatchObject({
      client: 'role',
      subject: {
        id: 'wimse://cambist.example/aws/arn%3Aaws%3Asts%3A%3A123456789012%3Aassumed-role%2Forders',
        instance: 'i-0123456789abcdef0',
      },
    })
    await expectRefusal(server, await bring(request), { ...INVALID, reason: 'replayed' })
    await expectRefusal(server, await bring(encodeURIComponent(JSON.stringify(request))), {
      ...INVALID,
      reason: 'replayed',
    })
  })

  it('may be percent-encoded, as Google takes it, and signed with the headers of every SDK', async () => {
    clock.advance(1)
    const type = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const answer = await bring(encodeURIComponent(JSON.stringify(callerRequest({ ...good(), headers: type }))))
    expect(answer.status).toBe(200)
  })

  it.each([
    [
      'for another relying party (T8)',
      (): object => callerRequest({ ...good(), audience: 'https://other.example' }),
      'audience_mismatch',
    ],
    ['for nobody', () => callerRequest({ ...good(), headers: { 'x-cambist-audience': undefined } }), 'claim_missing'],
    [
      'that names us unsigned',
      () => callerRequest({ ...good(), unsigned: ['x-cambist-audience'] }),
      'signature_invalid',
    ],
    ['with an unsigned date', () => callerRequest({ ...good(), unsigned: ['x-amz-date'] }), 'signature_invalid'],
    [
      'for another address (T26)',
      () => callerRequest({ ...good(), sts: 'https://sts.evil.example' }),
      'issuer_unknown',
    ],
    ['for a path', (): object => ({ ...callerRequest(good()), url: `${STS}/evil` }), 'issuer_unknown'],
    [
      'for another host than its address',
      () => callerRequest({ ...good(), headers: { host: 'sts.evil.example' } }),
      'issuer_unknown',
    ],
    ['of six minutes ago', () => callerRequest({ ...good(), now: clock.seconds() - 360 }), 'too_old'],
    ['of the future', () => callerRequest({ ...good(), now: clock.seconds() + 60 }), 'not_yet_valid'],
    [
      'of another action',
      () => callerRequest({ ...good(), body: 'Action=AssumeRole&Version=2011-06-15' }),
      'token_malformed',
    ],
    ['by GET', (): object => ({ ...callerRequest(good()), method: 'GET' }), 'token_malformed'],
    [
      'with a header of its own',
      () => callerRequest({ ...good(), headers: { 'x-forwarded-for': '10.0.0.1' } }),
      'token_malformed',
    ],
    [
      'with a header that breaks out',
      () => callerRequest({ ...good(), headers: { 'x-amz-security-token': 'x\r\nhost: y' } }),
      'token_malformed',
    ],
    ['that is none', (): string => '{}', 'token_malformed'],
  ] as const)('is refused %s, and AWS is not asked', async (_what, make, reason) => {
    const asked = sts.requests.length
    await expectRefusal(server, await bring(make()), { ...INVALID, reason })
    expect(sts.requests.length).toBe(asked)
  })

  it('is refused where AWS does not know the signature, and the service stays in use', async () => {
    const forged = callerRequest({ ...good(), credentials: { id: 'ASIACLKWSDQRAOEXAMPLE', secret: 'guessed' } })
    await expectRefusal(server, await bring(forged), { ...INVALID, reason: 'status_refused' })
    const asked = sts.requests.length
    await expectRefusal(server, await bring(forged), { ...INVALID, reason: 'status_refused' })
    expect(sts.requests.length).toBe(asked)
    expect((await bring(callerRequest(good()))).status).toBe(200)
  })

  it.each([
    ['another account', { Account: '210987654321', Arn: 'arn:aws:iam::210987654321:user/eve' }, 'tenant_refused', 400],
    ['an ARN of another account', { Arn: 'arn:aws:iam::210987654321:user/eve' }, 'status_unavailable', 503],
    ['no account', { Account: undefined }, 'status_unavailable', 503],
    ['an account that is a number', { Account: 123456789012 }, 'status_unavailable', 503],
    ['a role without a session', { Arn: 'arn:aws:sts::123456789012:assumed-role/orders' }, 'status_unavailable', 503],
  ] as const)('is refused where AWS says %s', async (_what, changes, reason, status) => {
    clock.advance(1)
    world.answer = () => ({ status: 200, body: callerIdentity(changes) })
    const error = status === 503 ? 'temporarily_unavailable' : 'invalid_request'
    await expectRefusal(server, await bring(callerRequest(good())), { status, error, reason })
    world.answer = () => ({ status: 200, body: callerIdentity() })
  })

  it('of a user is that user, without a session', async () => {
    clock.advance(1)
    world.answer = () => ({
      status: 200,
      body: callerIdentity({ Arn: 'arn:aws:iam::123456789012:user/ci/deploy', UserId: 'AIDA1' }),
    })
    const answer = await bring(callerRequest(good()))
    world.answer = () => ({ status: 200, body: callerIdentity() })
    expect(await server.record(answer.id)).toMatchObject({
      reason: 'client_unknown',
      subject: {
        id: 'wimse://cambist.example/aws/arn%3Aaws%3Aiam%3A%3A123456789012%3Auser%2Fci%2Fdeploy',
        instance: '',
      },
    })
  })

  it.each([
    ['answers 500', () => STS],
    ['hangs up', () => SILENT],
  ])('is refused for a while where the service %s, and says when to come again', async (_what, where) => {
    clock.advance(1)
    world.answer = () => ({ status: 500, body: {} })
    const answer = await bring(callerRequest({ ...good(), sts: where() }))
    world.answer = () => ({ status: 200, body: callerIdentity() })
    await expectRefusal(server, answer, { status: 503, error: 'temporarily_unavailable', reason: 'status_unavailable' })
    expect(answer.headers.get('Retry-After')).toBe('5')
    const asked = [sts.requests.length, silent.requests.length]
    const again = await bring(callerRequest({ ...good(), sts: where() }))
    await expectRefusal(server, again, { status: 503, error: 'temporarily_unavailable', reason: 'status_unavailable' })
    expect([sts.requests.length, silent.requests.length]).toEqual(asked)
    clock.advance(6)
  })
})
