import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { algorithms } from '../../src/lib/algorithms.ts'
import { type Answer, baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { refusal } from '../harness/refusal.ts'
import { type Claims, clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, database, issuer: us } = server
const JOBS = 'https://jobs.test.example'
const jobKey = new SigningKey('ES256')
const otherKey = new SigningKey('ES256')
const registered = new SigningKey('ES256')
const once = (name: string, issuer: string, key: SigningKey) =>
  document('TrustedIssuer', name, {
    credential: 'jwt',
    issuer,
    audiences: [us],
    singleUse: true,
    keys: { jwks: { keys: [key.jwk] } },
  })
const further = [
  once('jobs', JOBS, jobKey),
  once('other-jobs', 'https://other-jobs.test.example', otherKey),
  document('Client', 'job', { workloads: ['jobs', 'other-jobs'].map((issuer) => ({ issuer, ids: ['build'] })) }),
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
  document('Policy', 'jobs-read-orders', {
    clients: ['job', 'registered'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
]
await server.apply(...further)
/** Another node of the same deployment: one issuer, one database. */
const node = await startCambist({
  database,
  clock,
  env: { CAMBIST_ISSUER: us },
  documents: [...baseDocuments(cluster), ...further],
})

const claims = (changes: Claims = {}): Claims => {
  const now = clock.seconds()
  return { iss: JOBS, sub: 'build', aud: us, iat: now, exp: now + 600, jti: randomUUID(), ...changes }
}
const job = (changes: Claims = {}) => jobKey.sign(claims(changes))
const asActor = (token: string): Form => ({ actor_token: token, actor_token_type: TYPE.jwt })
const asClient = (token: string): Form => ({ client_assertion: token, client_assertion_type: TYPE.clientAssertion })
const granted = async (form: Form, at = server) => {
  const answer = await at.exchange(form)
  expect(answer.body).toHaveProperty('access_token')
  return answer
}
const count = (answers: readonly Answer[], status: number) =>
  answers.filter((answer) => answer.status === status).length

describe('T10 replay of a credential that may be used once', () => {
  it('grants the first use and refuses the second', async () => {
    const token = job()
    await granted({ subject_token: token })
    const { answer } = await refusal(server, { subject_token: token }, 'replayed')
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  it('grants exactly one of twenty at once, on one node and on two', async () => {
    for (const nodes of [[server], [server, node]]) {
      const token = job()
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => nodes[index % nodes.length]!.exchange({ subject_token: token })),
      )
      expect([count(answers, 200), count(answers, 400)]).toEqual([1, 19])
      const rows = await Promise.all(answers.map(({ id }) => server.record(id)))
      expect(rows.filter(({ outcome }) => outcome === 'granted')).toHaveLength(1)
      expect(
        rows.filter(({ reason, jti, tokenHash }) => reason === 'replayed' && jti === '' && tokenHash === ''),
      ).toHaveLength(19)
    }
  })

  it('refuses on the one node what was used on the other', async () => {
    const token = job()
    await granted({ subject_token: token }, node)
    await refusal(server, { subject_token: token }, 'replayed')
  })

  it('shares what was used between the positions', async () => {
    const token = job()
    await granted({ subject_token: token })
    const { answer } = await refusal(server, asActor(token), 'replayed', 'actor')
    expect(answer.body['error_description']).toContain('actor token')
    const second = job()
    await granted(asActor(second))
    await refusal(server, { subject_token: second }, 'replayed')
    const third = job()
    await granted(asClient(third))
    await refusal(server, { subject_token: third }, 'replayed')
    const wire = await refusal(server, asClient(third), 'replayed', 'client')
    expect(wire.answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  it('takes a credential that stands in two positions of one request for one use', async () => {
    const token = job()
    await granted({ subject_token: token, ...asActor(token) })
    await refusal(server, { subject_token: token }, 'replayed')
  })

  it('spends a credential that is verified, whatever is answered', async () => {
    const token = job()
    await refusal(server, { subject_token: token, audience: 'https://nowhere.example' }, 'target_unknown')
    await refusal(server, { subject_token: token }, 'replayed')
  })

  it('spends a client assertion although the client_id beside it is wrong', async () => {
    // More than are recorded of the unverified: what is verified does not count as one of them.
    for (let round = 0; round < 60; round++) {
      const assertion = asClient(clientAssertion('registered', registered, us, clock.seconds()))
      const answer = await server.exchange({ ...assertion, client_id: 'somebody' })
      expect(answer.status).toBe(401)
      expect(await server.record(answer.id)).toMatchObject({ reason: 'client_mismatch' })
      if (round === 59) await refusal(server, assertion, 'replayed', 'client')
    }
  })

  it('spends nothing that is not verified', async () => {
    const jti = randomUUID()
    await refusal(server, { subject_token: otherKey.sign(claims({ jti }), { kid: jobKey.kid }) }, 'signature_invalid')
    await refusal(server, { subject_token: job({ jti, exp: clock.seconds() - 100 }) }, 'expired')
    await refusal(server, { subject_token: job({ jti, aud: 'https://elsewhere.example' }) }, 'audience_mismatch')
    await granted({ subject_token: job({ jti }) })
  })

  it('keeps issuers and purposes apart', async () => {
    const jti = randomUUID()
    await granted({ subject_token: job({ jti }) })
    await granted({ subject_token: otherKey.sign(claims({ jti, iss: 'https://other-jobs.test.example' })) })
    await granted(asClient(clientAssertion('registered', registered, us, clock.seconds(), { jti })))
    await refusal(
      server,
      asClient(clientAssertion('registered', registered, us, clock.seconds(), { jti })),
      'replayed',
      'client',
    )
  })

  it('knows a token by its jti, in whatever token it comes again', async () => {
    const jti = randomUUID()
    await granted({ subject_token: job({ jti }) })
    await refusal(server, { subject_token: job({ jti, exp: clock.seconds() + 30 }) }, 'replayed')
  })

  it('knows a token without jti by what is signed, and not by its signature, which has two forms', async () => {
    const token = job({ jti: undefined })
    const twin = otherSignature(token)
    expect(twin).not.toBe(token)
    await granted({ subject_token: twin })
    await refusal(server, { subject_token: token }, 'replayed')
    await granted({ subject_token: job({ jti: undefined, sub: 'build', nonce: 1 }) })
  })

  it('knows no jti but a short text', async () => {
    for (const jti of ['', 1, null, ['x'], {}, 'x\n', 'x'.repeat(257), '鍵'.repeat(257)]) {
      await refusal(server, { subject_token: job({ jti }) }, 'claim_malformed')
    }
    for (const jti of [
      'x'.repeat(256),
      '鍵'.repeat(256),
      '🔑'.repeat(128),
      "'; DROP TABLE cambist.one_use_marks; --",
      '__proto__',
    ]) {
      await granted({ subject_token: job({ jti }) })
      await refusal(server, { subject_token: job({ jti }) }, 'replayed')
    }
  })

  it('keeps the mark for as long as the token could be taken', async () => {
    const jti = randomUUID()
    const exp = clock.seconds() + 600
    await granted({ subject_token: job({ jti, exp: exp + 0.5 }) })
    const rows = await database.query<{ until: string }>('SELECT until FROM cambist.one_use_marks WHERE id = $1', [jti])
    expect(rows.map(({ until }) => Number(until))).toEqual([exp + 1 + 30])
  })

  it('takes a token of an issuer that says nothing of one use again and again (P-9)', async () => {
    const token = cluster.token()
    for (let round = 0; round < 3; round++) await granted({ subject_token: token })
  })
})

/** The same token with the other of its two ECDSA signatures, (r, n - s). */
function otherSignature(token: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const at = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(at + 1), 'base64url')
  const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`)
  const other = Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
  expect(algorithms.get('ES256')?.verify(jobKey.publicKey, Buffer.from(token.slice(0, at)), other)).toBe(true)
  return `${token.slice(0, at)}.${other.toString('base64url')}`
}
