import { beforeAll, describe, expect, it } from 'vitest'
import type { Possession } from '../../src/credentials/contract.ts'
import { AZURE_DOCUMENT_TYPE, azureAttestedData } from '../../src/credentials/kinds/azure-attested-data.ts'
import { EC2_DOCUMENT_TYPE, ec2InstanceIdentity } from '../../src/credentials/kinds/ec2-instance-identity.ts'
import { credentialKinds, found } from '../../src/credentials/look-up.ts'
import { certificateToken, checkConnection, readChain } from '../../src/credentials/presented-certificate.ts'
import { MTLS_TYPE } from '../../src/lib/token-types.ts'
import { Refusal } from '../../src/refusal.ts'
import type { TrustedIssuer } from '../../src/trust/contract.ts'
import { trustIndex } from '../../src/trust/trust-index.ts'
import { compileTrustedIssuer } from '../../src/trust/trusted-issuer.ts'
import { type Authority, createRoot, type Issued } from '../harness/pki.ts'
import { verifyTools } from '../harness/verify-tools.ts'

// T38: what somebody about whom nothing is verified can have computed. A certificate costs a millisecond to read and 25 KB
// to keep, and a request has room for ten.
const possessionWith = (certificate?: readonly Buffer[]): Possession =>
  verifyTools({ now: 1_800_000_000, keys: [], carried: { certificate } }).possession
const listed = (...ders: readonly Buffer[]) => JSON.stringify(ders.map((der) => der.toString('base64')))

describe('a certificate in the form', () => {
  let root: Authority
  let ours: Issued
  let theirs: Issued
  beforeAll(async () => {
    root = await createRoot()
    ours = await root.leaf({ subject: 'CN=ours' })
    theirs = await root.leaf({ subject: 'CN=theirs' })
  })

  const ask = (token: string, possession: Possession) => () =>
    checkConnection({ position: 'subject', tokenType: MTLS_TYPE, token }, possession)
  const UNPROVEN = expect.objectContaining({ reason: 'confirmation_unproven' })

  it('is not read where the connection proves none', () => {
    expect(ask(listed(theirs.der), possessionWith())).toThrow(UNPROVEN)
  })

  it('is not read where the connection proves another, however the list is spelt', () => {
    const [text] = JSON.parse(listed(theirs.der)) as string[]
    const escaped = `[ "\\u004d${text?.slice(1)}" ]`
    expect(JSON.parse(escaped)).toEqual([text])
    for (const token of [listed(theirs.der), listed(theirs.der, ours.der), escaped])
      expect(ask(token, possessionWith(ours.chain()))).toThrow(UNPROVEN)
  })

  it('is read where it is that of the connection, with or without what came with it', () => {
    const possession = possessionWith(ours.chain())
    for (const token of [certificateToken(ours.chain()), listed(ours.der), ` [ "${ours.der.toString('base64')}" ]`]) {
      expect(ask(token, possession)).not.toThrow()
      if (token.startsWith('[')) expect(readChain(token).leaf.fingerprint).toBe(possession.certificate?.thumbprint)
    }
  })
})

describe('a signed document of an instance', () => {
  const read: string[] = []
  const watched = [azureAttestedData, ec2InstanceIdentity].map((kind) => ({
    ...kind,
    read(token: string): never {
      read.push(token)
      throw new Refusal('token_malformed', 'it was read')
    },
  }))
  const kinds = credentialKinds(watched as never)
  const looked = (type: string, issuers: readonly TrustedIssuer[], possession: Possession) => () =>
    found({ position: 'subject', tokenType: type, token: 'MAAw' }, { kinds, issuers: trustIndex(issuers), possession })

  it.each([
    [azureAttestedData, AZURE_DOCUMENT_TYPE],
    [ec2InstanceIdentity, EC2_DOCUMENT_TYPE],
  ] as const)('is not read where nobody would take it: $0.name', async (kind, type) => {
    const { chain } = await (await createRoot()).leaf()
    const root = await createRoot()
    const issuer = compileTrustedIssuer(
      'cloud',
      { credential: kind.name, keys: { roots: root.pem }, tenant: "'ours'", tenants: ['ours'] },
      { kinds: [kind], ourIssuer: 'https://cambist.example' },
    )
    expect(looked(type, [], possessionWith(chain()))).toThrow(expect.objectContaining({ reason: 'issuer_unknown' }))
    expect(looked(type, [issuer], possessionWith())).toThrow(
      expect.objectContaining({ reason: 'confirmation_unproven' }),
    )
    expect(read).toEqual([])
    expect(looked(type, [issuer], possessionWith(chain()))).toThrow(/it was read/)
    expect(read.splice(0)).toHaveLength(1)
  })
})
