/** What documents say of bundles and certificates, and every fault with its remedy. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Fault, Faults } from '../../../src/lib/fault.ts'
import type { KeyMember, KeyUse } from '../../../src/trust/contract.ts'
import { lintTrustedIssuer } from '../../../src/trust/lint.ts'
import { compileTrustedIssuer } from '../../../src/trust/trusted-issuer.ts'
import type { CredentialKindForm } from '../../../src/trust/trusted-issuer-schema.ts'
import { createRoot, VALID_UNTIL } from '../../harness/pki.ts'
import { authority } from './test-bundles.ts'
import { ecJwk } from './test-keys.ts'

const ca = await authority()
const other = await authority('CN=Other')
const root = await createRoot({ subject: 'CN=Until 2036' })
const leaf = await ca.server(['spiffe://prod.example/x'])
const NOW = 1_795_395_600

function kind(name: string, keyUse?: KeyUse, sources?: readonly KeyMember[]): CredentialKindForm {
  return {
    name,
    tokenTypes: [`urn:${name}`],
    settings: z.strictObject({ trustDomain: z.string() }),
    authority: ({ trustDomain }: { readonly trustDomain: string }) => `spiffe://${trustDomain}`,
    ...(keyUse === undefined ? {} : { keyUse }),
    ...(sources === undefined ? {} : { sources }),
  }
}

const kinds = [
  kind('plain'),
  kind('jwt-svid', 'jwt-svid', ['jwksUri', 'jwks', 'bundle']),
  kind('x509-svid', 'x509-svid', ['bundle', 'roots']),
  kind('x509', 'x509-svid', ['roots']),
]

const compile = (keys: unknown, credential = 'jwt-svid', insecureFetch = new Set<string>()) =>
  compileTrustedIssuer(
    'prod',
    { credential, trustDomain: 'prod.example', audiences: ['https://us.example'], keys },
    { kinds, ourIssuer: 'https://us.example', insecureFetch },
  )

function faultsOf(keys: unknown, credential?: string): readonly Fault[] {
  try {
    compile(keys, credential)
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    return error.faults
  }
  return []
}

const jwt = ecJwk('a', { use: 'jwt-svid' })
const inline = { keys: [ca.entry, jwt], spiffe_sequence: 1 }
const url = 'https://bundles.example/prod'
const endpointSpiffeId = 'spiffe://prod.example/spire/server'
const spiffe = { url, profile: 'https_spiffe', endpointSpiffeId, inline }

describe('a document may say', () => {
  it('a bundle endpoint, of the web as long as it says nothing else', () => {
    expect(compile({ bundle: { url } })).toMatchObject({ keyUse: 'jwt-svid', authority: 'spiffe://prod.example' })
    expect(compile({ bundle: { url } }).keys).toEqual({ from: 'bundle', url, profile: 'https_web' })
    expect(compile({ bundle: { url, profile: 'https_web' }, ca: ca.pem }).keys).toMatchObject({ ca: ca.pem })
  })

  it('a bundle endpoint that is known by its SPIFFE ID, with the bundle by which it is first known', () => {
    const { keys } = compile({ bundle: spiffe })
    expect(keys).toMatchObject({ from: 'bundle', profile: 'https_spiffe', endpointSpiffeId, selfServing: true })
    expect('bootstrap' in keys ? keys.bootstrap.map(({ fingerprint }) => fingerprint) : []).toEqual([
      ca.certificate.fingerprint,
    ])
    const elsewhere = { ...spiffe, endpointSpiffeId: 'spiffe://host.example/bundles' }
    expect(compile({ bundle: elsewhere }).keys).toMatchObject({ selfServing: false })
  })

  it('a bundle itself, of which its kind has the keys of one use', () => {
    const jwts = compile({ bundle: { inline } }).keys
    expect('keys' in jwts ? jwts.keys.map(({ kid }) => kid) : []).toEqual(['a'])
    expect(jwts).toMatchObject({ from: 'inline', anchors: { certificates: [] } })
    const { keys } = compile({ bundle: { inline } }, 'x509-svid')
    expect(keys).toMatchObject({ from: 'inline', keys: [], anchors: { certificates: [ca.certificate] } })
    expect('anchors' in keys && Object.isFrozen(keys.anchors)).toBe(true)
  })

  it('the name of a bundle in a file', () => {
    expect(compile({ bundle: { file: 'prod.example.json' } }).keys).toEqual({
      from: 'bundleFile',
      name: 'prod.example.json',
    })
  })

  it('roots and intermediates', () => {
    const { keys } = compile({ roots: `of prod\n${ca.pem}\n`, intermediates: other.pem }, 'x509')
    expect(keys).toMatchObject({
      from: 'certificates',
      anchors: { certificates: [{ fingerprint: ca.certificate.fingerprint }] },
    })
    expect('anchors' in keys ? keys.anchors?.intermediates : []).toHaveLength(1)
  })

  it('ordinary keys, where its kind says nothing', () => {
    expect(compile({ jwks: { keys: [ecJwk('a')] } }, 'plain')).toMatchObject({ keyUse: 'sig' })
  })
})

describe('a fault', () => {
  it.each<[path: string, keys: unknown, message: string, credential?: string]>([
    // sources
    ['spec.keys', {}, 'says nothing, and must say exactly one of jwksUri, jwks and bundle'],
    ['spec.keys', { bundle: { url }, jwksUri: url }, 'says jwksUri and bundle'],
    ['spec.keys', {}, 'says nothing, and must say roots', 'x509'],
    ['spec.keys.bundle', { bundle: { url } }, 'say discovery, jwksUri or jwks', 'plain'],
    ['spec.keys.bundle', { bundle: { url } }, 'is nothing that credentials x509 are verified by; say roots', 'x509'],
    ['spec.keys.roots', { roots: ca.pem }, 'say jwksUri, jwks or bundle'],
    ['spec.keys.discovery', { discovery: true }, 'is nothing that credentials jwt-svid are verified by'],
    ['spec.keys.intermediates', { bundle: { url }, intermediates: ca.pem }, 'whose roots stand beside it'],
    ['spec.keys.bearerToken', { bundle: { url }, bearerToken: { secret: 'x' } }, 'asks nobody who he is'],
    ['spec.keys.ca', { bundle: { file: 'x' }, ca: ca.pem }, 'fetched over https'],
    ['spec.keys.ca', { roots: ca.pem, ca: ca.pem }, 'written here', 'x509'],
    // bundle
    ['spec.keys.bundle', { bundle: {} }, 'says nothing, and must say exactly one of url, inline and file'],
    ['spec.keys.bundle', { bundle: { url, inline } }, 'only profile https_spiffe has inline beside url'],
    ['spec.keys.bundle', { bundle: { file: 'x', inline } }, 'says inline and file'],
    ['spec.keys.bundle', { bundle: { ...spiffe, file: 'x' } }, 'says url and inline and file'],
    ['spec.keys.bundle.uri', { bundle: { uri: url } }, 'did you mean `url`?'],
    ['spec.keys.bundle.url', { bundle: { url: 'http://bundles.example/' } }, 'CAMBIST_INSECURE_FETCH'],
    ['spec.keys.bundle.url', { bundle: { url: 'https://10.0.0.1/' } }, 'not a public address'],
    ['spec.keys.bundle.url', { bundle: { url: 'https://u:p@bundles.example/' } }, 'user name'],
    ['spec.keys.bundle.profile', { bundle: { url, profile: 'https_spife' } }, 'did you mean https_spiffe?'],
    ['spec.keys.bundle.profile', { bundle: { file: 'x', profile: 'https_web' } }, 'say url, or leave it out'],
    ['spec.keys.bundle.endpointSpiffeId', { bundle: { url, endpointSpiffeId } }, 'is for profile https_spiffe'],
    ['spec.keys.bundle.file', { bundle: { file: '../x' } }, 'CAMBIST_BUNDLES_DIR'],
    ['spec.keys.bundle.file', { bundle: { file: '/etc/passwd' } }, 'no path'],
    ['spec.keys.bundle.file', { bundle: { file: '..' } }, 'no path'],
    ['spec.keys.bundle.inline.keys', { bundle: { inline: { keys: [] } } }, 'no key of use jwt-svid'],
    ['spec.keys.bundle.inline.keys', { bundle: { inline: { keys: [ecJwk('a')] } } }, '(keys[0] has no use)'],
    ['spec.keys.bundle.inline.keys', { bundle: { inline } }, 'no key of use sig', 'plain'],
    ['spec.keys.bundle.inline', { bundle: { inline: [] } }, 'is a SPIFFE bundle'],
    ['spec.keys.bundle.inline', { bundle: { inline: { keys: [jwt, jwt] } } }, 'has two keys of kid "a"'],
    ['spec.keys.bundle.inline', { bundle: { inline: { keys: [{ ...jwt, d: 'AA' }] } } }, 'keys[0] shows its private'],
    ['spec.keys.bundle.inline', { bundle: { inline: { ...inline, spiffe_sequence: 2 ** 60 } } }, 'spiffe_sequence'],
    // https_spiffe
    ['spec.keys.bundle.endpointSpiffeId', { bundle: { ...spiffe, endpointSpiffeId: undefined } }, 'is missing'],
    [
      'spec.keys.bundle.endpointSpiffeId',
      { bundle: { ...spiffe, endpointSpiffeId: 'spiffe://prod.example' } },
      'not the SPIFFE ID of a server',
    ],
    [
      'spec.keys.bundle.endpointSpiffeId',
      { bundle: { ...spiffe, endpointSpiffeId: 'https://x/' } },
      'not the SPIFFE ID',
    ],
    ['spec.keys.bundle.inline', { bundle: { ...spiffe, inline: undefined } }, 'by which the server is first known'],
    ['spec.keys.bundle.inline.keys', { bundle: { ...spiffe, inline: { keys: [jwt] } } }, 'no key of use x509-svid'],
    ['spec.keys.ca', { bundle: spiffe, ca: ca.pem }, 'is for profile https_web'],
    ['spec.keys.bundle.profile', { bundle: { profile: 'https_spiffe', inline } }, 'say url, or leave it out'],
    // certificates
    ['spec.keys.roots', { roots: '' }, 'holds no certificate in PEM', 'x509'],
    ['spec.keys.roots', { roots: `${ca.pem}\n-----BEGIN CERTIFICATE-----\nMIIB…\n` }, 'put your own', 'x509'],
    ['spec.keys.roots', { roots: `${ca.pem}\n-----BEGIN CERTIFICATE-----\nMIIB\n` }, 'does not end', 'x509'],
    ['spec.keys.roots', { roots: `${ca.pem}${leaf.key}` }, 'holds a private key', 'x509'],
    ['spec.keys.roots', { roots: leaf.cert }, 'certificate 1 is not of an authority', 'x509'],
    ['spec.keys.roots', { roots: `${ca.pem}${ca.pem}` }, 'certificate 2 is written twice', 'x509'],
    ['spec.keys.intermediates', { roots: ca.pem, intermediates: ca.pem }, '(spec.keys.roots, certificate 1)', 'x509'],
    ['spec.keys.intermediates', { roots: ca.pem, intermediates: 'x' }, 'holds no certificate in PEM', 'x509'],
    [
      'spec.keys.roots',
      { roots: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' },
      'certificate 1 cannot be used (malformed)',
      'x509',
    ],
  ])('at %s is told: %#', (path, keys, message, credential) => {
    const faults = faultsOf(JSON.parse(JSON.stringify(keys)), credential)
    expect(
      faults
        .filter((fault) => fault.path === path)
        .map((fault) => fault.message)
        .join('\n'),
    ).toContain(message)
  })

  it('is one of https_spiffe over http, though the host is listed', () => {
    const listed = new Set(['bundles.example:80'])
    expect(() => compile({ bundle: { ...spiffe, url: 'http://bundles.example/' } }, 'jwt-svid', listed)).toThrow(
      'spec.keys.bundle.url: must begin with https://',
    )
  })
})

describe('lint', () => {
  const warnings = (keys: unknown, credential?: string, now = NOW) =>
    lintTrustedIssuer(compile(keys, credential, new Set(['bundles.example:80'])), now).map(({ path }) => path)

  it.each([
    [{ bundle: { url } }, []],
    [{ bundle: { file: 'prod.json' } }, []],
    [{ bundle: spiffe }, []],
    [{ bundle: { inline } }, ['spec.keys.bundle.inline']],
    [{ bundle: { url: 'http://bundles.example/' } }, ['spec.keys.bundle.url']],
    [
      { bundle: { ...spiffe, endpointSpiffeId: 'spiffe://host.example/bundles' } },
      ['spec.keys.bundle.endpointSpiffeId'],
    ],
  ])('of %j tells of %j', (keys, paths) => {
    expect(warnings(keys)).toEqual(paths)
  })

  it('lets certificates live for as long as such certificates do, and tells of more', () => {
    const issuer = compile({ roots: root.pem }, 'x509')
    const told = (days: number) => lintTrustedIssuer({ ...issuer, maxLifetime: days * 86_400 }, NOW)
    expect(told(398)).toEqual([])
    expect(told(399)).toEqual([{ path: 'spec.maxLifetime', message: '399d is more than certificates of the web live' }])
    expect(lintTrustedIssuer({ ...compile({ bundle: { url } }), maxLifetime: 2 * 86_400 }, NOW)).toEqual([
      { path: 'spec.maxLifetime', message: '2d is more than a day' },
    ])
  })

  it('tells of certificates that have expired', () => {
    const keys = { roots: root.pem, intermediates: ca.pem }
    expect(warnings(keys, 'x509', VALID_UNTIL)).toEqual([])
    expect(warnings(keys, 'x509', VALID_UNTIL + 1)).toEqual(['spec.keys.roots'])
  })
})
