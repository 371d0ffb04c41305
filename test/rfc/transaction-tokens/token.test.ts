import { randomUUID } from 'node:crypto'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { document } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { decode, SigningKey, TYPE } from '../../harness/tokens.ts'
import { claimsOf, DOMAIN, startShop, tokenOf } from '../../harness/transactions.ts'
import { byDpop, TrustDomain } from '../../harness/workload.ts'

/** draft-ietf-oauth-transaction-tokens §9, §11.3, §11.4: what is issued. */
const prod = new TrustDomain(() => server.clock.seconds())
const cron = new SigningKey('ES256')
const dpopped = new SigningKey('ES256')
const shop = await startShop()
const { server } = shop
const { clock } = server
await server.apply(
  ...prod.trusted(server.issuer),
  document('Client', 'nightly', { workloads: [{ issuer: 'prod', ids: [prod.id('nightly')] }] }),
  document('Client', 'cron', { authentication: { method: 'private_key_jwt', jwks: { keys: [cron.jwk] } } }),
  document('Policy', 'nightly-begins', {
    clients: ['nightly'],
    targets: ['shop'],
    subject: { issuers: ['prod'] },
    scopes: ['orders.view'],
  }),
  document('Target', 'api', {
    audience: 'https://api.example',
    scopes: ['use'],
    tokens: [{ kind: 'access-token', lifetime: '10m' }],
  }),
  document('Policy', 'gateway-has-access-tokens', {
    clients: ['gateway'],
    targets: ['api'],
    subject: { issuers: ['people'] },
    scopes: ['use'],
    delegation: { mode: 'impersonate' },
  }),
  document('Policy', 'gateway-begins-with-them', {
    clients: ['gateway'],
    targets: ['shop'],
    subject: { issuers: ['self'], scopes: ['use'], condition: "subject.kind == 'access-token'" },
    scopes: ['orders.place'],
    delegation: { mode: 'delegate' },
  }),
)

describe('§9: the token', () => {
  it('TX-01, TX-02, TX-22: is a txntoken+jwt with what is required, set by us, and nothing that nobody asked for', async () => {
    const answer = await shop.ask('gateway', {
      request_details: JSON.stringify({ order: 'A-1', amount: 3, currency: 'EUR' }),
      request_context: JSON.stringify({ req_ip: '198.51.100.4' }),
    })
    const token = await tokenOf(server, answer)
    const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(`${server.issuer}/jwks`)), {
      typ: 'txntoken+jwt',
      audience: DOMAIN,
      issuer: server.issuer,
      currentDate: new Date(clock.now()),
    })
    expect(protectedHeader).toEqual({ typ: 'txntoken+jwt', alg: 'ES256', kid: expect.any(String) })
    expect(payload).toEqual({
      iss: server.issuer,
      sub: 'wimse://shop.example/people/user-77',
      aud: DOMAIN,
      iat: clock.seconds(),
      exp: clock.seconds() + 60,
      jti: answer.id,
      txn: answer.id,
      scope: 'orders.place',
      req_wl: 'wimse://shop.example/clients/gateway',
      tctx: { order: 'A-1', amount: 3, currency: 'EUR' },
      rctx: { req_ip: '198.51.100.4', authn: 'private_key_jwt' },
      act: { sub: 'wimse://shop.example/clients/gateway' },
      cambist_lineage: answer.id,
      cambist_path: ['gateway'],
    })
    expect(await server.record(answer.id)).toMatchObject({
      jti: answer.id,
      txn: answer.id,
      granted: { scopes: ['orders.place'], targets: ['shop'], tokenType: TYPE.transactionToken, lifetime: 60 },
    })
  })

  it('TX-22: every transaction has a name of its own, also where one access token begins many', async () => {
    const access = await tokenOf(
      server,
      await shop.ask('gateway', {
        requested_token_type: undefined,
        audience: 'https://api.example',
        scope: 'use',
        request_details: undefined,
      }),
    )
    const ours = { subject_token: access, subject_token_type: TYPE.accessToken }
    const tokens = [await shop.begin(), await shop.begin(), await shop.begin(ours), await shop.begin(ours)]
    expect(new Set(tokens.map((token) => claimsOf(token)['txn'])).size).toBe(4)
    const [, , third, fourth] = tokens.map(claimsOf)
    expect(third?.['cambist_lineage']).toBe(fourth?.['cambist_lineage'])
  })

  it('TX-22: the subject is one in the domain, whichever issuer names it', async () => {
    const [people, workload] = [await shop.begin(), await tokenOf(server, await nightly())]
    expect(claimsOf(people)['sub']).toBe('wimse://shop.example/people/user-77')
    expect(claimsOf(workload)['sub']).toBe(prod.id('nightly'))
  })

  it('TX-05, TX-22: lives for as long as the target says, and no longer than what it was issued for', async () => {
    const short = shop.user({ exp: clock.seconds() + 20 })
    expect(claimsOf(await shop.begin({ subject_token: short }))['exp']).toBe(clock.seconds() + 20)
    expect(Number(claimsOf(await shop.begin())['exp']) - clock.seconds()).toBe(60)
    const over = shop.user({ iat: clock.seconds() - 700, exp: clock.seconds() - 100 })
    await expectRefusal(server, await shop.ask('gateway', { subject_token: over }), {
      error: 'invalid_request',
      reason: 'expired',
    })
  })

  it('TX-05: lint says of a transaction token that lives long what its thief has of it', async () => {
    const target = (lifetime: string) =>
      document('Target', 'shop', { audience: DOMAIN, tokens: [{ kind: 'transaction-token', lifetime }] })
    expect(await warned(target('6m'))).toContain('spec.tokens[0].lifetime')
    expect(await warned(target('5m'))).not.toContain('spec.tokens[0].lifetime')
  })

  it('TX-22: lint says where a target of transaction tokens is not our trust domain', async () => {
    const target = (audience: string) =>
      document('Target', 'shop', { audience, tokens: [{ kind: 'transaction-token' }] })
    expect(await warned(target('other.example'))).toContain('spec.audience')
    expect(await warned(target(DOMAIN))).not.toContain('spec.audience')
  })

  it('TX-03: no token that was presented is in it, wherever the request says it', async () => {
    const user = shop.user()
    const token = await shop.begin({ subject_token: user })
    for (const part of user.split('.'))
      expect(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).not.toContain(part)
    const opaque = 'an-opaque-token-of-somebody-else'
    for (const said of [
      { order: user },
      { order: user.slice(0, -20) },
      { [user]: 1 },
      { order: 'A', more: [{ x: `Bearer ${user}` }] },
    ]) {
      const answer = await shop.ask('gateway', { subject_token: user, request_details: JSON.stringify(said) })
      await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_malformed' })
    }
    const again = await shop.ask('gateway', {
      subject_token: opaque,
      request_context: JSON.stringify({ req_ip: opaque }),
    })
    await expectRefusal(server, again, { error: 'invalid_request', reason: 'parameter_malformed' })
  })

  it('takes no key, though the request proves one: it is passed on, and what was bound must be let go by a rule', async () => {
    const proof = byDpop(server, dpopped)
    const answer = await server.token(
      {
        grant_type: TYPE.exchange,
        requested_token_type: TYPE.transactionToken,
        audience: DOMAIN,
        scope: 'orders.place',
        subject_token: shop.user(),
        subject_token_type: TYPE.jwt,
        request_details: '{"order":"A-1"}',
        ...shop.as('gateway'),
      },
      proof,
    )
    expect(answer.body['token_type']).toBe('N_A')
    expect(claimsOf(await tokenOf(server, answer))).not.toHaveProperty('cnf')
    expect(await server.record(answer.id)).toMatchObject({ granted: { binding: 'none' } })
    const bound = await server.token(
      {
        grant_type: TYPE.exchange,
        audience: 'https://api.example',
        scope: 'use',
        subject_token: shop.user(),
        subject_token_type: TYPE.jwt,
        ...shop.as('gateway'),
      },
      byDpop(server, dpopped, { jti: randomUUID() }),
    )
    const unbinding = await server.token(
      {
        grant_type: TYPE.exchange,
        requested_token_type: TYPE.transactionToken,
        audience: DOMAIN,
        scope: 'orders.place',
        subject_token: await tokenOf(server, bound),
        subject_token_type: TYPE.accessToken,
        request_details: '{"order":"A-1"}',
        ...shop.as('gateway'),
      },
      byDpop(server, dpopped, { jti: randomUUID() }),
    )
    const record = await expectRefusal(server, unbinding, { error: 'invalid_request', reason: 'change_denied' })
    expect(record['changes']).toContain('unbind')
  })
})

describe('§11.4: the answer', () => {
  it('TX-30: is N_A and of type txn_token, without a refresh token', async () => {
    const answer = await shop.ask('gateway')
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: TYPE.transactionToken,
      token_type: 'N_A',
      expires_in: 60,
      scope: 'orders.place',
    })
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
  })

  it('TX-44: neither the record nor what the administrators read holds the token or what it was issued for', async () => {
    const user = shop.user()
    const answer = await shop.ask('gateway', { subject_token: user })
    const token = await tokenOf(server, answer)
    const row = JSON.stringify(await server.record(answer.id))
    for (const part of [...token.split('.').slice(1), ...user.split('.').slice(1), 'A-1'])
      expect(row).not.toContain(part)
    expect(row).toContain(decode(token).claims['txn'])
  })
})

/** A workload that begins a transaction with its own credential. */
const nightly = () =>
  server.token({
    grant_type: TYPE.exchange,
    requested_token_type: TYPE.transactionToken,
    audience: DOMAIN,
    scope: 'orders.view',
    subject_token: prod.svid('nightly', server.issuer),
    subject_token_type: TYPE.jwt,
    request_details: '{"order":"A-1"}',
  })

describe('§10: transactions that begin within the domain', () => {
  it('TX-20, TX-21: a workload begins one with its own credential, and acts for nobody', async () => {
    const claims = claimsOf(await tokenOf(server, await nightly()))
    expect(claims).toMatchObject({ sub: prod.id('nightly'), req_wl: prod.id('nightly'), cambist_path: ['nightly'] })
    expect(claims).not.toHaveProperty('act')
  })
})

async function warned(target: object): Promise<readonly unknown[]> {
  const { json } = await server.adminSend('POST', '/admin/v1/apply?dryRun=true', [target])
  const warnings = json['warnings'] as readonly { name: string; path: string }[]
  return warnings.filter(({ name }) => name === 'shop').map(({ path }) => path)
}
