import { describe, expect, it } from 'vitest'
import { algorithms } from '../../src/lib/algorithms.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { refusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, segment, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const registered = new SigningKey('ES256')
await server.apply(
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
  document('Policy', 'registered-reads-orders', {
    clients: ['registered'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** A header and claims whose segments both leave bits over in their last character, so that they have other spellings. */
function loose(): { header: string; claims: string } {
  const header = { alg: 'RS256', kid: cluster.key.kid }
  const claims = cluster.claims()
  const padded = (value: object) => {
    for (let pad = ''; ; pad += 'x') {
      const text = segment({ ...value, pad })
      if (text.length % 4 !== 0) return text
    }
  }
  return { header: padded(header), claims: padded(claims) }
}

/** The same bytes with other bits left over. */
function respelt(text: string): string {
  const last = ALPHABET.indexOf(text.slice(-1))
  const other = text.slice(0, -1) + ALPHABET[last + 1]
  expect(Buffer.from(other, 'base64url')).toEqual(Buffer.from(text, 'base64url'))
  expect(other).not.toBe(text)
  return other
}

const signed = (input: string) =>
  `${input}.${algorithms.get('RS256')?.sign(cluster.key.privateKey, Buffer.from(input)).toString('base64url')}`

describe('T11 one token has one spelling (JV-01, JB-10)', () => {
  it('takes the one, so that the refusals below mean something', async () => {
    const { header, claims } = loose()
    expect((await server.exchange({ subject_token: signed(`${header}.${claims}`) })).status).toBe(200)
  })

  it('refuses bits left over in the last character of any segment, signed as they are or not', async () => {
    const { header, claims } = loose()
    const token = signed(`${header}.${claims}`)
    const signature = token.slice(token.lastIndexOf('.') + 1)
    for (const other of [
      `${header}.${claims}.${respelt(signature)}`,
      `${respelt(header)}.${claims}.${signature}`,
      `${header}.${respelt(claims)}.${signature}`,
      signed(`${respelt(header)}.${claims}`),
      signed(`${header}.${respelt(claims)}`),
    ]) {
      await refusal(server, { subject_token: other }, 'token_malformed')
    }
  })

  it.each<[string, (token: string) => string]>([
    ['padding at the end', (token) => `${token}==`],
    ['one sign of padding', (token) => `${token}=`],
    ['padding of the header', (token) => token.replace('.', '=.')],
    ['padding of the claims', (token) => token.replace(/\.([^.]*)$/, '=.$1')],
    ['a space before it', (token) => ` ${token}`],
    ['a space behind it', (token) => `${token} `],
    ['a line feed behind it', (token) => `${token}\n`],
    ['CRLF behind it', (token) => `${token}\r\n`],
    ['a tab within', (token) => token.replace('.', '\t.')],
    ['a line feed within', (token) => `${token.slice(0, 40)}\n${token.slice(40)}`],
    ['a space for a character', (token) => `${token.slice(0, 40)} ${token.slice(41)}`],
    ['a byte order mark', (token) => `\ufeff${token}`],
    ['a zero-width space', (token) => `${token}\u200b`],
    ['a no-break space', (token) => `${token}\u00a0`],
    ['full-width letters', (token) => token.replace('e', 'ｅ')],
    ['the base64 alphabet', (token) => `${token.slice(0, token.lastIndexOf('.') + 1)}${'+/'.repeat(171)}`],
    ['percent-encoding of its dots', (token) => token.replaceAll('.', '%2E')],
    ['percent-encoding of its first letter', (token) => `%65${token.slice(1)}`],
    ['quotes', (token) => `"${token}"`],
    ['the word Bearer', (token) => `Bearer ${token}`],
    ['a fourth segment', (token) => `${token}.AAAA`],
    ['a fifth segment', (token) => `${token}.AAAA.AAAA`],
    ['an encrypted token (JB-03)', () => `${segment({ alg: 'dir', enc: 'A256GCM' })}..AAAA.AAAA.AAAA`],
    ['a dot before it', (token) => `.${token}`],
    ['a dot behind it', (token) => `${token}.`],
    ['two dots within', (token) => token.replace('.', '..')],
    ['a segment of an impossible length', (token) => `${token.slice(0, token.lastIndexOf('.') + 1)}AAAAA`],
    ['the flattened JSON serialisation', (token) => json(token)],
    ['the general JSON serialisation', (token) => general(token)],
    ['JSON in base64url', (token) => Buffer.from(json(token)).toString('base64url')],
    ['upper case', (token) => token.toUpperCase()],
  ])('refuses %s', async (_, respell) => {
    const subject = respell(cluster.token())
    const reasons = ['token_malformed'] as const
    await refusal(server, { subject_token: subject }, reasons)
    const assertion = respell(clientAssertion('registered', registered, us, clock.seconds()))
    await refusal(
      server,
      { client_assertion: assertion, client_assertion_type: TYPE.clientAssertion },
      reasons,
      'client',
    )
  })

  it('takes percent-encoding of the form for what it stands for, and knows a used assertion in it', async () => {
    const assertion = clientAssertion('registered', registered, us, clock.seconds())
    const encoded = [...assertion].map((char) => `%${char.charCodeAt(0).toString(16)}`).join('')
    const send = async (written: string) => {
      const fields = {
        grant_type: TYPE.exchange,
        subject_token_type: TYPE.jwt,
        audience: 'https://orders.example',
        client_assertion_type: TYPE.clientAssertion,
      }
      const body = `${new URLSearchParams(fields)}&subject_token=${cluster.token()}&client_assertion=${written}`
      return fetch(`${us}/token`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })
    }
    expect((await send(encoded)).status).toBe(200)
    for (const written of [assertion, encoded, encoded.toUpperCase().replaceAll('%', '%')]) {
      const answer = await send(written)
      expect(answer.status).toBe(401)
      const id = answer.headers.get('cambist-request-id') ?? ''
      expect(await server.record(id)).toMatchObject({ reason: 'replayed' })
    }
  })
})

function json(token: string): string {
  const [header, payload, signature] = token.split('.')
  return JSON.stringify({ protected: header, payload, signature })
}

function general(token: string): string {
  const [header, payload, signature] = token.split('.')
  return JSON.stringify({ payload, signatures: [{ protected: header, signature }] })
}
