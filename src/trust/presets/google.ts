import type { Preset } from '../contract.ts'

/** Identity tokens of Google service accounts, from a VM's metadata server or any other (platform-tokens.md §7). No `jti` (GC-4). */
export const google: Preset = {
  name: 'google',
  summary: 'Google-signed identity tokens of service accounts: Compute Engine instances, Cloud Run, GKE, gcloud.',
  // It signs the sign-ins of people too (GC-1).
  sharedIssuer: true,
  renameable: { email: 'ids' },
  fills: {
    credential: 'jwt',
    issuer: 'https://accounts.google.com',
    algorithms: ['RS256'],
    typ: ['JWT'],
    maxLifetime: '1h',
    maxAge: '1h',
    // The metadata server answers with the same token for most of its life.
    singleUse: false,
    // The number of the VM's project where the token has it (format=full), else the service account itself (GC-1, GC-2).
    tenant: 'has(assertion.google) ? string(assertion.google.compute_engine.project_number) : assertion.sub',
    // The unique id of the service account, which never comes to another; the VM is the instance (GC-3).
    subject: 'assertion.sub',
    instance: 'assertion.google.compute_engine.instance_id',
    attributes: {
      // An address that Google vouches for, or none.
      email: "assertion.email_verified ? assertion.email : ''",
      azp: 'assertion.azp',
      project_id: 'assertion.google.compute_engine.project_id',
      project_number: 'string(assertion.google.compute_engine.project_number)',
      zone: 'assertion.google.compute_engine.zone',
      instance_id: 'assertion.google.compute_engine.instance_id',
      instance_name: 'assertion.google.compute_engine.instance_name',
    },
  },
  sample: {
    header: { alg: 'RS256', kid: '6f8e1cb1e4c1b0c2d5a7f9f3b2e0d4c8a1b7e6f5', typ: 'JWT' },
    claims: {
      aud: 'https://cambist.example',
      azp: '112179062720391305885',
      email: 'orders@shop-prod.iam.gserviceaccount.com',
      email_verified: true,
      exp: 1795399200,
      google: {
        compute_engine: {
          instance_confidentiality: 0,
          instance_creation_timestamp: 1795300000,
          instance_id: '152986662232938449',
          instance_name: 'orders-1',
          license_id: ['1001000'],
          project_id: 'shop-prod',
          project_number: 739419398126,
          zone: 'europe-west3-a',
        },
      },
      iat: 1795395600,
      iss: 'https://accounts.google.com',
      sub: '112179062720391305885',
    },
  },
}
