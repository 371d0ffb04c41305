/** Our own SPIFFE bundle (S-84, S-87 to S-89), read as others read it: by the reader that is for theirs. */
import { createPublicKey } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { bundle } from '../../src/oauth/bundle.ts'
import { type Bundle, parseBundle } from '../../src/trust/bundle.ts'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { decode } from '../harness/tokens.ts'

const server = await startCambist()

async function read(): Promise<Bundle> {
  const response = await server.get('/bundle')
  expect(response.status).toBe(200)
  const reading = parseBundle(Buffer.from(await response.arrayBuffer()))
  if (reading.fault !== undefined) throw new Error(reading.fault)
  return reading.bundle
}
const kids = async () => (await read()).keys['jwt-svid'].map(({ kid }) => kid)

describe('GET /bundle', () => {
  it('answers anybody, with what may be kept for as long as the hint says', async () => {
    const response = await server.get('/bundle', { Accept: 'text/html', Authorization: 'Basic eDp5' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.json()).toMatchObject({ spiffe_refresh_hint: 300 })
  })

  it('has the keys that tokens are signed with, for JWT-SVIDs and with nothing private', async () => {
    const { keys, ignored, unreadable, certificates } = await read()
    const issued = String((await server.exchange()).body['access_token'])
    expect(keys['jwt-svid'].map(({ kid }) => kid)).toContain(decode(issued).header['kid'])
    expect([ignored, unreadable, certificates, keys['wit-svid']]).toEqual([[], [], [], []])
    const written = (await (await server.get('/bundle')).json()) as { keys: Record<string, unknown>[] }
    for (const key of written.keys) {
      expect(key['use']).toBe('jwt-svid')
      expect(Object.keys(key)).not.toContain('alg')
      expect(createPublicKey({ key, format: 'jwk' }).type).toBe('public')
    }
  })

  it('leaves /jwks to ordinary verifiers, whom a use of jwt-svid breaks', async () => {
    const { keys } = (await (await server.get('/jwks')).json()) as { keys: Record<string, unknown>[] }
    expect(keys.map(({ use }) => use)).toEqual(['sig'])
  })

  it('has a sequence that goes up with every rotation and every change, and never back', async () => {
    const seen = [(await read()).sequence]
    for (let round = 1; round <= 3; round++) {
      server.clock.advance(3600) // what was announced signs now, so that another can follow it
      await fetch(`${server.admin}/admin/v1/keys/rotate`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${server.adminToken}` },
      })
      await vi.waitFor(async () => expect(await kids()).toHaveLength(round + 1), { timeout: 5000, interval: 20 })
      seen.push((await read()).sequence)
    }
    await server.apply(
      ...baseDocuments(server.cluster),
      document('Client', 'other', { workloads: [{ issuer: 'cluster' }] }),
    )
    await vi.waitFor(async () => expect((await read()).sequence).toBeGreaterThan(seen.at(-1) ?? 0n), { timeout: 5000 })
    expect(seen.every((sequence, index) => index === 0 || (sequence ?? 0n) > (seen[index - 1] ?? 0n))).toBe(true)
  })

  it('has no EdDSA key, which no JWT-SVID may be signed with (S-41)', () => {
    const published = {
      keys: [
        { kty: 'OKP', crv: 'Ed25519', x: 'x', kid: 'ed', alg: 'EdDSA', use: 'sig' },
        { kty: 'RSA', n: 'n', e: 'AQAB', kid: 'rsa', alg: 'RS256', use: 'sig' },
      ],
    }
    const keyring = { published, stored: [], signer: () => undefined }
    expect(bundle({ keyring, version: 3 })).toEqual({
      keys: [{ kty: 'RSA', n: 'n', e: 'AQAB', kid: 'rsa', use: 'jwt-svid' }],
      spiffe_sequence: 3,
      spiffe_refresh_hint: 300,
    })
  })
})
