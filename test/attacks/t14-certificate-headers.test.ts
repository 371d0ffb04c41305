import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { type Answer, startCambist, type TestServer } from '../harness/cambist.ts'
import { makeChain, written } from '../harness/client-chain.ts'
import { formOf } from '../harness/post.ts'
import { sendRaw } from '../harness/raw.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { postTls } from '../harness/tls-client.ts'
import { decode } from '../harness/tokens.ts'

/** T14: a certificate in a header is believed from a trusted proxy, in the one form that is configured, once, or not at all. */
const own = await makeChain(1)
const client = await makeChain(2)
const fields = written.rfc9440(client.der)
const { 'Client-Cert': leaf = '' } = fields
const pem = client.pem[0] ?? ''

const mtls = { cert: own.pem[0] ?? '', key: own.key }
const trusting = await startCambist({
  mtls,
  env: { CAMBIST_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8', CAMBIST_CLIENT_CERT_HEADER: 'rfc9440' },
})
const elsewhere = await startCambist({
  env: { CAMBIST_TRUSTED_PROXIES: '10.0.0.0/8', CAMBIST_CLIENT_CERT_HEADER: 'rfc9440' },
})
const without = await startCambist({ env: { CAMBIST_TRUSTED_PROXIES: '127.0.0.1' } })

type Lines = Record<string, string | string[]>

/** A good exchange with header lines of its own; an array makes as many lines, which fetch would join. */
function exchange(server: TestServer, lines: Lines): Promise<Answer> {
  const body = formOf(server).toString()
  const headers = { ...lines, 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': body.length }
  return new Promise((resolve, reject) => {
    const sent = request(`${server.issuer}/token`, { method: 'POST', agent: false, headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => {
        const heard = new Headers(response.headersDistinct as unknown as Record<string, string>)
        const id = heard.get('Cambist-Request-Id') ?? ''
        resolve({ status: response.statusCode ?? 0, headers: heard, body: JSON.parse(text), id })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const refused = async (server: TestServer, lines: Lines): Promise<string> => {
  const record = await expectRefusal(server, await exchange(server, lines), {
    error: 'invalid_request',
    reason: 'certificate_header',
  })
  // I8: what came is nowhere repeated.
  expect(JSON.stringify(record)).not.toContain(leaf.slice(20, 60))
  return String(record['detail'])
}

/** Every name under which some proxy hands on a certificate, in the spellings that some gateway takes for it. */
const NAMES = [
  'Client-Cert',
  'Client-Cert-Chain',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-Tls-Client-Cert',
  'SSL-Client-Cert',
  'X-SSL-Client-Cert',
  'X-Amzn-Mtls-Clientcert',
]
const ALIASES = NAMES.flatMap((name) => [
  name.replaceAll('-', '_'),
  name.replaceAll('-', '.'),
  name.replace('-', '_'),
  name.toUpperCase().replaceAll('-', '_'),
])

describe('T14 certificate headers (BC-06)', () => {
  it('take a good one from a trusted proxy, with its chain or without, and none as none', async () => {
    for (const lines of [fields, { 'Client-Cert': leaf }, {}]) {
      const { status, id } = await exchange(trusting, lines)
      expect(status).toBe(200)
      expect(await trusting.record(id)).toMatchObject({ outcome: 'granted' })
    }
  })

  it.each([...NAMES, ...ALIASES])('HC-05: refuse %s from a peer that is no proxy of ours', async (name) => {
    expect(await refused(elsewhere, { [name]: leaf })).toContain('127.0.0.1, which is not in CAMBIST_TRUSTED_PROXIES')
  })

  it.each([...NAMES, ...ALIASES])('HC-05: refuse %s where no header is configured, whoever sends it', async (name) => {
    expect(await refused(without, { [name]: leaf })).toContain('CAMBIST_CLIENT_CERT_HEADER is not set')
  })

  it.each([...NAMES.slice(2), ...ALIASES])(
    'refuse %s from a trusted proxy that has another form, alone and beside a good one',
    async (name) => {
      expect(await refused(trusting, { [name]: leaf })).toContain('CAMBIST_CLIENT_CERT_HEADER is rfc9440')
      expect(await refused(trusting, { ...fields, [name]: leaf })).toContain('CAMBIST_CLIENT_CERT_HEADER is rfc9440')
    },
  )

  it('HC-04, HC-06: refuse a second line, the same or another, and two in one', async () => {
    expect(await refused(trusting, { 'Client-Cert': [leaf, leaf] })).toBe('client-cert came 2 times')
    expect(await refused(trusting, { 'client-cert': [leaf, `:${own.der[0]?.toString('base64')}:`] })).toContain(
      '2 times',
    )
    expect(await refused(trusting, { 'Client-Cert': `${leaf}, ${leaf}` })).toContain('base64 between colons')
    expect(await refused(trusting, { ...fields, 'Client-Cert-Chain': [leaf, leaf] })).toBe(
      'client-cert-chain came 2 times',
    )
  })

  it('HC-04: take none from the trailer of a request, and send none', async () => {
    const body = formOf(trusting).toString()
    const answer = await sendRaw(trusting.issuer, [
      'POST /token HTTP/1.1',
      `Host: ${new URL(trusting.issuer).host}`,
      'Content-Type: application/x-www-form-urlencoded',
      'Transfer-Encoding: chunked',
      'Trailer: Client-Cert',
      `Connection: close\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\nClient-Cert: ${leaf}`,
    ])
    expect(answer.status).toBe(200)
    expect(decode(String(JSON.parse(answer.body)['access_token'])).claims).not.toHaveProperty('cnf')
    const bound = await exchange(trusting, fields)
    expect(decode(String(bound.body['access_token'])).claims).toHaveProperty('cnf')
    for (const name of ['Client-Cert', 'Client-Cert-Chain']) expect(bound.headers.get(name)).toBeNull()
  })

  it('HC-02: refuse a chain without a leaf', async () => {
    expect(await refused(trusting, { 'Client-Cert-Chain': leaf })).toBe('client-cert-chain came without client-cert')
  })

  it.each([
    ['an empty value', ''],
    ['PEM', written.nginx(pem)],
    ['an XFCC element', `By=;Hash=a;Cert="${written.envoy(pem)}"`],
    ['bare base64', leaf.slice(1, -1)],
    ['a parameter', `${leaf};verified=?1`],
    [
      'bytes behind the certificate',
      `:${Buffer.concat([client.der[0] ?? own.key, Buffer.of(0)] as Buffer[]).toString('base64')}:`,
    ],
  ])('HC-06: refuse %s', async (_what, value) => {
    expect(await refused(trusting, { 'Client-Cert': value })).toContain('Client-Cert')
  })

  it('take a large chain from a proxy, and none beyond the limit (HC-06)', async () => {
    const chain = (count: number) => ({ 'Client-Cert': leaf, 'Client-Cert-Chain': Array(count).fill(leaf).join(',') })
    expect((await exchange(trusting, chain(9))).status).toBe(200)
    expect(await refused(trusting, chain(10))).toContain('more than 10')
    const large = written.rfc9440((await makeChain(1, { padding: 15_000 })).der)
    expect((await exchange(trusting, large)).status).toBe(200)
    expect(await refused(trusting, written.rfc9440((await makeChain(1, { padding: 16_384 })).der))).toContain('16 KiB')
  })
})

describe('W-77 the listener that asks for certificates', () => {
  const post = async (lines: string[], chain?: typeof client) => {
    const { status, body } = await postTls(trusting.mtls, {
      chain,
      lines: ['Content-Type: application/x-www-form-urlencoded', ...lines],
      body: formOf(trusting).toString(),
    })
    return { status, body: JSON.parse(body) as Record<string, unknown> }
  }

  it('answers with a certificate and without one, whoever signed it (MT-04)', async () => {
    expect((await post([], client)).status).toBe(200)
    expect((await post([])).status).toBe(200)
  })

  it.each([...NAMES, ...ALIASES])('refuses %s, though its peer is a trusted proxy', async (name) => {
    for (const chain of [client, undefined]) {
      const { status, body } = await post([`${name}: ${leaf}`], chain)
      expect([status, body['error']]).toEqual([400, 'invalid_request'])
      expect(await trusting.record(String(body['request_id']))).toMatchObject({
        reason: 'certificate_header',
        detail: expect.stringContaining('the listener that sees certificates itself'),
      })
      trusting.clock.advance(1)
    }
  })

  it('CB-06, CB-07: is named by the metadata, and the issuer stays what it is', async () => {
    const read = async (server: TestServer) =>
      (await (await server.get('/.well-known/oauth-authorization-server')).json()) as Record<string, unknown>
    const metadata = await read(trusting)
    expect(metadata).toMatchObject({
      issuer: trusting.issuer,
      token_endpoint: `${trusting.issuer}/token`,
      mtls_endpoint_aliases: {
        token_endpoint: `${trusting.mtls}/token`,
        introspection_endpoint: `${trusting.mtls}/introspect`,
        revocation_endpoint: `${trusting.mtls}/revoke`,
      },
      tls_client_certificate_bound_access_tokens: true,
    })
    expect(await read(elsewhere)).toMatchObject({ tls_client_certificate_bound_access_tokens: true })
    expect(await read(elsewhere)).not.toHaveProperty('mtls_endpoint_aliases')
    expect(await read(without)).not.toHaveProperty('tls_client_certificate_bound_access_tokens')
  })
})

describe('T32 the address on the record', () => {
  const remote = async (server: TestServer, lines: Lines) => {
    const { status, id } = await exchange(server, lines)
    expect(status).toBe(200)
    return (await server.record(id))['remote']
  }

  it('is the caller’s behind a trusted proxy, and the peer’s own otherwise', async () => {
    expect(await remote(trusting, { 'X-Forwarded-For': '198.51.100.9, 192.0.2.1, 10.0.0.3' })).toBe('192.0.2.1')
    expect(await remote(trusting, { 'X-Forwarded-For': '192.0.2.1, nonsense' })).toBe('127.0.0.1')
    expect(await remote(elsewhere, { 'X-Forwarded-For': '192.0.2.1' })).toBe('127.0.0.1')
  })
})
