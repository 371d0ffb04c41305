import type { Preset } from '../contract.ts'

/** Identity tokens of HashiCorp Vault and OpenBao (platform-tokens.md §9): `aud` is the client_id of the role; no `jti`. */
export const vault: Preset = {
  name: 'vault',
  summary: 'Identity tokens that HashiCorp Vault or OpenBao signs for its entities (identity/oidc/token).',
  sharedIssuer: false,
  fills: {
    credential: 'jwt',
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    typ: ['', 'JWT'],
    maxLifetime: '24h',
    maxAge: '24h',
    singleUse: false,
    // The id of the entity, which never comes to another. What names it has, a role's template says.
    subject: 'assertion.sub',
    attributes: { namespace: 'assertion.namespace' },
  },
  sample: {
    header: { alg: 'RS256', kid: 'a8f2c1d0-7e6b-4f5a-9c3d-2b1a0f9e8d7c' },
    claims: {
      aud: 'https://cambist.example',
      exp: 1795396500,
      iat: 1795395600,
      iss: 'https://vault.prod.example/v1/identity/oidc',
      namespace: 'root',
      sub: '7d2e3179-f69b-450c-7179-ac8ee8bd8ca9',
    },
  },
}
