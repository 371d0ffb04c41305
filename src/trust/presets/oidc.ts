import type { Preset } from '../contract.ts'

/** Any OpenID provider whose tokens say in `sub` who they are. */
export const oidc: Preset = {
  name: 'oidc',
  summary: 'Signed JWTs of any OpenID provider or authorization server that publishes its keys.',
  sharedIssuer: false,
  fills: {
    credential: 'jwt',
    algorithms: ['RS256', 'ES256'],
    typ: ['', 'JWT'],
    subject: 'assertion.sub',
  },
  sample: {
    header: { alg: 'ES256', typ: 'JWT', kid: '2026-11' },
    claims: {
      iss: 'https://login.example',
      sub: 'build-agent-7',
      aud: 'https://cambist.example',
      iat: 1795395600,
      exp: 1795396200,
      jti: '0b1e8a52-8d0e-4b60-9a3c-6f3f2d1c7e90',
    },
  },
}
