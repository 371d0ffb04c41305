import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Answer, baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { type Claims, clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'
import { byDpop } from '../harness/workload.ts'

/** I6, I8: whatever the grant and the kind of token, its record tells the decision, and nothing of a credential. */
const server = await startCambist({ env: { CAMBIST_TRUST_DOMAIN: 'prod.example' } })
const { cluster, clock, issuer: us } = server
const [web, idp, peer] = Array.from({ length: 3 }, () => new SigningKey('ES256')) as [
  SigningKey,
  SigningKey,
  SigningKey,
]
const keys = (key: SigningKey) => ({ algorithms: ['ES256'], keys: { jwks: { keys: [key.jwk] } } })
const [ORDERS, VAULT, PEER] = ['https://orders.example', 'urn:vault', 'https://as.peer.example']
const workload = { subject: "'spiffe://prod.example/web'" }
const all = { delegation: { mode: 'delegate', maxDepth: 8 }, changes: ['format', 'scope', 'authority', 'identity'] }
await server.apply(
  ...baseDocuments(cluster),
  document('TrustedIssuer', 'idp', {
    ...{ credential: 'jwt', issuer: 'https://idp.example', audiences: ['web', us], ...keys(idp) },
  }),
  document('TrustedIssuer', 'peer', {
    ...{
      credential: 'authorization-grant',
      issuer: 'https://peer.example',
      audiences: [us],
      act: 'keep',
      ...keys(peer),
    },
  }),
  document('Client', 'web', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [web.jwk] } },
    audiences: [ORDERS, VAULT, 'prod.example'],
    grants: ['token-exchange', 'jwt-bearer', 'client-credentials'],
  }),
  document('Target', 'prod', { audience: 'prod.example', scopes: ['buy'], tokens: [{ kind: 'transaction-token' }] }),
  document('Target', 'vault', {
    ...{ audience: VAULT, scopes: ['open', 'shut'], tokens: [{ kind: 'opaque' }] },
    authorizationDetails: [{ type: 'safe', members: { actions: 'texts', identifier: 'text' } }],
  }),
  document('Target', 'svids', {
    ...{
      audience: 'urn:svids',
      tokens: [
        { kind: 'jwt-svid', ...workload },
        { kind: 'wit', ...workload },
      ],
    },
  }),
  document('Target', 'peer', {
    ...{ audience: PEER, scopes: ['orders:read', 'buy'] },
    tokens: [{ kind: 'authorization-grant' }, { kind: 'id-jag' }],
  }),
  document('Target', 'other-peer', {
    ...{ audience: 'https://as.other.example', scopes: ['orders:read', 'buy'] },
    tokens: [{ kind: 'authorization-grant' }, { kind: 'id-jag' }],
  }),
  document('Target', 'chain', {
    ...{ audience: 'https://as.chain.example', scopes: ['orders:read', 'buy'] },
    tokens: [{ kind: 'authorization-grant', typ: 'txn-chain+jwt' }],
  }),
  document('Policy', 'all', {
    ...{ clients: ['web'], targets: ['*'], scopes: ['orders:read', 'buy', 'open'], subject: { scopes: [] }, ...all },
    authorizationDetails: [{ type: 'safe', members: { actions: ['look', 'touch'] } }],
  }),
)

const as = (): Form => ({
  client_assertion: clientAssertion('web', web, us, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})
const ask = (form: Form) => server.exchange({ ...as(), ...form })
const made = async (form: Form) => String((await ask(form)).body['access_token'])
const opaque = () => made({ audience: VAULT, scope: 'open', authorization_details: SAFE('look') })
const SAFE = (...actions: string[]) => JSON.stringify([{ type: 'safe', actions }])
const TXN: Form = { audience: 'prod.example', scope: 'buy', requested_token_type: TYPE.transactionToken }
const JAG: Form = { audience: PEER, scope: 'buy', requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag' }
const ours = (token: string, type: string = TYPE.accessToken) => ({ subject_token: token, subject_token_type: type })
const life = () => ({ iat: clock.seconds(), exp: clock.seconds() + 200 })
const idToken = () => ({
  subject_token: idp.sign({ iss: 'https://idp.example', sub: 'john', aud: 'web', ...life() }),
  subject_token_type: TYPE.idToken,
})
const bring = (claims: Claims, form: Form = {}) => {
  const grant = { iss: 'https://peer.example', sub: 'job/../7%2F', aud: us, client_id: 'web', jti: randomUUID() }
  const assertion = peer.sign({ ...grant, ...life(), ...claims }, { typ: 'cambist-authorization-grant+jwt' })
  return server.token({ grant_type: TYPE.jwtBearer, assertion, audience: VAULT, ...as(), ...form })
}
const credentials = (form: Form) => server.token({ grant_type: 'client_credentials', ...as(), ...form })

const REQUESTS: Readonly<Record<string, readonly [outcome: string, ask: () => Promise<Answer>]>> = {
  'an access token': ['granted', () => ask({ scope: 'orders:read' })],
  'an opaque token with details': ['granted', () => ask({ audience: VAULT, authorization_details: SAFE('look') })],
  'another opaque token of one': [
    'granted',
    async () => ask({ ...ours(await opaque()), audience: VAULT, scope: 'open' }),
  ],
  'an access token of an opaque one': ['granted', async () => ask({ ...ours(await opaque()), scope: 'orders:read' })],
  'more scopes than an opaque token holds': [
    'scope_denied',
    async () => ask({ ...ours(await opaque()), audience: VAULT, scope: 'open shut' }),
  ],
  'more details than an opaque token holds': [
    'details_denied',
    async () => ask({ ...ours(await opaque()), audience: VAULT, authorization_details: SAFE('look', 'touch') }),
  ],
  'a transaction token': ['granted', () => ask(TXN)],
  'one that replaces it': ['granted', async () => ask({ ...ours(await made(TXN), TYPE.transactionToken), ...TXN })],
  'a transaction token without purpose': ['token_unfit', () => ask({ audience: 'prod.example' })],
  'a JWT-SVID in which somebody would act': ['token_unfit', () => ask({ audience: 'urn:svids' })],
  'a JWT-SVID': ['granted', () => credentialsOfSvid()],
  'an authorization grant': ['granted', () => ask({ audience: PEER, scope: 'buy' })],
  'a grant without scope': ['parameter_missing', () => ask({ audience: PEER })],
  'a grant for two servers': [
    'target_combination',
    () => ask({ audience: [PEER, 'https://as.other.example'], scope: 'buy' }),
  ],
  'two targets that make other tokens': ['target_combination', () => ask({ audience: [ORDERS, VAULT] })],
  'a grant of a transaction': [
    'granted',
    async () =>
      ask({ ...ours(await made(TXN), TYPE.transactionToken), audience: 'https://as.chain.example', scope: 'buy' }),
  ],
  'a grant of a transaction for more than it holds': [
    'scope_denied',
    async () =>
      ask({
        ...ours(await made(TXN), TYPE.transactionToken),
        ...{ audience: 'https://as.chain.example', scope: 'buy orders:read' },
      }),
  ],
  'an ID-JAG': ['granted', () => ask({ ...idToken(), ...JAG })],
  'an ID-JAG of a workload': ['token_unfit', () => ask(JAG)],
  'an access token for a grant': ['granted', () => bring({ scope: 'orders:read' }, { audience: ORDERS })],
  'an opaque token for a grant': ['granted', () => bring({ scope: 'open' })],
  'more scopes than a grant conveys': ['scope_denied', () => bring({ scope: 'open' }, { scope: 'shut' })],
  'what a grant conveys': ['granted', () => bring({ authorization_details: [{ type: 'safe', actions: ['look'] }] })],
  'more details than a grant conveys': [
    'details_denied',
    () =>
      bring(
        { authorization_details: [{ type: 'safe', actions: ['look'] }] },
        { authorization_details: SAFE('look', 'touch') },
      ),
  ],
  'a resource that a grant is not for': ['target_unknown', () => bring({ resource: 'https://orders.example/api' })],
  'a token bound by the word of a peer': [
    'granted',
    () => bring({ scope: 'open', requested_cnf: { jkt: `${'x'.repeat(42)}A` } }),
  ],
  'a grant with actors': ['granted', () => bring({ scope: 'open', act: { sub: 'mallory' } })],
  'a grant for another actor': ['may_act_mismatch', () => bring({ scope: 'open', may_act: { sub: 'other' } })],
  'a grant for another client': ['grant_mismatch', () => bring({ scope: 'open', client_id: 'other' })],
  'a token for the client itself': ['granted', () => credentials({ audience: ORDERS, scope: 'orders:read' })],
  'an opaque token for the client itself': ['granted', () => credentials({ audience: VAULT, scope: 'open' })],
}

/** The client asks for an SVID of itself: by an exchange, since no other grant names a type. */
async function credentialsOfSvid(): Promise<Answer> {
  const self = await credentials({ audience: ORDERS, scope: 'orders:read' })
  return ask({ ...ours(String(self.body['access_token'])), audience: 'urn:svids' })
}

const explained = async (id: string) => (await server.adminSend('POST', '/admin/v1/explain', { audit: id })).json

describe('I6 judged again from the record', () => {
  it.each(Object.entries(REQUESTS))('%s', async (_, [reason, asking]) => {
    const answer = await asking()
    const record = await server.record(answer.id)
    expect(record['reason'], String(record['detail'])).toBe(reason)
    expect(await explained(answer.id)).toMatchObject({ same: true, differences: [] })
    if (record['facts'] !== null) {
      // As they are copied from the record, they are the facts of the same decision.
      const { status, json } = await server.adminSend('POST', '/admin/v1/explain', { facts: record['facts'] })
      expect(status, JSON.stringify(json)).toBe(200)
      const { verdict, reason: decided } = await explained(answer.id)
      expect(json).toMatchObject({ verdict, reason: decided })
    }
    expect(JSON.stringify(record)).not.toMatch(/eyJ[\w-]{10,}\.|cambist_at_/)
    clock.advance(1)
  })

  it('a WIT, bound by its proof', async () => {
    const self = await credentials({ audience: ORDERS, scope: 'orders:read' })
    const wit: Form = { audience: 'urn:svids', requested_token_type: 'urn:cambist:token-type:wit' }
    const form = { ...as(), ...ours(String(self.body['access_token'])), ...wit }
    const answer = await server.exchange(form, byDpop(server, new SigningKey('ES256')))
    expect(answer.status).toBe(200)
    expect(await explained(answer.id)).toMatchObject({ same: true, differences: [] })
  })

  it('and none of them has drifted, where the documents are the same', async () => {
    const { status, json } = await server.adminSend('POST', '/admin/v1/replay', { documents: [], since: '1h' })
    expect(status, JSON.stringify(json)).toBe(200)
    expect(json).toMatchObject({ changed: 0, drifted: 0 })
    expect(Number(json['judged'])).toBeGreaterThan(25)
  })
})
