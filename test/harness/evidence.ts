/** Metadata services of clouds in this process: they sign the captured samples of the presets, moved to the clock of the test. */
import type { JsonObject } from '../../src/lib/json.ts'
import { azureInstance } from '../../src/trust/presets/azure-instance.ts'
import { ec2Instance } from '../../src/trust/presets/ec2-instance.ts'
import { type Message, type Signer, signMessage, streamed } from './cms.ts'
import { type Authority, createRoot, type Issued, keyPair, OID } from './pki.ts'
import type { Claims } from './tokens.ts'

/** 2100-01-01, as long as the certificates of regions live. */
const LATE = 4_102_444_800
const rsa = () => keyPair('rsa', { modulusLength: 2048 })

const signerOf = ({ der, privateKey }: Issued): Signer => ({ certificate: der, privateKey })

/** A region of EC2: one certificate that signs by itself, as AWS publishes it. */
export class Ec2Region {
  readonly #root: Authority
  readonly #now: () => number

  private constructor(root: Authority, now: () => number) {
    this.#root = root
    this.#now = now
  }

  static async open(now: () => number, options: Parameters<typeof createRoot>[0] = {}): Promise<Ec2Region> {
    const subject = 'C=US, ST=Washington State, L=Seattle, O=Amazon Web Services LLC'
    const root = await createRoot({
      ...{ subject, keys: rsa(), notAfter: LATE, keyUsage: ['digitalSignature'], pathLength: 0 },
      ...options,
    })
    return new Ec2Region(root, now)
  }

  get pem(): string {
    return this.#root.pem
  }

  get signer(): Signer {
    return signerOf(this.#root)
  }

  /** The document of an instance that was started two minutes ago. */
  claims(changes: Claims = {}): Claims {
    const pendingTime = new Date((this.#now() - 120) * 1000).toISOString().replace('.000', '')
    return { ...ec2Instance.sample.claims, pendingTime, ...changes }
  }

  /** What `rsa2048` answers: BER in lines, with the document inside and no certificate. */
  document(changes: Claims = {}, message: Partial<Message> = {}): string {
    const content = Buffer.from(JSON.stringify(this.claims(changes), undefined, 2))
    const der = signMessage({ content, signers: [this.signer], certificates: [], ...message })
    return streamed(der)
      .toString('base64')
      .replace(/.{64}(?=.)/g, '$&\n')
  }
}

/** Azure's metadata service, whose certificate an authority has issued. */
export class AzureCloud {
  readonly root: Authority
  readonly intermediate: Authority
  readonly #leaf: Issued
  readonly #now: () => number

  private constructor(root: Authority, intermediate: Authority, leaf: Issued, now: () => number) {
    this.root = root
    this.intermediate = intermediate
    this.#leaf = leaf
    this.#now = now
  }

  static async open(now: () => number, dns = ['germanywestcentral.metadata.azure.com']): Promise<AzureCloud> {
    const root = await createRoot({ subject: 'CN=Public Root', notAfter: LATE })
    const intermediate = await root.intermediate({ subject: 'CN=Public TLS CA', notAfter: LATE })
    const leaf = await intermediate.leaf({
      subject: `CN=${dns[0]}`,
      dns,
      keys: rsa(),
      extendedKeyUsage: [OID.serverAuth],
    })
    return new AzureCloud(root, intermediate, leaf, now)
  }

  get signer(): Signer {
    return signerOf(this.#leaf)
  }

  /** Attested data of a minute ago. */
  claims(nonce: string, changes: Claims = {}): Claims {
    const created = this.#now() - 60
    const timeStamp = { createdOn: azureDate(created), expiresOn: azureDate(created + 6 * 3600) }
    return { ...(azureInstance.sample.claims as JsonObject), nonce, timeStamp, ...changes }
  }

  /** The member `signature` of the answer: the signer's certificate is inside, its issuer's is not. */
  document(nonce: string, changes: Claims = {}, message: Partial<Message> = {}): string {
    const content = Buffer.from(JSON.stringify(this.claims(nonce, changes)))
    return signMessage({ content, signers: [this.signer], ...message }).toString('base64')
  }
}

/** `11/28/18 00:16:17 -0000` */
export function azureDate(seconds: number): string {
  const [, year, month, day, time] = /^20(\d\d)-(\d\d)-(\d\d)T(.{8})/.exec(new Date(seconds * 1000).toISOString()) ?? []
  return `${month}/${day}/${year} ${time} -0000`
}
