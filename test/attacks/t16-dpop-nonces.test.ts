import { describe, expect, it } from 'vitest'
import { type Answer, anotherNode, document, startCambist, TestClock, type TestServer } from '../harness/cambist.ts'
import { postLines } from '../harness/post.ts'
import { attestation, thumbprintOf } from '../harness/proofs.ts'
import { expectRefusal, expectWire } from '../harness/refusal.ts'
import { type Claims, decode, SigningKey } from '../harness/tokens.ts'
import { ask, byDpop } from '../harness/workload.ts'

/** RFC 9449 §8 and §11: one server that offers nonces, and a node of the same deployment that demands them. */
const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const
const offering = await startCambist({ keyEncryptionKeys: [keys[0]] })
const demanding = await anotherNode(offering, {
  env: { CAMBIST_DPOP_NONCE: 'required' },
  keyEncryptionKeys: [keys[0]],
})
const { clock, cluster, database } = offering
/** While the key is being replaced. */
const rolling = await anotherNode(offering, { keyEncryptionKeys: [keys[1], keys[0]] })
/** Of other deployments, and one of this one whose clock is a day ahead. */
const strangers = {
  'with another key': await startCambist({
    clock,
    env: { CAMBIST_ISSUER: offering.issuer },
    keyEncryptionKeys: [keys[1]],
  }),
  'with the same key, and another name': await startCambist({ clock, keyEncryptionKeys: [keys[0]] }),
  'of tomorrow': await startCambist({
    clock: new TestClock(clock.now() + 86_400_000),
    env: { CAMBIST_ISSUER: offering.issuer },
    keyEncryptionKeys: [keys[0]],
  }),
}
const attester = new SigningKey('ES256')
await offering.apply(
  document('Client', 'wallet', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
  }),
)
const key = new SigningKey('ES256')
const USE_NONCE = { status: 400, error: 'use_dpop_nonce', reason: 'dpop_nonce' } as const
const INVALID = { status: 400, error: 'invalid_dpop_proof', reason: 'dpop_invalid' } as const
const servers = [offering, demanding] as const

const proven = (server: TestServer, changes: Claims = {}): Promise<Answer> =>
  ask(server, {}, () => byDpop(server, key, changes))
const nonceOf = ({ headers }: Answer): string => String(headers.get('DPoP-Nonce'))
/** A nonce as a client gets one. */
const nonceFrom = async (server: TestServer): Promise<string> => {
  const answer = await proven(server, { htm: 'GET' })
  clock.advance(1)
  return nonceOf(answer)
}

describe('DPoP nonces (DP-13)', () => {
  it('DP-13: a proof without one is taken where they are offered, and sent back for one where they are required', async () => {
    expect((await proven(offering)).status).toBe(200)
    const answer = await proven(demanding)
    await expectRefusal(demanding, answer, USE_NONCE)
    const retried = await proven(demanding, { nonce: nonceOf(answer) })
    expect(retried.body['token_type']).toBe('DPoP')
    expect(decode(String(retried.body['access_token'])).claims['cnf']).toEqual({ jkt: thumbprintOf(key) })
    // One nonce is for as many proofs as are made while it is good.
    expect((await proven(demanding, { nonce: nonceOf(answer) })).status).toBe(200)
  })

  it('DP-13: a fresh one comes with every answer to a proof, granted or refused, and with no other answer', async () => {
    const jose = { DPoP: 'x' }
    const asked: readonly [number, (headers: Record<string, string>) => Promise<Answer>][] = [
      [200, (headers) => offering.exchange({}, headers)],
      [400, (headers) => offering.exchange({ audience: 'urn:nobody' }, headers)],
      [401, (headers) => offering.exchange({ client_assertion: 'x', client_assertion_type: 'urn:x' }, headers)],
      [413, (headers) => offering.token({ x: 'x'.repeat(70_000) }, headers)],
      [415, (headers) => offering.exchange({}, { 'Content-Type': 'text/plain', ...headers })],
    ]
    for (const [status, send] of asked) {
      const without = await send({})
      expect([without.status === 400 ? 400 : without.status, without.headers.get('DPoP-Nonce')]).toEqual([
        without.status,
        null,
      ])
      clock.advance(1)
      const answer = await send(byDpop(offering, key))
      expect([status, answer.status]).toEqual([status, without.status])
      expect((await proven(demanding, { nonce: nonceOf(answer) })).status).toBe(200)
      clock.advance(1)
    }
    expect(nonceOf(await offering.exchange({}, jose))).not.toBe('null')
    const twice = Object.values(byDpop(offering, key)).flatMap((each) => [each, each])
    const lines = await postLines(offering, '', { DPoP: twice })
    expect(nonceOf(lines)).not.toBe('null')
    clock.advance(2)
  })

  it('a nonce is of all nodes, and grows old: after two minutes it is answered with a new one', async () => {
    const nonce = await nonceFrom(offering)
    for (const server of servers) expect((await proven(server, { nonce })).status).toBe(200)
    clock.advance(120)
    for (const server of servers) {
      const answer = await proven(server, { nonce })
      await expectRefusal(server, answer, USE_NONCE)
      expect(nonceOf(answer)).not.toBe(nonce)
      expect((await proven(server, { nonce: nonceOf(answer) })).status).toBe(200)
    }
  })

  it('DP-02: a nonce tells the age of a proof, so that the client’s clock does not matter', async () => {
    const nonce = await nonceFrom(offering)
    for (const iat of [clock.seconds() - 86_400, clock.seconds() + 86_400]) {
      const answer = await proven(offering, { iat })
      await expectRefusal(offering, answer, INVALID)
      for (const server of servers) expect((await proven(server, { iat, nonce })).status).toBe(200)
    }
    // Made long ago it is still not taken: the nonce bounds its age.
    const old = byDpop(offering, key, { nonce })
    clock.advance(180)
    await expectRefusal(offering, await ask(offering, {}, () => old), USE_NONCE)
  })

  it('a node with a new key in front takes what those with the old one make, and they send its own back', async () => {
    const old = await nonceFrom(offering)
    expect((await proven(rolling, { nonce: old })).status).toBe(200)
    const next = await nonceFrom(rolling)
    expect(next).not.toBe(old)
    expect((await proven(rolling, { nonce: next })).status).toBe(200)
    const answer = await proven(offering, { nonce: next })
    await expectRefusal(offering, answer, USE_NONCE)
    for (const server of [offering, rolling])
      expect((await proven(server, { nonce: nonceOf(answer) })).status).toBe(200)
  })
})

describe('T16 a nonce that is none', () => {
  it.each<readonly [string, () => unknown]>([
    ['made up', () => 'AAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['empty', () => ''],
    ['a number', () => 7],
    ['null', () => null],
    ['two of them', async () => [await nonceFrom(offering), await nonceFrom(offering)]],
    ['with a character changed', async () => swapped(await nonceFrom(offering))],
    ['with one more', async () => `${await nonceFrom(offering)}A`],
    ['of a length that decodes to nothing', () => ' '.repeat(27)],
    ...Object.entries(strangers).map(([name, server]) => [`of a server ${name}`, () => nonceFrom(server)] as const),
  ])('%s is sent back for another, required or not', async (_, make) => {
    const nonce = await make()
    for (const server of servers) {
      const answer = await proven(server, { nonce })
      const record = await expectRefusal(server, answer, USE_NONCE)
      if (typeof nonce === 'string' && nonce.length > 20) expect(JSON.stringify(record)).not.toContain(nonce)
      expect((await proven(server, { nonce: nonceOf(answer) })).status).toBe(200)
    }
  })

  const swapped = (nonce: string) => `${nonce.slice(0, -2)}${nonce.at(-2) === 'A' ? 'B' : 'A'}${nonce.slice(-1)}`
  it('says nothing for a proof that does not hold otherwise', async () => {
    const nonce = await nonceFrom(offering)
    for (const changes of [{ htm: 'GET' }, { htu: `${offering.issuer}/other` }, { jti: undefined }, { iat: undefined }])
      for (const server of servers) await expectRefusal(server, await proven(server, { nonce, ...changes }), INVALID)
  })

  it('with a good one a proof is still taken once, on all nodes together', async () => {
    const headers = byDpop(offering, key, { nonce: await nonceFrom(offering) })
    expect((await ask(offering, {}, () => headers)).status).toBe(200)
    for (const server of servers)
      await expectRefusal(server, await ask(server, {}, () => headers), { ...INVALID, reason: 'replayed' })
  })
})

describe('T38 who is sent back for a nonce', () => {
  it('has not spent the proof: where it is taken, it is taken', async () => {
    const marks = async () =>
      Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM cambist.one_use_marks'))[0]?.n)
    const headers = byDpop(offering, key)
    const before = await marks()
    await expectRefusal(demanding, await ask(demanding, {}, () => headers), USE_NONCE)
    expect(await marks()).toBe(before)
    expect((await ask(offering, {}, () => headers)).status).toBe(200)
    expect(await marks()).toBe(before + 1)
  })

  it('buys no rows beyond the rate of strangers, whatever credentials came with it', async () => {
    const rows = async () =>
      Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM cambist.records'))[0]?.n)
    clock.advance(60)
    const before = await rows()
    for (let round = 0; round < 8; round++) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => proven(demanding)))
      for (const answer of answers) expectWire(answer, USE_NONCE)
    }
    expect((await rows()) - before).toBe(50)
    clock.advance(60)
  })
})

it('AB-09: the combined mode of client attestation is sent back for a nonce of DPoP, too', async () => {
  const attested = attestation(attester, key, { client: 'wallet', now: clock.seconds() })
  const combined = (changes: Claims = {}) =>
    ask(demanding, {}, () => ({ 'OAuth-Client-Attestation': attested, ...byDpop(demanding, key, changes) }))
  const answer = await combined()
  await expectRefusal(demanding, answer, USE_NONCE)
  const retried = await combined({ nonce: nonceOf(answer) })
  expect(await demanding.record(retried.id)).toMatchObject({ authentication: 'attest_jwt_client_auth_dpop' })
})

it('explain says at which stage a proof lacks its nonce, and marks nothing', async () => {
  const { json } = await demanding.adminSend('POST', '/admin/v1/explain', {
    parameters: {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: cluster.token(),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      audience: 'https://orders.example',
    },
    headers: byDpop(demanding, key),
  })
  expect(json).toMatchObject({ verdict: 'refused', stage: 'proof', reason: 'dpop_nonce' })
})
