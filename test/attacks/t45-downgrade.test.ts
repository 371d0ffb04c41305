import { expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { refusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { clock, issuer: us } = server
const registered = new SigningKey('ES256')
await server.apply(
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
  document('Target', 'bound', {
    audience: 'https://bound.example',
    scopes: ['x'],
    tokens: [{ kind: 'access-token', binding: 'any' }],
  }),
  document('Target', 'careful', { audience: 'https://careful.example', scopes: ['x'] }),
  document('Policy', 'bound', { clients: ['checkout'], targets: ['bound'], scopes: ['x'] }),
  document('Policy', 'demanding', {
    clients: ['checkout', 'registered'],
    targets: ['careful'],
    scopes: ['x'],
    authentication: ['private_key_jwt'],
    delegation: { mode: 'delegate' },
  }),
)

it('T45 issues no bearer token where the target demands one that is bound', async () => {
  await refusal(server, { audience: 'https://bound.example' }, 'binding_required')
})

it('T45 takes no certificate and no proof from a header that nobody vouches for', async () => {
  const sent = async (header: string) => {
    const { id } = await server.exchange(
      { audience: 'https://bound.example' },
      { [header]: 'Hash=aa;URI=spiffe://x/y' },
    )
    return (await server.record(id))['reason']
  }
  // What may be meant as a certificate is refused (HC-05, T14); what nobody knows is nothing.
  for (const header of ['X-Forwarded-Client-Cert', 'Client-Cert', 'X-SSL-Client-Cert', 'ssl-client-cert'])
    expect(await sent(header)).toBe('certificate_header')
  for (const header of ['X-Client-Verify', 'X-Client-Dn']) expect(await sent(header)).toBe('binding_required')
})

it('T45 looks at how the client was found, and not at what it might have shown', async () => {
  await refusal(server, { audience: 'https://careful.example' }, 'authentication_insufficient')
  const assertion = {
    client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
    client_assertion_type: TYPE.clientAssertion,
  }
  expect((await server.exchange({ audience: 'https://careful.example', ...assertion })).status).toBe(200)
  const forged = {
    client_assertion: clientAssertion('registered', new SigningKey('ES256', registered.kid), us, clock.seconds()),
    client_assertion_type: TYPE.clientAssertion,
  }
  await refusal(server, { audience: 'https://careful.example', ...forged }, 'signature_invalid', 'client')
})

it('T45 does not fall back to the subject token where the client assertion is refused', async () => {
  const forged = { client_assertion: 'x.y.z', client_assertion_type: TYPE.clientAssertion }
  expect((await server.exchange()).status).toBe(200)
  await refusal(server, forged, 'token_malformed', 'client')
  await refusal(server, { actor_token: 'x.y.z', actor_token_type: TYPE.jwt }, 'token_malformed', 'actor')
})
