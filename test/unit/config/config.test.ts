import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/config/config.ts'
import { readCliEnvironment, readEnvironment, trustDomainOf } from '../../../src/config/environment.ts'
import { readSecrets } from '../../../src/config/secrets.ts'
import type { Faults } from '../../../src/lib/fault.ts'

const directory = mkdtempSync(join(tmpdir(), 'cambist-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

const faultsOf = (env: Parameters<typeof readConfig>[0]) => {
  try {
    readConfig(env)
  } catch (error) {
    return (error as Faults).faults
  }
  return []
}

describe('readConfig', () => {
  it('has the documented defaults', () => {
    const config = readConfig({ CAMBIST_WORKERS: '2' })
    expect(config).toMatchObject({
      issuer: 'http://127.0.0.1:8400',
      trustDomain: '127.0.0.1',
      listen: { host: '127.0.0.1', port: 8400 },
      admin: { listen: { host: '127.0.0.1', port: 8401 }, audience: 'cambist-admin' },
      dpopNonce: 'offered',
      quickstart: true,
      workers: 2,
      logLevel: 'info',
    })
    expect([...config.hosts]).toEqual(['127.0.0.1:8400'])
    expect([...config.admin.hosts]).toEqual(['127.0.0.1:8401', '[::1]:8401', 'localhost:8401'])
  })

  it('reports every fault in one message, each with its variable and a remedy', () => {
    const faults = faultsOf({
      CAMBIST_ISSUER: 'http://cambist.example/x?y',
      CAMBIST_LISTEN: '8400',
      CAMBIST_WORKERS: 'many',
      DATABASE_URL: 'mysql://x',
      CAMBIST_TLS_CERT: 'a.pem',
      CAMBIST_LOG_LEVEL: 'loud',
      CAMBIST_QUICKSTART: 'maybe',
      CAMBIST_DPOP_NONCE: 'off',
      CAMBIST_INSECURE_FETCH: 'localhost',
      CAMBIST_TRUST_DOMAIN: 'Prod Example',
    })
    expect(new Set(faults.map(({ path }) => path))).toEqual(
      new Set([
        'CAMBIST_ISSUER',
        'CAMBIST_LISTEN',
        'CAMBIST_WORKERS',
        'DATABASE_URL',
        'CAMBIST_KEY_ENCRYPTION_KEY_FILES',
        'CAMBIST_ADMIN_TOKEN_FILE',
        'CAMBIST_TLS_KEY',
        'CAMBIST_LOG_LEVEL',
        'CAMBIST_QUICKSTART',
        'CAMBIST_DPOP_NONCE',
        'CAMBIST_INSECURE_FETCH',
        'CAMBIST_TRUST_DOMAIN',
      ]),
    )
    expect(faults.find(({ path }) => path === 'CAMBIST_LISTEN')?.message).toContain('HOST:PORT')
  })

  it.each(['offered', 'required'] as const)('has nonces of DPoP proofs %s (DP-13)', (dpopNonce) => {
    expect(readConfig({ CAMBIST_DPOP_NONCE: dpopNonce })).toMatchObject({ dpopNonce })
  })

  it.each([
    'https://cambist.example',
    'https://cambist.example:8443',
    'http://localhost:1',
    'http://[::1]:1',
    'http://127.1.2.3:1',
  ])('takes the issuer %s', (issuer) => {
    expect(faultsOf({ CAMBIST_ISSUER: issuer })).toEqual([])
  })

  it.each([
    'http://cambist.example',
    'https://cambist.example/',
    'https://cambist.example/tenant',
    'https://a@cambist.example',
    'https://cambist.example#x',
    'cambist',
    'HTTPS://cambist.example',
  ])('refuses the issuer %s (MD-01)', (issuer) => {
    expect(faultsOf({ CAMBIST_ISSUER: issuer }).map(({ path }) => path)).toContain('CAMBIST_ISSUER')
  })

  it('never lets an administrators’ audience be the issuer', () => {
    for (const audience of ['http://127.0.0.1:8400', 'http://127.0.0.1:8400/', 'http://127.0.0.1:8400/token'])
      expect(faultsOf({ CAMBIST_ADMIN_AUDIENCE: audience })[0]?.path).toBe('CAMBIST_ADMIN_AUDIENCE')
    expect(readConfig({ CAMBIST_ADMIN_AUDIENCE: 'http://127.0.0.1:8400/admin' }).admin.audience).toMatch(/admin$/)
  })
})

describe('the tenant of the Entra shape', () => {
  it('is none unless it is said', () => {
    expect(readConfig({}).entraTenant).toBeUndefined()
  })

  it.each(['shop.example', '8f6c2b1e-3d4a-4c5b-9e7f-1a2b3c4d5e6f', 'a'])('may be %s', (CAMBIST_ENTRA_TENANT) => {
    expect(readConfig({ CAMBIST_ENTRA_TENANT }).entraTenant).toBe(CAMBIST_ENTRA_TENANT)
  })

  it.each(['Shop.example', 'a/b', '.well-known', ':tenant', '*', 'a b', '-', `${'a'.repeat(129)}`])(
    'is not %s, which no client of MSAL would ask for, or which is no one segment of a path',
    (CAMBIST_ENTRA_TENANT) => {
      expect(faultsOf({ CAMBIST_ENTRA_TENANT })).toEqual([
        { path: 'CAMBIST_ENTRA_TENANT', message: expect.stringContaining('such as shop.example') },
      ])
    },
  )
})

describe('client certificates', () => {
  const TLS = { CAMBIST_TLS_CERT: 'cert.pem', CAMBIST_TLS_KEY: 'key.pem' }
  const MTLS = { ...TLS, CAMBIST_MTLS_LISTEN: '0.0.0.0:8443', CAMBIST_MTLS_URL: 'https://mtls.cambist.example' }

  it('come in nowhere unless it is said', () => {
    const { clientCertificates } = readConfig({})
    expect(clientCertificates).toMatchObject({ listen: undefined, url: undefined, header: undefined })
    expect(clientCertificates.proxies.rules).toEqual([])
  })

  it('come by a listener of their own, whose host is answered too', () => {
    const config = readConfig(MTLS)
    expect(config.clientCertificates).toMatchObject({
      listen: { host: '0.0.0.0', port: 8443 },
      url: 'https://mtls.cambist.example',
      header: undefined,
    })
    expect([...config.hosts]).toEqual(['127.0.0.1:8400', 'mtls.cambist.example'])
  })

  it.each(['rfc9440', 'xfcc', 'nginx'] as const)('come from trusted proxies in the form %s', (header) => {
    const config = readConfig({
      CAMBIST_CLIENT_CERT_HEADER: header,
      CAMBIST_TRUSTED_PROXIES: '10.0.0.7, 10.1.0.0/16,fd00:1::/64,::1',
      CAMBIST_MTLS_URL: 'https://mtls.cambist.example:8443',
    })
    expect(config.clientCertificates.header).toBe(header)
    expect(config.hosts).toContain('mtls.cambist.example:8443')
    const { proxies } = config.clientCertificates
    for (const one of ['10.0.0.7', '10.1.255.1']) expect(proxies.check(one, 'ipv4')).toBe(true)
    for (const one of ['10.0.0.8', '10.2.0.1']) expect(proxies.check(one, 'ipv4')).toBe(false)
    for (const one of ['::1', 'fd00:1::2', '::ffff:10.1.2.3']) expect(proxies.check(one, 'ipv6')).toBe(true)
    for (const one of ['::2', 'fd00:1:0:1::2', '::ffff:10.2.2.3']) expect(proxies.check(one, 'ipv6')).toBe(false)
  })

  it('has trusted proxies without the header too: they tell addresses', () => {
    expect(faultsOf({ CAMBIST_TRUSTED_PROXIES: '10.0.0.7' })).toEqual([])
  })

  it('reports what is missing beside what is there, all together', () => {
    const faults = faultsOf({ CAMBIST_MTLS_LISTEN: '0.0.0.0:8443', CAMBIST_CLIENT_CERT_HEADER: 'pem' })
    expect(faults.map(({ path, message }) => `${path} ${message}`)).toEqual([
      expect.stringMatching(/^CAMBIST_CLIENT_CERT_HEADER "pem" is not one of rfc9440, xfcc, nginx/),
      expect.stringMatching(/^CAMBIST_CLIENT_CERT_HEADER needs CAMBIST_TRUSTED_PROXIES/),
      expect.stringMatching(/^CAMBIST_MTLS_LISTEN .*set CAMBIST_TLS_CERT and CAMBIST_TLS_KEY/),
      expect.stringMatching(/^CAMBIST_MTLS_URL is required with CAMBIST_MTLS_LISTEN/),
    ])
    expect(faultsOf({ ...MTLS, CAMBIST_MTLS_LISTEN: '8443' })[0]?.path).toBe('CAMBIST_MTLS_LISTEN')
  })

  it('has no URL where nobody asks for a certificate', () => {
    expect(faultsOf({ CAMBIST_MTLS_URL: 'https://mtls.cambist.example' })).toEqual([
      { path: 'CAMBIST_MTLS_URL', message: expect.stringContaining('set CAMBIST_MTLS_LISTEN') },
    ])
  })

  it.each([
    ['http://127.0.0.1:8443', 'https://127.0.0.1:8443'],
    ['https://mtls.cambist.example/', 'https://mtls.cambist.example'],
    ['https://mtls.cambist.example/token', 'https://mtls.cambist.example'],
    ['https://a@mtls.cambist.example', 'https://mtls.cambist.example'],
    ['https://mtls.cambist.example:443', 'https://mtls.cambist.example'],
    ['HTTPS://mtls.cambist.example', 'https://mtls.cambist.example'],
    ['mtls.cambist.example', 'https://mtls.cambist.example'],
  ])('refuses the URL %s', (url, plain) => {
    expect(faultsOf({ ...MTLS, CAMBIST_MTLS_URL: url })).toEqual([
      { path: 'CAMBIST_MTLS_URL', message: expect.stringContaining(`write ${plain}`) },
    ])
  })

  it.each([
    'proxy.example',
    '10.0.0',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/0x8',
    '10.0.0.0/255.0.0.0',
    'fe80::1%eth0',
    '[::1]',
    '*',
  ])('refuses %s as a proxy', (proxy) => {
    expect(faultsOf({ CAMBIST_TRUSTED_PROXIES: `10.0.0.7,${proxy}` })).toEqual([
      { path: 'CAMBIST_TRUSTED_PROXIES', message: expect.stringContaining(`${JSON.stringify(proxy)} is neither`) },
    ])
  })

  it.each(['0.0.0.0/0', '::/0'])('T14: never takes everybody for a proxy (%s)', (everybody) => {
    expect(faultsOf({ CAMBIST_TRUSTED_PROXIES: everybody })[0]?.message).toContain('is every address')
  })
})

describe('readEnvironment', () => {
  it('warns of an unknown variable with the nearest name, and of nothing else', () => {
    const { values, warnings } = readEnvironment({
      CAMBIST_ISUER: 'x',
      PATH: '/bin',
      CAMBIST_LISTEN: '',
      CAMBIST_ADMIN_URL: 'x',
      CAMBIST_WORKERS: '1',
    })
    expect(values).toEqual({ CAMBIST_WORKERS: '1' })
    expect(warnings).toEqual(['CAMBIST_ISUER is not a variable of Cambist; did you mean CAMBIST_ISSUER?'])
  })

  it('gives the command line its defaults', () => {
    expect(readCliEnvironment({ CAMBIST_DATA_DIR: '/d' })).toEqual({
      adminUrl: 'http://127.0.0.1:8401',
      adminTokenFile: '/d/admin-token',
      issuer: 'http://127.0.0.1:8400',
      trustDomain: '',
    })
  })

  it.each([
    ['https://sts.example:8443/x', 'sts.example'],
    ['http://[::1]:8400', 'localhost'],
    ['nothing', 'localhost'],
  ])('takes the host of %s for a trust domain where none is said', (issuer, domain) => {
    expect(trustDomainOf(issuer)).toBe(domain)
  })
})

describe('readSecrets', () => {
  it('makes them in the data directory once, for the owner alone', () => {
    const config = readConfig({ CAMBIST_DATA_DIR: join(directory, 'made') })
    const secrets = readSecrets(config)
    expect(readFileSync(secrets.adminTokenFile, 'utf8')).toMatch(/^cambist_admin_[A-Za-z0-9_-]{43}\n$/)
    expect(statSync(secrets.adminTokenFile).mode & 0o777).toBe(0o600)
    expect(readSecrets(config).adminToken.equals(readFileSync(secrets.adminTokenFile, 'utf8').trim())).toBe(true)
    expect(readSecrets(config).keyEncryptionKeys).toEqual(secrets.keyEncryptionKeys)
    expect(JSON.stringify({ secrets: String(secrets.adminToken), token: secrets.adminToken })).not.toContain(
      'cambist_admin_',
    )
  })

  it('names the file and not its contents when one is wrong', () => {
    const token = join(directory, 'token')
    const key = join(directory, 'key')
    writeFileSync(token, 'short-secret')
    writeFileSync(key, 'abc')
    const config = readConfig({
      CAMBIST_DATA_DIR: join(directory, 'other'),
      CAMBIST_ADMIN_TOKEN_FILE: token,
      CAMBIST_KEY_ENCRYPTION_KEY_FILES: `${key},/nowhere`,
    })
    expect(() => readSecrets(config)).toThrow(
      /does not hold 32 bytes[\s\S]*\/nowhere cannot be read \(ENOENT\)[\s\S]*one line of 32 characters/,
    )
    expect(() => readSecrets(config)).not.toThrow(/short-secret/)
  })
})
