import { describe, expect, it } from 'vitest'
import type { Reason } from '../../src/refusal.ts'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { attestation } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { type Claims, SigningKey, TYPE } from '../harness/tokens.ts'
import { ask, byAttestation, byWpt, type Headers, TrustDomain, witAndWpt } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const [holder, evil, attester] = [new SigningKey('ES256'), new SigningKey('ES256'), new SigningKey('ES256')]
const ISSUER = 'https://ci.test.example'
const ci = new SigningKey('ES256')

interface Changed {
  readonly claims?: Claims
  readonly header?: Claims
  /** Signs instead of the issuer. */
  readonly key?: SigningKey
}

/** The document of each kind's issuer, with fields added. */
const trusted = {
  jwt: (more: object) =>
    document('TrustedIssuer', 'jwt', {
      ...{
        credential: 'jwt',
        issuer: ISSUER,
        audiences: [us],
        algorithms: ['ES256'],
        keys: { jwks: { keys: [ci.jwk] } },
      },
      ...more,
    }),
  svid: (more: object) => ({ ...(prod.trusted(us, more)[0] ?? {}) }),
  wit: (more: object) => ({ ...(prod.trusted(us, more)[1] ?? {}) }),
}
type Kind = keyof typeof trusted

const make: Readonly<Record<Kind, (changed: Changed) => string>> = {
  jwt: ({ claims, header, key = ci }) =>
    key.sign(
      { iss: ISSUER, sub: 'build', aud: us, iat: clock.seconds(), exp: clock.seconds() + 300, ...claims },
      header,
    ),
  svid: ({ claims, header, key = prod.svidKey }) =>
    key.sign({ sub: prod.id('svc'), aud: us, exp: clock.seconds() + 300, ...claims }, { typ: 'JWT', ...header }),
  wit: ({ claims, header, key = prod.witKey }) => {
    const { kid: _, use: _use, ...jwk } = holder.jwk
    return key.sign(
      { sub: prod.id('svc'), exp: clock.seconds() + 300, cnf: { jwk }, ...claims },
      { typ: 'wit+jwt', ...header },
    )
  },
}

const positions = ['client', 'subject', 'actor'] as const
type Position = (typeof positions)[number]

const ASSERTION: Readonly<Record<Kind, string>> = {
  jwt: TYPE.clientAssertion,
  svid: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
  wit: '',
}

/** The credential in the position, with the proof of its key where it has one. */
function placed(kind: Kind, position: Position, token: string): { form: Form; headers: (body: string) => Headers } {
  if (position === 'client' && kind === 'wit')
    return { form: {}, headers: (body) => witAndWpt(server, holder, token, body) }
  const form: Form =
    position === 'client'
      ? { client_assertion: token, client_assertion_type: ASSERTION[kind] }
      : position === 'subject'
        ? { subject_token: token }
        : { actor_token: token, actor_token_type: TYPE.jwt }
  return { form, headers: kind === 'wit' ? (body) => byWpt(server, holder, token, body) : () => ({}) }
}

await server.apply(
  ...baseDocuments(cluster),
  ...Object.values(trusted).map((one) => one({})),
  document('Client', 'one', {
    workloads: [
      { issuer: 'jwt', ids: ['build'] },
      { issuer: 'prod', ids: [prod.id('svc')] },
      { issuer: 'prod-wit', ids: [prod.id('svc')] },
    ],
  }),
  document('Client', 'wallet', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
  }),
  document('Policy', 'one', {
    clients: ['one', 'wallet'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
)

/** What is wrong with the credential or with the trust in it, and the one reason for which it is refused wherever it stands. */
interface Fault {
  readonly reason: Reason
  readonly changed?: () => Changed
  readonly trust?: (position: Position) => object
  readonly kinds?: readonly Kind[]
}
const faults: Readonly<Record<string, Fault>> = {
  expired: {
    reason: 'expired',
    changed: () => ({ claims: { exp: clock.seconds() - 31, iat: undefined } }),
    kinds: ['svid', 'wit'],
  },
  'expired, and dated': { reason: 'expired', changed: () => ({ claims: { exp: clock.seconds() - 31 } }) },
  'not yet valid': { reason: 'not_yet_valid', changed: () => ({ claims: { nbf: clock.seconds() + 31 } }) },
  'of the future': {
    reason: 'not_yet_valid',
    changed: () => ({ claims: { iat: clock.seconds() + 31 } }),
    kinds: ['jwt', 'svid'],
  },
  'too long-lived': { reason: 'too_long_lived', changed: () => ({ claims: { exp: clock.seconds() + 90_000 } }) },
  'longer-lived than its document lets it': { reason: 'too_long_lived', trust: () => ({ maxLifetime: '1m' }) },
  'too old': { reason: 'too_old', changed: () => ({ claims: { iat: clock.seconds() - 3700 } }), kinds: ['jwt'] },
  'without end': { reason: 'claim_missing', changed: () => ({ claims: { exp: undefined } }) },
  'without subject': { reason: 'subject_unmapped', changed: () => ({ claims: { sub: undefined } }), kinds: ['jwt'] },
  'for somebody else': {
    reason: 'audience_mismatch',
    changed: () => ({ claims: { aud: 'https://other.example' } }),
    kinds: ['jwt', 'svid'],
  },
  'for others, too': {
    reason: 'audience_several',
    changed: () => ({ claims: { aud: [us, 'https://other.example'] } }),
    kinds: ['jwt', 'svid'],
  },
  'by an unknown key': { reason: 'key_unknown', changed: () => ({ key: evil }) },
  'by another key under its name': {
    reason: 'signature_invalid',
    changed: () => ({ key: evil, header: { kid: 'named' } }),
  },
  unsigned: { reason: 'algorithm_refused', changed: () => ({ header: { alg: 'none' } }) },
  'with a key of its own': { reason: 'token_malformed', changed: () => ({ header: { jwk: evil.jwk } }) },
  'of another type': { reason: 'token_type_mismatch', changed: () => ({ header: { typ: 'at+jwt' } }) },
  'of a disabled issuer': { reason: 'issuer_disabled', trust: () => ({ disabled: true }) },
  'of an issuer that is not for this position': {
    reason: 'position_refused',
    trust: (position) => ({ uses: positions.filter((one) => one !== position) }),
  },
  'against the condition of its document': {
    reason: 'condition_refused',
    trust: () => ({ condition: "assertion.sub == 'x'" }),
  },
  'of another tenant': { reason: 'tenant_refused', trust: () => ({ tenant: "'stranger'", tenants: ['ours'] }) },
  'with a subject that cannot be read': { reason: 'subject_unmapped', trust: () => ({ subject: 'assertion.nothing' }) },
  'bound to a key that is not proven': {
    reason: 'confirmation_unproven',
    changed: () => ({ claims: { cnf: { jkt: `${'x'.repeat(42)}A` } } }),
    kinds: ['jwt', 'svid'],
  },
  'to be bound at its first use': {
    reason: 'confirmation_unproven',
    trust: () => ({ firstUse: 'bind' }),
    kinds: ['jwt', 'svid'],
  },
}

const rows = Object.entries(faults).flatMap(([what, fault]) =>
  (fault.kinds ?? (Object.keys(trusted) as Kind[])).flatMap((kind) =>
    positions.map((position) => [kind, position, what, fault] as const),
  ),
)

describe('T23 there is one road in, whatever the credential and wherever it stands', () => {
  it.each((Object.keys(trusted) as Kind[]).flatMap((kind) => positions.map((position) => [kind, position] as const)))(
    'a good %s is taken as %s, so that the refusals mean something',
    async (kind, position) => {
      const { form, headers } = placed(kind, position, make[kind]({}))
      expect((await ask(server, form, headers)).status).toBe(200)
    },
  )

  it.each(rows)('a %s as %s is refused %s', async (kind, position, _, { reason, changed, trust }) => {
    if (trust !== undefined) await server.apply(trusted[kind](trust(position)))
    const change = changed?.() ?? {}
    const known = { jwt: ci, svid: prod.svidKey, wit: prod.witKey }[kind].kid
    const header = change.header?.['kid'] === undefined ? change.header : { ...change.header, kid: known }
    const token = make[kind]({ ...change, ...(header === undefined ? {} : { header }) })
    const { form, headers } = placed(kind, position, token)
    const answer = await ask(server, form, headers)
    const wire =
      position === 'client' ? { status: 401, error: 'invalid_client' } : { status: 400, error: 'invalid_request' }
    const record = await expectRefusal(server, answer, { ...wire, reason })
    expect(record['detail']).toMatch(
      { client: /^client assertion: /, subject: /^subject token: /, actor: /^actor token: / }[position],
    )
    if (trust !== undefined) await server.apply(trusted[kind]({}))
  })

  it('a client attestation meets the same checks, though it has one position only', async () => {
    const now = clock.seconds
    for (const [reason, claims, header, key] of [
      ['expired', { exp: now() - 31, iat: undefined }, {}, attester],
      ['not_yet_valid', { nbf: now() + 90 }, {}, attester],
      ['too_long_lived', { exp: now() + 90_000 }, {}, attester],
      ['claim_missing', { exp: undefined }, {}, attester],
      ['key_unknown', {}, {}, evil],
      ['signature_invalid', {}, { kid: attester.kid }, evil],
      ['algorithm_refused', {}, { alg: 'none' }, attester],
      ['token_malformed', {}, { jwk: evil.jwk }, attester],
      ['token_type_mismatch', {}, { typ: 'JWT' }, attester],
    ] as const) {
      const token = attestation(key, holder, { client: 'wallet', now: now() }, claims, header)
      const answer = await ask(server, {}, () => byAttestation(server, holder, token))
      await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason })
    }
  })

  it('a token of ours meets the same checks, though it has one position only', async () => {
    const token = String((await server.exchange()).body['access_token'])
    const [header = '', claims = '', signature = ''] = token.split('.')
    const itself = () => ({ client_assertion: cluster.token(), client_assertion_type: TYPE.clientAssertion })
    const own = (subject_token: string) =>
      server.exchange({ subject_token, subject_token_type: TYPE.accessToken, ...itself() })
    expect((await own(token)).status).toBe(200)
    const REQUEST = { status: 400, error: 'invalid_request' }
    const read = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Claims
    const kid = (JSON.parse(Buffer.from(header, 'base64url').toString()) as Claims)['kid']
    for (const [reason, made] of [
      ['signature_invalid', `${header}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`],
      ['signature_invalid', evil.sign(read, { kid, typ: 'at+jwt' })],
      ['key_unknown', evil.sign(read, { typ: 'at+jwt' })],
      ['token_type_mismatch', evil.sign(read, { kid, typ: 'dpop+jwt' })],
      ['algorithm_refused', evil.sign(read, { kid, typ: 'at+jwt', alg: 'HS256' })],
      ['token_malformed', evil.sign(read, { kid, typ: 'at+jwt', jwk: evil.jwk })],
      ['issuer_unknown', evil.sign({ ...read, iss: `${us}/` }, { kid, typ: 'at+jwt' })],
    ] as const)
      await expectRefusal(server, await own(made), { ...REQUEST, reason })
    clock.advance(301)
    await expectRefusal(server, await own(token), { ...REQUEST, reason: 'expired' })
  })
})
