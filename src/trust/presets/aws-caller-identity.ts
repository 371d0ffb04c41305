import type { Preset } from '../contract.ts'

/** Signed requests for GetCallerIdentity (platform-tokens.md §6), as its answer is read. */
export const awsCallerIdentity: Preset = {
  name: 'aws-caller-identity',
  summary: 'Signed GetCallerIdentity requests of AWS roles and users, verified by AWS STS.',
  sharedIssuer: true,
  fills: {
    credential: 'aws-caller-identity',
    tenant: 'assertion.account',
    subject: 'assertion.principal',
    instance: 'assertion.session',
    maxLifetime: '15m',
    maxAge: '5m',
    // A request costs its signer nothing, so that there is no reason to send one twice.
    singleUse: true,
    attributes: {
      aws_account: 'assertion.account',
      arn: 'assertion.arn',
      // The id of the role or user, which a new one of the same name does not have (P-5).
      unique_id: "assertion.userid.split(':')[0]",
    },
  },
  sample: {
    header: {},
    claims: {
      account: '123456789012',
      arn: 'arn:aws:sts::123456789012:assumed-role/orders/i-0123456789abcdef0',
      userid: 'AROACLKWSDQRAOEXAMPLE:i-0123456789abcdef0',
      principal: 'arn:aws:sts::123456789012:assumed-role/orders',
      session: 'i-0123456789abcdef0',
    },
  },
}
