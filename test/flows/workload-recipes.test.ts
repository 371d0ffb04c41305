/** The pages on SPIRE and WIMSE, and the online check of the page on Kubernetes: their documents, and the requests that they show. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { formats } from '../../src/app.ts'
import { Compiler } from '../../src/documents/compile.ts'
import { warningsOf } from '../../src/documents/warnings.ts'
import { document, startCambist, type TestServer } from '../harness/cambist.ts'
import { createRoot } from '../harness/pki.ts'
import { attestationPop, dpop, httpSignature, wpt } from '../harness/proofs.ts'
import { pageOf, withKeys } from '../harness/recipes.ts'
import { postTls } from '../harness/tls-client.ts'
import { decode, SigningKey } from '../harness/tokens.ts'
import { TrustDomain } from '../harness/workload.ts'
import { context } from '../unit/documents/world.ts'
import { type Handler, json, serve } from '../unit/trust/hostile-server.ts'

/** OpenSSL has a clock of its own, so what TLS looks at is good for long. */
const LONG = { notAfter: Date.UTC(2100, 0) / 1000 }
const US = 'https://cambist.example'
const ENDPOINT = `${US}/token`

/** What is to be sent: the shell's variables are those that begin with a dollar sign. */
interface Shown {
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

/** A request as a page writes it for curl. */
function ofCurl(block: string): Shown {
  const command = block.slice(block.indexOf('curl ')).replaceAll('\\\n', ' ')
  const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  const form = new URLSearchParams()
  for (const [at, word] of words.entries()) {
    if (word !== '-d' && word !== '--data-urlencode') continue
    const [name = '', ...value] = (words[at + 1] ?? '').split('=')
    form.append(name, value.join('='))
  }
  const url = words.find((word) => word.startsWith('https://')) ?? ''
  return {
    url,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: form.toString().replaceAll('%24', '$'),
  }
}

/** A request as a page writes it for the wire. */
function ofHttp(block: string): Shown {
  const [head = '', body = ''] = block.split('\n\n')
  const [line, ...fields] = head.split('\n')
  expect(line).toBe('POST /token HTTP/1.1')
  const headers = Object.fromEntries(fields.map((field) => field.split(/: (.*)/, 2) as [string, string]))
  const { Host: host, ...sent } = headers
  return { url: `https://${host}/token`, headers: sent, body: body.replaceAll('\n', '') }
}

const filled = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\$([A-Z]+)/g, (_, name: string) => values[name] ?? expect.unreachable(`nothing is said of $${name}`))

const fill = ({ headers, ...shown }: Shown, values: Readonly<Record<string, string>>): Shown => ({
  ...shown,
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, filled(value, values)])),
  body: filled(shown.body, values),
})

/** What the page says that the record shows of an exchange. */
function saidOf(page: string, credential: string): object {
  const row = new RegExp(`^\\| ${credential} \\| \`(\\w+)\` \\| \`(\\S+)\` \\| (\\w+) \\|$`, 'm').exec(
    pageOf(page).text,
  )
  return { authentication: row?.[1], subject: row?.[2], binding: row?.[3] }
}

async function recorded(server: TestServer, id: string): Promise<object> {
  const record = await server.record(id)
  expect([record['reason'], record['detail']]).toEqual(['granted', ''])
  const { subject, granted } = record as { subject: { id: string }; granted: { binding: string } }
  return { authentication: record['authentication'], subject: subject.id, binding: granted.binding }
}

const send = async (server: TestServer, { url, headers, body }: Shown) => {
  expect(url).toBe(ENDPOINT)
  const response = await fetch(`${server.workloads}/token`, { method: 'POST', headers, body })
  return { status: response.status, body: await response.json(), id: response.headers.get('Cambist-Request-Id') ?? '' }
}

/** Servers for keys, which stop with the file. */
const servers: AsyncDisposable[] = []
afterAll(async () => {
  for (const one of servers) await one[Symbol.asyncDispose]()
})
async function serving(handler: Handler, identity: { readonly cert: string; readonly key: string }) {
  const server = await serve(handler, identity)
  servers.push(server)
  return { host: `127.0.0.1:${server.port}`, url: `https://127.0.0.1:${server.port}` }
}

const web = await createRoot({ ...LONG, subject: 'CN=Web' })
const webLeaf = await web.leaf({ ...LONG, ips: ['127.0.0.1'] })
const webIdentity = { cert: webLeaf.chainPem(), key: webLeaf.keyPem }
const holder = new SigningKey('ES256')
const dpopKey = new SigningKey('ES256')
const compiler = new Compiler({ ...context, credentialKinds: formats.credentialKinds })
const dpopFor = (now: number) => dpop(dpopKey, { url: ENDPOINT, now })

describe('SPIRE', async () => {
  const authority = await createRoot({ ...LONG, subject: 'O=prod.example' })
  const endpointId = 'spiffe://prod.example/spire/server'
  const endpointLeaf = await authority.leaf({ ...LONG, uris: [endpointId] })
  const prod = new TrustDomain(() => server.clock.seconds())
  const root = {
    ...authority.publicKey.export({ format: 'jwk' }),
    use: 'x509-svid',
    x5c: [authority.der.toString('base64')],
  }
  const bundle = { spiffe_sequence: 1, keys: [root, ...prod.bundle.keys.filter(({ use }) => use === 'jwt-svid')] }
  const byName = await serving(json(bundle), webIdentity)
  const byId = await serving(json(bundle), { cert: endpointLeaf.chainPem(), key: endpointLeaf.keyPem })
  const keys = {
    'prod-tokens': { bundle: { url: `${byName.url}/` }, ca: web.pem },
    'prod-certificates': {
      bundle: {
        url: `${byId.url}/`,
        profile: 'https_spiffe',
        endpointSpiffeId: endpointId,
        inline: { spiffe_sequence: 1, keys: [root] },
      },
    },
    'prod-identities': { bundle: { inline: { keys: prod.bundle.keys.filter(({ use }) => use === 'wit-svid') } } },
  }
  const documents = withKeys(pageOf('spire').documents, keys)
  const server = await startCambist({
    env: { CAMBIST_ISSUER: US, CAMBIST_INSECURE_FETCH: `${byName.host},${byId.host}` },
    mtls: webIdentity,
    documents,
  })
  const [byJwt = '', byCertificate = ''] = pageOf('spire').blocks('sh')
  const [byWit = ''] = pageOf('spire').blocks('http')

  it('has documents that say where keys come from as the page does, of which lint warns of the bundle that follows no rotation', () => {
    const written = pageOf('spire')
      .documents.filter(({ kind }) => kind === 'TrustedIssuer')
      .map(({ metadata, spec }) => [metadata.name, members(spec['keys'])])
    expect(written).toEqual(Object.entries(keys).map(([name, one]) => [name, members(withoutCa(one))]))
    const paths = warningsOf(compiler.compile(documents)).map(({ path }) => path)
    expect(paths).toEqual(['spec.keys.bundle.inline'])
  })

  it('takes a JWT-SVID as it is shown, again and again', async () => {
    const values = { SVID: prod.svid('shop/checkout', [US]) }
    for (let times = 0; times < 2; times++) {
      const answer = await send(server, fill(ofCurl(byJwt), values))
      expect(await recorded(server, answer.id)).toEqual(saidOf('spire', 'JWT-SVID'))
    }
    const forTwo = await send(
      server,
      fill(ofCurl(byJwt), { SVID: prod.svid('shop/checkout', [US, 'https://x.example']) }),
    )
    expect(await server.record(forTwo.id)).toMatchObject({ reason: 'audience_several' })
  })

  it('takes an X.509-SVID over TLS as it is shown', async () => {
    const now = server.clock.seconds()
    const svid = await authority.leaf({
      subject: '',
      uris: [prod.id('shop/checkout')],
      notBefore: now - 10,
      notAfter: now + 3600,
    })
    const { body, url } = ofCurl(byCertificate)
    expect(url).toBe('https://mtls.cambist.example/token')
    expect(byCertificate).toMatch(/--cert \/run\/svid\/svid\.0\.pem --key \/run\/svid\/svid\.0\.key/)
    const answer = await postTls(server.mtls, {
      chain: { pem: [svid.chainPem()], key: svid.keyPem },
      lines: ['Content-Type: application/x-www-form-urlencoded'],
      body,
    })
    expect(answer.status).toBe(200)
    const { jti, cnf } = decode((JSON.parse(answer.body) as { access_token: string }).access_token).claims
    expect(Object.keys(cnf as object)).toEqual(['x5t#S256'])
    expect(await recorded(server, String(jti))).toEqual(saidOf('spire', 'X.509-SVID'))
  })

  it('takes a WIT-SVID by its proof as it is shown', async () => {
    const now = server.clock.seconds()
    const values = {
      WIT: prod.wit('shop/checkout', holder),
      POP: attestationPop(holder, { issuer: US, now }),
      DPOP: dpopFor(now),
    }
    const answer = await send(server, fill(ofHttp(byWit), values))
    expect(await recorded(server, answer.id)).toEqual(saidOf('spire', 'WIT-SVID'))
  })
})

const members = (keys: unknown): unknown => {
  const { bundle, ...others } = keys as { bundle: object }
  return [Object.keys(bundle).sort(), Object.keys(others)]
}
const withoutCa = ({ ca: _, ...keys }: { readonly bundle: object; readonly ca?: string }): object => keys

describe('WIMSE', async () => {
  const edge = new TrustDomain(() => server.clock.seconds(), 'edge.example', 'wimse')
  const provider = await serving(json({ keys: [edge.witKey.jwk] }), webIdentity)
  const documents = withKeys(pageOf('wimse').documents, {
    'edge-identities': { jwksUri: `${provider.url}/keys`, ca: web.pem },
  })
  const server = await startCambist({
    env: { CAMBIST_ISSUER: US, CAMBIST_INSECURE_FETCH: provider.host },
    documents,
  })
  const [byProof = '', bySignature = ''] = pageOf('wimse').blocks('http')
  const [shownWit, shownWpt] = pageOf('wimse')
    .blocks('json')
    .map((block) => JSON.parse(block) as ReturnType<typeof decode>)

  it('has documents that give lint no reason to warn', () => {
    expect(warningsOf(compiler.compile(documents))).toEqual([])
  })

  it('takes a WIT with a WPT, made of what is shown', async () => {
    const now = server.clock.seconds()
    const { iat: _, jti: __, ...claims } = decode(edge.wit('shop/checkout', holder)).claims
    expect(shape(shownWit)).toEqual(shape({ header: { typ: 'wit+jwt', alg: 'ES256', kid: '' }, claims }))
    const WIT = edge.witKey.sign(claims, { typ: 'wit+jwt' })
    const DPOP = dpopFor(now)
    const unproven = fill(ofHttp(byProof), { WIT, WPT: '', DPOP })
    const WPT = wpt(holder, { token: WIT, audience: ENDPOINT, body: unproven.body, now, dpop: DPOP })
    expect(shape(decode(WPT))).toEqual(shape(shownWpt))
    const request = { ...unproven, headers: { ...unproven.headers, Authorization: `WPT ${WPT}` } }
    const answer = await send(server, request)
    expect(await recorded(server, answer.id)).toEqual(saidOf('wimse', 'WPT'))
    const again = await send(server, request)
    expect([again.status, (await server.record(again.id))['reason']]).toEqual([400, 'replayed'])
    const other = await send(server, { ...request, headers: { ...request.headers, DPoP: dpopFor(now) } })
    expect([other.status, (await server.record(other.id))['reason']]).toEqual([401, 'proof_invalid'])
  })

  it('takes a WIT with a message signature over what is shown', async () => {
    const now = server.clock.seconds()
    const values = { WIT: edge.wit('shop/checkout', holder), DPOP: dpopFor(now), DIGEST: '', SIGNATURE: '' }
    const { headers, body } = fill(ofHttp(bySignature), values)
    const { 'Content-Digest': digest, 'Signature-Input': input = '', Signature: signature, ...unsigned } = headers
    expect([digest, signature]).toEqual(['sha-256=::', 'wimse=::'])
    const covered = [...(/\(([^)]*)\)/.exec(input)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map(([, name]) => name ?? '')
    const signed = httpSignature(
      holder,
      { method: 'POST', url: ENDPOINT, headers: unsigned, body },
      { audience: ENDPOINT, now },
      { covered },
    )
    expect(parametersOf(signed.headers['signature-input'] ?? '')).toEqual(parametersOf(input))
    const answer = await send(server, signed)
    expect(await recorded(server, answer.id)).toEqual(saidOf('wimse', 'message signature'))
  })
})

/** Names, and not values, of the members of a token. */
const shape = (token: ReturnType<typeof decode> | undefined): unknown => {
  const { header = {}, claims = {} } = token ?? {}
  const { cnf } = claims as { cnf?: { jwk: object } }
  const { kid: _, ...named } = header
  return [named['typ'], Object.keys(named).sort(), Object.keys(claims).sort(), Object.keys(cnf?.jwk ?? {}).sort()]
}

const parametersOf = (input: string): unknown => [...input.matchAll(/;([a-z-]+)=/g)].map(([, name]) => name)

describe('a pod that is gone (UC-106, K-2)', async () => {
  const answers = { authenticated: true }
  const asked: string[] = []
  const review = (status: object) => ({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status })
  const api = await serving((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`)
    const user = { username: 'system:serviceaccount:shop:checkout' }
    json(review(answers.authenticated ? { authenticated: true, audiences: [US], user } : {}))(request, response)
  }, webIdentity)
  const secrets = mkdtempSync(join(tmpdir(), 'cambist-secrets-'))
  afterAll(() => rmSync(secrets, { recursive: true, force: true }))
  writeFileSync(join(secrets, 'prod-reviewer'), 'token-of-the-reviewer')
  writeFileSync(join(secrets, 'prod-reviewer.host'), api.host)
  const server = await startCambist({
    env: { CAMBIST_ISSUER: US, CAMBIST_INSECURE_FETCH: api.host, CAMBIST_SECRETS_DIR: secrets },
  })
  const { cluster } = server

  it('is refused by what the page on Kubernetes shows', async () => {
    const [block = ''] = pageOf('kubernetes')
      .blocks('yaml')
      .filter((one) => one.startsWith('onlineCheck:'))
    const { onlineCheck } = parse(block) as { onlineCheck: { tokenReview: { url: string }; maxAge: string } }
    const { pathname } = new URL(onlineCheck.tokenReview.url)
    const tokenReview = { ...onlineCheck.tokenReview, url: `${api.url}${pathname}`, ca: web.pem }
    await server.apply(
      document('TrustedIssuer', 'cluster', {
        preset: 'kubernetes',
        issuer: cluster.issuer,
        audiences: [US],
        keys: { jwks: cluster.jwks },
        onlineCheck: { ...onlineCheck, tokenReview },
      }),
    )
    const subject_token = cluster.token()
    expect((await server.exchange({ subject_token })).status).toBe(200)
    expect(asked).toEqual(['/apis/authentication.k8s.io/v1/tokenreviews Bearer token-of-the-reviewer'])

    answers.authenticated = false
    expect((await server.exchange({ subject_token })).status).toBe(200)
    server.clock.advance(Number.parseInt(onlineCheck.maxAge, 10))
    const gone = await server.exchange({ subject_token })
    expect([gone.status, (await server.record(gone.id))['reason']]).toEqual([400, 'status_refused'])
  })
})
