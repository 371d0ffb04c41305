import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseForm } from '../../src/exchange/form.ts'
import { algorithms } from '../../src/lib/algorithms.ts'
import { Refusal } from '../../src/refusal.ts'
import { startCambist } from '../harness/cambist.ts'
import { corpus } from '../harness/corpora.ts'
import { segment, TYPE } from '../harness/tokens.ts'

interface Row {
  readonly name: string
  readonly valid: boolean
  readonly bytes: Buffer
}

/** `num:valid:ASCII`, `num:valid hex:…`, `num:invalid hex:…:…:…`. */
function rowsOf(text: string): Row[] {
  return text.split('\n').flatMap((line) => {
    if (line.trim() === '' || line.startsWith('#')) return []
    const [name = '', what = '', value = ''] = line.split(':')
    const kind = what.trim()
    const bytes = kind.endsWith('hex')
      ? Buffer.from(value.replaceAll(' ', ''), 'hex')
      : Buffer.from(line.slice(name.length + what.length + 2))
    return [{ name, valid: kind.startsWith('valid'), bytes }]
  })
}

const directory = corpus('utf8tests')
const rows = directory === undefined ? [] : rowsOf(readFileSync(join(directory, 'utf8tests.txt'), 'utf8'))
const hasNul = ({ bytes }: Row) => bytes.includes(0)
const hasControl = ({ bytes }: Row) => bytes.some((byte) => byte < 0x20 || byte === 0x22 || byte === 0x5c)
const escaped = ({ bytes }: Row) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

const PARAMETERS = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'audience',
  'resource',
  'scope',
  'requested_token_type',
  'client_id',
  'client_assertion',
  'client_assertion_type',
  'nobody_knows_this',
]

describe.skipIf(directory === undefined)('UTF-8 validity', async () => {
  if (directory === undefined) return
  const server = await startCambist()
  const { cluster } = server

  const send = async (body: string | Buffer) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers,
      body: new Uint8Array(Buffer.from(body)),
    })
    server.clock.advance(0.2)
    const { error_description: description } = (await response.json()) as Record<string, unknown>
    return { status: response.status, description, id: response.headers.get('cambist-request-id') ?? '' }
  }
  const good = (without: string) => {
    const form = new URLSearchParams({
      grant_type: TYPE.exchange,
      subject_token: cluster.token(),
      subject_token_type: TYPE.jwt,
      audience: 'https://orders.example',
    })
    form.delete(without)
    return form.toString()
  }

  it('has rows of both sorts', () => {
    expect(rows.filter(({ valid }) => valid).length).toBeGreaterThan(20)
    expect(rows.filter(({ valid }) => !valid).length).toBeGreaterThan(80)
  })

  it('reads each row in a form as the suite says, percent-encoded and raw, in names and values', () => {
    for (const row of rows) {
      const raw = row.bytes.filter((byte) => ![0x25, 0x26, 0x2b, 0x3d].includes(byte))
      const bodies = [
        Buffer.from(`a=${escaped(row)}`),
        Buffer.from(`${escaped(row)}=a`),
        Buffer.concat([Buffer.from('a='), raw]),
      ]
      for (const [index, body] of bodies.entries()) {
        let read: string | undefined
        try {
          const parameters = parseForm(body)
          read = index === 1 ? [...parameters.keys()][0] : parameters.get('a')?.[0]
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
          expect((error as Refusal).reason).toBe('body_malformed')
          expect({ name: row.name, readable: row.valid && !hasNul(row) && row.bytes.length > 0 }).toEqual({
            name: row.name,
            readable: false,
          })
          continue
        }
        expect({ name: row.name, valid: row.valid && !hasNul(row) }).toEqual({ name: row.name, valid: true })
        expect(read ?? '').toBe(index === 2 ? Buffer.from(raw).toString('utf8') : row.bytes.toString('utf8'))
      }
    }
  })

  it.each(PARAMETERS)(
    'refuses bytes that are no UTF-8 in %s, and does not go on with what they might have meant',
    async (parameter) => {
      const invalid = rows.filter((row) => !row.valid || hasNul(row))
      // Each row in one or two of the parameters; the reading of the form is the same for all, and tested above.
      const mine = invalid.filter((_, index) => (index + PARAMETERS.indexOf(parameter)) % 9 === 0)
      for (const row of mine) {
        const { status, description } = await send(`${good(parameter)}&${parameter}=${escaped(row)}`)
        expect({ name: row.name, status, description }).toEqual({
          name: row.name,
          status: 400,
          description: expect.stringContaining('not a well-formed form'),
        })
      }
      expect(mine.length).toBeGreaterThan(10)
    },
  )

  it('keeps what is UTF-8 as it is, up to the record', async () => {
    for (const row of rows.filter((one) => one.valid && !hasNul(one) && one.bytes.length > 0)) {
      const { status, id } = await send(`${good('audience')}&audience=${escaped(row)}`)
      expect(status).toBe(400)
      expect(await server.record(id)).toMatchObject({
        reason: 'target_unknown',
        requested: { audiences: [row.bytes.toString('utf8')] },
      })
    }
  })

  it.each(['header', 'payload'])('reads each row as the suite says inside the %s of a JWT', async (place) => {
    const { kid } = cluster.key
    for (const row of rows) {
      const whole = JSON.stringify(place === 'header' ? { alg: 'RS256', kid } : cluster.claims())
      const bytes = Buffer.concat([Buffer.from(`${whole.slice(0, -1)},"x":"`), row.bytes, Buffer.from('"}')]).toString(
        'base64url',
      )
      const input =
        place === 'header' ? `${bytes}.${segment(cluster.claims())}` : `${segment({ alg: 'RS256', kid })}.${bytes}`
      const signature = algorithms.get('RS256')?.sign(cluster.key.privateKey, Buffer.from(input)).toString('base64url')
      const { status } = await server.exchange({ subject_token: `${input}.${signature}` })
      server.clock.advance(0.2)
      expect({ name: row.name, status }).toEqual({ name: row.name, status: row.valid && !hasControl(row) ? 200 : 400 })
    }
  })
})
