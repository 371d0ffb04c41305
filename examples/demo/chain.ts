/**
 * The third part of the tour: one request of a person through five services. Who began it stays in every token, who acted
 * is written into each, a bound token is nothing without its key, and what was minted from one login dies at once.
 */
import { inflateSync } from 'node:zlib'
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import { ACCESS_TOKEN, ID_TOKEN } from './credentials.ts'
import { bad, bold, dim, expect, fact, good, json, say, step, title } from './page.ts'
import type { Cambist } from './server.ts'
import { type Form, refusalOf, Service, tokenOf } from './services.ts'
import { send, type TokenAnswer, WorkloadKey, withDpop } from './workload.ts'
import { document, FRAUD, LEDGER, type World } from './world.ts'

const TRANSACTION_TOKEN = 'urn:ietf:params:oauth:token-type:txn_token'
const ORDER = { order: 'A-1001', amount: 4200, currency: 'EUR' }

/** What came of this part, for a script. */
export interface Chain {
  /** Who acts for whom in the last token, current one first. */
  readonly actors: readonly string[]
  /** Clients that the request has passed, in order. */
  readonly path: readonly string[]
  /** Reasons, as the record has them. */
  readonly refused: readonly string[]
  /** Of each token, whether introspection called it active: before its lineage was revoked, and after. */
  readonly active: readonly (readonly [before: boolean, after: boolean])[]
}

/** What the administrator has written for it. */
export function chainDocuments(trustDomain: string): readonly object[] {
  const service = (name: string, ...audiences: string[]) =>
    document('Client', name, {
      workloads: [{ issuer: 'development-cluster', match: { namespace: ['shop'], serviceaccount: [name] } }],
      ...(audiences.length === 0 ? {} : { audiences }),
    })
  const goesOn = (name: string, client: string, target: string, scope: string, more: object) =>
    document('Policy', name, {
      clients: [client],
      targets: [target],
      scopes: [scope],
      delegation: { mode: 'delegate', maxDepth: 4 },
      ...more,
    })
  return [
    service('gateway'),
    service('orders', trustDomain),
    service('fraud', FRAUD),
    service('ledger', LEDGER),
    document('Target', 'transactions', {
      audience: trustDomain,
      scopes: ['orders.place'],
      tokens: [{ kind: 'transaction-token', lifetime: '2m', tctx: TCTX, observed: ['authn'] }],
    }),
    document('Target', 'fraud', { audience: FRAUD, scopes: ['fraud:check'] }),
    document('Target', 'ledger', {
      audience: LEDGER,
      scopes: ['ledger:write'],
      tokens: [{ kind: 'access-token', lifetime: '1m', binding: 'dpop', revocable: true }],
    }),
    goesOn('gateway-begins', 'gateway', 'transactions', 'orders.place', { subject: { issuers: ['login'] } }),
    goesOn('orders-asks-fraud', 'orders', 'fraud', 'fraud:check', {
      subject: { issuers: ['self'], scopes: ['orders.place'] },
      binding: 'dpop',
    }),
    goesOn('orders-renews', 'orders', 'fraud', 'fraud:check', {
      subject: { issuers: ['self'], scopes: ['fraud:check'] },
    }),
    // What orders sends is bound to a key of orders: fraud cannot prove that, and binds what it gets to its own.
    goesOn('fraud-writes-ledger', 'fraud', 'ledger', 'ledger:write', {
      subject: { issuers: ['self'], scopes: ['fraud:check'], proofOfPossession: 'waived' },
      binding: 'dpop',
      condition: "entry == 'gateway' && visited('orders')",
    }),
  ]
}

const TCTX = {
  type: 'object',
  properties: {
    order: { type: 'string', maxLength: 32 },
    amount: { type: 'integer', minimum: 1 },
    currency: { type: 'string', enum: ['EUR'] },
  },
  required: ['order', 'amount', 'currency'],
}

export async function chain(world: World, cambist: Cambist, tell: boolean): Promise<Chain> {
  const told: typeof say = (...lines) => (tell ? say(...lines) : undefined)
  const next: typeof step = (name, what) => (tell ? step(name, what) : undefined)
  const refused: string[] = []
  const refuse = async (what: string, answer: TokenAnswer, reason: string): Promise<void> => {
    const row = await refusalOf(answer, reason, what, cambist)
    refused.push(row.reason)
    told(bad(`${what}: ${answer.body['error']}`), dim(`  the record: ${row.reason}: ${row.detail}`))
  }
  const [gateway, orders, fraud, ledger] = ['gateway', 'orders', 'fraud', 'ledger'].map(
    (name) => new Service(name, cambist),
  ) as [Service, Service, Service, Service]

  if (tell) title('One request through five services')
  told('Alice has logged in and places an order. Her request passes a gateway, the orders service, fraud')
  told('detection and the ledger. Each sees who began it, and what was ordered; none gets more than it needs.')

  next('The gateway begins a transaction', 'Alice’s ID token in, a transaction token for the trust domain out')
  const login = { subject_token: await world.idToken(cambist.issuer), subject_token_type: ID_TOKEN }
  const begun = await gateway.ask({
    ...login,
    requested_token_type: TRANSACTION_TOKEN,
    audience: cambist.trustDomain,
    scope: 'orders.place',
    request_details: JSON.stringify(ORDER),
  })
  const transaction = tokenOf(begun, 'the transaction token')
  told(json({ ...begun.body, access_token: `${transaction.slice(0, 24)}…` }), '', ...claimsShown(transaction))

  next('The orders service goes on', 'it received the transaction token; fraud detection wants a token of its own')
  const forFraud = tokenOf(
    await orders.askBound({ ...asTransaction(transaction), audience: FRAUD, scope: 'fraud:check' }),
    'the token for fraud detection',
  )
  told(...claimsShown(forFraud))

  next('Fraud detection goes on', 'to the ledger, which lets nobody in who did not come through the gateway')
  const onwards = { audience: LEDGER, scope: 'ledger:write' }
  const forLedger = tokenOf(
    await fraud.askBound({ subject_token: forFraud, subject_token_type: ACCESS_TOKEN, ...onwards }),
    'the token for the ledger',
  )
  const keys = createRemoteJWKSet(new URL(`${cambist.issuer}/jwks`))
  const { payload } = await jwtVerify(forLedger, keys, { issuer: cambist.issuer, audience: LEDGER, typ: 'at+jwt' })
  told(good('the ledger verifies it with jose and the keys from /jwks'), '', ...drawn(payload))
  const actors = actorsOf(payload)
  const path = payload['cambist_path'] as readonly string[]
  expect(
    [path.join(' '), actors.length].join() === 'gateway orders fraud,3',
    `the chain is ${path.join(' ')} and ${actors.join(' ')}`,
  )
  await refuse(
    'fraud detection by itself, with no request behind it',
    await fraud.askBound({ ...fraud.itself(), ...onwards }),
    'denied',
  )

  next('Stolen', 'somebody has the token for fraud detection and all that orders authenticates with, but for its key')
  const theft: Form = {
    subject_token: forFraud,
    subject_token_type: ACCESS_TOKEN,
    audience: FRAUD,
    scope: 'fraud:check',
  }
  await refuse('as a bearer token', await orders.ask(theft), 'confirmation_unproven')
  const thief = new WorkloadKey()
  await refuse(
    'with a key of the thief’s',
    await send(await withDpop(orders.request(theft), thief)),
    'confirmation_unproven',
  )
  const seen = await withDpop(orders.request(theft), orders.key)
  tokenOf(await send(seen), 'the owner’s own request')
  told(good('with the key of orders, by orders itself: granted'))
  await refuse('with a proof that was seen on the wire', await send(seen), 'replayed')

  next('And revoked', 'Alice’s session is taken over: everything that was minted from it, over all hops')
  const tokens = [
    { name: 'at fraud detection', holder: fraud, token: forFraud },
    { name: 'at the ledger', holder: ledger, token: forLedger },
  ]
  const isActive = async ({ holder, token }: (typeof tokens)[number]) => (await holder.introspect(token)).body['active']
  const before = await Promise.all(tokens.map(isActive))
  const { cambist_lineage: lineage } = decodeJwt(forLedger)
  const answer = await cambist.administer('POST', '/revocations', { lineage, reason: 'session of alice taken over' })
  told(dim('POST /admin/v1/revocations'), json({ lineage, reason: 'session of alice taken over' }), json(answer), '')
  const after = await Promise.all(tokens.map(isActive))
  const listed = await isListed(forLedger, cambist.issuer)
  const active = tokens.map((_, at) => [before[at] === true, after[at] === true] as const)
  for (const [at, { name }] of tokens.entries())
    told(fact(`introspection ${name}`, `active ${before[at]} before, ${after[at]} after`))
  told(fact('the status list, for whoever does not ask', `the token at the ledger is ${listed ? 'revoked' : 'good'}`))
  expect(listed, 'the status list does not say that the token was revoked')
  expect(
    active.every(([was, is]) => was && !is),
    'a token outlives its lineage, or was never alive',
  )
  await refuse(
    'the transaction token',
    await orders.askBound({ ...asTransaction(transaction), audience: FRAUD }),
    'revoked',
  )
  await refuse(
    'the token for fraud detection',
    await fraud.askBound({ subject_token: forFraud, subject_token_type: ACCESS_TOKEN, ...onwards }),
    'revoked',
  )
  return { actors, path, refused, active }
}

/** Whether the status list that a token names has it revoked: what a service polls instead of asking about every token. */
async function isListed(token: string, issuer: string): Promise<boolean> {
  const { status } = decodeJwt<{
    readonly status: { readonly status_list: { readonly idx: number; readonly uri: string } }
  }>(token)
  const { idx, uri } = status.status_list
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const list = await (await fetch(uri)).text()
  const { payload } = await jwtVerify(list, keys, { issuer, subject: uri, typ: 'statuslist+jwt' })
  const { lst } = payload['status_list'] as { readonly lst: string }
  return (((inflateSync(Buffer.from(lst, 'base64url'))[idx >> 3] ?? 0) >> (idx & 7)) & 1) === 1
}

const asTransaction = (token: string): Form => ({ subject_token: token, subject_token_type: TRANSACTION_TOKEN })

interface Act {
  readonly sub: string
  readonly act?: Act
}

/** Current one first. */
function actorsOf(claims: JWTPayload): readonly string[] {
  const actors: string[] = []
  for (let act = claims['act'] as Act | undefined; act !== undefined; act = act.act) actors.push(act.sub)
  return actors
}

/** A subject as people read it: the last part of its id. */
const named = (id: string): string =>
  decodeURIComponent(id.split('/').at(-1) ?? id)
    .split(':')
    .at(-1) ?? id

/** Who acts for whom, from the person inwards: each acts for those above it. */
function drawn(claims: JWTPayload): readonly string[] {
  const { sub = '', aud } = claims
  const acting = actorsOf(claims).toReversed()
  const lines = acting.map((actor, depth) => {
    const note = depth === acting.length - 1 ? 'current actor: the one that decides' : depth === 0 ? 'entry' : ''
    return `${'   '.repeat(depth)}└─ ${bold(named(actor))}${note === '' ? '' : dim(`  ${note}`)}`
  })
  return [
    `${bold(named(sub))}  ${dim('subject, in every token')}`,
    ...lines,
    `${'   '.repeat(acting.length)}→ ${[aud].flat().join(', ')}`,
  ]
}

const SHOWN = ['aud', 'sub', 'scope', 'txn', 'req_wl', 'tctx', 'act', 'cnf', 'cambist_path'] as const

function claimsShown(token: string): readonly string[] {
  const claims = decodeJwt(token)
  return [json(Object.fromEntries(SHOWN.flatMap((name) => (claims[name] === undefined ? [] : [[name, claims[name]]]))))]
}
