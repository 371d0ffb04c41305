import { beforeAll, describe, expect, it } from 'vitest'
import { type Answer, document, type Form, startCambist } from '../harness/cambist.ts'
import { clientAssertion, hmacToken, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, database, issuer: us } = server
const evil = new SigningKey('RS256')
const registered = new SigningKey('ES256')
await server.apply(
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
  document('Policy', 'registered-reads-orders', {
    clients: ['registered'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

const rows = async () =>
  Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM cambist.records'))[0]?.n)
const metrics = async () => (await server.adminGet('/metrics')).text()
async function unrecorded(): Promise<number> {
  const lines = (await metrics()).split('\n').filter((line) => line.startsWith('cambist_refusals_unrecorded_total{'))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe('the record of refusals', () => {
  it('has rows for fifty unverified refusals of one source, counts the rest, and five more rows a second later (T38)', async () => {
    clock.advance(60)
    const before = await rows()
    const counted = await unrecorded()
    const refused = () => server.exchange({ subject_token: evil.sign(cluster.claims()) })
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 10 }, refused))
    expect((await rows()) - before).toBe(50)
    expect((await unrecorded()) - counted).toBe(30)
    clock.advance(1)
    await Promise.all(Array.from({ length: 10 }, refused))
    expect((await rows()) - before).toBe(55)
    expect((await unrecorded()) - counted).toBe(35)
  })

  it('has a row for every refusal of a caller who is verified, whatever the rate', async () => {
    const before = await rows()
    const counted = await unrecorded()
    const refused = () => server.exchange({ audience: 'https://nowhere.example' })
    const answers = await Promise.all(Array.from({ length: 80 }, refused))
    expect(new Set(answers.map(({ id }) => id)).size).toBe(80)
    expect((await rows()) - before).toBe(80)
    expect(await unrecorded()).toBe(counted)
    expect(await server.record(answers[79]!.id)).toMatchObject({ reason: 'target_unknown', client: 'checkout' })
  })
})

describe('tokens leave no trace (I8, T35)', () => {
  const answers: Answer[] = []
  /** Everything that was sent or issued and is worth stealing. */
  const secrets: string[] = []

  beforeAll(async () => {
    const assertion = () => clientAssertion('registered', registered, us, clock.seconds())
    const good = cluster.token()
    const asClient = (token: string): Form => ({ client_assertion: token, client_assertion_type: TYPE.clientAssertion })
    const asActor = (token: string): Form => ({ actor_token: token, actor_token_type: TYPE.jwt })
    const forms: Form[] = [
      { subject_token: good },
      { subject_token: cluster.token(), ...asClient(assertion()) },
      { subject_token: cluster.token(), ...asActor(cluster.token({}, { serviceaccount: 'other' })) },
      { subject_token: cluster.token(), ...asClient(evil.sign({ iss: 'registered' })) },
      { subject_token: evil.sign(cluster.claims()) },
      { subject_token: evil.sign(cluster.claims(), { kid: cluster.key.kid }) },
      { subject_token: evil.sign(cluster.claims(), { jwk: evil.jwk }) },
      { subject_token: hmacToken({ alg: 'HS256' }, cluster.claims(), 'secret') },
      { subject_token: `${good} ` },
      { subject_token: good, subject_token_type: 'urn:x' },
      { subject_token: good, scope: 'orders:delete' },
      { subject_token: good, scope: 'orders:write' },
      { subject_token: good, client_id: 'somebody' },
      { subject_token: cluster.token({ exp: clock.seconds() - 100 }) },
      { subject_token: cluster.token({ aud: 'https://elsewhere.example' }) },
      // A token in a place where none belongs.
      { subject_token: undefined, token: good },
      { subject_token: [good, cluster.token()] as unknown as string },
      { subject_token: good, audience: cluster.token() },
      { subject_token: good, resource: cluster.token() },
      { subject_token: good, scope: cluster.token() },
      { subject_token: good, client_id: cluster.token() },
      { subject_token: good, subject_token_type: cluster.token() },
      { subject_token: good, requested_token_type: cluster.token() },
      { subject_token: good, grant_type: cluster.token() },
      { subject_token: good, client_secret: cluster.token() },
    ]
    for (const form of forms) {
      clock.advance(0.2)
      for (const value of Object.values(form).flat())
        if (value !== undefined && value.split('.').length >= 3 && value.length > 200) secrets.push(value.trim())
      const answer = await server.exchange(form)
      answers.push(answer)
      if (typeof answer.body['access_token'] === 'string') secrets.push(answer.body['access_token'])
    }
    const query = await fetch(`${us}/token?subject_token=${good}`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: TYPE.exchange }),
    })
    expect(query.status).toBe(400)
    const basic = await fetch(`${us}/token`, {
      method: 'POST',
      body: new URLSearchParams(),
      headers: { authorization: `Bearer ${good}` },
    })
    expect(basic.status).toBe(401)
  })

  /** What of a token must be nowhere: any twenty characters of its signature, which nobody can compute. */
  const traces = () =>
    secrets
      .map((secret) => secret.slice(secret.lastIndexOf('.') + 1))
      .flatMap((signature) => [signature.slice(0, 20), signature.slice(-20)])

  it('sent and issued something that could have left one', () => {
    expect(secrets.length).toBeGreaterThan(25)
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(1)
    expect(answers.filter(({ status }) => status >= 400).length).toBeGreaterThan(15)
    expect(answers.filter(({ status }) => status >= 500)).toEqual([])
  })

  it('in no column of the record, nor anywhere else in the database', async () => {
    const tables = await database.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'cambist' AND table_type = 'BASE TABLE'",
    )
    expect(tables.map(({ name }) => name)).toContain('records')
    for (const { name } of tables) {
      const [dump] = await database.query<{ text: string | null }>(
        `SELECT string_agg(t::text, E'\\n') AS text FROM cambist."${name}" t`,
      )
      const found = traces().filter((trace) => dump?.text?.includes(trace))
      expect({ name, found }).toEqual({ name, found: [] })
    }
  })

  it('in no refusal', () => {
    const refusals = JSON.stringify(
      answers.filter(({ status }) => status >= 400).map(({ body, headers }) => [body, [...headers]]),
    )
    expect(traces().filter((trace) => refusals.includes(trace))).toEqual([])
  })

  it('in no metric, and no metric has a label that a stranger can write', async () => {
    const text = await metrics()
    expect(traces().filter((trace) => text.includes(trace))).toEqual([])
    for (const word of ['somebody', 'nowhere.example', 'orders:delete', 'system:serviceaccount', 'urn:x'])
      expect(text).not.toContain(word)
    expect(text).toContain('cambist_exchanges_total{outcome="granted"')
  })
})
