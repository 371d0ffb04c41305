import { request } from 'node:http'
import { BlockList, connect } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/refusal.ts'
import { type CertificateRules, certificatesOf, remoteOf } from '../../../src/server/client-certificate.ts'
import { type Listening, type ListenOptions, listen } from '../../../src/server/listen.ts'
import { makeChain, written } from '../../harness/client-chain.ts'
import { postTls, type TlsRequest } from '../../harness/tls-client.ts'

const server = await makeChain(1)
const client = await makeChain(4)
const stranger = await makeChain(1)
const material = { cert: server.pem[0] ?? '', key: server.key }

const trusting = (...addresses: string[]): BlockList => {
  const list = new BlockList()
  for (const one of addresses) {
    const [address = '', bits] = one.split('/')
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

/** A listener that answers what it has seen of the client: its certificates, or the refusal, and its address. */
const opened: Listening[] = []
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close(100)))
})
async function seeing(rules: CertificateRules, options: Partial<ListenOptions> = {}): Promise<Listening> {
  const listening = await listen({ host: '127.0.0.1', port: 0, tls: undefined, ...options }, (message, response) => {
    let seen: unknown
    try {
      seen = certificatesOf(message, rules)?.map((one) => one.toString('base64')) ?? 'none'
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      seen = { [error.reason]: error.detail }
    }
    response.end(JSON.stringify({ seen, remote: remoteOf(message, rules.proxies) }))
  })
  opened.push(listening)
  return listening
}
const base64 = (der: readonly Buffer[]): string[] => der.map((one) => one.toString('base64'))

interface Seen {
  readonly seen: unknown
  readonly remote: string
}

/** A value that is an array makes as many lines. */
function send(url: string, headers: Record<string, string | string[]> = {}): Promise<Seen> {
  return new Promise((resolve, reject) => {
    request(url, { headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => resolve(JSON.parse(text)))
    })
      .on('error', reject)
      .end()
  })
}

describe('the listener that asks for certificates', async () => {
  const nobody = { header: undefined, proxies: new BlockList() }
  const asking = await seeing(nobody, { tls: material, clientCertificates: true })
  const ask = async (options: TlsRequest): Promise<unknown> =>
    (JSON.parse((await postTls(asking.url, options)).body) as Seen).seen

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'MT-04: sees by %s what the peer sent, whoever signed it, in the order in which it came',
    async (version) => {
      expect(await ask({ chain: client, version })).toEqual(base64(client.der))
      const { pem, der, key } = client
      const mixed = { pem: [pem[0], pem[2], stranger.pem[0], pem[1]].map(String), key }
      const expected = [der[0], der[2], stranger.der[0], der[1]].map((one) => one?.toString('base64'))
      expect(await ask({ chain: mixed, version })).toEqual(expected)
      expect(await ask({ chain: { pem: pem.slice(0, 1), key }, version })).toEqual(base64(der.slice(0, 1)))
      expect(await ask({ version })).toBe('none')
    },
  )

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'has by %s the whole chain after an attempt to resume, since nothing is resumed',
    async (version) => {
      const first = await postTls(asking.url, { chain: client, version })
      const second = await postTls(asking.url, { chain: client, version, session: first.session })
      expect(JSON.parse(second.body)).toMatchObject({ seen: base64(client.der) })
      // Nor does a session carry a certificate to somebody who has no key.
      expect(await ask({ version, session: first.session })).toBe('none')
      expect(await ask({ chain: stranger, version, session: first.session })).toEqual(base64(stranger.der))
    },
  )

  it('refuses to renegotiate: what was noted of a connection stays true of it', async () => {
    const renegotiated = postTls(asking.url, {
      chain: client,
      version: 'TLSv1.2',
      before: (socket) =>
        new Promise((_, reject) => socket.renegotiate({}, (error) => reject(error ?? new Error('renegotiated')))).catch(
          (error: Error) => void socket.destroy(error),
        ) as Promise<void>,
    })
    await expect(renegotiated).rejects.toThrow(/no renegotiation/i)
  })

  it('sees the certificate in every request of a connection', async () => {
    const lines = ['Connection: keep-alive']
    const answer = await postTls(asking.url, {
      chain: client,
      before: async (socket) => {
        socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${lines[0]}\r\n\r\n`)
      },
    })
    const seen = [...answer.body.matchAll(/\{"seen":.*?\}/g)]
    expect(seen).toHaveLength(2)
    expect(new Set(seen.map(([text]) => text)).size).toBe(1)
  })

  it('L10: cuts who does not come through the handshake, and who speaks no TLS', async () => {
    const hasty = await seeing(nobody, { tls: material, clientCertificates: true, handshakeMs: 20 })
    for (const bytes of ['', '\x16\x03\x01', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n']) {
      const heard = await new Promise<string>((resolve) => {
        let text = ''
        const socket = connect(hasty.port, '127.0.0.1', () => socket.write(bytes))
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1')
        })
        socket.on('error', () => undefined)
        socket.on('close', () => resolve(text))
      })
      expect(heard).not.toContain('HTTP')
    }
  })

  it('HC-06: refuses more certificates than ten, and a leaf beyond 16 KiB', async () => {
    const crowd = { key: client.key, pem: [client.pem[0] ?? '', ...Array<string>(10).fill(stranger.pem[0] ?? '')] }
    expect(await ask({ chain: crowd })).toEqual({
      certificate_refused: 'more than 10 client certificates were presented',
    })
    expect(await ask({ chain: { ...crowd, pem: crowd.pem.slice(0, 10) } })).toHaveLength(10)
    const large = await makeChain(1, { padding: 17_000 })
    expect(await ask({ chain: large })).toEqual({
      certificate_refused: 'the client certificate has more than 16 KiB',
    })
  })

  it('W-77: refuses a header beside the handshake, and takes no forwarded address', async () => {
    const [field = ''] = Object.values(written.rfc9440(stranger.der))
    const all: CertificateRules = { header: 'rfc9440', proxies: trusting('127.0.0.1') }
    const both = await seeing(all, { tls: material, clientCertificates: true })
    const body = async (lines: string[]) => JSON.parse((await postTls(both.url, { chain: client, lines })).body) as Seen
    expect((await body([`Client-Cert: ${field}`])).seen).toEqual({
      certificate_header: 'client-cert came to the listener that sees certificates itself',
    })
    expect(await body(['X-Forwarded-For: 192.0.2.1'])).toEqual({ seen: base64(client.der), remote: '127.0.0.1' })
  })

  it('is not what a plain TLS listener is', async () => {
    const plain = await seeing(nobody, { tls: material })
    expect(JSON.parse((await postTls(plain.url, { chain: client })).body)).toMatchObject({ seen: 'none' })
  })
})

describe('headers of trusted proxies', async () => {
  const proxies = trusting('127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32')
  const rfc9440 = await seeing({ header: 'rfc9440', proxies })
  const nginx = await seeing({ header: 'nginx', proxies })
  const xfcc = await seeing({ header: 'xfcc', proxies })
  const fields = written.rfc9440(client.der)

  it('carry the certificate in the form that is configured', async () => {
    expect((await send(rfc9440.url, fields)).seen).toEqual(base64(client.der))
    const escaped = { 'SSL-Client-Cert': written.nginx(client.pem[0] ?? '') }
    expect((await send(nginx.url, escaped)).seen).toEqual(base64(client.der.slice(0, 1)))
    expect((await send(rfc9440.url)).seen).toBe('none')
  })

  it('HC-02: carry no chain without a leaf', async () => {
    expect((await send(rfc9440.url, { 'Client-Cert-Chain': fields['Client-Cert-Chain'] ?? '' })).seen).toEqual({
      certificate_header: 'client-cert-chain came without client-cert',
    })
  })

  it('HC-04: come once; a second line is not joined to the first', async () => {
    const [leaf = '', chain = ''] = Object.values(fields)
    expect((await send(rfc9440.url, { 'Client-Cert': [leaf, leaf] })).seen).toEqual({
      certificate_header: 'client-cert came 2 times',
    })
    expect((await send(rfc9440.url, { 'Client-Cert': leaf, 'Client-Cert-Chain': [chain, chain] })).seen).toEqual({
      certificate_header: 'client-cert-chain came 2 times',
    })
    // XF-06: what is whole only when two lines are joined.
    const lines = ['By="a', 'b";Hash=x;Cert=y']
    expect((await send(xfcc.url, { 'X-Forwarded-Client-Cert': lines })).seen).toEqual({
      certificate_header: 'x-forwarded-client-cert came 2 times',
    })
  })

  it('HC-04: are no trailers', async () => {
    const seen = new Promise<Seen>((resolve, reject) => {
      const sent = request(
        rfc9440.url,
        { method: 'POST', agent: false, headers: { Trailer: 'Client-Cert' } },
        (response) => response.on('data', (chunk: Buffer) => resolve(JSON.parse(chunk.toString()))),
      )
      sent.on('error', reject)
      sent.write('a')
      sent.addTrailers(fields)
      sent.end()
    })
    expect((await seen).seen).toBe('none')
  })
})

describe('the address of the caller (T32)', async () => {
  const proxies = trusting('127.0.0.1', '10.0.0.0/8', '2001:db8::/32')
  const behind = await seeing({ header: undefined, proxies })
  const direct = await seeing({ header: undefined, proxies: trusting('10.0.0.0/8') })
  const remote = async (url: string, forwarded: string | string[]) =>
    (await send(url, { 'X-Forwarded-For': forwarded })).remote

  it.each([
    ['the one address', '192.0.2.1', '192.0.2.1'],
    ['IPv6', '2001:db9::1', '2001:db9::1'],
    ['the right-most that is no proxy', '198.51.100.9, 192.0.2.1, 10.1.2.3,2001:db8::7', '192.0.2.1'],
    ['a proxy’s IPv4 address in IPv6 form', '192.0.2.1, ::ffff:10.1.2.3', '192.0.2.1'],
    ['nothing but proxies', '10.1.2.3', '127.0.0.1'],
    ['nothing', '', '127.0.0.1'],
    ['a word', '192.0.2.1, unknown', '127.0.0.1'],
    ['an address with a port', '192.0.2.1:4711', '127.0.0.1'],
    ['an address with a zone', 'fe80::1%eth0', '127.0.0.1'],
    ['a number', '3221225985', '127.0.0.1'],
    ['nonsense that the caller put in front', 'x, 192.0.2.1', '192.0.2.1'],
  ])('%s', async (_what, forwarded, expected) => {
    expect(await remote(behind.url, forwarded)).toBe(expected)
  })

  it('reads several lines as one list', async () => {
    expect(await remote(behind.url, ['198.51.100.9', '192.0.2.1'])).toBe('192.0.2.1')
  })

  it('is the peer’s own, whatever a peer says that is no proxy', async () => {
    expect(await remote(direct.url, '192.0.2.1')).toBe('127.0.0.1')
  })
})
