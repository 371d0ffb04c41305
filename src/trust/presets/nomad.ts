import type { Preset } from '../contract.ts'

/** Workload identities of Nomad (platform-tokens.md §9). Only servers that say `oidc_issuer` write an `iss`. */
export const nomad: Preset = {
  name: 'nomad',
  summary: 'Workload identities that a Nomad cluster gives to tasks and services, for an audience of ours.',
  sharedIssuer: false,
  fills: {
    credential: 'jwt',
    // EdDSA is what clusters before 1.7 signed with, and sign with until their keys rotate.
    algorithms: ['RS256', 'EdDSA'],
    typ: ['', 'JWT'],
    maxLifetime: '24h',
    maxAge: '24h',
    // A task presents the same token until Nomad renews its file.
    singleUse: false,
    // The job, without group and task; a namespace has no colon, so that no job can be named into another one.
    subject: "assertion.nomad_namespace + ':' + assertion.nomad_job_id",
    instance: 'assertion.nomad_allocation_id',
    attributes: {
      nomad_namespace: 'assertion.nomad_namespace',
      nomad_job_id: 'assertion.nomad_job_id',
      nomad_task: 'assertion.nomad_task',
      nomad_service: 'assertion.nomad_service',
      extra_claims: 'assertion.extra_claims',
    },
  },
  sample: {
    header: { alg: 'RS256', kid: '1f7b3c2d-5e4a-4f6b-9c8d-0a1b2c3d4e5f', typ: 'JWT' },
    claims: {
      aud: ['https://cambist.example'],
      exp: 1795399200,
      iat: 1795395600,
      iss: 'https://nomad.prod.example',
      jti: 'c2f1e0d9-b8a7-4695-8473-625140f3e2d1',
      nbf: 1795395600,
      nomad_allocation_id: '5c6328f7-48c5-4d03-bada-91ef2e904d0d',
      nomad_job_id: 'checkout',
      nomad_namespace: 'shop',
      nomad_task: 'api',
      sub: 'global:shop:checkout:web:api:cambist',
    },
  },
}
