import { beforeAll, describe, expect, it } from 'vitest'
import { readCertificate } from '../../../src/lib/x509/certificate.ts'
import { CertificateFault, type CertificateFaultCode } from '../../../src/lib/x509/contract.ts'
import { type PathOptions, validatePath } from '../../../src/lib/x509/path.ts'
import { svidOf } from '../../../src/trust/svid-profile.ts'
import { der } from '../../harness/der.ts'
import { pathCases, pathVerdicts, WORKLOAD } from '../../harness/path-cases.ts'
import {
  type Authority,
  createRoot,
  extension,
  type Issued,
  keyPair,
  nameConstraints,
  OID,
  VALID_FROM,
  VALID_UNTIL,
} from '../../harness/pki.ts'

const NOW = VALID_FROM + 86_400

const uri = (base: string) => der(0x86, base)

let root: Authority
let intermediate: Authority
beforeAll(async () => {
  root = await createRoot()
  intermediate = await root.intermediate()
})

interface Presented {
  readonly leaf: Issued
  /** What comes with it; its own chain where nothing is said. */
  readonly with?: readonly Issued[]
  readonly anchors?: readonly Issued[]
  readonly options?: Partial<PathOptions>
}

const validate = ({ leaf, with: others, anchors = [root], options }: Presented) =>
  validatePath(
    readCertificate(leaf.der),
    (others?.map((one) => one.der) ?? leaf.chain().slice(1)).map(readCertificate),
    {
      anchors: anchors.map((one) => readCertificate(one.der)),
      intermediates: [],
      now: NOW,
      purpose: 'clientAuth',
      ...options,
    },
  )

/** The path's length, or the code of the fault; the profile of SVIDs is asked too, as a trust domain does. */
function verdict(presented: Presented): number | CertificateFaultCode {
  try {
    const path = validate(presented)
    svidOf(readCertificate(presented.leaf.der))
    return path.certificates.length
  } catch (error) {
    if (error instanceof CertificateFault) return error.code
    throw error
  }
}

const leafOf = async (authority: Authority, options = {}): Promise<Presented> => ({
  leaf: await authority.leaf({ ...WORKLOAD, ...options }),
})
const below = async (options: Parameters<Authority['intermediate']>[0], leaf = {}) =>
  leafOf(await root.intermediate(options), leaf)

/** A pair of root and intermediate with the names of ours and other keys. */
const forged = async () => (await createRoot()).intermediate()

describe('the cases that libraries get wrong', () => {
  const cases = () => pathCases({ root, intermediate, now: NOW })

  it('are all here', () => {
    expect(pathVerdicts).toHaveLength(21)
  })

  it.each(pathVerdicts)('%s: %s', async (what, wanted) => {
    expect(verdict({ leaf: await cases()[what]() })).toBe(wanted)
  })
})

describe('a path', () => {
  it('is valid until its nearest end, which may be that of the anchor', async () => {
    const path = validate(await below({ notAfter: NOW + 500 }, { notAfter: NOW + 900 }))
    expect(path.validUntil).toBe(NOW + 500)
    const short = await createRoot({ notAfter: NOW + 60 })
    expect(validate({ ...(await leafOf(short)), anchors: [short] }).validUntil).toBe(NOW + 60)
    expect(path.certificates.map(({ subjectAttributes }) => subjectAttributes[0]?.[1])).toEqual([
      'leaf',
      'Test Intermediate',
      'Test Root',
    ])
    expect(Object.isFrozen(path) && Object.isFrozen(path.certificates)).toBe(true)
  })

  it('is valid in the first and in the last second of every certificate, and not one outside', async () => {
    const presented = await leafOf(intermediate)
    const at = (now: number) => verdict({ ...presented, options: { now } })
    expect([at(VALID_FROM - 1), at(VALID_FROM), at(VALID_UNTIL), at(VALID_UNTIL + 1)]).toEqual([
      'not_yet_valid',
      3,
      3,
      'expired',
    ])
  })

  it('needs an anchor that is in order itself', async () => {
    for (const [options, code] of [
      [{ notAfter: NOW - 1 }, 'expired'],
      [{ notBefore: NOW + 1 }, 'not_yet_valid'],
      [{ basicConstraints: false }, 'not_a_ca'],
      [{ keyUsage: ['cRLSign'] }, 'key_usage'],
      [{ extensions: [extension('1.2.3.4', '0500', true)] }, 'unknown_critical'],
      [{ extensions: [nameConstraints({ permitted: [uri('other.example')] })] }, 'name_constraints'],
    ] as const) {
      const anchor = await createRoot(options)
      expect(verdict({ ...(await leafOf(anchor)), anchors: [anchor] })).toBe(code)
    }
  })

  it('finds intermediates in any order, among further certificates, and where nobody presents them (NG-03)', async () => {
    const second = await intermediate.intermediate({ subject: 'CN=Second' })
    const leaf = await second.leaf(WORKLOAD)
    const stranger = await createRoot({ subject: 'CN=Stranger', extensions: [extension('1.2.3.4', '0500', true)] })
    expect(verdict({ leaf, with: [root, stranger, intermediate, leaf, second] })).toBe(4)
    expect(verdict({ leaf, with: [] })).toBe('untrusted')
    const intermediates = [intermediate, second].map(({ der }) => readCertificate(der))
    expect(verdict({ leaf, with: [], options: { intermediates } })).toBe(4)
  })

  it('goes round an intermediate that is expired or forged where another leads to the anchor', async () => {
    const keys = keyPair()
    const good = await root.intermediate({ keys })
    const expired = await root.intermediate({ keys, notAfter: NOW - 1 })
    const leaf = await good.leaf(WORKLOAD)
    expect(verdict({ leaf, with: [await forged(), expired, good] })).toBe(3)
    expect(verdict({ leaf, with: [expired, await forged()] })).toBe('expired')
  })

  it('is not made of presented certificates alone, nor of an anchor', async () => {
    const leaf = await intermediate.leaf(WORKLOAD)
    expect(verdict({ leaf, with: [intermediate, root], anchors: [] })).toBe('untrusted')
    expect(verdict({ leaf, anchors: [leaf, root] })).toBe('untrusted')
    const selfSigned = await createRoot({ ...WORKLOAD, basicConstraints: false, keyUsage: ['digitalSignature'] })
    expect(verdict({ leaf: selfSigned, anchors: [selfSigned] })).toBe('untrusted')
    expect(verdict({ leaf: root })).toBe('is_a_ca')
  })

  it('ends at an intermediate that is an anchor', async () => {
    expect(verdict({ ...(await leafOf(intermediate)), anchors: [intermediate] })).toBe(2)
  })

  it('counts no self-issued authority against a pathLenConstraint', async () => {
    const first = await root.intermediate({ pathLength: 0, subject: 'CN=Rolled' })
    const rolled = await first.intermediate({ subject: 'CN=Rolled' })
    expect(verdict(await leafOf(rolled))).toBe(4)
  })

  it('takes an authority for any purpose, and no leaf', async () => {
    expect(verdict(await below({ extendedKeyUsage: [OID.any] }))).toBe(3)
    expect(verdict(await leafOf(intermediate, { extendedKeyUsage: [OID.any] }))).toBe('extended_key_usage')
    expect(verdict(await leafOf(intermediate, { extendedKeyUsage: false }))).toBe(3)
  })

  it('is for the purpose that is asked for', async () => {
    const leaf = await intermediate.leaf({ ...WORKLOAD, extendedKeyUsage: [OID.clientAuth] })
    expect(verdict({ leaf })).toBe(3)
    expect(verdict({ leaf, options: { purpose: 'serverAuth' } })).toBe('extended_key_usage')
  })

  it('refuses a leaf whose key is not for signatures, and one with constraints for others', async () => {
    expect(verdict(await leafOf(intermediate, { keyUsage: ['keyEncipherment'] }))).toBe('key_usage')
    const extensions = [nameConstraints({ permitted: [uri('prod.example')] })]
    expect(verdict(await leafOf(intermediate, { extensions }))).toBe('name_constraints')
  })

  it.each(['SHA-384', 'SHA-512'] as const)('takes signatures with %s', async (hash) => {
    expect(verdict(await leafOf(intermediate, { hash }))).toBe(3)
  })

  it('takes no signature with SHA-1 on it, but does not look at what an anchor signed for itself', async () => {
    expect(verdict(await leafOf(intermediate, { hash: 'SHA-1' }))).toBe('weak_key')
    const old = await createRoot({ hash: 'SHA-1' })
    expect(verdict({ ...(await leafOf(old)), anchors: [old] })).toBe(2)
  })

  it.each([
    ['Ed25519', () => keyPair('ed25519')],
    ['RSA', () => keyPair('rsa', { modulusLength: 2048 })],
    ['P-384', () => keyPair('ec', { namedCurve: 'P-384' })],
    ['P-521', () => keyPair('ec', { namedCurve: 'P-521' })],
  ])('takes authorities with keys of %s', async (_, keys) => {
    const anchor = await createRoot({ keys: keys() })
    expect(verdict({ ...(await leafOf(anchor)), anchors: [anchor] })).toBe(2)
  })
})

describe('key identifiers', () => {
  const own = (bytes: string) => extension('2.5.29.14', der(0x04, bytes))
  const authority = (...members: Buffer[]) => extension('2.5.29.35', der(0x30, ...members))
  const name = (cn: string) =>
    der(0xa1, der(0xa4, der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, cn))))))

  it('choose among authorities of one name', async () => {
    const one = await root.intermediate({ extensions: [own('one')] })
    const other = await root.intermediate({ extensions: [own('other')] })
    const leaf = await other.leaf({ ...WORKLOAD, extensions: [authority(der(0x80, 'other'))] })
    expect(verdict({ leaf, with: [one, other] })).toBe(3)
    expect(verdict({ leaf, with: [one] })).toBe('untrusted')
  })

  it.each([
    ['a key', () => authority(der(0x80, 'other')), 'untrusted'],
    ['its key', () => authority(der(0x80, 'mine')), 2],
    ['an issuer', () => authority(name('Other')), 'untrusted'],
    ['a serial number', () => authority(der(0x82, '\x05')), 'untrusted'],
    ['its serial number', () => authority(der(0x82, '\x07')), 2],
    ['its key as critical', () => extension('2.5.29.35', der(0x30, der(0x80, 'mine')), true), 'unknown_critical'],
  ] as const)('of a root that names %s', async (_, identifier, wanted) => {
    const anchor = await createRoot({ serialNumber: '07', extensions: [own('mine'), identifier()] })
    expect(verdict({ ...(await leafOf(anchor)), anchors: [anchor] })).toBe(wanted)
  })
})

describe('limits', () => {
  const deep = async (authorities: number) => {
    let last = root
    for (let at = 0; at < authorities; at++) last = await last.intermediate({ subject: `CN=${at}` })
    return leafOf(last)
  }

  it('six certificates are a path, seven are not', async () => {
    expect(verdict(await deep(4))).toBe(6)
    expect(verdict(await deep(5))).toBe('path_too_long')
  })

  it('ten certificates are presented, or 64 KiB, and no more', async () => {
    const leaf = await root.leaf(WORKLOAD)
    const strangers = await Promise.all(Array.from({ length: 10 }, () => createRoot({ subject: 'CN=Stranger' })))
    expect(verdict({ leaf, with: strangers.slice(0, 9) })).toBe(2)
    expect(verdict({ leaf, with: strangers })).toBe('path_too_long')
    const padding = [extension('1.2.3.4', der(0x04, Buffer.alloc(14_000)))]
    const large = await Promise.all(Array.from({ length: 5 }, () => createRoot({ extensions: padding })))
    expect(verdict({ leaf, with: large.slice(0, 4) })).toBe(2)
    expect(verdict({ leaf, with: large })).toBe('path_too_long')
  })

  it('a search among authorities that all issued each other ends after 12 signatures', async () => {
    const keys = keyPair()
    const subject = 'CN=Everyone'
    const everyone = await createRoot({ keys, subject })
    const crowd = await Promise.all(Array.from({ length: 9 }, () => everyone.intermediate({ keys, subject })))
    const leaf = await everyone.leaf(WORKLOAD)
    expect(() => validate({ leaf, with: crowd })).toThrow(/12 signatures/)
  })

  it('authorities that issued each other lead nowhere, and the search ends', async () => {
    const keys = keyPair()
    const first = await createRoot({ subject: 'CN=First', keys })
    const second = await first.intermediate({ subject: 'CN=Second' })
    const back = await second.intermediate({ subject: 'CN=First', keys })
    expect(verdict({ leaf: await second.leaf(WORKLOAD), with: [second, back] })).toBe('untrusted')
  })
})
