import type { Preset } from '../contract.ts'

/** Attested data of Azure's metadata service (platform-tokens.md §8). */
export const azureInstance: Preset = {
  name: 'azure-instance',
  summary: 'Attested data of Azure virtual machines, each of which enrols a key once.',
  sharedIssuer: true,
  fills: {
    credential: 'azure-attested-data',
    tenant: 'assertion.subscriptionId.lowerAscii()',
    subject: 'assertion.vmId.lowerAscii()',
    // What is enrolled lives in tokens alone, and no token outlives this, nor the document's own end.
    maxLifetime: '1h',
    maxAge: '10m',
    attributes: {
      subscription_id: 'assertion.subscriptionId.lowerAscii()',
      sku: 'assertion.sku',
      plan: 'assertion.plan',
    },
  },
  sample: {
    header: {},
    claims: {
      licenseType: '',
      nonce: '0123456789',
      plan: { name: '', product: '', publisher: '' },
      sku: '24_04-lts',
      subscriptionId: '11111111-2222-4333-8444-555555555555',
      timeStamp: { createdOn: '11/24/26 11:58:00 -0000', expiresOn: '11/24/26 17:58:00 -0000' },
      vmId: '02aab8a4-74ef-476e-8182-f6d2ba4166a6',
    },
  },
}
