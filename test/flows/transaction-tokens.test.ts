import * as jose from 'jose'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { document, type Form } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { decode, TYPE } from '../harness/tokens.ts'
import { brought, claimsOf, startShop, TRANSACTION_PAGE, tokenOf } from '../harness/transactions.ts'

/** The documents and the sample of docs/transaction-tokens.md, for real: user → gateway → orders → fraud → ledger. */
const lines: string[] = []
const logger = pino({ level: 'trace' }, { write: (line) => lines.push(line) })
const shop = await startShop([], { logger })
const { server } = shop
const { clock } = server

const exchange = (client: string, token: string, type: string, form: Form) =>
  server.token({
    grant_type: TYPE.exchange,
    subject_token: token,
    subject_token_type: type,
    ...shop.as(client),
    ...form,
  })
const SCORE = { audience: 'https://fraud.shop.example', scope: 'fraud.score' }
const POST = { audience: 'https://ledger.shop.example', scope: 'ledger.post' }
const actor = (client: string, act?: object) => ({
  sub: `wimse://shop.example/clients/${client}`,
  ...(act === undefined ? {} : { act }),
})

describe('one request through a chain of services', () => {
  it('user → gateway → orders → fraud → ledger: who acted grows by one at every hop, and nobody is lost (TE-49, TX-53)', async () => {
    const begun = await shop.begin()
    const replaced = await tokenOf(server, await shop.ask('orders', brought(begun)))
    const score = await tokenOf(server, await exchange('orders', replaced, TYPE.transactionToken, SCORE))
    const answer = await exchange('fraud', score, TYPE.accessToken, POST)
    const ledger = claimsOf(await tokenOf(server, answer))
    expect(claimsOf(begun)['act']).toEqual(actor('gateway'))
    expect(claimsOf(replaced)['act']).toEqual(actor('orders', actor('gateway')))
    expect(claimsOf(score)['act']).toEqual(actor('orders', actor('orders', actor('gateway'))))
    expect(ledger['act']).toEqual(actor('fraud', claimsOf(score)['act'] as object))
    expect(ledger).toMatchObject({
      sub: 'wimse://shop.example/people/user-77',
      scope: 'ledger.post',
      client_id: 'fraud',
      cambist_lineage: claimsOf(begun)['jti'],
      cambist_path: ['gateway', 'orders', 'orders', 'fraud'],
    })
    expect(Number(ledger['exp'])).toBeLessThanOrEqual(Number(claimsOf(begun)['exp']))
    expect(await server.record(answer.id)).toMatchObject({
      rules: ['fraud-posts'],
      lineage: claimsOf(begun)['jti'],
      parents: [claimsOf(score)['jti']],
    })
  })

  it('the ledger is reached by requests that came in at the gateway and have passed orders, and by no others', async () => {
    await server.apply(
      document('Policy', 'others-begin', {
        clients: ['fraud', 'orders'],
        targets: ['shop', 'fraud'],
        subject: { issuers: ['people'] },
        scopes: ['orders.place', 'fraud.score'],
        delegation: { mode: 'delegate' },
      }),
      document('Policy', 'gateway-scores', {
        clients: ['gateway'],
        targets: ['fraud'],
        subject: { issuers: ['self'], scopes: ['orders.place'] },
        scopes: ['fraud.score'],
        delegation: { mode: 'delegate' },
      }),
    )
    const denied = async (token: string) => {
      const answer = await exchange('fraud', token, TYPE.accessToken, POST)
      await expectRefusal(server, answer, { error: 'invalid_target', reason: 'denied' })
    }
    // in by another door: orders itself began it
    const byOrders = await tokenOf(server, await shop.ask('orders'))
    await denied(await tokenOf(server, await exchange('orders', byOrders, TYPE.transactionToken, SCORE)))
    // past orders: the gateway asked for the score itself
    const byGateway = await shop.begin()
    await denied(await tokenOf(server, await exchange('gateway', byGateway, TYPE.transactionToken, SCORE)))
    // fraud itself began it
    await denied(await tokenOf(server, await exchange('fraud', shop.user(), TYPE.jwt, SCORE)))
    // and orders goes on with none that did not come in at the gateway
    const answer = await shop.ask('orders', brought(byOrders))
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'denied' })
  })

  it('TX-44: no whole token is on the log or on the record, of all that were issued', async () => {
    const begun = await shop.begin()
    const replaced = await tokenOf(server, await shop.ask('orders', brought(begun)))
    const none = await exchange('fraud', replaced, TYPE.accessToken, POST)
    await expectRefusal(server, none, { error: 'invalid_request', reason: 'token_type_mismatch' })
    const listed = (await server.adminGet('/admin/v1/audit?limit=200').then((response) => response.text())) as string
    expect(lines.length).toBeGreaterThan(0)
    for (const token of [begun, replaced]) {
      const [, claims = '', signature = ''] = token.split('.')
      expect(listed).toContain(String(decode(token).claims['jti']))
      for (const part of [claims, signature]) {
        expect(listed).not.toContain(part)
        expect(lines.join('')).not.toContain(part)
      }
    }
  })
})

describe('TX-41: the sample for a workload that receives one', async () => {
  const [, sample = ''] = /```js\n([\s\S]*?)```/.exec(TRANSACTION_PAGE) ?? []
  const body = sample
    .replace(/^import .*$/m, '')
    .replace('export async', 'async')
    .replaceAll('https://cambist.example', server.issuer)
  const transactionOf = new Function('createRemoteJWKSet', 'jwtVerify', `${body}\nreturn transactionOf`)(
    jose.createRemoteJWKSet,
    jose.jwtVerify,
  ) as (headers: Headers) => Promise<Record<string, unknown>>
  /** jose looks at the clock of the machine. */
  const now = () => clock.advance(Date.now() / 1000 - clock.seconds())

  it('takes what it is passed, from whichever workload', async () => {
    now()
    const begun = await shop.begin()
    const replaced = await tokenOf(server, await shop.ask('orders', brought(begun)))
    for (const token of [begun, replaced]) {
      expect(await transactionOf(new Headers({ 'Txn-Token': token }))).toMatchObject({
        txn: claimsOf(begun)['txn'],
        tctx: { order: 'A-1' },
      })
    }
  })

  it('refuses what is none, is over, is of another domain, or comes twice', async () => {
    now()
    const token = await shop.begin()
    const score = await tokenOf(server, await exchange('orders', token, TYPE.transactionToken, SCORE))
    clock.advance(-120)
    const over = await shop.begin()
    now()
    await server.apply(
      document('Target', 'other', {
        audience: 'other.example',
        scopes: ['orders.place'],
        tokens: [{ kind: 'transaction-token' }],
      }),
      document('Policy', 'other', {
        clients: ['gateway'],
        targets: ['other'],
        scopes: ['orders.place'],
        delegation: { mode: 'delegate' },
      }),
    )
    const elsewhere = await shop.begin({ audience: 'other.example', request_details: undefined })
    const [head, claims] = token.split('.')
    for (const bad of [score, over, elsewhere, `${head}.${claims}.`, '', `${token}, ${token}`])
      await expect(transactionOf(new Headers({ 'Txn-Token': bad }))).rejects.toThrow()
    await expect(transactionOf(new Headers({ Authorization: `Bearer ${token}` }))).rejects.toThrow()
    await expect(transactionOf(new Headers({ 'Txn-Token': token }))).resolves.toBeDefined()
  })
})
