import type { Preset } from '../contract.ts'

/** EC2 instance identity documents (platform-tokens.md §6.2). */
export const ec2Instance: Preset = {
  name: 'ec2-instance',
  summary: 'Identity documents of EC2 instances, each of which enrols a key once.',
  sharedIssuer: true,
  fills: {
    credential: 'ec2-instance-identity',
    tenant: 'assertion.accountId',
    subject: 'assertion.instanceId',
    // What is enrolled lives in tokens alone, and no token outlives this.
    maxLifetime: '1h',
    maxAge: '10m',
    attributes: {
      account_id: 'assertion.accountId',
      region: 'assertion.region',
      availability_zone: 'assertion.availabilityZone',
      image_id: 'assertion.imageId',
      instance_type: 'assertion.instanceType',
      private_ip: 'assertion.privateIp',
    },
  },
  sample: {
    header: {},
    claims: {
      accountId: '123456789012',
      architecture: 'x86_64',
      availabilityZone: 'eu-central-1a',
      billingProducts: null,
      devpayProductCodes: null,
      marketplaceProductCodes: null,
      imageId: 'ami-0fedcba9876543210',
      instanceId: 'i-0123456789abcdef0',
      instanceType: 't3.micro',
      kernelId: null,
      pendingTime: '2026-11-24T11:58:00Z',
      privateIp: '10.0.4.17',
      ramdiskId: null,
      region: 'eu-central-1',
      version: '2017-09-30',
    },
  },
}
