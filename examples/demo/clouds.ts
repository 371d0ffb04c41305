/** What clouds give to machines instead of a token: documents that they have signed, and a service that verifies signatures. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import {
  CertificateChoices,
  CertificateSet,
  ContentInfo,
  DigestAlgorithmIdentifier,
  DigestAlgorithmIdentifiers,
  EncapsulatedContent,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  SignatureAlgorithmIdentifier,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from '@peculiar/asn1-cms'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { Certificate } from '@peculiar/asn1-x509'
import { awsCallerIdentity, azureInstance, ec2Instance } from '../../src/trust/presets/index.ts'
import { Authority } from './certificates.ts'
import { type Claims, type Handler, seconds } from './platforms.ts'
import { type AwsCredentials, awsSignature, type TlsIdentity } from './workload.ts'

/** A region of EC2, whose one certificate signs the documents of its instances. */
export class Ec2Region {
  readonly authority: Authority

  private constructor(authority: Authority) {
    this.authority = authority
  }

  static async open(): Promise<Ec2Region> {
    return new Ec2Region(await Authority.create('CN=eu-central-1,O=Amazon Web Services LLC'))
  }

  /** The identity document of an instance that was started a minute ago. */
  document(instanceId: string): string {
    const pendingTime = new Date((seconds() - 60) * 1000).toISOString().replace('.000', '')
    return signedDocument({ ...ec2Instance.sample.claims, instanceId, pendingTime }, this.authority, [])
  }
}

/** Azure's metadata service, whose certificate a public authority has issued. */
export class AzureMetadata {
  readonly authority: Authority
  readonly #identity: TlsIdentity

  private constructor(authority: Authority, identity: TlsIdentity) {
    this.authority = authority
    this.#identity = identity
  }

  static async open(): Promise<AzureMetadata> {
    const authority = await Authority.create('CN=Public Authority')
    const name = 'germanywestcentral.metadata.azure.com'
    return new AzureMetadata(authority, await authority.issue({ subject: `CN=${name}`, dns: [name] }))
  }

  /** Attested data of a machine, with the nonce that it asked for. */
  document(vmId: string, nonce: string): string {
    const at = seconds()
    const timeStamp = { createdOn: azureDate(at - 60), expiresOn: azureDate(at + 6 * 3600) }
    const { chain, key } = this.#identity
    const signer = { der: chain[0] ?? Buffer.alloc(0), key: createPrivateKey(key) }
    return signedDocument({ ...azureInstance.sample.claims, vmId, nonce, timeStamp }, signer, chain)
  }
}

/** `11/28/18 00:16:17 -0000` */
function azureDate(at: number): string {
  const [date = '', time = ''] = new Date(at * 1000).toISOString().split(/[T.]/)
  const [year = '', month, day] = date.split('-')
  return `${month}/${day}/${year.slice(2)} ${time} -0000`
}

/** An STS of AWS, which knows one role's credentials, and says whose a request is that they have signed. */
export class AwsSts {
  readonly credentials: AwsCredentials = {
    id: 'ASIACLKWSDQRAOEXAMPLE',
    secret: 'a secret of the tour',
    region: 'eu-central-1',
  }

  handler: Handler = (request) => {
    const read = (name: string): string => String(request.headers[name] ?? '')
    const [, names = '', signature] = /SignedHeaders=([^,]+), Signature=(\w+)$/.exec(read('authorization')) ?? []
    if (signature !== awsSignature(this.credentials, names.split(';'), read)) return undefined
    const { account: Account, arn: Arn, userid: UserId } = awsCallerIdentity.sample.claims
    return { GetCallerIdentityResponse: { GetCallerIdentityResult: { Account, Arn, UserId } } }
  }
}

interface Signer {
  readonly der: Buffer
  readonly key: KeyObject
}

const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  sha256: '2.16.840.1.101.3.4.2.1',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const

/** A CMS SignedData (RFC 5652) in base64, with the claims inside, and these certificates. */
function signedDocument(claims: Claims, { der, key }: Signer, certificates: readonly Buffer[]): string {
  const content = Buffer.from(JSON.stringify(claims))
  const { tbsCertificate } = certificateOf(der)
  const signed = new SignedData({
    version: 1,
    digestAlgorithms: new DigestAlgorithmIdentifiers([sha256()]),
    encapContentInfo: new EncapsulatedContentInfo({
      eContentType: OID.data,
      eContent: new EncapsulatedContent({ single: new OctetString(content) }),
    }),
    ...(certificates.length === 0
      ? {}
      : {
          certificates: new CertificateSet(
            certificates.map((one) => new CertificateChoices({ certificate: certificateOf(one) })),
          ),
        }),
    signerInfos: new SignerInfos([
      new SignerInfo({
        version: 1,
        sid: new SignerIdentifier({ issuerAndSerialNumber: new IssuerAndSerialNumber(tbsCertificate) }),
        digestAlgorithm: sha256(),
        signatureAlgorithm: new SignatureAlgorithmIdentifier({ algorithm: OID.ecdsaWithSha256 }),
        signature: new OctetString(sign('sha256', content, key)),
      }),
    ]),
  })
  const info = new ContentInfo({ contentType: OID.signedData, content: AsnConvert.serialize(signed) })
  return Buffer.from(AsnConvert.serialize(info)).toString('base64')
}

const sha256 = () => new DigestAlgorithmIdentifier({ algorithm: OID.sha256, parameters: null })
const certificateOf = (der: Buffer): Certificate => AsnConvert.parse(der, Certificate)
