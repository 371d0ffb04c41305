/** RFC 7662: whether a token counts, for whom it is for (access-tokens.md §4). */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { makeChain, written } from '../../harness/client-chain.ts'
import { brought, inquire, type Registered, Services, tokenFor } from '../../harness/inquiries.ts'
import { sha256 } from '../../harness/proofs.ts'
import { expectWire } from '../../harness/refusal.ts'
import { decode, SigningKey, TYPE } from '../../harness/tokens.ts'
import { ask, byDpop } from '../../harness/workload.ts'

const server = await startCambist({
  env: { CAMBIST_TRUSTED_PROXIES: '127.0.0.1', CAMBIST_CLIENT_CERT_HEADER: 'rfc9440' },
})
const { clock, cluster } = server
const services = new Services(server)
await server.apply(...services.documents())

const JWT: Form = { audience: 'https://orders.example' }
const OPAQUE: Form = { audience: 'https://vault.example' }
const FORMS = [
  ['JWT', JWT],
  ['opaque', OPAQUE],
] as const
const INACTIVE = '{"active":false}'

const issued = (form: Form = JWT, headers: Record<string, string> = {}) =>
  tokenFor(server, { ...services.as('web'), ...form }, headers)
const introspect = (token: string, by: Registered = 'orders-api', form: Form = {}) =>
  inquire(server, '/introspect', { token, ...services.as(by), ...form })

it('IN-05, T37: is inactive for a client that has the name of its audience, and does not say so in its audiences', async () => {
  await server.apply(
    document('Target', 'namesake', { audience: 'stranger' }),
    document('Policy', 'namesake', { clients: ['web'], targets: ['namesake'], delegation: { mode: 'delegate' } }),
  )
  expect((await introspect(await issued({ audience: 'stranger' }), 'stranger')).text).toBe(INACTIVE)
})

describe.each(FORMS)('RFC 7662 §2.2: a %s token', (kind, form) => {
  it('IN-03, IN-04, TE-47: is active, and all that it says is told to whom it is for', async () => {
    const token = await issued({ ...form, subject_token: cluster.token() })
    const { status, body, headers } = await introspect(token)
    expect([status, headers.get('Content-Type')]).toEqual([200, 'application/json'])
    expect(body).toEqual({
      active: true,
      token_type: 'Bearer',
      iss: server.issuer,
      sub: 'wimse://127.0.0.1/cluster/system%3Aserviceaccount%3Ashop%3Acheckout',
      aud: form['audience'],
      client_id: 'web',
      scope: kind === 'JWT' ? 'orders:read' : 'vault:open',
      iat: clock.seconds(),
      exp: clock.seconds() + 300,
      jti: expect.any(String),
      act: { sub: 'wimse://127.0.0.1/clients/web' },
      cambist_lineage: body['jti'],
      cambist_path: ['web'],
      ...(kind === 'JWT' ? {} : { team: 'shop' }),
    })
    if (kind === 'JWT') expect(body).toMatchObject(decode(token).claims)
  })

  it('IN-06: is answered in a way that nobody keeps', async () => {
    const { headers } = await introspect(await issued(form))
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect(headers.get('Cambist-Request-Id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(headers.get('Access-Control-Allow-Origin')).toBeNull()
  })

  it.each(['access_token', 'refresh_token', 'pat', ''])('IN-01: is found whatever the hint says: %j', async (hint) => {
    const { body } = await introspect(await issued(form), 'orders-api', { token_type_hint: hint })
    expect(body['active']).toBe(true)
  })

  it.each(['web', 'stock-api', 'stranger'] as const)(
    'IN-05, T37: is inactive for %s, for whom it is not, as if nobody had been given it',
    async (by) => {
      const { status, text, headers } = await introspect(await issued(form), by)
      expect([status, text, headers.get('Content-Type')]).toEqual([200, INACTIVE, 'application/json'])
    },
  )

  it('IN-03: is inactive once its time is over, and says no more', async () => {
    const token = await issued(form)
    clock.advance(299)
    expect((await introspect(token)).body['active']).toBe(true)
    clock.advance(1)
    expect((await introspect(token)).text).toBe(INACTIVE)
  })

  it('IN-03: is inactive where one character is another', async () => {
    const token = await issued(form)
    for (const at of [0, 20, token.length - 1]) {
      const other = token[at] === 'A' ? 'B' : 'A'
      expect((await introspect(`${token.slice(0, at)}${other}${token.slice(at + 1)}`)).text).toBe(INACTIVE)
    }
    for (const changed of [`${token}=`, ` ${token}`, `${token}\n`])
      expect((await introspect(changed)).text).toBe(INACTIVE)
  })

  it('CB-02, DP-16: says what it is bound to, and how it is used', async () => {
    const key = new SigningKey('ES256')
    const bound = await ask(server, { ...services.as('web'), ...form }, () => byDpop(server, key))
    const byProof = await introspect(String(bound.body['access_token']))
    expect(byProof.body).toMatchObject({ token_type: 'DPoP', cnf: { jkt: expect.stringMatching(/^[\w-]{43}$/) } })
    const chain = await makeChain(1)
    const token = await issued(form, written.rfc9440(chain.der))
    const thumbprint = createHash('sha256')
      .update(chain.der[0] ?? '')
      .digest('base64url')
    expect((await introspect(token)).body).toMatchObject({ token_type: 'Bearer', cnf: { 'x5t#S256': thumbprint } })
  })

  it('TE-47: says who has acted over hops, and which clients the request has passed', async () => {
    const first = await issued(form)
    const next = await tokenFor(server, {
      ...brought(first),
      ...services.as('orders-api'),
      audience: 'https://stock.example',
    })
    const { body } = await introspect(next, 'stock-api')
    const lineage = (await introspect(first)).body['jti']
    expect(body).toMatchObject({
      active: true,
      client_id: 'orders-api',
      cambist_lineage: lineage,
      cambist_path: ['web', 'orders-api'],
      act: { sub: 'wimse://127.0.0.1/clients/orders-api', act: { sub: 'wimse://127.0.0.1/clients/web' } },
    })
    expect((await introspect(next, 'orders-api')).text).toBe(INACTIVE)
  })
})

describe('RFC 7662 §2.2: what is no token of ours', () => {
  it.each([
    ['a text', 'x'],
    ['a token of somebody else', cluster.token()],
    ['one of ours that another has signed', forged()],
    ['an opaque one that nobody was given', `cambist_at_${'A'.repeat(49)}`],
    ['an assertion of whoever asks', String(services.as('orders-api')['client_assertion'])],
    ['a long text', 'x'.repeat(16_000)],
  ])('IN-03: %s is inactive', async (_, token) => {
    const { status, text } = await introspect(token)
    expect([status, text]).toEqual([200, INACTIVE])
  })

  function forged(): string {
    const now = clock.seconds()
    const claims = {
      ...{ iss: server.issuer, sub: 'x', aud: 'https://orders.example', client_id: 'web', jti: 'x', iat: now },
      ...{ exp: now + 60, cambist_lineage: 'x', cambist_path: ['web'] },
    }
    return new SigningKey('ES256').sign(claims, { typ: 'at+jwt' })
  }
})

describe('RFC 7662 §2.1: the request', () => {
  it('IN-02, T37: is answered to nobody who does not say who he is', async () => {
    const token = await issued()
    const answer = await inquire(server, '/introspect', { token })
    expectWire(answer, { status: 401, error: 'invalid_client' })
    const forged = services.as('stranger')
    const asOther = await inquire(server, '/introspect', { token, ...forged, client_id: 'orders-api' })
    expectWire(asOther, { status: 401, error: 'invalid_client' })
    const expired = services.as('orders-api')
    clock.advance(120)
    expectWire(await inquire(server, '/introspect', { token, ...expired }), { status: 401, error: 'invalid_client' })
  })

  it.each([
    ['Basic b3JkZXJzLWFwaTp4', 'Basic realm="cambist"'],
    ['Bearer cambist_at_x', 'Bearer realm="cambist"'],
  ])('IN-02: %s is no way in, and is told so', async (authorization, challenge) => {
    const answer = await inquire(server, '/introspect', { token: 'x' }, { Authorization: authorization })
    expectWire(answer, { status: 401, error: 'invalid_client' })
    expect(answer.headers.get('WWW-Authenticate')).toBe(challenge)
  })

  it('I2: spends an assertion once, over both endpoints and the token endpoint', async () => {
    const token = await issued()
    const assertion = services.as('orders-api')
    expect((await inquire(server, '/introspect', { token, ...assertion })).body['active']).toBe(true)
    for (const path of ['/introspect', '/revoke'])
      expectWire(await inquire(server, path, { token, ...assertion }), { status: 401, error: 'invalid_client' })
    const exchanged = await server.exchange({ ...assertion })
    expect(await server.record(exchanged.id)).toMatchObject({ reason: 'replayed' })
    const used = services.as('orders-api')
    await server.exchange({ ...used })
    expectWire(await inquire(server, '/introspect', { token, ...used }), { status: 401, error: 'invalid_client' })
  })

  it('IN-01: is a form that is posted with a token', async () => {
    expectWire(await inquire(server, '/introspect', services.as('orders-api')), {
      status: 400,
      error: 'invalid_request',
    })
    const twice = await inquire(server, '/introspect', { token: ['a', 'b'], ...services.as('orders-api') })
    expectWire(twice, { status: 400, error: 'invalid_request' })
    const json = await inquire(server, '/introspect', { token: 'a' }, { 'Content-Type': 'application/json' })
    expectWire(json, { status: 415, error: 'invalid_request' })
  })

  it.each(['token=abc', 'token_type_hint=x', 'client_assertion=x'])(
    'T24: takes nothing from the query: %s',
    async (query) => {
      const answer = await inquire(server, `/introspect?${query}`, { token: 'x', ...services.as('orders-api') })
      expectWire(answer, { status: 400, error: 'invalid_request' })
    },
  )

  it('T24: refuses parameters of other requests, and ignores those that nobody knows', async () => {
    const token = await issued()
    expectWire(await introspect(token, 'orders-api', { scope: 'orders:read' }), {
      status: 400,
      error: 'invalid_request',
    })
    expect((await introspect(token, 'orders-api', { resource_id: 'x' })).body['active']).toBe(true)
  })

  it('IN-06: is not one by GET', async () => {
    const response = await server.get(`/introspect?token=${await issued()}`)
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'POST'])
  })
})

describe('RFC 7662 §4: tokens and everything else', () => {
  it('has the hash of an opaque token on its record, and what it stands for in the database, and never the token (I8)', async () => {
    const answer = await server.exchange({ ...services.as('web'), ...OPAQUE })
    const token = String(answer.body['access_token'])
    expect(token).toMatch(/^cambist_at_[A-Za-z0-9_-]{49}$/)
    expect(answer.body).toMatchObject({ token_type: 'Bearer', expires_in: 300, issued_token_type: TYPE.accessToken })
    const record = await server.record(answer.id)
    expect(record).toMatchObject({ tokenHash: sha256(token), jti: answer.id })
    for (const table of ['records', 'reference_tokens']) {
      const rows = await server.database.query(`SELECT t::text AS text FROM cambist.${table} t`)
      expect(JSON.stringify(rows)).toContain(sha256(token))
      expect(JSON.stringify(rows)).not.toContain(token.slice(11, 40))
    }
  })
})
