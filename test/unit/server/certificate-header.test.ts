import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CertificateHeader } from '../../../src/config/client-certificates.ts'
import { Refusal } from '../../../src/refusal.ts'
import { checkSize, forwardedElements, readers } from '../../../src/server/certificate-header.ts'
import { makeChain, written } from '../../harness/client-chain.ts'
import { pemOf } from '../../harness/pki.ts'

const { der, pem } = await makeChain(3)
const [leaf = Buffer.alloc(0)] = der
const [leafPem = ''] = pem
const fingerprint = createHash('sha256').update(leaf).digest('hex')
const { 'Client-Cert': leafField = '', 'Client-Cert-Chain': chainField = '' } = written.rfc9440(der)

const read = (mode: CertificateHeader, value: string, chain?: string) => readers[mode].read(value, chain)
const refused = (mode: CertificateHeader, value: string, chain?: string): string => {
  try {
    read(mode, value, chain)
  } catch (error) {
    if (error instanceof Refusal && error.reason === 'certificate_header') return error.detail
    throw error
  }
  return 'taken'
}

describe('rfc9440', () => {
  it('HC-01, HC-02: reads the leaf, and the chain behind it, in their order', () => {
    expect(read('rfc9440', leafField)).toEqual([leaf])
    expect(read('rfc9440', leafField, chainField)).toEqual(der)
    expect(read('rfc9440', leafField, chainField.replace(', ', ' ,\t'))).toEqual(der)
  })

  it.each([
    ['nothing', ''],
    ['an empty byte sequence', '::'],
    ['base64 without colons (HP-01)', leafField.slice(1, -1)],
    ['a parameter', `${leafField};a=1`],
    ['two items', `${leafField}, ${leafField}`],
    ['two items without a space', `${leafField}${leafField}`],
    ['white space within', leafField.replace('M', 'M ')],
    ['a string', `"${leafField.slice(1, -1)}"`],
    ['base64url', `:${leaf.toString('base64url')}:`],
    ['other bits at the end of the base64', `:${Buffer.alloc(4).toString('base64').replace('A=', 'B=')}:`],
    ['no padding', leafField.replace(/=*:$/, ':').replace(/^:(.*):$/, (_, text) => `:${text}A:`)],
    ['a byte behind the certificate', `:${Buffer.concat([leaf, Buffer.of(0)]).toString('base64')}:`],
    ['a certificate that is cut off', `:${leaf.subarray(0, -1).toString('base64')}:`],
    ['two certificates in one', `:${Buffer.concat([leaf, leaf]).toString('base64')}:`],
    ['no certificate', `:${Buffer.from('hello, world').toString('base64')}:`],
    ['PEM', `:${Buffer.from(leafPem).toString('base64')}:`],
  ])('HC-06: refuses %s', (_what, value) => {
    expect(refused('rfc9440', value)).toContain('Client-Cert')
  })

  it.each(['', ',', `${chainField},`, `,${chainField}`, `${chainField} ${chainField}`, `${chainField};q=1`, '::'])(
    'refuses the chain %.20s…',
    (chain) => {
      expect(refused('rfc9440', leafField, chain)).toContain('Client-Cert-Chain')
    },
  )
})

describe('nginx', () => {
  const value = written.nginx(leafPem)

  it('NG-01: reads $ssl_client_escaped_cert', () => {
    expect(value).toMatch(/^-----BEGIN%20CERTIFICATE-----%0AMII/)
    expect(read('nginx', value)).toEqual([leaf])
    expect(read('nginx', value.replace(/%0A$/, ''))).toEqual([leaf])
    expect(read('nginx', value.replaceAll('%2B', '%2b'))).toEqual([leaf])
  })

  it('NG-04: takes a plus sign for a plus sign', async () => {
    // Until a certificate has one; most have.
    let [one = '', certificate = leaf] = ['', leaf]
    while (!one.includes('+')) {
      const made = await makeChain(1)
      one = made.pem[0] ?? ''
      certificate = made.der[0] ?? leaf
    }
    expect(read('nginx', written.nginx(one).replaceAll('%2B', '+'))).toEqual([certificate])
    expect(refused('nginx', written.nginx(one).replaceAll('%2B', '%20'))).toContain('not PEM')
  })

  it.each([
    ['nothing', ''],
    ['PEM with tabs, as $ssl_client_cert writes it', leafPem.replaceAll('\n', '\t')],
    ['raw spaces', value.replaceAll('%20', ' ')],
    ['a plus sign for a space', value.replaceAll('%20', '+')],
    ['two certificates (NG-03)', written.nginx(pem.slice(0, 2).join(''))],
    ['text before it', `%0A${value}`],
    ['text behind it', `${value}x`],
    ['another label', written.nginx(leafPem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'))],
    ['a private key', written.nginx(leafPem.replaceAll('CERTIFICATE', 'PRIVATE KEY'))],
    ['an escape that is none', value.replace('%0A', '%0')],
    ['an escape twice over', written.nginx(value)],
    ['bytes beyond ASCII', `${value}%ff`],
    ['a NUL', value.replace('%0A', '%00')],
    ['DER in bare base64', leaf.toString('base64')],
  ])('refuses %s', (_what, bad) => {
    expect(refused('nginx', bad)).toContain('ssl-client-cert')
  })
})

describe('xfcc', () => {
  const cert = `Cert="${written.envoy(leafPem)}"`
  const chain = `Chain="${written.envoy(pem.join(''))}"`
  const hash = `Hash=${fingerprint}`
  const others = 'Subject="CN=a,b;c\\"=d";URI=spiffe://prod.example/ns/shop;DNS=a.example;DNS=b.example'

  it('XF-02: reads what Envoy writes with SANITIZE_SET, cert and chain', () => {
    expect(read('xfcc', `By=spiffe://prod.example/edge;${hash};${cert};${chain};${others}`)).toEqual(der)
    expect(read('xfcc', `By=;${hash};${cert};${others}`)).toEqual([leaf])
    expect(read('xfcc', `${hash};${chain};${cert}`)).toEqual(der)
    expect(read('xfcc', `hASH=${fingerprint};cERT=${written.envoy(leafPem)}`)).toEqual([leaf])
  })

  it('XF-06: splits at commas and semicolons outside quotes alone', () => {
    expect(forwardedElements('Subject="CN=a,b;c\\"=d";URI=x,By=y;DNS=')).toEqual([
      [
        ['subject', 'CN=a,b;c"=d'],
        ['uri', 'x'],
      ],
      [
        ['by', 'y'],
        ['dns', ''],
      ],
    ])
    // The backslash at the end of this name is escaped itself, so the quote behind it closes.
    expect(forwardedElements('Subject="CN=a\\\\";Cert=x')).toEqual([
      [
        ['subject', 'CN=a\\'],
        ['cert', 'x'],
      ],
    ])
  })

  it('XF-04: refuses a second element, in front or behind', () => {
    expect(refused('xfcc', `By=a;${hash};${cert},By=b;${hash};${cert}`)).toContain('several elements')
    expect(refused('xfcc', `URI=spiffe://prod.example/admin,${hash};${cert}`)).toContain('several elements')
  })

  it('XF-05: demands the certificate, whatever else is said of it', () => {
    expect(refused('xfcc', `By=a;${hash};URI=spiffe://prod.example/admin`)).toContain('no Cert')
  })

  it('is not taken in by a name in the certificate that looks like a Cert', async () => {
    // The proxy is not told to write the certificate, and copies an alternative name of the attacker's own behind its hash.
    const victim = await makeChain(1)
    const own = createHash('sha256').update(leaf).digest('hex')
    const injected = `URI=spiffe://evil.example/x;Cert="${written.envoy(victim.pem[0] ?? '')}"`
    expect(refused('xfcc', `By=a;Hash=${own};${injected}`)).toContain('is not the hash')
    const hashToo = `Hash=${createHash('sha256')
      .update(victim.der[0] ?? '')
      .digest('hex')}`
    expect(refused('xfcc', `By=a;Hash=${own};${injected};${hashToo}`)).toContain('several hash')
    expect(refused('xfcc', `By=a;${hash};${cert};${injected}`)).toContain('several cert')
  })

  it.each([
    ['nothing', '', 'cannot be read'],
    ['no hash', cert, 'is not the hash'],
    ['the hash in base64', `Hash=${Buffer.from(fingerprint, 'hex').toString('base64url')};${cert}`, 'is not the hash'],
    ['two hashes', `${hash};${hash};${cert}`, 'several hash'],
    ['two chains', `${hash};${cert};${chain};${chain}`, 'several chain'],
    [
      'two certificates in Cert',
      `${hash};Cert="${written.envoy(pem.slice(0, 2).join(''))}"`,
      'exactly one certificate',
    ],
    [
      'a chain of somebody else',
      `${hash};${cert};Chain="${written.envoy(pem.slice(1).join(''))}"`,
      'does not begin with its Cert',
    ],
    ['an empty chain', `${hash};${cert};Chain=`, 'not percent-encoded PEM'],
    ['a quote that is not closed', `${hash};${cert};Subject="CN=a`, 'cannot be read'],
    ['a quote that is closed by an escape alone', `${hash};${cert};Subject="CN=a\\"`, 'cannot be read'],
    ['text behind a quote', `${hash};${cert}x`, 'cannot be read'],
    ['a quote within a bare value', `${hash};${cert};URI=a"b`, 'cannot be read'],
    ['a key without a value', `${hash};${cert};URI`, 'cannot be read'],
    ['an empty pair', `${hash};;${cert}`, 'cannot be read'],
    ['a comma at the end', `${hash};${cert},`, 'cannot be read'],
    ['white space', `${hash}; ${cert}`, 'cannot be read'],
  ])('refuses %s', (_what, value, detail) => {
    expect(refused('xfcc', value)).toContain(detail)
  })
})

describe('whatever comes', () => {
  const MODES = ['rfc9440', 'xfcc', 'nginx'] as const
  /** Bytes of a header as Node hands them over: latin1, without line ends. */
  const bytes = fc.uint8Array({ maxLength: 400 }).map((array) =>
    Buffer.from(array)
      .toString('latin1')
      .replace(/[\r\n]/g, ''),
  )
  /** Pieces of good values in any order get further than noise does. */
  const pieces = fc
    .array(
      fc.oneof(
        fc.constantFrom(':', ';', ',', '"', '\\', '=', '%', '%0A', ' ', 'Cert=', 'Chain="', `Hash=${fingerprint}`),
        fc.constantFrom(leafField, written.nginx(leafPem), written.envoy(leafPem), `Cert="${written.envoy(leafPem)}"`),
        bytes,
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join(''))

  it('ends in a chain or in a refusal, never in another error', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...MODES),
        fc.oneof(bytes, pieces),
        fc.option(pieces, { nil: undefined }),
        (mode, value, chain) => {
          try {
            for (const one of read(mode, value, chain)) expect(one[0]).toBe(0x30)
          } catch (error) {
            expect(error).toBeInstanceOf(Refusal)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('reads back every chain that a proxy can write', () => {
    const certificate = fc.uint8Array({ minLength: 124, maxLength: 3000 }).map((body) => {
      const head = body.length < 256 ? [0x30, 0x81, body.length] : [0x30, 0x82, body.length >> 8, body.length & 255]
      return Buffer.concat([Buffer.from(head), body])
    })
    fc.assert(
      fc.property(fc.array(certificate, { minLength: 1, maxLength: 10 }), (chain) => {
        const { 'Client-Cert': first = '', 'Client-Cert-Chain': rest } = written.rfc9440(chain)
        expect(read('rfc9440', first, rest)).toEqual(chain)
        const [pem = '', ...more] = chain.map((one) => pemOf(one))
        expect(read('nginx', written.nginx(pem))).toEqual(chain.slice(0, 1))
        const hashed = createHash('sha256')
          .update(chain[0] ?? '')
          .digest('hex')
        const whole = [pem, ...more].join('')
        expect(read('xfcc', `Hash=${hashed};Cert="${written.envoy(pem)}";Chain="${written.envoy(whole)}"`)).toEqual(
          chain,
        )
      }),
      { numRuns: 100 },
    )
  })

  it('takes no time that grows faster than the text', () => {
    for (const part of ['a="\\', 'Subject="\\"', 'a=b;', '%0A', '-----BEGIN%20CERTIFICATE-----%0A', ':', ',']) {
      for (const mode of MODES) expect(refused(mode, part.repeat(160_000 / part.length))).not.toBe('taken')
    }
  }, 2000)
})

describe('checkSize (HC-06)', () => {
  const sized = (...sizes: number[]) => sizes.map((size) => Buffer.alloc(size))
  const KIB = 1024

  it('takes a chain at the limits, and none beyond them', () => {
    const at = [16 * KIB, ...Array<number>(8).fill(5 * KIB), 8 * KIB]
    expect(checkSize(sized(...at))).toHaveLength(10)
    expect(() => checkSize(sized(...at.slice(0, -1), 8 * KIB + 1))).toThrow('more than 64 KiB together')
    expect(() => checkSize(sized(16 * KIB + 1))).toThrow('more than 16 KiB')
    expect(() => checkSize(sized(...Array<number>(11).fill(1)))).toThrow('more than 10 client certificates')
    expect(checkSize(sized(1, 17 * KIB))).toHaveLength(2)
  })
})
