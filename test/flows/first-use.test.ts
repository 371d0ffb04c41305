import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Answer, baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { SigningKey } from '../harness/tokens.ts'
import { ask, byDpop, byWpt, TrustDomain } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, database, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const jobs = new SigningKey('ES256')
const documents = [
  ...baseDocuments(cluster),
  document('TrustedIssuer', 'jobs', {
    credential: 'jwt',
    issuer: 'https://jobs.test.example',
    audiences: [us],
    firstUse: 'bind',
    keys: { jwks: { keys: [jobs.jwk] } },
  }),
  ...prod.trusted(us, { firstUse: 'bind' }),
  document('Client', 'job', {
    workloads: [
      { issuer: 'jobs', ids: ['build'] },
      { issuer: 'prod-wit', ids: [prod.id('svc')] },
    ],
  }),
  document('Policy', 'job', {
    clients: ['job'],
    targets: ['orders'],
    scopes: ['orders:read'],
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
]
await server.apply(...documents)
const node = await startCambist({ database, clock, env: { CAMBIST_ISSUER: us }, documents })
const nodes = [server, node]

const token = (changes: object = {}) => {
  const now = clock.seconds()
  const claims = { iss: 'https://jobs.test.example', sub: 'build', aud: us, iat: now, exp: now + 600 }
  return jobs.sign({ ...claims, jti: randomUUID(), ...changes })
}
const present = (index: number, subject_token: string, key: SigningKey): Promise<Answer> =>
  ask(nodes[index % 2] ?? server, { subject_token }, () => byDpop(server, key))
const UNPROVEN = { status: 400, error: 'invalid_request', reason: 'confirmation_unproven' } as const

describe('firstUse: bind (UC-03)', () => {
  it('takes a bearer credential with the key that it was first used with, on every node, and with no other', async () => {
    const [mine, stolen] = [new SigningKey('ES256'), new SigningKey('ES256')]
    const subject_token = token()
    expect((await present(0, subject_token, mine)).body['token_type']).toBe('DPoP')
    for (const index of [0, 1]) {
      expect((await present(index, subject_token, mine)).status).toBe(200)
      const record = await expectRefusal(server, await present(index, subject_token, stolen), UNPROVEN)
      expect(record['detail']).toBe('This credential was first used with another key.')
    }
    expect((await present(1, token(), stolen)).status).toBe(200)
  })

  it('refuses a credential that comes with no key at all, before and after its first use', async () => {
    const subject_token = token()
    for (const _ of ['before', 'after']) {
      const answer = await server.exchange({ subject_token })
      const record = await expectRefusal(server, answer, UNPROVEN)
      expect(record['detail']).toContain('firstUse: bind')
      expect((await present(0, subject_token, keyOf(subject_token))).status).toBe(200)
    }
  })

  it('has one first key of many that come at once, over two nodes', async () => {
    for (const jti of [randomUUID(), undefined]) {
      const subject_token = token({ jti })
      const keys = Array.from({ length: 6 }, () => new SigningKey('ES256'))
      const tries = keys.flatMap((key) => [key, key])
      const answers = await Promise.all(tries.map((key, index) => present(index, subject_token, key)))
      const holders = new Set(tries.filter((_, index) => answers[index]?.status === 200))
      expect(holders.size).toBe(1)
      for (const [index, key] of tries.entries()) {
        const { id, status } = answers[index] as Answer
        expect(status).toBe(holders.has(key) ? 200 : 400)
        const expected = holders.has(key)
          ? { outcome: 'granted' }
          : { outcome: 'refused', reason: 'confirmation_unproven', jti: '', tokenHash: '' }
        expect(await server.record(id)).toMatchObject(expected)
      }
    }
  })

  it('does not demand a second binding of what its issuer has bound', async () => {
    const key = new SigningKey('ES256')
    const { kid: _, use: _use, ...jwk } = key.jwk
    expect((await present(0, token({ cnf: { jwk } }), key)).status).toBe(200)
    const answer = await present(0, token({ cnf: { jwk } }), new SigningKey('ES256'))
    await expectRefusal(server, answer, UNPROVEN)
    const wit = prod.wit('svc', key)
    for (const node of nodes)
      expect((await ask(node, { subject_token: wit }, (body) => byWpt(server, key, wit, body))).status).toBe(200)
  })
})

describe('DPoP at the token endpoint', () => {
  it('has each proof taken once, over two nodes (T16, DP-06)', async () => {
    for (let round = 0; round < 3; round++) {
      const headers = byDpop(server, new SigningKey('ES256'))
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          ask(nodes[index % 2] ?? server, { subject_token: cluster.token() }, () => headers),
        ),
      )
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 7 }, () => 400)])
      for (const answer of answers.filter(({ status }) => status === 400))
        await expectRefusal(server, answer, { status: 400, error: 'invalid_dpop_proof', reason: 'replayed' })
    }
  })
})

const kept = new Map<string, SigningKey>()
function keyOf(subject: string): SigningKey {
  const key = kept.get(subject) ?? new SigningKey('ES256')
  kept.set(subject, key)
  return key
}
