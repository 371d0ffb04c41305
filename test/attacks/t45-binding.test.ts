import { describe, expect, it } from 'vitest'
import { type Answer, document, type Form, startCambist } from '../harness/cambist.ts'
import { byTls } from '../harness/certificates.ts'
import { createRoot } from '../harness/pki.ts'
import { dpop, sha256, thumbprintOf } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { decode, SigningKey } from '../harness/tokens.ts'

/** T45, T24: a token that is demanded to be bound, by a target, a rule or both, and every proof that a request may bring. */
const root = await createRoot()
const own = await root.leaf({ ips: ['127.0.0.1'] })
const shown = await root.leaf()
const server = await startCambist({ mtls: { cert: own.chainPem(), key: own.keyPem } })
const { clock } = server
const key = new SigningKey('ES256')
const BINDINGS = ['none', 'dpop', 'mtls', 'any'] as const
type Binding = (typeof BINDINGS)[number]
const pairs = BINDINGS.flatMap((target) => BINDINGS.map((rule) => [target, rule] as const))
await server.apply(
  ...pairs.flatMap(([target, rule]) => [
    document('Target', `${target}-${rule}`, {
      audience: `urn:${target}-${rule}`,
      scopes: ['x'],
      tokens: [{ kind: 'access-token', binding: target }],
    }),
    document('Policy', `${target}-${rule}`, {
      clients: ['checkout'],
      targets: [`${target}-${rule}`],
      scopes: ['x'],
      binding: rule,
    }),
  ]),
)

const proof = () => `DPoP: ${dpop(key, { url: `${server.mtls}/token`, now: clock.seconds() })}`
/** What a request proves, and what the token is bound to by it. */
const ways: Readonly<Record<string, { readonly by: 'none' | 'dpop' | 'mtls'; ask(form: Form): Promise<Answer> }>> = {
  nothing: { by: 'none', ask: (form) => byTls(server, undefined, form) },
  'a DPoP proof': { by: 'dpop', ask: (form) => byTls(server, undefined, form, [proof()]) },
  'a certificate': { by: 'mtls', ask: (form) => byTls(server, shown, form) },
  'a DPoP proof and a certificate': { by: 'dpop', ask: (form) => byTls(server, shown, form, [proof()]) },
}
const CNF = { none: undefined, dpop: { jkt: thumbprintOf(key) }, mtls: { 'x5t#S256': sha256(shown.der) } }
const meets = (demand: Binding, by: string) => demand === 'none' || demand === by || (demand === 'any' && by !== 'none')

describe('T45 a binding that is demanded', () => {
  it.each(pairs)('by the target: %s, by the rule: %s', async (target, rule) => {
    for (const [name, { by, ask }] of Object.entries(ways)) {
      const answer = await ask({ audience: `urn:${target}-${rule}`, scope: 'x' })
      if (!meets(target, by) || !meets(rule, by)) {
        const refused = { status: 400, error: 'invalid_request', reason: 'binding_required' } as const
        await expectRefusal(server, answer, refused)
        continue
      }
      expect(answer.body['token_type'], name).toBe(by === 'dpop' ? 'DPoP' : 'Bearer')
      // Never to both (DP-22).
      expect(decode(String(answer.body['access_token'])).claims['cnf'], name).toEqual(CNF[by])
      expect(await server.record(answer.id)).toMatchObject({ granted: { binding: by } })
    }
  })
})

describe('T24 a proof that is not one', () => {
  const PROOF = { status: 400, error: 'invalid_dpop_proof', reason: 'dpop_invalid' } as const
  const bad = [
    'DPoP:',
    'DPoP: x',
    'DPoP: e30.e30.e30',
    `DPoP: ${dpop(key, { url: `${server.mtls}/token`, now: 0 })}`,
    `DPoP: ${dpop(key, { url: 'https://elsewhere.example/token', now: clock.seconds() })}`,
  ]

  it.each(bad)(
    'is refused, and no bearer token is issued instead, nor one that is bound otherwise: %s',
    async (line) => {
      const form = { audience: 'urn:none-none', scope: 'x' }
      expect((await byTls(server, undefined, form)).status).toBe(200)
      await expectRefusal(server, await byTls(server, undefined, form, [line]), PROOF)
      await expectRefusal(server, await byTls(server, shown, form, [line]), PROOF)
    },
  )

  it('in a parameter is none at all: who must have one is refused', async () => {
    const [, value = ''] = proof().split(': ')
    for (const name of ['dpop', 'DPoP', 'dpop_proof', 'client_certificate']) {
      const answer = await byTls(server, undefined, { audience: 'urn:any-none', scope: 'x', [name]: value })
      await expectRefusal(server, answer, { status: 400, error: 'invalid_request', reason: 'binding_required' })
    }
  })
})
