import { describe, expect, it } from 'vitest'
import { type Answer, document, type Form, startCambist } from '../harness/cambist.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const key = new SigningKey('ES256')
const evil = new SigningKey('ES256')
await server.apply(
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } } }),
  document('Client', 'retired', {
    disabled: true,
    authentication: { method: 'private_key_jwt', jwks: { keys: [evil.jwk] } },
  }),
  document('Target', 'closed', { audience: 'https://closed.example', scopes: ['x'], clients: ['registered'] }),
  document('Target', 'off', { audience: 'https://off.example', scopes: ['x'], disabled: true }),
  document('Target', 'unpermitted', { audience: 'https://unpermitted.example', scopes: ['x'] }),
  document('Target', 'forbidden', { audience: 'https://forbidden.example', scopes: ['x'] }),
  document('Policy', 'opens', { clients: ['checkout'], targets: ['forbidden'], scopes: ['x'] }),
  document('Policy', 'shuts', { effect: 'forbid', clients: ['checkout'], targets: ['forbidden'] }),
)

/** What a stranger sees, but for the id of the request and the date. */
function seen({ status, body, headers }: Answer): unknown {
  const { request_id: _, ...told } = body
  return { status, told, headers: [...headers].filter(([name]) => !['cambist-request-id', 'date'].includes(name)) }
}
const answersOf = async (forms: readonly Form[]) => {
  const answers = []
  for (const form of forms) answers.push(seen(await server.exchange(form)))
  return answers
}
const same = (answers: readonly unknown[]) => {
  for (const answer of answers) expect(answer).toEqual(answers[0])
}

describe('T25 error oracle', () => {
  it('says nothing of which clients there are to one who has no key of theirs (T34)', async () => {
    const now = clock.seconds()
    const forms = ['registered', 'retired', 'nobody', 'checkout', 'cluster'].flatMap((client) =>
      [
        {},
        { exp: now - 600, iat: now - 660 },
        { exp: now + 86_400 },
        { aud: 'https://elsewhere.example' },
        { jti: undefined },
        { exp: undefined },
      ].map(
        (changes): Form => ({
          client_assertion: clientAssertion(client, new SigningKey('ES256', 'x'), us, now, changes),
          client_assertion_type: TYPE.clientAssertion,
        }),
      ),
    )
    const answers = await answersOf(forms)
    expect(answers[0]).toMatchObject({ status: 401, told: { error: 'invalid_client' } })
    same(answers)
  })

  it('says the same of a target that is unknown, closed, off, not permitted and forbidden', async () => {
    const hosts = ['unknown', 'closed', 'off', 'unpermitted', 'forbidden']
    const answers = await answersOf(hosts.map((name): Form => ({ audience: `https://${name}.example` })))
    expect(answers[0]).toMatchObject({ status: 400, told: { error: 'invalid_target' } })
    same(answers)
    same(await answersOf(hosts.map((name): Form => ({ audience: `https://${name}.example`, scope: 'x' }))))
  })

  it('says the same of a workload that no client selects and of one whose client is switched off', async () => {
    await server.apply(
      document('Client', 'past', {
        disabled: true,
        workloads: [{ issuer: 'cluster', match: { namespace: ['past'] } }],
      }),
    )
    const answers = await answersOf(
      ['past', 'never'].map((namespace): Form => ({ subject_token: cluster.token({}, { namespace }) })),
    )
    expect(answers[0]).toMatchObject({ status: 401, told: { error: 'invalid_client' } })
    same(answers)
  })

  it('repeats nothing that was sent, and tells nothing of documents', async () => {
    const marker = 'Xq7marker'
    const forms: Form[] = [
      'audience',
      'resource',
      'scope',
      'client_id',
      'grant_type',
      'subject_token',
      'subject_token_type',
      'requested_token_type',
      'actor_token',
      'actor_token_type',
      'client_assertion',
      'client_assertion_type',
      'client_secret',
    ].flatMap((name) => [{ [name]: marker }, { [name]: `urn:${marker}` }, { [name]: `"><script>${marker}` }])
    forms.push(
      { subject_token: cluster.token({ sub: marker }, { namespace: marker }) },
      { subject_token: cluster.token({ iss: marker }) },
    )
    forms.push(
      { subject_token: cluster.token({}, {}, { kid: marker }) },
      { subject_token: cluster.token({ aud: marker }) },
    )
    for (const form of forms) {
      const answer = await server.exchange(form)
      expect(answer.status).toBeLessThan(500)
      expect(JSON.stringify(answer.body) + JSON.stringify([...answer.headers])).not.toContain(marker)
      for (const word of ['checkout', 'cluster', 'kubernetes', 'shuts'])
        expect(JSON.stringify(answer.body)).not.toContain(word)
      if (answer.status !== 200)
        expect(Object.keys(answer.body).sort()).toEqual(['error', 'error_description', 'request_id'])
    }
  })
})
