import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { readCertificate } from '../../../src/lib/x509/certificate.ts'
import { type Certificate, CertificateFault } from '../../../src/lib/x509/contract.ts'
import { applyNameConstraints } from '../../../src/lib/x509/name-constraints.ts'
import { validatePath } from '../../../src/lib/x509/path.ts'
import { der } from '../../harness/der.ts'
import {
  type Authority,
  createRoot,
  type Extension,
  extension,
  type IssueOptions,
  keyPair,
  nameConstraints,
  VALID_FROM,
} from '../../harness/pki.ts'

const uri = (base: string) => der(0x86, base)
const dns = (base: string) => der(0x82, base)
const email = (base: string) => der(0x81, base)
const ip = (hex: string) => der(0x87, Buffer.from(hex, 'hex'))
const CN = Buffer.from('0603550403', 'hex')
const O = Buffer.from('060355040a', 'hex')
const PRINTABLE = 0x13
const UTF8 = 0x0c
const relative = (type: Buffer, value: string, tag = PRINTABLE) => der(0x31, der(0x30, type, der(tag, value)))
const directory = (...names: Buffer[]) => der(0xa4, der(0x30, ...names))

const keys = keyPair()
let root: Authority
beforeAll(async () => {
  root = await createRoot()
})

/** Whether a certificate with these names is taken below an authority with these constraints. */
async function taken(constraints: Extension, options: IssueOptions): Promise<boolean> {
  const authority = readCertificate((await root.intermediate({ extensions: [constraints], keys })).der)
  const leaf = readCertificate((await root.leaf({ keys, subject: '', ...options })).der)
  if (authority.nameConstraints === undefined) throw new Error('the authority has no constraints')
  try {
    applyNameConstraints(authority.nameConstraints, leaf)
    return true
  } catch (error) {
    expect(error).toMatchObject({ name: 'CertificateFault', code: 'name_constraints' })
    return false
  }
}

const permits = (base: Buffer, options: IssueOptions) => taken(nameConstraints({ permitted: [base] }), options)
const excludes = async (base: Buffer, options: IssueOptions) =>
  !(await taken(nameConstraints({ excluded: [base] }), options))

describe('a permitted and an excluded subtree', () => {
  it.each([
    // URIs: a host is that host, a leading dot is all below and not the host itself.
    ['prod.example', { uris: ['spiffe://prod.example/a'] }, true],
    ['prod.example', { uris: ['spiffe://PROD.example/a'] }, true],
    ['PROD.example', { uris: ['https://user@prod.example:8443/a?b#c'] }, true],
    ['prod.example', { uris: ['spiffe://a.prod.example/a'] }, false],
    ['prod.example', { uris: ['spiffe://prod.example.other/a'] }, false],
    ['prod.example', { uris: ['spiffe://other/prod.example'] }, false],
    ['prod.example', { uris: ['https://prod.example@other/'] }, false],
    ['.prod.example', { uris: ['spiffe://a.prod.example/a'] }, true],
    ['.prod.example', { uris: ['spiffe://prod.example/a'] }, false],
    ['.prod.example', { uris: ['spiffe://notprod.example/a'] }, false],
  ])('URI %s and %j', async (base, options, within) => {
    expect([await permits(uri(base), options), await excludes(uri(base), options)]).toEqual([within, within])
  })

  it.each([
    ['prod.example', { dns: ['prod.example'] }, true],
    ['prod.example', { dns: ['a.b.Prod.example'] }, true],
    ['prod.example', { dns: ['notprod.example'] }, false],
    ['prod.example', { dns: ['prod.example.other'] }, false],
    ['.prod.example', { dns: ['a.prod.example'] }, true],
    ['.prod.example', { dns: ['prod.example'] }, false],
    ['.prod.example', { dns: ['*.prod.example'] }, true],
    ['prod.example', { dns: ['*.prod.example'] }, true],
    ['', { dns: ['prod.example'] }, true],
  ])('DNS %s and %j', async (base, options, within) => {
    expect([await permits(dns(base), options), await excludes(dns(base), options)]).toEqual([within, within])
  })

  it.each([
    ['a@prod.example', { emails: ['a@PROD.example'] }, true],
    ['a@prod.example', { emails: ['b@prod.example'] }, false],
    ['prod.example', { emails: ['b@prod.example'] }, true],
    ['prod.example', { emails: ['b@a.prod.example'] }, false],
    ['.prod.example', { emails: ['b@a.prod.example'] }, true],
    ['.prod.example', { emails: ['b@prod.example'] }, false],
    ['prod.example', { subject: 'E=b@other.example' }, false],
    ['prod.example', { subject: 'E=b@prod.example' }, true],
  ])('e-mail %s and %j', async (base, options, within) => {
    expect([await permits(email(base), options), await excludes(email(base), options)]).toEqual([within, within])
  })

  it.each([
    ['0a000000ff000000', { ips: ['10.255.0.1'] }, true],
    ['0a000000ff000000', { ips: ['11.0.0.1'] }, false],
    ['0000000000000000', { ips: ['11.0.0.1'] }, true],
    ['0000000000000000', { ips: ['2001:db8::1'] }, false],
    [`20010db8${'00'.repeat(12)}ffffffff${'00'.repeat(12)}`, { ips: ['2001:db8:5::1'] }, true],
    [`20010db8${'00'.repeat(12)}ffffffff${'00'.repeat(12)}`, { ips: ['2001:db9::1'] }, false],
  ])('IP %s and %j', async (base, options, within) => {
    expect([await permits(ip(base), options), await excludes(ip(base), options)]).toEqual([within, within])
  })

  it.each([
    [directory(relative(O, 'Acme')), { subject: 'O=Acme,CN=x' }, true],
    [directory(relative(O, 'Acme'), relative(CN, 'x')), { subject: 'O=Acme,CN=x' }, true],
    [directory(relative(O, 'Acme'), relative(CN, 'y')), { subject: 'O=Acme,CN=x' }, false],
    [directory(relative(CN, 'x')), { subject: 'O=Acme,CN=x' }, false],
    [directory(relative(O, 'Acme')), { subject: 'O=Other' }, false],
  ])('directory %# and %j', async (base, options, within) => {
    expect([await permits(base, options), await excludes(base, options)]).toEqual([within, within])
  })
})

describe('in doubt', () => {
  it('a name is in no permitted subtree, and in an excluded one', async () => {
    // What a wildcard stands for is partly within (CVE-2025-61727).
    const wildcard = { dns: ['*.prod.example'] }
    expect([await permits(dns('a.prod.example'), wildcard), await excludes(dns('a.prod.example'), wildcard)]).toEqual([
      false,
      true,
    ])
    // Another spelling of a directory name or of a mailbox may be the same one.
    const spelled = { subject: 'O=ACME' }
    for (const tag of [PRINTABLE, UTF8]) {
      const base = directory(relative(O, 'Acme', tag))
      expect([await permits(base, spelled), await excludes(base, spelled)]).toEqual([false, true])
    }
    const mailbox = { emails: ['A@prod.example'] }
    expect([await permits(email('a@prod.example'), mailbox), await excludes(email('a@prod.example'), mailbox)]).toEqual(
      [false, true],
    )
  })

  it.each([
    ['a URI without an authority', uri('prod.example'), { uris: ['urn:prod.example'] }],
    ['a URI without a host', uri('prod.example'), { uris: ['spiffe:///prod.example'] }],
    ['a URI with an IPv4 address', uri('10.0.0.1'), { uris: ['spiffe://10.0.0.1/a'] }],
    ['a URI with an IPv6 address', uri('prod.example'), { uris: ['https://[::1]/'] }],
    ['a URI with an escape in its host', uri('prod.example'), { uris: ['https://prod%2eexample/'] }],
    ['a DNS name with a dot at its end', dns('prod.example'), { dns: ['prod.example.'] }],
    ['a DNS name with a wildcard in the middle', dns('prod.example'), { dns: ['a.*.prod.example'] }],
    ['a mailbox with two signs', email('prod.example'), { emails: ['a@b@prod.example'] }],
    ['a mailbox without a name', email('prod.example'), { emails: ['@prod.example'] }],
    ['a URI subtree that is empty', uri(''), { uris: ['spiffe://prod.example/a'] }],
    ['a DNS subtree with a wildcard', dns('*.prod.example'), { dns: ['a.prod.example'] }],
    ['a subtree of addresses without a mask', ip('0a000001'), { ips: ['10.0.0.1'] }],
  ])('%s cannot be compared, and refuses on both sides', async (_, base, options) => {
    expect([await permits(base, options), await excludes(base, options)]).toEqual([false, true])
  })

  it.each([
    ['a registered identifier', der(0x88, '\x2a\x03')],
    ['another name', der(0xa0, '\x06\x01\x2a', der(0xa0, der(UTF8, 'x')))],
    ['a minimum', Buffer.concat([dns('prod.example'), der(0x80, '\x01')])],
    ['a maximum', Buffer.concat([dns('prod.example'), der(0x81, '\x01')])],
  ])('constraints with %s refuse everything, critical or not', async (_, base) => {
    for (const critical of [true, false])
      expect(await taken(nameConstraints({ excluded: [base] }, critical), { uris: ['spiffe://prod.example/a'] })).toBe(
        false,
      )
  })

  it('names of other forms than those constrained are free', async () => {
    expect(await permits(dns('prod.example'), { uris: ['urn:x'], ips: ['10.0.0.1'], subject: 'CN=x' })).toBe(true)
    expect(await permits(uri('prod.example'), { dns: ['other.example.'] })).toBe(true)
    // No name at all is no name outside.
    expect(await permits(directory(relative(O, 'Acme')), { dns: ['other.example'] })).toBe(true)
  })

  it('every name has to be permitted, and every list counts', async () => {
    const both = nameConstraints({ permitted: [uri('a.example'), uri('b.example')], excluded: [uri('b.example')] })
    expect(await taken(both, { uris: ['spiffe://a.example/x'] })).toBe(true)
    expect(await taken(both, { uris: ['spiffe://b.example/x'] })).toBe(false)
    expect(await taken(both, { uris: ['spiffe://a.example/x', 'spiffe://c.example/x'] })).toBe(false)
  })

  it('more names than an organisation has are refused before they are compared (T12)', async () => {
    const many = (length: number, make: (at: string) => Buffer) =>
      Array.from({ length }, (_, at) => make(`n${at}.example`))
    const constraints = (length: number) => nameConstraints({ excluded: many(length, dns) })
    const names = { dns: Array.from({ length: 300 }, (_, at) => `m${at}.example`) }
    expect(await taken(constraints(200), names)).toBe(true)
    expect(await taken(constraints(300), names)).toBe(false)
  })

  it.each([
    ['an empty extension', '3000'],
    ['an empty list', '3002a000'],
    ['a mask with holes', der(0x30, der(0xa0, der(0x30, ip('0a000000ff00ff00')))).toString('hex')],
    ['a distance that is spelled out', der(0x30, der(0xa0, der(0x30, dns('a'), der(0x80, '\0')))).toString('hex')],
  ])('%s is malformed', async (_, hex) => {
    const authority = await root.intermediate({ extensions: [extension('2.5.29.30', hex, true)], keys })
    expect(() => readCertificate(authority.der)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })
})

describe('on a path', () => {
  const code = async (presented: { leaf: Awaited<ReturnType<Authority['leaf']>> }, anchor: Authority) => {
    const [leaf, ...others] = presented.leaf.chain().map(readCertificate)
    const options = {
      anchors: [readCertificate(anchor.der)],
      intermediates: [],
      now: VALID_FROM,
      purpose: 'clientAuth',
    }
    try {
      return validatePath(leaf!, others, options as Parameters<typeof validatePath>[2]).certificates.length
    } catch (error) {
      return error instanceof CertificateFault ? error.code : error
    }
  }

  it('those of every authority hold for all below it, and those of one below loosen nothing', async () => {
    const outer = await createRoot({ extensions: [nameConstraints({ permitted: [uri('a.example')] })] })
    const inner = await outer.intermediate({
      extensions: [nameConstraints({ permitted: [uri('a.example'), uri('b.example')] })],
    })
    expect(await code({ leaf: await inner.leaf({ uris: ['spiffe://a.example/x'] }) }, outer)).toBe(3)
    expect(await code({ leaf: await inner.leaf({ uris: ['spiffe://b.example/x'] }) }, outer)).toBe('name_constraints')
  })

  it('an authority between is held to them, and one that is self-issued is not', async () => {
    const constraints = [nameConstraints({ permitted: [directory(relative(CN, 'Inside'))] })]
    const outer = await createRoot({ subject: 'CN=Top', extensions: constraints })
    const leaf = { subject: 'CN=Inside,O=x' }
    expect(await code({ leaf: await (await outer.intermediate({ subject: 'CN=Inside' })).leaf(leaf) }, outer)).toBe(3)
    expect(await code({ leaf: await (await outer.intermediate({ subject: 'CN=Top' })).leaf(leaf) }, outer)).toBe(3)
    expect(await code({ leaf: await (await outer.intermediate({ subject: 'CN=Else' })).leaf(leaf) }, outer)).toBe(
      'name_constraints',
    )
  })

  it('a leaf that is self-issued is held to them', async () => {
    const constraints = [nameConstraints({ permitted: [directory(relative(CN, 'Inside'))] })]
    const outer = await createRoot({ subject: 'CN=Top', extensions: constraints })
    expect(await code({ leaf: await outer.leaf({ subject: 'CN=Top' }) }, outer)).toBe('name_constraints')
  })
})

describe('hosts', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
  let base: Certificate
  beforeAll(async () => {
    base = readCertificate((await root.leaf({ subject: '', keys })).der)
  })
  /** The certificate with another name: only the comparison is looked at, so it needs no signature. */
  const named = (dns: string): Certificate => ({ ...base, names: { ...base.names, dns: [dns] } })

  it('are within a subtree where they are equal, or end with a dot and it', () => {
    fc.assert(
      fc.property(host, host, fc.boolean(), (name, domain, below) => {
        const subtree = below ? `.${domain}` : domain
        const constraints = { permitted: [{ form: 'dns', base: subtree } as const], excluded: [], unsupported: false }
        const within = name.endsWith(`.${domain}`) || (!below && name === domain)
        const judged = named(name)
        if (within) applyNameConstraints(constraints, judged)
        else expect(() => applyNameConstraints(constraints, judged)).toThrow(/no permitted subtree/)
      }),
    )
  })

  it('never leave an excluded subtree by a wildcard or by how they are written', () => {
    fc.assert(
      fc.property(host, label, fc.boolean(), (domain, first, wildcard) => {
        const name = `${wildcard ? '*' : first}.${domain}`.toUpperCase()
        const constraints = { permitted: [], excluded: [{ form: 'dns', base: domain } as const], unsupported: false }
        const judged = named(name)
        expect(() => applyNameConstraints(constraints, judged)).toThrow(/excluded subtree/)
      }),
    )
  })
})
