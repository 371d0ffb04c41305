import { describe, expect, it } from 'vitest'
import { type Answer, document, type Form, startCambist } from '../harness/cambist.ts'
import { byTls } from '../harness/certificates.ts'
import { createRoot } from '../harness/pki.ts'
import { dpop, proofJwk, sha256, thumbprintOf } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'
import { ask, byDpop } from '../harness/workload.ts'

/**
 * Tokens of ours that are bound to a key, in other hands than its holder's (T16, T45, TE-74). `web` holds them, `orders` is
 * the service that they are for and is called with them, `spy` is anybody else.
 */
const root = await createRoot()
const own = await root.leaf({ ips: ['127.0.0.1'] })
const [shown, other] = [await root.leaf(), await root.leaf()]
const server = await startCambist({ mtls: { cert: own.chainPem(), key: own.keyPem } })
const { clock, cluster, issuer: us } = server
const [web, orders, spy] = [new SigningKey('ES256'), new SigningKey('ES256'), new SigningKey('ES256')]
const clients = { web, orders, spy }
const ORDERS = 'https://orders.example'
const AUDIENCES = { orders: ORDERS, waived: 'urn:waived', bearer: 'urn:bearer', strict: 'urn:strict' }
const waiving = { issuers: ['self'], scopes: ['orders:read'], proofOfPossession: 'waived' }
const rule = (name: string, target: string, more: object) =>
  document('Policy', name, {
    clients: ['web', 'orders', 'spy', 'courier'],
    targets: [target],
    scopes: ['x'],
    delegation: { mode: 'delegate' },
    ...more,
  })
const passesOn = (proofOfPossession: 'required' | 'waived') =>
  rule('passes-on', 'waived', { subject: { ...waiving, proofOfPossession }, binding: 'any' })
await server.apply(
  ...Object.entries(clients).map(([name, key]) =>
    document('Client', name, {
      authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } },
      ...(name === 'orders' ? { audiences: [ORDERS] } : {}),
    }),
  ),
  document('Client', 'courier', {
    workloads: [{ issuer: 'cluster', match: { serviceaccount: ['courier'] } }],
    audiences: [ORDERS],
  }),
  ...['waived', 'bearer', 'strict'].map((name) =>
    document('Target', name, { audience: `urn:${name}`, scopes: ['x'], defaultScopes: ['x'] }),
  ),
  rule('web-reads-orders', 'orders', { scopes: ['orders:read'], subject: { scopes: [] } }),
  rule('holder-only', 'strict', { subject: { issuers: ['self'], scopes: ['orders:read'] } }),
  passesOn('waived'),
  rule('to-a-bearer', 'bearer', { subject: waiving, changes: ['format', 'scope', 'authority', 'unbind'] }),
)

const as = (name: keyof typeof clients): Form => ({
  client_assertion: clientAssertion(name, clients[name], us, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})
const tokenIn = ({ body }: Answer): string => String(body['access_token'])
const stolen = (token: string, audience: string = ORDERS): Form => ({
  subject_token: token,
  subject_token_type: TYPE.accessToken,
  audience,
})
const holder = new SigningKey('ES256')
const thief = new SigningKey('ES256')
const issue = async (): Promise<string> =>
  tokenIn(await ask(server, { ...as('web'), scope: 'orders:read' }, () => byDpop(server, holder)))
const cnfOf = (answer: Answer) => decode(tokenIn(answer)).claims['cnf']
const UNPROVEN = { status: 400, error: 'invalid_request', reason: 'confirmation_unproven' } as const
const PROOF = { status: 400, error: 'invalid_dpop_proof', reason: 'dpop_invalid' } as const

describe('T16 a stolen token that is bound by DPoP (DP-04, DP-21)', () => {
  it('T16, DP-21: is refused as a bearer token, from everybody', async () => {
    const token = await issue()
    for (const client of ['web', 'orders'] as const)
      await expectRefusal(server, await ask(server, { ...stolen(token), ...as(client) }), UNPROVEN)
    await expectRefusal(server, await ask(server, stolen(token)), UNPROVEN)
    const answer = await ask(server, { ...stolen(token), ...as('spy') })
    await expectRefusal(server, answer, { ...UNPROVEN, reason: 'audience_mismatch' })
  })

  it('T16: is refused with the proof of another key, also one that claims to be the holder’s', async () => {
    const token = await issue()
    for (const client of ['web', 'orders'] as const) {
      const form = () => ({ ...stolen(token), ...as(client) })
      await expectRefusal(server, await ask(server, form(), () => byDpop(server, thief)), UNPROVEN)
      // Key swap: the holder's key in the header, and the thief's signature.
      const swapped = () => byDpop(server, thief, {}, { jwk: proofJwk(holder) })
      await expectRefusal(server, await ask(server, form(), swapped), PROOF)
      // And the holder's thumbprint as a name of the thief's key.
      const named = () => byDpop(server, thief, {}, { jwk: { ...proofJwk(thief), kid: thumbprintOf(holder) } })
      await expectRefusal(server, await ask(server, form(), named), UNPROVEN)
    }
  })

  it('T16: is refused with a proof of the holder that was seen and is sent again', async () => {
    const token = await issue()
    const proof = byDpop(server, holder)
    const used = await ask(server, { ...stolen(token), ...as('web') }, () => proof)
    expect(cnfOf(used)).toEqual({ jkt: thumbprintOf(holder) })
    for (const client of ['web', 'orders'] as const) {
      const answer = await ask(server, { ...stolen(token), ...as(client) }, () => proof)
      await expectRefusal(server, answer, { ...PROOF, reason: 'replayed' })
    }
  })

  it('T16, DP-05: is refused with a proof that the holder made for a resource', async () => {
    const token = await issue()
    const forOrders = dpop(holder, { url: `${ORDERS}/list`, now: clock.seconds() }, { ath: sha256(token) })
    const answer = await ask(server, { ...stolen(token), ...as('orders') }, () => ({ DPoP: forOrders }))
    await expectRefusal(server, answer, PROOF)
  })

  it('is refused whatever its cnf is made to say, since we have signed it', async () => {
    const token = await issue()
    const [head, claims, signature] = token.split('.')
    const changed = { ...JSON.parse(Buffer.from(String(claims), 'base64url').toString()) }
    for (const cnf of [undefined, {}, { jkt: thumbprintOf(thief) }, { 'x5t#S256': sha256(shown.der) }]) {
      const text = Buffer.from(JSON.stringify({ ...changed, cnf })).toString('base64url')
      const form = { ...stolen(`${head}.${text}.${signature}`), ...as('web') }
      const answer = await ask(server, form, () => byDpop(server, thief))
      await expectRefusal(server, answer, { ...UNPROVEN, reason: 'signature_invalid' })
    }
  })
})

describe('T16 a stolen token that is bound to a certificate (CB-01, CB-04)', () => {
  const bound = async () => tokenIn(await byTls(server, shown, { ...as('web'), ...{ subject_token: cluster.token() } }))

  it('T16, CB-01: is refused without it, with another, and with a proof of any other sort', async () => {
    const token = await bound()
    expect(decode(token).claims['cnf']).toEqual({ 'x5t#S256': sha256(shown.der) })
    for (const client of ['web', 'orders'] as const) {
      const form = () => ({ ...stolen(token), ...as(client) })
      const proof = `DPoP: ${dpop(thief, { url: `${server.mtls}/token`, now: clock.seconds() })}`
      for (const answer of [
        await server.exchange(form()),
        await byTls(server, undefined, form()),
        await byTls(server, other, form()),
        await byTls(server, other, form(), [proof]),
      ])
        await expectRefusal(server, answer, UNPROVEN)
    }
  })

  it('T16, CB-04: nor is a credential of anybody else taken by the thumbprint of another certificate', async () => {
    const of = (cnf: object) => ({ subject_token: cluster.token({ cnf }) })
    const byShown = of({ 'x5t#S256': sha256(shown.der) })
    expect(cnfOf(await byTls(server, shown, byShown))).toEqual({ 'x5t#S256': sha256(shown.der) })
    const proof = () => `DPoP: ${dpop(thief, { url: `${server.mtls}/token`, now: clock.seconds() })}`
    for (const answer of [
      await byTls(server, other, byShown),
      await byTls(server, undefined, byShown),
      await byTls(server, other, byShown, [proof()]),
      // The one kind of thumbprint for the other.
      await byTls(server, shown, of({ jkt: sha256(shown.der) })),
      await byTls(server, undefined, of({ 'x5t#S256': thumbprintOf(thief) }), [proof()]),
    ])
      await expectRefusal(server, answer, UNPROVEN)
  })

  it('with it is exchanged, and bound by DPoP from then on where a proof came as well (DP-22)', async () => {
    const token = await bound()
    const again = await byTls(server, shown, { ...stolen(token), ...as('web') })
    expect(cnfOf(again)).toEqual({ 'x5t#S256': sha256(shown.der) })
    const proof = `DPoP: ${dpop(holder, { url: `${server.mtls}/token`, now: clock.seconds() })}`
    const both = await byTls(server, shown, { ...stolen(token), ...as('web') }, [proof])
    expect([both.body['token_type'], cnfOf(both)]).toEqual(['DPoP', { jkt: thumbprintOf(holder) }])
  })
})

describe('TE-74 a bound token that its audience passes on', () => {
  it('TE-74: is bound to the key of who brings it, where a rule waives the proof of the first', async () => {
    const middle = new SigningKey('ES256')
    const answer = await ask(server, { ...stolen(await issue(), 'urn:waived'), ...as('orders') }, () =>
      byDpop(server, middle),
    )
    expect([answer.body['token_type'], cnfOf(answer)]).toEqual(['DPoP', { jkt: thumbprintOf(middle) }])
    expect(decode(tokenIn(answer)).claims).toMatchObject({ client_id: 'orders', act: { sub: expect.any(String) } })
    expect(await server.record(answer.id)).toMatchObject({
      rules: ['passes-on'],
      changes: ['scope'],
      keys: [thumbprintOf(middle)],
      facts: { subjectUnproven: true, subject: { key: false }, binding: 'dpop' },
    })
    // And the next hop is the middle's alone again.
    const next = stolen(tokenIn(answer), 'urn:waived')
    await expectRefusal(server, await ask(server, { ...next, ...as('orders') }), UNPROVEN)
  })

  it('TE-74: may come with a certificate of the middle instead', async () => {
    const form = () => ({ ...as('orders') })
    const byKey = await byTls(server, other, { ...stolen(await issue(), 'urn:waived'), ...form() })
    expect(cnfOf(byKey)).toEqual({ 'x5t#S256': sha256(other.der) })
    const first = tokenIn(await byTls(server, shown, { ...as('web'), subject_token: cluster.token() }))
    const byOther = await byTls(server, other, { ...stolen(first, 'urn:waived'), ...form() })
    expect(cnfOf(byOther)).toEqual({ 'x5t#S256': sha256(other.der) })
  })

  it('TE-74: may be brought by a workload that its actor token names, and by none without', async () => {
    const actor = { actor_token: cluster.token({}, { serviceaccount: 'courier' }), actor_token_type: TYPE.jwt }
    const form = stolen(await issue(), 'urn:waived')
    const answer = await ask(server, { ...form, ...actor }, () => byDpop(server, thief))
    expect(decode(tokenIn(answer)).claims).toMatchObject({ client_id: 'courier', cnf: { jkt: thumbprintOf(thief) } })
    await expectRefusal(server, await ask(server, form, () => byDpop(server, thief)), UNPROVEN)
  })

  it('T45: is no bearer token by that, unless the rule says unbind too', async () => {
    const token = await issue()
    const answer = await ask(server, { ...stolen(token, 'urn:waived'), ...as('orders') })
    await expectRefusal(server, answer, { ...UNPROVEN, reason: 'change_denied' })
    const bearer = await ask(server, { ...stolen(token, 'urn:bearer'), ...as('orders') })
    expect(bearer.body['token_type']).toBe('Bearer')
    expect(decode(tokenIn(bearer)).claims).not.toHaveProperty('cnf')
    expect(await server.record(bearer.id)).toMatchObject({ changes: ['unbind', 'scope'] })
  })

  it('T16: is refused where the rule does not waive it, and from its holder and from strangers where it does', async () => {
    const token = await issue()
    const by = (client: keyof typeof clients, target: string) =>
      ask(server, { ...stolen(token, target), ...as(client) }, () => byDpop(server, thief))
    await expectRefusal(server, await by('orders', 'urn:strict'), UNPROVEN)
    for (const audience of Object.values(AUDIENCES)) {
      await expectRefusal(server, await by('web', audience), UNPROVEN)
      await expectRefusal(server, await by('spy', audience), { ...UNPROVEN, reason: 'audience_mismatch' })
    }
    const proven = await ask(server, { ...stolen(token, 'urn:strict'), ...as('web') }, () => byDpop(server, holder))
    expect(proven.status).toBe(200)
  })

  it('P-16: is of ours; a bound credential of anybody else is refused without its key, whatever a rule waives', async () => {
    const cnf = { jkt: thumbprintOf(holder) }
    await server.apply(
      rule('everybody', 'waived', { subject: { proofOfPossession: 'waived' }, binding: 'any', clients: ['*'] }),
    )
    const form = () => ({ subject_token: cluster.token({ cnf }), audience: 'urn:waived' })
    for (const more of [() => ({}), () => as('orders')])
      for (const headers of [() => ({}), () => byDpop(server, thief)])
        await expectRefusal(server, await ask(server, { ...form(), ...more() }, headers), UNPROVEN)
    await server.adminSend('DELETE', '/admin/v1/policies/everybody?confirm=true')
  })

  it('T22: is refused while its key is blocked, though it is not that key that the request proves', async () => {
    const lost = new SigningKey('ES256')
    const token = tokenIn(await ask(server, { ...as('web'), scope: 'orders:read' }, () => byDpop(server, lost)))
    const asked = () => ask(server, { ...stolen(token, 'urn:waived'), ...as('orders') }, () => byDpop(server, thief))
    expect((await asked()).status).toBe(200)
    const { status } = await server.adminSend('POST', '/admin/v1/blocks', {
      match: { key: thumbprintOf(lost) },
      reason: 'lost',
    })
    expect(status).toBe(200)
    await expectRefusal(server, await asked(), { ...UNPROVEN, reason: 'blocked' })
  })

  it('I6: is explained and replayed as it was judged', async () => {
    const token = await issue()
    clock.advance(60)
    const asked = (target: string) =>
      ask(server, { ...stolen(token, target), ...as('orders') }, () => byDpop(server, thief))
    const [granted, refused] = [await asked('urn:waived'), await asked('urn:strict')]
    clock.advance(1)
    for (const [{ id }, reason] of [
      [granted, 'granted'],
      [refused, 'confirmation_unproven'],
    ] as const) {
      const { json } = await server.adminSend('POST', '/admin/v1/explain', { audit: id })
      const verdict = reason === 'granted' ? 'permitted' : 'refused'
      expect(json).toMatchObject({ verdict, reason, recorded: { verdict, reason }, differences: [] })
    }
    const replayed = async (documents: readonly object[]) =>
      (await server.adminSend('POST', '/admin/v1/replay', { documents, since: '30s' })).json
    expect(await replayed([passesOn('required')])).toMatchObject({ judged: 2, newlyRefused: 1, drifted: 0 })
    const opened = rule('holder-only', 'strict', { subject: waiving })
    expect(await replayed([opened])).toMatchObject({ judged: 2, newlyPermitted: 1, drifted: 0 })
  })
})
