/** UC-56: what another domain publishes is shown and proposed, and trusted by nobody. */
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CommandFailure, type Terminal } from '../../../src/cli/contract.ts'
import { discoverIssuer, discoverTrustDomain, trustDomainUrl } from '../../../src/cli/discovering.ts'
import { run } from '../../../src/cli/main.ts'
import { proposed, TENANT_TO_WRITE } from '../../../src/cli/proposing.ts'
import { readDocuments } from '../../../src/documents/read.ts'
import { readJwk } from '../../../src/lib/jwk.ts'
import { type Fetch, guardedFetch } from '../../../src/trust/guarded-fetch.ts'
import { SigningKey } from '../../harness/tokens.ts'
import { compiler } from '../documents/world.ts'
import { type Handler, identityFor, json, serve } from '../trust/hostile-server.ts'

const directory = mkdtempSync(join(tmpdir(), 'cambist-discover-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const US = 'https://cambist.example'
const identity = identityFor('127.0.0.1')
const ca = join(directory, 'ca.pem')
writeFileSync(ca, identity.cert)

const rsa = new SigningKey('RS256', 'rsa-1')
const ec = new SigningKey('ES384', 'ec-1')
const thumbprint = (key: SigningKey) => {
  const reading = readJwk(key.jwk)
  return 'key' in reading ? reading.key.thumbprint : ''
}
const root = new X509Certificate(identityFor('root.example').cert)
const fingerprint = createHash('sha256').update(root.raw).digest('hex').toUpperCase().match(/../g)?.join(':') ?? ''
const rootKey = (use: string) => ({
  ...root.publicKey.export({ format: 'jwk' }),
  use,
  x5c: [root.raw.toString('base64')],
})
const without = (key: SigningKey, use: string) => ({ ...key.jwk, use })

/** The command as a shell would run it, against the issuer in force. */
async function discover(...args: string[]) {
  let out = ''
  let err = ''
  const terminal: Terminal = {
    environment: { adminUrl: 'http://127.0.0.1:1', adminTokenFile: 'nowhere', issuer: US, trustDomain: '' },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    input: async () => '',
  }
  const code = await run(['discover', ...args], terminal)
  return { code, out, err }
}

/** A server with an answer at each path; `here` is its own origin. */
async function site(pages: (here: string) => Readonly<Record<string, unknown>>, contentType = 'application/json') {
  let here = ''
  const answer: Handler = (request, response) => {
    const page = pages(here)[request.url ?? '']
    if (page === undefined) response.writeHead(404, { 'content-type': 'text/html' }).end('<html>')
    else if (typeof page === 'function') (page as Handler)(request, response)
    else json(page, { 'content-type': contentType })(request, response)
  }
  const server = await serve(answer, identity)
  here = `https://127.0.0.1:${server.port}`
  return { here, server }
}

const OPENID = '/.well-known/openid-configuration'
const OAUTH = '/.well-known/oauth-authorization-server'
const JWKS = { keys: [rsa.jwk, ec.jwk] }

describe('an issuer', () => {
  it('is shown with the fingerprints of its keys, and proposed as a document that compiles', async () => {
    const { here, server } = await site((origin) => ({
      [OPENID]: {
        issuer: origin,
        jwks_uri: `${origin}/jwks`,
        id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      },
      '/jwks': { keys: [...JWKS.keys, { kty: 'oct', k: 'AA' }] },
    }))
    await using _server = server
    const { code, out, err } = await discover(here, '--ca', ca)
    expect(code).toBe(0)
    expect(err).toContain(
      `Issuer ${here}, by ${here}${OPENID}\nKeys from ${here}/jwks\nSigns with RS256, HS256, none\n`,
    )
    expect(err).toMatch(new RegExp(`^rsa-1 +sig +RS256 +${thumbprint(rsa)}$`, 'm'))
    expect(err).toMatch(new RegExp(`^ec-1 +sig +ES384 +${thumbprint(ec)}$`, 'm'))
    expect(err).toContain('left out: keys[2] shows its private or secret part')
    expect(out).toMatch(/^# .*trusted by nobody until it is applied/)
    const documents = readDocuments(out, 'application/yaml')
    expect(documents).toEqual([
      {
        apiVersion: 'cambist/v1',
        kind: 'TrustedIssuer',
        metadata: { name: here.replace(/\W+/g, '-').replace('https-', '') },
        spec: {
          preset: 'oidc',
          issuer: here,
          keys: { discovery: true, ca: identity.cert },
          audiences: [US],
          algorithms: ['RS256'],
        },
      },
    ])
    expect(compiler().compile(documents).issuers.size).toBe(1)
    expect(server.requests).toEqual([OPENID, '/jwks'])
  })

  it('is named and addressed as the operator says, and written as JSON where he asks', async () => {
    const { here, server } = await site((origin) => ({
      [OPENID]: { issuer: origin, jwks_uri: `${origin}/jwks` },
      '/jwks': JWKS,
    }))
    await using _server = server
    const args = ['--ca', ca, '--audience', 'a', '--audience', 'b', '--name', 'login', '--output', 'json']
    const { code, out, err } = await discover(here, ...args)
    expect([code, err]).toEqual([0, ''])
    const { found, documents } = JSON.parse(out)
    expect(found).toEqual({
      what: 'issuer',
      name: here,
      metadataUrl: `${here}${OPENID}`,
      keysUrl: `${here}/jwks`,
      algorithms: [],
      keys: [
        { kid: 'rsa-1', use: 'sig', algorithms: ['RS256'], fingerprint: thumbprint(rsa) },
        { kid: 'ec-1', use: 'sig', algorithms: ['ES384'], fingerprint: thumbprint(ec) },
      ],
      skipped: [],
    })
    expect(documents[0].metadata.name).toBe('login')
    expect(documents[0].spec).toMatchObject({ audiences: ['a', 'b'], algorithms: ['RS256', 'ES384'] })
    expect(compiler().compile(documents).issuers.size).toBe(1)
  })

  it('may publish RFC 8414 metadata alone, and its keys are then named by their URL', async () => {
    const { here, server } = await site((origin) => ({
      [`${OAUTH}/tenant`]: { issuer: `${origin}/tenant`, jwks_uri: `${origin}/jwks` },
      '/jwks': JWKS,
    }))
    await using _server = server
    const { code, out } = await discover(`${here}/tenant`, '--ca', ca)
    expect(code).toBe(0)
    const documents = readDocuments(out, 'application/yaml')
    expect(documents[0]?.spec['keys']).toEqual({ jwksUri: `${here}/jwks`, ca: identity.cert })
    expect(compiler().compile(documents).issuers.size).toBe(1)
    expect(server.requests).toEqual([`/tenant${OPENID}`, `${OAUTH}/tenant`, '/jwks'])
  })

  it.each<[string, (here: string) => Readonly<Record<string, unknown>>, string]>([
    [
      'names another issuer',
      (here) => ({ [OPENID]: { issuer: `${here}/`, jwks_uri: here } }),
      'equal in every character',
    ],
    ['names no keys', (here) => ({ [OPENID]: { issuer: here } }), 'jwks_uri'],
    ['leads to http', (here) => ({ [OPENID]: { issuer: here, jwks_uri: 'http://127.0.0.1:1/' } }), 'no https URL'],
    [
      'leads to an address at home',
      (here) => ({ [OPENID]: { issuer: here, jwks_uri: 'https://169.254.169.254/latest' } }),
      'not a public address.',
    ],
    [
      'redirects',
      () => ({
        [OPENID]: (_q: unknown, r: { writeHead(s: number, h: object): { end(): void } }) =>
          r.writeHead(302, { location: 'https://x.example/' }).end(),
      }),
      'redirects are not followed',
    ],
    ['is nobody', () => ({}), 'answered with status 404'],
    [
      'has no keys',
      (here) => ({ [OPENID]: { issuer: here, jwks_uri: `${here}/k` }, '/k': { keys: [] } }),
      'has no usable key.',
    ],
    ['has no key set', (here) => ({ [OPENID]: { issuer: here, jwks_uri: `${here}/k` }, '/k': {} }), 'no key set'],
    [
      'has a herd of keys',
      (here) => ({ [OPENID]: { issuer: here, jwks_uri: `${here}/k` }, '/k': { keys: Array(101).fill(ec.jwk) } }),
      'at most 100',
    ],
    ['is too much', () => ({ [OPENID]: { issuer: 'x'.repeat(300_000) } }), 'more than'],
  ])('that %s is not proposed', async (_what, pages, message) => {
    const { here, server } = await site(pages)
    await using _server = server
    const { code, out, err } = await discover(here, '--ca', ca)
    expect([code === 0, out]).toEqual([false, ''])
    expect(err).toContain(message)
    expect(err).not.toContain('CAMBIST_INSECURE_FETCH')
  })

  it('is not believed without a certificate that is known', async () => {
    const { here, server } = await site(() => ({}))
    await using _server = server
    const { code, err } = await discover(here)
    expect([code, server.requests]).toEqual([1, []])
    expect(err).toContain('cannot be trusted')
  })

  it('cannot write into the terminal', async () => {
    const { here, server } = await site(() => ({ [OPENID]: { issuer: '\u001b[31mred', jwks_uri: 'x' } }))
    await using _server = server
    const { err } = await discover(here, '--ca', ca)
    expect(err).toContain('�[31mred')
    expect(err).not.toContain('\u001b')
  })

  it('that a preset knows is proposed with it, and with a tenant that is still to be written where strangers share it', async () => {
    const get: Fetch = async (url) => {
      const page = url.endsWith('/jwks') ? JWKS : { issuer: 'https://ci.example', jwks_uri: 'https://ci.example/jwks' }
      return { body: Buffer.from(JSON.stringify(page)), maxAge: undefined }
    }
    const found = await discoverIssuer('https://ci.example', { get })
    const preset = { name: 'ci', summary: '', sample: { header: {}, claims: {} } }
    const presets = [{ ...preset, sharedIssuer: true, fills: { issuer: 'https://ci.example' } }]
    const [shared] = proposed(found, { audiences: [US], presets })
    expect(shared?.metadata.name).toBe('ci')
    expect(shared?.spec).toEqual({
      preset: 'ci',
      issuer: 'https://ci.example',
      keys: { discovery: true },
      audiences: [US],
      tenants: [TENANT_TO_WRITE],
    })
    const near = [{ ...preset, sharedIssuer: true, fills: { issuer: 'https://ci.example/' } }]
    expect(proposed(found, { audiences: [US], presets: near })[0]?.spec['preset']).toBe('oidc')
  })
})

describe('a SPIFFE bundle endpoint', () => {
  it('is shown with its certificates, and proposed once for each kind of SVID', async () => {
    const { here, server } = await site(() => ({
      '/bundle': {
        keys: [rootKey('x509-svid'), without(ec, 'jwt-svid'), { ...rootKey('x509-svid'), x5c: [] }],
        spiffe_sequence: 7,
      },
    }))
    await using _server = server
    const { code, out, err } = await discover(
      '--bundle',
      `${here}/bundle`,
      '--trust-domain',
      'prod.example',
      '--ca',
      ca,
    )
    expect(code).toBe(0)
    expect(err).toContain(`Trust domain prod.example, as you say\nKeys from ${here}/bundle, sequence 7\n`)
    expect(err).toMatch(new RegExp(`^- +x509-svid +- +${fingerprint}$`, 'm'))
    expect(err).toMatch(new RegExp(`^ec-1 +jwt-svid +ES384 +${thumbprint(ec)}$`, 'm'))
    expect(err).toContain('left out: keys[2] does not have exactly one certificate')
    const documents = readDocuments(out, 'application/yaml')
    const keys = { bundle: { url: `${here}/bundle`, profile: 'https_web' }, ca: identity.cert }
    expect(documents.map(({ metadata, spec }) => [metadata.name, spec])).toEqual([
      ['prod-example-jwt-svid', { credential: 'spiffe-jwt-svid', trustDomain: 'prod.example', keys, audiences: [US] }],
      [
        'prod-example-x509-svid',
        { credential: 'spiffe-x509-svid', trustDomain: 'prod.example', keys, audiences: [US] },
      ],
    ])
  })

  it('without a key for us is proposed as nothing', async () => {
    const { here, server } = await site(() => ({ '/': { keys: [without(ec, 'something-new')] } }))
    await using _server = server
    const { code, err } = await discover('--bundle', `${here}/`, '--trust-domain', 'prod.example', '--ca', ca)
    expect(code).toBe(1)
    expect(err).toContain('no key among them by which credentials could be verified')
  })
})

describe('a WIMSE trust domain', () => {
  const named = identityFor('prod.example')

  async function at(pages: Readonly<Record<string, unknown>>, name = 'prod.example') {
    await using server = await serve((request, response) => {
      const page = pages[request.url ?? '']
      const type = request.url === '/bundle' ? 'wimse-trust-bundle' : 'wimse-trust-domain-metadata'
      json(page ?? {}, { 'content-type': `application/${type}+json` })(request, response)
    }, named)
    // The name has no port of its own, and a test cannot listen on 443.
    const beneath = guardedFetch({
      insecure: new Set([`prod.example:${server.port}`]),
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    })
    const get: Fetch = (url, request) => beneath(url.replace(/^(https:\/\/[^/]+)/, `$1:${server.port}`), request)
    return await discoverTrustDomain(name, { get, ca: named.cert })
  }
  const metadata = { trust_domain: 'prod.example', trust_bundle_endpoint: 'https://prod.example/bundle' }
  const PATH = '/.well-known/wimse-trust-domain'

  it('is asked at exactly its own name, and proposed with the keys that were shown', async () => {
    const found = await at({
      [PATH]: metadata,
      '/bundle': { keys: [without(ec, 'wimse-jwt'), rootKey('wimse-x509')], sequence_number: 3 },
    })
    expect(found).toMatchObject({
      what: 'wimse-trust-domain',
      metadataUrl: `https://prod.example${PATH}`,
      keysUrl: 'https://prod.example/bundle',
      sequence: 3,
    })
    const documents = proposed(found, { audiences: [US], presets: [] })
    expect(documents.map(({ metadata: { name }, spec }) => [name, spec])).toEqual([
      [
        'prod-example-wit',
        {
          credential: 'wit',
          trustDomain: 'prod.example',
          keys: { jwks: { keys: [{ ...ec.publicKey.export({ format: 'jwk' }), kid: 'ec-1', alg: 'ES384' }] } },
          audiences: [US],
        },
      ],
      [
        'prod-example-x509',
        {
          credential: 'spiffe-x509-svid',
          trustDomain: 'prod.example',
          keys: { roots: root.toString() },
          audiences: [US],
        },
      ],
    ])
  })

  it.each([
    ['another', 'other.example', 'speaks for "other.example"'],
    ['a parent', 'example', 'speaks for "example"'],
    ['itself in capitals', 'PROD.example', 'equal in every byte'],
    ['nobody', undefined, 'speaks for nobody'],
  ])('that speaks for %s is not proposed', async (_what, trust_domain, message) => {
    const asking = at({ [PATH]: { ...metadata, trust_domain }, '/bundle': JWKS })
    await expect(asking).rejects.toThrow(message)
    await expect(asking).rejects.toThrow(CommandFailure)
  })

  it('that leads home is not followed there', async () => {
    const asking = at({ [PATH]: { ...metadata, trust_bundle_endpoint: 'https://10.0.0.1/bundle' } })
    await expect(asking).rejects.toThrow('not a public address')
  })

  it.each([
    '127.0.0.1',
    '::1',
    '1.2.3',
    'PROD.example',
    'prod.example.',
    'prod..example',
    '-a.example',
    'a_b.example',
    'prod.example:8443',
    'prod.example/x',
    '',
    'ü.example',
  ])('is never looked for as %j', (name) => {
    expect(() => trustDomainUrl(name)).toThrow(CommandFailure)
  })
})

describe('usage', () => {
  it.each([
    [[], 'Name an issuer, a trust domain, or --bundle with --trust-domain.'],
    [['http://login.example'], 'no https URL'],
    [['spiffe://prod.example'], 'no https URL'],
    [['https://login.example/?x=1'], 'no query'],
    [['https://login.example/#'], 'no fragment'],
    [['--bundle', 'https://x.example'], 'stand together'],
    [['x', '--bundle', 'https://x.example', '--trust-domain', 'x'], 'stand together'],
    [['--bundle', 'https://x.example', '--trust-domain', 'spiffe://x'], 'not the name of a trust domain'],
  ])('%j ends with 2', async (args, message) => {
    const { code, out, err } = await discover(...args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(message)
  })

  it('says which file of certificates cannot be used', async () => {
    const key = join(directory, 'key.pem')
    writeFileSync(key, `${identity.cert}${identity.key}`)
    expect((await discover('https://x.example', '--ca', 'nowhere')).err).toContain('nowhere (ENOENT)')
    expect((await discover('https://x.example', '--ca', key)).err).toContain('does not hold certificates in PEM alone')
  })
})
