import { randomUUID } from 'node:crypto'
import type { AnyCredentialKind } from '../../src/credentials/contract.ts'
import { authorizationGrant } from '../../src/credentials/kinds/authorization-grant.ts'
import { idJag } from '../../src/credentials/kinds/id-jag.ts'
import { readJwks } from '../../src/lib/jwk.ts'
import { compileTrustedIssuer } from '../../src/trust/trusted-issuer.ts'
import { type Claims, SigningKey } from '../harness/tokens.ts'
import { verifyTools } from '../harness/verify-tools.ts'
import type { CredentialSample } from './credential-kind.ts'
import { tampered } from './samples-tokens.ts'

const NOW = 1_800_000_000
const US = 'https://cambist.example'
const PEER = 'https://as.a.example'
const peer = new SigningKey('ES256')

/** Samples of the kinds that are grants of another authorization server. */
export const grantSamples: Readonly<Record<string, () => CredentialSample>> = {
  [authorizationGrant.name]: () => sample(authorizationGrant, 'cambist-authorization-grant+jwt', []),
  [idJag.name]: () =>
    sample(idJag, 'oauth-id-jag+jwt', [
      ['no client', { client_id: undefined }, 'claim_missing'],
      ['no jti', { jti: undefined }, 'claim_missing'],
      ['no iat', { iat: undefined }, 'claim_missing'],
      ['us twice', { aud: [US, US] }, 'audience_several'],
      ['a tenant that is none of ours', { tenant: 'acme' }, 'tenant_refused'],
    ]),
}

function sample(
  kind: AnyCredentialKind,
  typ: string,
  more: readonly (readonly [
    what: string,
    changes: Claims,
    reason: 'claim_missing' | 'audience_several' | 'tenant_refused',
  ])[],
): CredentialSample {
  const claims: Claims = {
    iss: PEER,
    sub: 'johndoe',
    aud: US,
    client_id: 'a-checkout',
    scope: 'orders:read orders:write',
    resource: 'https://orders.example/api',
    requested_cnf: { jkt: 'a'.repeat(43).replace(/a$/, 'A') },
    iat: NOW,
    exp: NOW + 60,
    jti: randomUUID(),
  }
  const changed = (changes: Claims) => peer.sign({ ...claims, ...changes }, { typ })
  const token = changed({})
  const spec = {
    ...{ credential: kind.name, issuer: PEER, audiences: [US], keys: { jwks: { keys: [peer.jwk] } } },
    algorithms: ['ES256', 'ES384'],
  }
  return {
    token,
    issuer: compileTrustedIssuer('peer', spec, { kinds: [kind], ourIssuer: US }),
    tools: verifyTools({ now: NOW, keys: readJwks({ keys: [peer.jwk] }).keys }),
    expected: {
      uri: undefined,
      useId: String(claims['jti']),
      keyProven: false,
      audiences: [US],
      expiresAt: NOW + 60,
      mayAct: undefined,
      grant: {
        client: 'a-checkout',
        scopes: ['orders:read', 'orders:write'],
        resources: ['https://orders.example/api'],
        confirmation: claims['requested_cnf'] as { jkt: string },
      },
    },
    tampered: [
      ...tampered(token, claims, peer, typ),
      ['an audience beside us', changed({ aud: [US, 'https://as.c.example'] }), ['audience_several']],
      ['no subject', changed({ sub: undefined }), ['claim_missing']],
      ['a client that is no name', changed({ client_id: 7 }), ['claim_malformed']],
      ['scopes in a list', changed({ scope: ['orders:read'] }), ['claim_malformed']],
      ['resources that are none', changed({ resource: [] }), ['claim_malformed']],
      ['a key to bind to that is none', changed({ requested_cnf: 'a' }), ['claim_malformed']],
      ['two keys to bind to', changed({ requested_cnf: bothKeys }), ['claim_malformed']],
      ['another life than a short one', changed({ exp: NOW + 301 }), ['too_long_lived']],
      ...more.map(([what, changes, reason]) => [what, changed(changes), [reason]] as const),
    ],
  }
}

const bothKeys = { jkt: 'A'.repeat(43), 'x5t#S256': 'A'.repeat(43) }
