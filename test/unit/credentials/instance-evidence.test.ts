/** UC-76, UC-91, T5, T10: what evidence is bound to, and which documents may stand beside each other. */
import { describe, expect, it } from 'vitest'
import { enrolledKey, nonceFor, readSignedDocument } from '../../../src/credentials/instance-evidence.ts'
import { awsCallerIdentity } from '../../../src/credentials/kinds/aws-caller-identity.ts'
import { azureAttestedData } from '../../../src/credentials/kinds/azure-attested-data.ts'
import { ec2InstanceIdentity } from '../../../src/credentials/kinds/ec2-instance-identity.ts'
import { Faults } from '../../../src/lib/fault.ts'
import { lintTrustedIssuer } from '../../../src/trust/lint.ts'
import * as presets from '../../../src/trust/presets/index.ts'
import { trustIndex } from '../../../src/trust/trust-index.ts'
import { compileTrustedIssuer } from '../../../src/trust/trusted-issuer.ts'
import { signMessage } from '../../harness/cms.ts'
import { AzureCloud, Ec2Region } from '../../harness/evidence.ts'
import { dpop } from '../../harness/proofs.ts'
import { SigningKey } from '../../harness/tokens.ts'
import { verifyTools } from '../../harness/verify-tools.ts'

const US = 'https://cambist.example'
const NOW = 1_800_000_000
const now = () => NOW
const kinds = [ec2InstanceIdentity, azureAttestedData, awsCallerIdentity]

const region = await Ec2Region.open(now)
const second = await Ec2Region.open(now)
const cloud = await AzureCloud.open(now)

const compile = (name: string, spec: object) =>
  compileTrustedIssuer(name, spec, { kinds, ourIssuer: US, insecureFetch: new Set() })
const ec2 = (name: string, roots: string, more: object = {}) =>
  compile(name, { preset: 'ec2-instance', keys: { roots }, tenants: ['123456789012'], ...more })
const azure = (name: string, more: object = {}) =>
  compile(name, {
    ...{ preset: 'azure-instance', tenants: ['11111111-2222-4333-8444-555555555555'] },
    keys: { roots: cloud.root.pem, intermediates: cloud.intermediate.pem },
    ...more,
  })
const aws = (name: string, sts: string, more: object = {}) =>
  compile(name, { preset: 'aws-caller-identity', keys: { sts }, audiences: [US], tenants: ['123456789012'], ...more })

function faultsOf(make: () => unknown): Record<string, string> {
  try {
    make()
  } catch (error) {
    if (error instanceof Faults) return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]))
    throw error
  }
  return {}
}

describe('the nonce of attested data', () => {
  const THUMBPRINT = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'

  it('is what a shell makes of our issuer and the key, as the page has it', () => {
    // openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt iter:20000 -kdfopt salt:$ISSUER -kdfopt pass:$THUMBPRINT PBKDF2
    expect(nonceFor(US, THUMBPRINT)).toBe('0677189935')
  })

  it('is another for another server and for another key, and has ten digits always', () => {
    const keys = Array.from({ length: 200 }, (_, index) => `key ${index}`)
    const nonces = new Set([
      nonceFor('https://other.example', THUMBPRINT),
      ...[THUMBPRINT, ...keys].map((key) => nonceFor(US, key)),
    ])
    expect(nonces.size).toBe(202)
    for (const nonce of nonces) expect(nonce).toMatch(/^\d{10}$/)
    expect([...nonces].some((nonce) => nonce.startsWith('0'))).toBe(true)
  })
})

describe('the key that is enrolled', () => {
  const thumbprint = (carried: Parameters<typeof verifyTools>[0]['carried']) =>
    enrolledKey(verifyTools({ now: NOW, keys: [], ...(carried === undefined ? {} : { carried }) }).possession)
  const proof = () => dpop(new SigningKey('ES256'), { url: `${US}/token`, now: NOW })

  it('is that of the DPoP proof, else that of the certificate, as for the token that is issued', () => {
    const certificate = [cloud.root.der]
    expect(thumbprint({ certificate })).toMatch(/^[\w-]{43}$/)
    expect(thumbprint({ dpop: proof() })).toMatch(/^[\w-]{43}$/)
    expect(thumbprint({ dpop: proof(), certificate })).not.toBe(thumbprint({ certificate }))
  })

  it('must be proven', () => {
    expect(() => thumbprint({})).toThrow(expect.objectContaining({ reason: 'confirmation_unproven' }))
  })
})

describe('a document as it is presented', () => {
  it('may be in lines, as EC2 writes it, or in one', () => {
    const text = region.document()
    expect(text).toContain('\n')
    expect(readSignedDocument(text.replaceAll('\n', '\r\n'))).toEqual(readSignedDocument(text.replaceAll('\n', '')))
  })

  it.each([
    [
      'too large',
      () => signMessage({ content: Buffer.alloc(70_000, 0x20), signers: [region.signer] }).toString('base64'),
    ],
    ['in base64url', () => region.document().replaceAll('\n', '').replaceAll('+', '-').replaceAll('/', '_')],
    ['in base64 of another spelling', () => `${region.document().replaceAll('\n', '').replace(/=+$/, '')}A`],
    ['with spaces', () => region.document().replaceAll('\n', ' ')],
    ['of a list', () => signMessage({ content: Buffer.from('[]'), signers: [region.signer] }).toString('base64')],
    [
      'with a member twice',
      () =>
        signMessage({ content: Buffer.from('{"accountId":"1","accountId":"2"}'), signers: [region.signer] }).toString(
          'base64',
        ),
    ],
    [
      'of two signers',
      () => signMessage({ content: Buffer.from('{}'), signers: [region.signer, second.signer] }).toString('base64'),
    ],
  ] as const)('is refused %s', (_what, make) => {
    expect(() => readSignedDocument(make())).toThrow(expect.objectContaining({ reason: 'token_malformed' }))
  })

  it('by a signer that it names by its key is not looked up', () => {
    const content = Buffer.from(JSON.stringify(region.claims()))
    const document = signMessage({ content, signers: [cloud.signer], certificates: [] })
    const { signer: _, ...unnamed } = readSignedDocument(document.toString('base64'))
    expect(ec2InstanceIdentity.locate({ ...unnamed, signer: undefined })).toMatchObject({
      unlocated: 'token_malformed',
    })
  })
})

describe('attested data with the key of a certificate', () => {
  it('has a nonce of the certificate, and is bound to it alone', async () => {
    const issuer = azure('azure')
    const anchors = () => (issuer.keys.from === 'certificates' ? issuer.keys.anchors : expect.unreachable())
    const by = (der: Buffer) => verifyTools({ now: NOW, keys: [], anchors, carried: { certificate: [der] } })
    const holder = by(cloud.root.der)
    const reading = azureAttestedData.read(cloud.document(nonceFor(US, enrolledKey(holder.possession))))
    const facts = await azureAttestedData.verify(reading, issuer as never, holder)
    expect(facts).toMatchObject({ keyProven: true, enrols: { id: '02aab8a4-74ef-476e-8182-f6d2ba4166a6' } })
    await expect(azureAttestedData.verify(reading, issuer as never, by(cloud.intermediate.der))).rejects.toMatchObject({
      reason: 'confirmation_unproven',
    })
  })
})

describe('a certificate of a region', () => {
  it('counts only while it is valid', async () => {
    const old = await Ec2Region.open(now, { notAfter: NOW - 3600 })
    const issuer = ec2('ec2', old.pem)
    const proven = { dpop: dpop(new SigningKey('ES256'), { url: `${US}/token`, now: NOW }) }
    const anchors = () => (issuer.keys.from === 'certificates' ? issuer.keys.anchors : expect.unreachable())
    const tools = verifyTools({ now: NOW, keys: [], anchors, carried: proven })
    const reading = ec2InstanceIdentity.read(old.document())
    await expect(ec2InstanceIdentity.verify(reading, issuer as never, tools)).rejects.toMatchObject({
      reason: 'certificate_refused',
    })
  })
})

describe('documents of evidence', () => {
  it.each([
    ['ec2-instance', () => ec2('ec2', region.pem, { tenants: undefined }), 'spec.tenants', 'preset ec2-instance'],
    ['azure-instance', () => azure('azure', { tenants: undefined }), 'spec.tenants', 'preset azure-instance'],
    [
      'aws-caller-identity',
      () => aws('aws', 'https://sts.amazonaws.com', { tenants: undefined }),
      'spec.tenants',
      'preset aws',
    ],
    ...kinds.map(
      (kind) =>
        [
          kind.name,
          () =>
            compile('bare', {
              credential: kind.name,
              ...(kind === awsCallerIdentity
                ? { keys: { sts: 'https://sts.amazonaws.com' }, audiences: [US] }
                : { keys: { roots: region.pem } }),
            }),
          'spec.tenant',
          `credential ${kind.name}`,
        ] as const,
    ),
  ] as const)('of %s say whose they are, with a preset and without (P-4)', (_name, make, path, why) => {
    expect(faultsOf(make)[path]).toContain(`strangers share the issuer (${why}`)
  })

  it('name no audience, since none is in them', () => {
    expect(faultsOf(() => ec2('ec2', region.pem, { audiences: [US] }))['spec.audiences']).toContain(
      'bound to a key instead',
    )
  })

  it('for several regions stand beside each other, and of one region only one does', () => {
    const one = ec2('one', region.pem)
    expect(trustIndex([one, ec2('two', second.pem), azure('three')]).size).toBe(3)
    expect(faultsOf(() => trustIndex([one, ec2('again', region.pem + second.pem)]))['spec.keys']).toContain(
      'keep one of the two',
    )
    expect(faultsOf(() => trustIndex([azure('one'), azure('two')]))['spec.keys']).toContain('keep one of the two')
  })

  it.each([
    ['upper case', ['Metadata.azure.com']],
    ['a wildcard', ['*.metadata.azure.com']],
    ['a top-level domain', ['com']],
    ['nobody', []],
  ])('do not name %s as the signer', (_what, signers) => {
    expect(
      Object.keys(faultsOf(() => azure('azure', { signers }))).some((path) => path.startsWith('spec.signers')),
    ).toBe(true)
  })

  it('of the presets give lint no reason to warn', () => {
    for (const issuer of [ec2('ec2', region.pem), azure('azure'), aws('aws', 'https://sts.amazonaws.com')])
      expect(lintTrustedIssuer(issuer, NOW)).toEqual([])
  })
})

describe('an address of a service', () => {
  it('is an origin, and the look-up key', () => {
    expect(aws('aws', 'https://sts.eu-central-1.amazonaws.com/').lookUp).toEqual([
      'https://sts.eu-central-1.amazonaws.com',
    ])
  })

  it.each([
    ['https://sts.amazonaws.com/path', 'write https://sts.amazonaws.com'],
    ['https://sts.amazonaws.com/?x=1', 'write https://sts.amazonaws.com'],
    ['http://sts.amazonaws.com', 'CAMBIST_INSECURE_FETCH'],
    ['https://169.254.169.254', 'not a public address'],
    ['sts.amazonaws.com', ''],
  ])('is not %s', (sts, message) => {
    expect(faultsOf(() => aws('aws', sts))['spec.keys.sts']).toContain(message)
  })

  it('takes a private authority, and no secret', () => {
    const { keys } = compile('aws', {
      ...{ preset: 'aws-caller-identity', audiences: [US], tenants: ['123456789012'] },
      keys: { sts: 'https://sts.amazonaws.com', ca: region.pem },
    })
    expect(keys).toMatchObject({ from: 'sts', ca: region.pem })
    const secret = { sts: 'https://sts.amazonaws.com', bearerToken: { secret: 'x' } }
    expect(Object.keys(faultsOf(() => aws('aws', '', { keys: secret })))).toEqual(['spec.keys.bearerToken'])
  })
})

describe('what becomes of a sample', () => {
  it.each([
    ['ec2-instance', ec2('ec2', region.pem), '123456789012', 'i-0123456789abcdef0'],
    ['azure-instance', azure('azure'), '11111111-2222-4333-8444-555555555555', '02aab8a4-74ef-476e-8182-f6d2ba4166a6'],
    [
      'aws-caller-identity',
      aws('aws', 'https://sts.amazonaws.com'),
      '123456789012',
      'arn:aws:sts::123456789012:assumed-role/orders',
    ],
  ] as const)('of %s: tenant %s, subject %s', (name, issuer, tenant, subject) => {
    const { claims } = Object.values(presets).find((preset) => preset.name === name)?.sample ?? {}
    const seen = { assertion: claims }
    expect([issuer.tenant?.mapping.value(seen), issuer.subject.value(seen)]).toEqual([tenant, subject])
    for (const [attribute, mapping] of issuer.attributes)
      expect([attribute, mapping.value(seen)]).not.toContain(undefined)
  })

  it('of a role has the id that stays', () => {
    const issuer = aws('aws', 'https://sts.amazonaws.com')
    const seen = { assertion: presets.awsCallerIdentity.sample.claims }
    const attributes = Object.fromEntries(issuer.attributes.map(([name, mapping]) => [name, mapping.value(seen)]))
    expect(attributes['unique_id']).toBe('AROACLKWSDQRAOEXAMPLE')
  })
})
