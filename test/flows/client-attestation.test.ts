import { describe, expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { attestation } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { type Claims, decode, SigningKey } from '../harness/tokens.ts'
import { ask, byAttestation, byDpop } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, issuer: us } = server
const attester = new SigningKey('ES256')
const stranger = new SigningKey('ES256')
const instance = new SigningKey('ES256')
const rule = (name: string, target: string, changes: object = {}) =>
  document('Policy', name, {
    clients: ['wallet', 'other'],
    targets: [target],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
    ...changes,
  })
const attested = (key: SigningKey) => ({
  authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [key.jwk] } },
})
await server.apply(
  ...baseDocuments(cluster),
  document('Client', 'wallet', attested(attester)),
  document('Client', 'other', attested(attester)),
  document('Client', 'elsewhere', attested(stranger)),
  document('Target', 'strict', { audience: 'https://strict.example', scopes: ['orders:read'] }),
  rule('wallet-reads-orders', 'orders'),
  rule('strict', 'strict', { authentication: ['attest_jwt_client_auth'] }),
)
const attest = (changes: Claims = {}, header: Claims = {}, key = attester) =>
  attestation(key, instance, { client: 'wallet', now: clock.seconds() }, changes, header)
const CLIENT = { status: 401, error: 'invalid_client' } as const

describe('client attestation with a PoP JWT (AB-01 to AB-07)', () => {
  it('AB-01, AB-02, AB-03: authenticates the client, again and again with one attestation and a fresh proof', async () => {
    const token = attest()
    for (const client_id of [undefined, 'wallet']) {
      const answer = await ask(server, { client_id }, () => byAttestation(server, instance, token))
      expect(answer.status).toBe(200)
      expect(decode(String(answer.body['access_token'])).claims).toMatchObject({ client_id: 'wallet' })
      expect(await server.record(answer.id)).toMatchObject({
        client: 'wallet',
        authentication: 'attest_jwt_client_auth',
      })
    }
  })

  it('takes a DPoP proof of another key beside it, which binds the token (AB-04)', async () => {
    const key = new SigningKey('ES256')
    const answer = await ask(server, {}, () => ({
      ...byAttestation(server, instance, attest()),
      ...byDpop(server, key),
    }))
    expect(answer.body['token_type']).toBe('DPoP')
    expect(await server.record(answer.id)).toMatchObject({ authentication: 'attest_jwt_client_auth' })
  })

  it('takes a proof once (AB-13)', async () => {
    const headers = byAttestation(server, instance, attest())
    expect((await ask(server, {}, () => headers)).status).toBe(200)
    await expectRefusal(server, await ask(server, {}, () => headers), { ...CLIENT, reason: 'replayed' })
  })

  it.each([
    ['for another client', 'client_mismatch', () => attest({ sub: 'other' })],
    ['for a client of another attester', 'key_unknown', () => attest({ sub: 'elsewhere' })],
    ['of another attester', 'key_unknown', () => attest({}, {}, stranger)],
    ['for nobody here', 'issuer_unknown', () => attest({ sub: 'nobody' })],
    ['for nobody', 'claim_missing', () => attest({ sub: undefined })],
    ['without a key', 'claim_missing', () => attest({ cnf: undefined })],
    ['with a private key', 'claim_malformed', () => attest({ cnf: { jwk: instance.privateJwk } })],
    ['with a key by thumbprint', 'claim_missing', () => attest({ cnf: { jkt: `${'x'.repeat(42)}A` } })],
    ['without end', 'claim_missing', () => attest({ exp: undefined })],
    ['that is over', 'expired', () => attest({ exp: clock.seconds() - 31, iat: undefined })],
    ['that lives for days', 'too_long_lived', () => attest({ exp: clock.seconds() + 2 * 86_400 })],
    ['of typ JWT', 'token_type_mismatch', () => attest({}, { typ: 'JWT' })],
    ['signed with itself', 'key_unknown', () => attest({}, {}, instance)],
    ['unsigned', 'algorithm_refused', () => attest({}, { alg: 'none' })],
  ] as const)('AB-01, AB-06: refuses an attestation %s', async (_, reason, token) => {
    const answer = await ask(server, { client_id: 'wallet' }, () => byAttestation(server, instance, token()))
    await expectRefusal(server, answer, { ...CLIENT, reason })
  })

  it.each([
    ['by another key', () => byAttestation(server, stranger, attest())],
    ['for the token endpoint', () => byAttestation(server, instance, attest(), { aud: `${us}/token` })],
    ['for two audiences', () => byAttestation(server, instance, attest(), { aud: [us, 'https://other.example'] })],
    ['without jti', () => byAttestation(server, instance, attest(), { jti: undefined })],
    ['without iat', () => byAttestation(server, instance, attest(), { iat: undefined })],
    ['that is stale', () => byAttestation(server, instance, attest(), { iat: clock.seconds() - 61 })],
    ['from the future', () => byAttestation(server, instance, attest(), { iat: clock.seconds() + 11 })],
    ['of another type', () => byAttestation(server, instance, attest(), {}, { typ: 'dpop+jwt' })],
  ] as const)('AB-03, AB-07: refuses a proof %s', async (_, headers) => {
    await expectRefusal(server, await ask(server, {}, headers), { ...CLIENT, reason: 'proof_invalid' })
  })

  it('is no subject and no actor, since it says who asks and nothing else', async () => {
    for (const name of ['subject_token', 'actor_token']) {
      const form = { [name]: attest(), [`${name}_type`]: 'urn:ietf:params:oauth:token-type:jwt' }
      const answer = await ask(server, form, () => byAttestation(server, instance, attest()))
      await expectRefusal(server, answer, { status: 400, error: 'invalid_request', reason: 'claim_missing' })
    }
    const form = { subject_token: attest(), subject_token_type: 'header:oauth-client-attestation' }
    const answer = await ask(server, form, () => byAttestation(server, instance, attest()))
    await expectRefusal(server, answer, { status: 400, error: 'invalid_request', reason: 'token_type_unsupported' })
  })
})

describe('client attestation with DPoP: the combined mode (AB-04, AB-05)', () => {
  const combined = (token: string, key = instance) => ({ 'OAuth-Client-Attestation': token, ...byDpop(server, key) })

  it('AB-05: authenticates by the attested key, and binds the token to it', async () => {
    const answer = await ask(server, {}, () => combined(attest()))
    expect(answer.body['token_type']).toBe('DPoP')
    expect(await server.record(answer.id)).toMatchObject({
      client: 'wallet',
      authentication: 'attest_jwt_client_auth_dpop',
      granted: { binding: 'dpop' },
    })
  })

  it('is refused with the DPoP proof of another key, with one that was used, and with none', async () => {
    const another = await ask(server, {}, () => combined(attest(), stranger))
    await expectRefusal(server, another, { ...CLIENT, reason: 'confirmation_unproven' })
    const headers = combined(attest())
    expect((await ask(server, {}, () => headers)).status).toBe(200)
    const again = await ask(server, {}, () => headers)
    await expectRefusal(server, again, { status: 400, error: 'invalid_dpop_proof', reason: 'replayed' })
    const none = await ask(server, {}, () => ({ 'OAuth-Client-Attestation': attest() }))
    await expectRefusal(server, none, { ...CLIENT, reason: 'confirmation_unproven' })
  })

  it('is another method than the one with a proof of its own, where a rule demands that (T45)', async () => {
    const strict = { audience: 'https://strict.example' }
    expect((await ask(server, strict, () => byAttestation(server, instance, attest()))).status).toBe(200)
    const answer = await ask(server, strict, () => combined(attest()))
    await expectRefusal(server, answer, {
      status: 400,
      error: 'invalid_request',
      reason: 'authentication_insufficient',
    })
  })
})
