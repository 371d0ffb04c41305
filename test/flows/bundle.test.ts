/** Our own SPIFFE bundle (S-84, S-87 to S-89), read as others read it: by the reader that is for theirs. */
import { createPublicKey } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { type Bundle, parseBundle } from '../../src/trust/bundle.ts'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { decode } from '../harness/tokens.ts'

const server = await startCambist()
const svidTarget = document('Target', 'mesh', {
  audience: 'https://mesh.example',
  tokens: [{ kind: 'jwt-svid', subject: "'spiffe://127.0.0.1/' + subject.serviceaccount" }, { kind: 'wit' }],
})
const svidRule = document('Policy', 'checkout-in-mesh', {
  clients: ['checkout'],
  targets: ['mesh'],
  changes: ['format', 'authority', 'identity'],
})

async function read(): Promise<Bundle> {
  const response = await server.get('/bundle')
  expect(response.status).toBe(200)
  const reading = parseBundle(Buffer.from(await response.arrayBuffer()))
  if (reading.fault !== undefined) throw new Error(reading.fault)
  return reading.bundle
}
const kids = async () => (await read()).keys['jwt-svid'].map(({ kid }) => kid)

describe('GET /bundle', () => {
  it('is a bundle without keys where no target has SVIDs, which voids our trust domain for those who ask (S-71)', async () => {
    expect(await (await server.get('/bundle')).json()).toEqual({
      keys: [],
      spiffe_sequence: 1,
      spiffe_refresh_hint: 300,
    })
    expect((await read()).keys).toEqual({ 'jwt-svid': [], 'wit-svid': [] })
  })

  it('answers anybody, with what may be kept for as long as the hint says', async () => {
    const response = await server.get('/bundle', { Accept: 'text/html', Authorization: 'Basic eDp5' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.json()).toMatchObject({ spiffe_refresh_hint: 300 })
  })

  it('S-49 S-62: has the keys of SVIDs, for each kind its own, with nothing private and none that signs anything else', async () => {
    await server.apply(svidTarget, svidRule)
    const { keys, ignored, unreadable, certificates } = await read()
    const signedBy = async (form: Record<string, string>) =>
      decode(String((await server.exchange(form)).body['access_token'])).header['kid']
    const sets = [keys['jwt-svid'], keys['wit-svid']].map((set) => set.map(({ kid }) => kid))
    expect(sets).toEqual([[await signedBy({ audience: 'https://mesh.example' })], [expect.any(String)]])
    expect(sets.flat()).not.toContain(await signedBy({}))
    expect(new Set(sets.flat()).size).toBe(2)
    expect([ignored, unreadable, certificates]).toEqual([[], [], []])
    const written = (await (await server.get('/bundle')).json()) as { keys: Record<string, unknown>[] }
    for (const key of written.keys) {
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
})
