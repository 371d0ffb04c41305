import type { Preset } from '../contract.ts'

/** Access tokens that Entra gives to managed identities, of both versions (platform-tokens.md §8). */
export const azure: Preset = {
  name: 'azure',
  summary: 'Tokens of Azure managed identities for an app registration of ours; every Entra tenant is an issuer.',
  sharedIssuer: false,
  fills: {
    credential: 'jwt',
    algorithms: ['RS256'],
    typ: ['JWT'],
    // Entra makes them a day long, begins them five minutes early, and the metadata server keeps them as long.
    maxLifetime: '25h',
    maxAge: '25h',
    singleUse: false,
    // Of the tenant that the issuer is named by (AZ-1), for software itself: a person's token has scp, a sign-in has neither azp nor appid.
    condition:
      "assertion.tid in assertion.iss.split('/') && (has(assertion.azp) || has(assertion.appid)) && !has(assertion.scp)",
    // The object id of the identity, which never comes to another (AZ-1).
    subject: 'assertion.oid',
    attributes: {
      tid: 'assertion.tid',
      oid: 'assertion.oid',
      app_id: 'has(assertion.azp) ? assertion.azp : assertion.appid',
      roles: 'assertion.roles',
      // A path that can change, in no fixed case: only ever beside the id (AZ-4).
      xms_mirid: 'assertion.xms_mirid.lowerAscii()',
    },
  },
  sample: {
    header: { typ: 'JWT', alg: 'RS256', kid: 'HS23b7Do7TcaU1RoLHwpIq24VYg' },
    claims: {
      aud: '0c7f1d0a-5a7e-4d0b-9a53-6d1f3c9e2b47',
      iss: 'https://login.microsoftonline.com/8f6c2b1e-3d4a-4c5b-9e7f-1a2b3c4d5e6f/v2.0',
      iat: 1795395600,
      nbf: 1795395600,
      exp: 1795482300,
      aio: 'k2RgYBA7xbPn9Z2mP2u2b3n5fQ==',
      azp: '5e1d9c3b-7a2f-4b6e-8d0c-9f8e7d6c5b4a',
      azpacr: '2',
      idtyp: 'app',
      oid: 'a3b2c1d0-e4f5-4a6b-8c7d-9e0f1a2b3c4d',
      rh: '1.AXoAHiJsj0o9W0yefxorPE1eb6.',
      roles: ['Orders.Exchange'],
      sub: 'a3b2c1d0-e4f5-4a6b-8c7d-9e0f1a2b3c4d',
      tid: '8f6c2b1e-3d4a-4c5b-9e7f-1a2b3c4d5e6f',
      uti: 'q0Jc5d1V3kK2m8lN7oPAAQ',
      ver: '2.0',
      xms_mirid:
        '/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders',
    },
  },
}
