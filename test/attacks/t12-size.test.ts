import { describe, expect, it } from 'vitest'
import { startCambist } from '../harness/cambist.ts'
import { expectWireOf, refusal } from '../harness/refusal.ts'
import { type Claims, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** Sends a body as it is; answers status, body and the reason on the record. */
async function raw(body: string | Buffer, headers: Record<string, string> = FORM) {
  const response = await fetch(`${us}/token`, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers })
  const id = response.headers.get('cambist-request-id') ?? ''
  const answer = { status: response.status, headers: response.headers, body: (await response.json()) as Claims, id }
  const record = await server.record(id)
  clock.advance(0.2)
  return { answer, reason: record['reason'] as 'granted' }
}
const good = () =>
  new URLSearchParams({
    grant_type: TYPE.exchange,
    subject_token: cluster.token(),
    subject_token_type: TYPE.jwt,
    audience: 'https://orders.example',
  }).toString()

/** A claim so long that the whole token has exactly so many characters. */
function tokenOf(length: number): string {
  for (let size = Math.floor(((length - cluster.token({ filler: '' }).length) * 3) / 4) - 4; ; size++) {
    const token = cluster.token({ filler: 'x'.repeat(size) })
    if (token.length === length) return token
    // No token has this length exactly: base64 leaves lengths out. A longer signature's header makes up for it.
    if (token.length > length) return cluster.token({ filler: 'x'.repeat(size - 1) }, {}, { pad: 'x' })
  }
}

describe('T12 size of tokens and parameters', () => {
  it('takes a token of 16 KiB and refuses a longer one as too long, never as absent', async () => {
    const token = tokenOf(16_384)
    expect(token.length).toBeGreaterThan(16_380)
    expect(token.length).toBeLessThanOrEqual(16_384)
    expect((await server.exchange({ subject_token: token })).status).toBe(200)
    const long = cluster.token({ filler: 'x'.repeat(12_000) })
    expect(long.length).toBeGreaterThan(16_384)
    await refusal(server, { subject_token: long }, 'parameter_too_long')
    await refusal(server, { actor_token: long, actor_token_type: TYPE.jwt }, 'parameter_too_long', 'actor')
    await refusal(
      server,
      { client_assertion: long, client_assertion_type: TYPE.clientAssertion },
      'parameter_too_long',
      'client',
    )
  })

  it.each(['audience', 'resource', 'client_id', 'requested_token_type', 'subject_token_type', 'grant_type', 'scope'])(
    'refuses %s beyond its length, and does not go on without it',
    async (name) => {
      await refusal(server, { [name]: `urn:x:${'x'.repeat(8200)}` }, 'parameter_too_long')
    },
  )

  it('refuses more than 100 scopes, more than ten targets, more than 100 parameters', async () => {
    const scopes = Array.from({ length: 101 }, (_, index) => `s${index}`)
    await refusal(server, { scope: scopes.join(' ') }, 'parameter_malformed')
    await refusal(server, { scope: scopes.slice(1).join(' ') }, 'scope_unknown')
    const many = Array.from({ length: 11 }, (_, index) => `https://${index}.example`)
    await refusal(server, { audience: many }, 'parameter_malformed')
    await refusal(server, { audience: undefined, resource: many }, 'parameter_malformed')
    const { answer, reason } = await raw(
      `${good()}&${Array.from({ length: 100 }, (_, index) => `p${index}=1`).join('&')}`,
    )
    expect([answer.status, reason]).toEqual([400, 'body_malformed'])
  })

  it('refuses a body beyond 64 KiB with 413, whether it says so or not, and takes the next request', async () => {
    const filled = (size: number) => {
      const body = `${good()}&x=`
      return body + 'x'.repeat(size - body.length)
    }
    expect((await raw(filled(65_536))).answer.status).toBe(200)
    for (const size of [65_537, 100_000, 1_000_000]) {
      const { answer, reason } = await raw(filled(size))
      expect([size, answer.status, reason]).toEqual([size, 413, 'body_too_large'])
      expectWireOf(answer, 'body_too_large')
    }
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 20; at++) controller.enqueue(new Uint8Array(8192).fill(0x78))
        controller.close()
      },
    })
    const response = await fetch(`${us}/token`, {
      method: 'POST',
      body: stream,
      headers: FORM,
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(413)
    expect((await server.exchange()).status).toBe(200)
  })

  it('counts dots without work: 16,000 of them cost less than 50 ms', async () => {
    for (const token of ['.'.repeat(16_000), 'a.'.repeat(8_000), `${cluster.token()}${'.'.repeat(10_000)}`]) {
      const began = performance.now()
      await refusal(server, { subject_token: token }, 'token_malformed')
      expect(performance.now() - began).toBeLessThan(500)
    }
  })

  it('reads claims 16 deep and no deeper, in the header as well', async () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
    expect((await server.exchange({ subject_token: cluster.token({ deep: nested(15) }) })).status).toBe(200)
    await refusal(server, { subject_token: cluster.token({ deep: nested(16) }) }, 'token_malformed')
    await refusal(server, { subject_token: cluster.token({}, {}, { deep: nested(16) }) }, 'token_malformed')
    const claims = JSON.stringify(cluster.claims())
    const deep = `${claims.slice(0, -1)},"deep":${'['.repeat(5000)}${']'.repeat(5000)}}`
    await refusal(server, { subject_token: cluster.key.sign(deep) }, 'token_malformed')
  })

  it('knows no actors beyond eight', async () => {
    const chain = (depth: number): unknown => (depth === 0 ? undefined : { sub: `a${depth}`, act: chain(depth - 1) })
    await refusal(server, { subject_token: cluster.token({ act: chain(8) }) }, 'actor_claim_refused')
    await refusal(server, { subject_token: cluster.token({ act: chain(9) }) }, 'claim_malformed')
  })

  it.each(['1e400', '-1', '1e15', '"9999999999"', 'null', '[9999999999]', 'true', '253402300800', '-0.5', '{}'])(
    'refuses exp, nbf and iat of %s',
    async (number) => {
      for (const name of ['exp', 'nbf', 'iat']) {
        const claims = JSON.stringify(cluster.claims({ [name]: undefined }))
        const token = cluster.key.sign(`${claims.slice(0, -1)},"${name}":${number}}`)
        await refusal(server, { subject_token: token }, 'claim_malformed')
      }
    },
  )

  it.each(['01', '1.', '+1', '0x10', 'NaN', 'Infinity', '1_000'])('refuses %s, which is no JSON', async (number) => {
    const claims = JSON.stringify(cluster.claims({ exp: undefined }))
    await refusal(
      server,
      { subject_token: cluster.key.sign(`${claims.slice(0, -1)},"exp":${number}}`) },
      'token_malformed',
    )
  })

  it('JV-06 refuses a name that stands twice, however it is written and however deep', async () => {
    const claims = JSON.stringify(cluster.claims())
    for (const more of [
      '"sub":"system:serviceaccount:shop:admin"',
      '"s\\u0075b":"x"',
      '"x":{"a":1,"a":2}',
      '"x":[[{"a":1,"\\u0061":1}]]',
      '"__proto__":1,"__proto__":2',
    ]) {
      await refusal(server, { subject_token: cluster.key.sign(`${claims.slice(0, -1)},${more}}`) }, 'token_malformed')
      await refusal(server, { subject_token: cluster.key.sign(`{${more},${claims.slice(1)}`) }, 'token_malformed')
    }
  })

  it('takes members named like those of every object for members (T30)', async () => {
    const claims = JSON.stringify(cluster.claims())
    const polluted =
      '"__proto__":{"sub":"x","admin":true},"constructor":{"prototype":{"admin":true}},"toString":1,"hasOwnProperty":1'
    expect(
      (await server.exchange({ subject_token: cluster.key.sign(`${claims.slice(0, -1)},${polluted}}`) })).status,
    ).toBe(200)
    expect(({} as Claims)['admin']).toBeUndefined()
    const inherited = JSON.stringify(cluster.claims({ sub: undefined, aud: undefined }))
    const proto = `${inherited.slice(0, -1)},"__proto__":{"sub":"system:serviceaccount:shop:checkout","aud":"${us}"}}`
    await refusal(server, { subject_token: cluster.key.sign(proto) }, 'claim_missing')
  })

  it('refuses NUL and characters that are none, in claims and header', async () => {
    const claims = JSON.stringify(cluster.claims())
    const broken = [
      '"x":"\\u0000"',
      '"x":"\\ud800"',
      '"x":"\\udc00\\ud800"',
      '"\\u0000":1',
      '"x":"\\ud800\\u0041"',
      '"x":"\u0000"',
      '"x":"\u0001"',
    ]
    for (const more of broken) {
      await refusal(server, { subject_token: cluster.key.sign(`${claims.slice(0, -1)},${more}}`) }, 'token_malformed')
    }
    await refusal(server, { subject_token: cluster.token({ sub: 'x\u0000' }) }, 'token_malformed')
    await refusal(server, { subject_token: cluster.token({}, {}, { x: '\u0000' }) }, 'token_malformed')
  })

  it('takes characters beyond ASCII whole, and refuses control characters in a subject', async () => {
    const { record } = await refusal(
      server,
      { subject_token: cluster.token({}, { serviceaccount: 'bücher-🔑' }) },
      'client_unknown',
    )
    expect(JSON.stringify(record['subject'])).toContain(encodeURIComponent('bücher-🔑'))
    for (const sub of ['a\nb', 'a\u007f', 'a\u0085b', 'x'.repeat(1025), '', 1, null, ['x']]) {
      await refusal(server, { subject_token: cluster.token({ sub }) }, ['subject_unmapped', 'claim_malformed'])
    }
    // The longest name there is: each character is nine when it is percent-encoded.
    const longest = await server.exchange({ subject_token: cluster.token({ sub: '鍵'.repeat(1024) }) })
    expect(longest.status).toBe(200)
    expect(await server.record(longest.id)).toMatchObject({
      subject: { id: expect.stringContaining('%E9%8D%B5'.repeat(1024)) },
    })
  })

  it.each([
    ['an escaped NUL', 'client_id=%00'],
    ['a NUL', Buffer.from('client_id=\0')],
    ['an escape of bytes that are no UTF-8', 'client_id=%ff'],
    ['half an escape', 'client_id=%4'],
    ['an escape that is none', 'client_id=%zz'],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0x3d, 0xff, 0xfe])],
    ['an overlong form', 'client_id=%c0%af'],
    ['an escaped surrogate', 'client_id=%ed%a0%80'],
    ['a NUL in a name', 'a%00b=1'],
    ['no name', '=1'],
    ['a name that is no UTF-8', '%ff=1'],
  ])('refuses a body with %s', async (_, part) => {
    const { answer, reason } = await raw(Buffer.concat([Buffer.from(`${good()}&`), Buffer.from(part)]))
    expect([answer.status, reason]).toEqual([400, 'body_malformed'])
    expectWireOf(answer, 'body_malformed')
  })

  it('takes parameters named like members of every object for unknown ones', async () => {
    const { answer } = await raw(
      `${good()}&__proto__=x&constructor=x&toString=x&hasOwnProperty=x&__proto__%5Badmin%5D=1`,
    )
    expect(answer.status).toBe(200)
    expect((await raw(`${good()}&__proto__=x&__proto__=y`)).reason).toBe('parameter_repeated')
  })
})
