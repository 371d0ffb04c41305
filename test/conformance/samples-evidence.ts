import { nonceFor } from '../../src/credentials/instance-evidence.ts'
import { awsCallerIdentity } from '../../src/credentials/kinds/aws-caller-identity.ts'
import { azureAttestedData } from '../../src/credentials/kinds/azure-attested-data.ts'
import { ec2InstanceIdentity } from '../../src/credentials/kinds/ec2-instance-identity.ts'
import { Refusal } from '../../src/refusal.ts'
import type { SignedRequest } from '../../src/trust/contract.ts'
import { compileTrustedIssuer } from '../../src/trust/trusted-issuer.ts'
import { signMessage } from '../harness/cms.ts'
import { AzureCloud, Ec2Region } from '../harness/evidence.ts'
import { dpop } from '../harness/proofs.ts'
import { callerIdentity, callerRequest, isSigned } from '../harness/sigv4.ts'
import { SigningKey } from '../harness/tokens.ts'
import { verifyTools } from '../harness/verify-tools.ts'
import type { CredentialSample } from './credential-kind.ts'

const NOW = 1_800_000_000
const US = 'https://cambist.example'
const now = () => NOW

const compile = (kind: Parameters<typeof compileTrustedIssuer>[2]['kinds'][number], spec: object) =>
  compileTrustedIssuer('platform', spec, { kinds: [kind], ourIssuer: US })

const key = new SigningKey('ES256')
const proven = { dpop: dpop(key, { url: `${US}/token`, now: NOW }) }
const { jkt = '' } = verifyTools({ now: NOW, keys: [], carried: proven }).possession

const region = await Ec2Region.open(now)
const otherRegion = await Ec2Region.open(now)
const cloud = await AzureCloud.open(now)
const otherCloud = await AzureCloud.open(now)

function ec2Sample(): CredentialSample {
  const issuer = compile(ec2InstanceIdentity, {
    preset: 'ec2-instance',
    keys: { roots: region.pem },
    tenants: ['123456789012'],
  })
  const content = (changes = {}) => Buffer.from(JSON.stringify(region.claims(changes)))
  const signed = (message: Partial<Parameters<typeof signMessage>[0]> = {}) =>
    signMessage({ content: content(), signers: [region.signer], certificates: [], ...message })
  const forged = { ...region.signer, privateKey: otherRegion.signer.privateKey }
  return {
    token: signed().toString('base64'),
    issuer,
    tools: verifyTools({
      ...{ now: NOW, keys: [], carried: proven },
      anchors: () =>
        issuer.keys.from === 'certificates' ? issuer.keys.anchors : { certificates: [], intermediates: [] },
    }),
    expected: {
      ...{ uri: undefined, useId: 'i-0123456789abcdef0', expiresAt: NOW - 120 + 3600 },
      enrols: { id: 'i-0123456789abcdef0', until: 253_402_300_799 },
    },
    tampered: [
      ['the signature of another region', signed({ signers: [forged] }).toString('base64'), ['signature_invalid']],
      [
        'other content',
        signed({ digestOf: content({ accountId: '210987654321' }) }).toString('base64'),
        ['signature_invalid'],
      ],
      ['a digest of SHA-1', signed({ digest: 'sha1' }).toString('base64'), ['algorithm_refused']],
      ['no instance', signed({ content: content({ instanceId: undefined }) }).toString('base64'), ['claim_missing']],
      ['no time', signed({ content: content({ pendingTime: 'now' }) }).toString('base64'), ['claim_malformed']],
      ['another region', otherRegion.document(), ['key_unknown']],
    ],
  }
}

function azureSample(): CredentialSample {
  const issuer = compile(azureAttestedData, {
    preset: 'azure-instance',
    keys: { roots: cloud.root.pem, intermediates: cloud.intermediate.pem },
    tenants: ['11111111-2222-4333-8444-555555555555'],
  })
  const nonce = nonceFor(US, jkt)
  const forged = { ...cloud.signer, privateKey: otherCloud.signer.privateKey }
  return {
    token: cloud.document(nonce),
    issuer,
    tools: verifyTools({
      ...{ now: NOW, keys: [], carried: proven },
      anchors: () =>
        issuer.keys.from === 'certificates' ? issuer.keys.anchors : { certificates: [], intermediates: [] },
    }),
    expected: {
      ...{ uri: undefined, useId: '02aab8a4-74ef-476e-8182-f6d2ba4166a6', expiresAt: NOW - 60 + 3600 },
      enrols: { id: '02aab8a4-74ef-476e-8182-f6d2ba4166a6', until: 253_402_300_799 },
    },
    tampered: [
      ['the signature of another', cloud.document(nonce, {}, { signers: [forged] }), ['signature_invalid']],
      ['other content', cloud.document(nonce, {}, { digestOf: Buffer.from('{}') }), ['signature_invalid']],
      ['another root', otherCloud.document(nonce), ['certificate_refused']],
      ['another nonce', cloud.document('0123456789'), ['confirmation_unproven']],
      ['a nonce that is a number', cloud.document(nonce, { nonce: 1 }), ['confirmation_unproven']],
      ['no machine', cloud.document(nonce, { vmId: null }), ['claim_missing']],
      ['no times', cloud.document(nonce, { timeStamp: undefined }), ['claim_missing']],
    ],
  }
}

const STS = 'https://sts.eu-central-1.amazonaws.com'

/** An STS that verifies what it is sent. */
const source = {
  async present(_: unknown, { headers, body }: SignedRequest) {
    const sent: Readonly<Record<string, string | undefined>> = { host: new URL(STS).host, ...headers }
    if (!isSigned((name) => sent[name] ?? '', body)) throw new Refusal('status_refused', 'STS says no')
    return JSON.parse(JSON.stringify(callerIdentity()))
  },
}

function callerSample(): CredentialSample {
  const good = { sts: STS, audience: US, now: NOW }
  const request = callerRequest(good)
  const text = (changes: object) => JSON.stringify({ ...request, ...changes })
  return {
    token: text({}),
    issuer: compile(awsCallerIdentity, {
      ...{ preset: 'aws-caller-identity', keys: { sts: STS } },
      ...{ audiences: [US], tenants: ['123456789012'] },
    }),
    tools: verifyTools({ now: NOW, keys: [], source }),
    expected: {
      ...{ uri: undefined, keyProven: false, audiences: [US], expiresAt: NOW + 900 },
      claims: {
        account: '123456789012',
        arn: 'arn:aws:sts::123456789012:assumed-role/orders/i-0123456789abcdef0',
        userid: 'AROACLKWSDQRAOEXAMPLE:i-0123456789abcdef0',
        principal: 'arn:aws:sts::123456789012:assumed-role/orders',
        session: 'i-0123456789abcdef0',
      },
    },
    tampered: [
      [
        'another key',
        text(callerRequest({ ...good, credentials: { id: 'ASIACLKWSDQRAOEXAMPLE', secret: 'x' } })),
        ['status_refused'],
      ],
      [
        'another audience under its signature',
        text({ headers: withAudience(request.headers, 'https://x.example') }),
        ['audience_mismatch'],
      ],
      [
        'the audience unsigned',
        text(callerRequest({ ...good, unsigned: ['x-cambist-audience'] })),
        ['signature_invalid'],
      ],
      ['the host unsigned', text(callerRequest({ ...good, unsigned: ['host'] })), ['signature_invalid']],
      ['the date unsigned', text(callerRequest({ ...good, unsigned: ['x-amz-date'] })), ['signature_invalid']],
      [
        'the session token unsigned',
        text(callerRequest({ ...good, unsigned: ['x-amz-security-token'] })),
        ['signature_invalid'],
      ],
      ['another host', text(callerRequest({ ...good, headers: { host: 'sts.evil.example' } })), ['issuer_unknown']],
      ['no host', text(callerRequest({ ...good, headers: { host: undefined } })), ['issuer_unknown']],
      ['another address', text({ url: 'https://sts.evil.example/' }), ['issuer_unknown']],
      ['six minutes ago', text(callerRequest({ ...good, now: NOW - 360 })), ['too_old']],
      ['the future', text(callerRequest({ ...good, now: NOW + 60 })), ['not_yet_valid']],
    ],
  }
}

const withAudience = (headers: ReturnType<typeof callerRequest>['headers'], value: string) =>
  headers.map((one) => (one.key === 'x-cambist-audience' ? { ...one, value } : one))

export const evidenceSamples: Readonly<Record<string, () => CredentialSample>> = {
  [ec2InstanceIdentity.name]: ec2Sample,
  [azureAttestedData.name]: azureSample,
  [awsCallerIdentity.name]: callerSample,
}
