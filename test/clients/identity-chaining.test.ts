/** docs/recipes/identity-chaining.md: oauth4webapi between two servers, as a process of its own (cross-domain.md §1). */
import { describe, expect, it } from 'vitest'
import type { Document } from '../../src/documents/contract.ts'
import { readDocuments } from '../../src/documents/read.ts'
import { TestClock } from '../harness/cambist.ts'
import { freePorts } from '../harness/ports.ts'
import { pageOf, withClientKeys } from '../harness/recipes.ts'
import { decode, SigningKey } from '../harness/tokens.ts'
import { insteadOf } from './program.ts'
import { clusterOf, lastReason, TlsServers } from './tls-server.ts'

const HOME = 'https://cambist.example'
const PARTNER = 'https://cambist.partner.example'
const STOCK = 'https://stock.partner.example'
const page = pageOf('identity-chaining')
const [program = ''] = page.blocks('js')
const [atHome = '', abroad = ''] = page.blocks('yaml')

const servers = await TlsServers.open()
const [homePort, partnerPort] = await freePorts(2)
const [homeHost, partnerHost] = [`127.0.0.1:${homePort}`, `127.0.0.1:${partnerPort}`] as const
const here = (text: string) =>
  text.replaceAll(HOME, `https://${homeHost}`).replaceAll(PARTNER, `https://${partnerHost}`)
const key = new SigningKey('ES256')
const documentsOf = (block: string): Document[] =>
  withClientKeys(readDocuments(here(block), 'application/yaml'), { billing: key.jwk, 'billing-of-home': key.jwk })

const { cluster, trusted } = clusterOf(
  { issuer: `https://${homeHost}`, clock: TestClock.real() },
  pageOf('kubernetes').documents,
)
const home = await servers.start({
  env: { CAMBIST_ISSUER: `https://${homeHost}`, CAMBIST_LISTEN: homeHost },
  documents: [...trusted, ...documentsOf(atHome)],
})
/** The partner has the keys of home from its metadata, as anybody would. */
const partner = await servers.start({
  env: { CAMBIST_ISSUER: `https://${partnerHost}`, CAMBIST_LISTEN: partnerHost, CAMBIST_INSECURE_FETCH: homeHost },
  documents: documentsOf(abroad).map((each) =>
    each.kind === 'TrustedIssuer'
      ? { ...each, spec: { ...each.spec, keys: { discovery: true, ca: servers.authority } } }
      : each,
  ),
})

const front = cluster.token({}, { namespace: 'web', serviceaccount: 'front' })
const values = {
  [HOME]: home.issuer,
  [PARTNER]: partner.issuer,
  '/etc/billing/key.pem': servers.files.write(
    'key.pem',
    key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  ),
  '/run/request/token': servers.files.write('caller', front),
}
const run = (changes: Readonly<Record<string, string>> = {}) =>
  servers.run(insteadOf(insteadOf(program, changes), values))

describe('oauth4webapi between two servers', () => {
  it('IC-05, IC-20: obtains a token of the other domain, for the caller, by discovery of both', async () => {
    const claims = await servers.claimsOf(partner, await run(), STOCK)
    expect(claims).toMatchObject({
      client_id: 'billing-of-home',
      scope: 'stock:read',
      act: { sub: expect.stringMatching(/\/clients\/billing-of-home$/) },
    })
    expect(claims.sub).toContain('front')
    expect(claims.sub).toContain('/home/')
  })

  it('IC-06, IC-07: reads the grant as one, which is no access token and lives a minute', async () => {
    const ended = await run({ 'console.log(access_token)': 'console.log(JSON.stringify(grant))' })
    const grant = JSON.parse(ended.output) as Record<string, unknown>
    expect(grant).toMatchObject({
      token_type: 'n_a',
      issued_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      expires_in: 60,
    })
    expect(decode(String(grant['access_token'])).claims).toMatchObject({
      iss: home.issuer,
      aud: partner.issuer,
      client_id: 'billing-of-home',
      scope: 'stock:read',
    })
  })

  it.each([
    [
      'IC-03 a scope that may not leave',
      "scope: 'stock:read'",
      "scope: 'stock:write'",
      () => home,
      'invalid_scope',
      'scope_denied',
    ],
    [
      'JG-03 a grant that is for somebody else',
      'assertion: grant.access_token',
      `assertion: '${front}'`,
      () => partner,
      'invalid_grant',
      'issuer_unknown',
    ],
  ] as const)('%s is refused', async (_what, shown, instead, where, error, reason) => {
    const { code, errors } = await run({ [shown]: instead })
    expect(code).not.toBe(0)
    expect(errors).toContain(`error: '${error}'`)
    expect(await lastReason(where())).toBe(reason)
  })

  it('IC-23: is refused abroad when the rule there is gone', async () => {
    const rule = documentsOf(abroad).find(({ kind }) => kind === 'Policy')
    await partner.apply({ ...rule, spec: { ...rule?.spec, disabled: true } })
    const { code, errors } = await run()
    expect(code).not.toBe(0)
    expect(errors).toContain("error: 'invalid_target'")
    expect(await lastReason(partner)).toBe('denied')
  })
})
