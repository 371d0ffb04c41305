/** T26: a configured URL leads to the public internet over https, or nowhere. */
import { createServer } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { FetchFailure } from '../../src/trust/fetch-failure.ts'
import { fetchTarget } from '../../src/trust/fetch-target.ts'
import { guardedFetch } from '../../src/trust/guarded-fetch.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { freePorts } from '../harness/ports.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'
import { json, serve } from '../unit/trust/hostile-server.ts'

const nothing = new Set<string>()

function codeOf(url: string): string {
  try {
    fetchTarget(url, nothing)
    return 'allowed'
  } catch (error) {
    expect(error).toBeInstanceOf(FetchFailure)
    return (error as FetchFailure).code
  }
}

describe('a URL (JB-06)', () => {
  it.each([
    'https://issuer.example/jwks',
    'https://issuer.example:8443/a?b=c',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
    'https://xn--bcher-kva.example/',
  ])('%s is allowed', (url) => {
    expect(codeOf(url)).toBe('allowed')
  })

  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://017700000001/',
    'https://0/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/',
    'https://172.16.0.1/',
    'https://192.168.0.1/',
    'https://100.100.100.200/',
    'https://168.63.129.16/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://127.0.0.1%2F/'.replace('%2F', ''),
    'https://%31%32%37.0.0.1/',
  ])('%s leads to no public address', (url) => {
    expect(codeOf(url)).toBe('address')
  })

  it.each([
    'http://issuer.example/',
    'ftp://issuer.example/',
    'file:///etc/passwd',
    'data:application/json,{}',
    'javascript:1',
    'gopher://x/',
    '//issuer.example',
    'issuer.example',
    '',
    'https://',
    'https://user@issuer.example/',
    'https://user:pw@issuer.example/',
    'https://issuer.example@evil.example/',
    'https://@issuer.example/',
    'https://issuer.example/#a',
    'https://issuer.example/#',
    'https://issuer.example\\@evil.example/',
    'https://issuer.example/a b',
    ' https://issuer.example/',
    'https://issuer.example/\n',
    'https://issuer.example/\0',
    'https://iss\tuer.example/',
    'https://bücher.example/',
    'https://issuer。example/',
    'https://[::1',
    'https://[fe80::1%25eth0]/',
    'https://issuer.example:99999/',
    `https://issuer.example/${'a'.repeat(3000)}`,
  ])('%j is not one to fetch', (url) => {
    expect(codeOf(url)).toBe('url')
  })
})

describe('a name', () => {
  const failureOf = async (addresses: readonly string[], insecure = nothing) => {
    const fetch = guardedFetch({
      insecure,
      resolve: async () => addresses.map((address) => ({ address, family: 4 })),
      milliseconds: 500,
    })
    const error = await fetch('https://issuer.example:9/', { accept: 'application/json' }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(FetchFailure)
    return error as FetchFailure
  }

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    'fd00::1',
    '0.0.0.0',
  ])('that leads to %s is not followed', async (address) => {
    const error = await failureOf([address])
    expect(error.code).toBe('address')
    expect(error.message).toContain(`leads to ${address}, which is not a public address`)
  })

  it('that leads to a private address among public ones is not followed', async () => {
    expect((await failureOf(['8.8.8.8', '1.1.1.1', '10.0.0.1'])).code).toBe('address')
  })

  it.each([
    ['nowhere', []],
    ['a name', ['localhost']],
    ['too many addresses', Array.from({ length: 33 }, (_, i) => `8.8.8.${i}`)],
  ])('that leads to %s is not followed', async (_what, addresses) => {
    expect((await failureOf(addresses)).code).toBe('dns')
  })

  it('that is not listed with its port is not excused by another port', async () => {
    expect((await failureOf(['127.0.0.1'], new Set(['issuer.example:10']))).code).toBe('address')
  })

  it('of this machine is not followed, as the system itself resolves it', async () => {
    const fetch = guardedFetch({ insecure: nothing })
    await expect(fetch('https://localhost:9/', { accept: 'application/json' })).rejects.toMatchObject({
      code: 'address',
    })
  })

  it('that cannot be resolved, or not in time, is a failure (F20)', async () => {
    const rules = { insecure: nothing, milliseconds: 50 }
    const broken = guardedFetch({
      ...rules,
      resolve: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })),
    })
    await expect(broken('https://issuer.example/', { accept: '' })).rejects.toMatchObject({
      code: 'dns',
      message: expect.stringContaining('ENOTFOUND'),
    })
    const slow = guardedFetch({ ...rules, resolve: () => new Promise(() => {}) })
    await expect(slow('https://issuer.example/', { accept: '' })).rejects.toMatchObject({ code: 'deadline' })
  })
})

describe('a server whose documents lead to the inside (JB-06)', async () => {
  let connections = 0
  const inside = createServer((socket) => {
    connections++
    socket.destroy()
  })
  const [port = 0] = await freePorts(1)
  await new Promise<void>((resolve) => inside.listen(port, '127.0.0.1', resolve))
  afterAll(() => new Promise((resolve) => inside.close(resolve)))
  const server = await startCambist({ resolve: async () => [{ address: '127.0.0.1', family: 4 }] })
  const { clock, issuer: us } = server
  const key = new SigningKey('ES256')
  const led = (keys: object, issuer = `https://issuer.example:${port}`) =>
    document('TrustedIssuer', 'led', { credential: 'jwt', issuer, audiences: [us], keys })

  it.each(['jwksUri', 'discovery'])('JB-06: fetches no keys there by %s: the name is resolved first', async (how) => {
    const url = `https://issuer.example:${port}`
    await server.apply(led(how === 'jwksUri' ? { jwksUri: `${url}/jwks` } : { discovery: true }))
    const now = clock.seconds()
    const token = key.sign({ iss: url, sub: 'x', aud: us, iat: now, exp: now + 60, jti: how })
    const answer = await server.exchange({ subject_token: token })
    const refused = { status: 503, error: 'temporarily_unavailable', reason: 'keys_unavailable' } as const
    const { detail } = await expectRefusal(server, answer, refused)
    expect(detail).toContain('127.0.0.1')
    expect(connections).toBe(0)
  })

  it('JB-06: nor those of a client', async () => {
    await server.apply(
      document('Client', 'led', {
        authentication: { method: 'private_key_jwt', jwksUri: `https://client.example:${port}/jwks` },
      }),
    )
    const answer = await server.exchange({
      client_assertion: clientAssertion('led', key, us, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
    })
    const refused = { status: 503, error: 'temporarily_unavailable', reason: 'keys_unavailable' } as const
    await expectRefusal(server, answer, refused)
    expect(connections).toBe(0)
  })

  it.each([`https://127.0.0.1:${port}/jwks`, 'https://169.254.169.254/jwks', 'http://issuer.example/jwks'])(
    'JB-06: takes no document that says %s',
    async (jwksUri) => {
      await expect(server.apply(led({ jwksUri }))).rejects.toThrow(/spec\.keys/)
    },
  )
})

it('a redirect to the inside is not followed', async () => {
  await using inside = await serve(json({ keys: [] }))
  await using server = await serve((_request, response) => {
    response
      .writeHead(302, { location: `http://127.0.0.1:${inside.port}/`, 'content-type': 'application/json' })
      .end('{}')
  })
  const fetch = guardedFetch({ insecure: new Set([`127.0.0.1:${server.port}`, `127.0.0.1:${inside.port}`]) })
  await expect(fetch(`http://127.0.0.1:${server.port}/`, { accept: 'application/json' })).rejects.toMatchObject({
    code: 'redirect',
  })
  expect(inside.requests).toEqual([])
})
