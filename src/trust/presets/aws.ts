import type { Preset } from '../contract.ts'

const SESSION = "assertion['https://sts.amazonaws.com/']"

/** JWTs of AWS IAM outbound identity federation: sts:GetWebIdentityToken (platform-tokens.md §6.1). */
export const aws: Preset = {
  name: 'aws',
  summary: 'Tokens of AWS IAM outbound federation (sts:GetWebIdentityToken); every account is an issuer of its own.',
  sharedIssuer: false,
  fills: {
    credential: 'jwt',
    algorithms: ['RS256', 'ES384'],
    typ: ['', 'JWT'],
    maxLifetime: '1h',
    maxAge: '1h',
    // The issuer's name says nothing of the account, so the account is said beside it.
    tenant: `${SESSION}.aws_account`,
    subject: 'assertion.sub',
    instance: `has(${SESSION}.ec2_source_instance_arn) ? ${SESSION}.ec2_source_instance_arn : ${SESSION}.lambda_source_function_arn`,
    // Nothing of request_tags and source_identity: whoever asks for the token chooses them.
    attributes: {
      aws_account: `${SESSION}.aws_account`,
      source_region: `${SESSION}.source_region`,
      org_id: `${SESSION}.org_id`,
      ou_path: `${SESSION}.ou_path`,
      // Session tags stand here too, so this is worth what the right to tag sessions is.
      principal_tags: `${SESSION}.principal_tags`,
      ec2_source_instance_arn: `${SESSION}.ec2_source_instance_arn`,
      ec2_instance_source_vpc: `${SESSION}.ec2_instance_source_vpc`,
      lambda_source_function_arn: `${SESSION}.lambda_source_function_arn`,
    },
  },
  sample: {
    header: { alg: 'ES384', kid: 'EC384_0', typ: 'JWT' },
    claims: {
      iss: 'https://2f6c1b0e-9d3a-4e5f-8a7b-6c5d4e3f2a1b.tokens.sts.global.api.aws',
      aud: 'https://cambist.example',
      sub: 'arn:aws:iam::123456789012:role/orders',
      iat: 1795395600,
      exp: 1795395900,
      jti: '7d1c0b9a-8f7e-4d6c-9b5a-4c3d2e1f0a9b',
      'https://sts.amazonaws.com/': {
        aws_account: '123456789012',
        source_region: 'eu-central-1',
        org_id: 'o-abc1234567',
        ou_path: 'o-abc1234567/r-ab12/ou-ab12-11111111/',
        principal_tags: { team: 'shop' },
        request_tags: { team: 'chosen by the caller' },
        ec2_source_instance_arn: 'arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0',
        ec2_instance_source_vpc: 'vpc-0fedcba9876543210',
        ec2_role_delivery: '2.0',
      },
    },
  },
}
