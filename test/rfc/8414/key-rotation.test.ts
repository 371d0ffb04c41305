import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { startCambist } from '../../harness/cambist.ts'
import { decode } from '../../harness/tokens.ts'

/** MD-08 and I5: keys follow one another so that nobody who caches them meets a token that he cannot verify. */
class Rotating {
  readonly server: Awaited<ReturnType<typeof startCambist>>

  constructor(server: Rotating['server']) {
    this.server = server
  }

  jwks = async () => (await (await this.server.get('/jwks')).json()) as JSONWebKeySet
  kids = async () => (await this.jwks()).keys.map(({ kid }) => kid)
  issued = async () => String((await this.server.exchange()).body['access_token'])

  async rotate(): Promise<void> {
    const response = await fetch(`${this.server.admin}/admin/v1/keys/rotate`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.server.adminToken}` },
    })
    expect(response.status).toBe(200)
  }

  /** The process follows the change a moment after it is acknowledged; keys are published long before they sign. */
  shows(expected: (kids: readonly (string | undefined)[]) => boolean): Promise<void> {
    return vi.waitFor(async () => expect(await this.kids()).toSatisfy(expected), { timeout: 5000, interval: 20 })
  }

  async verifies(token: string, keys: JSONWebKeySet): Promise<void> {
    const { issuer, clock } = this.server
    const right = { issuer, audience: 'https://orders.example', currentDate: new Date(clock.now()) }
    await expect(jwtVerify(token, createLocalJWKSet(keys), right)).resolves.toBeDefined()
  }
}

const kidOf = (token: string) => decode(token).header['kid']
const [planned, hurried] = [new Rotating(await startCambist()), new Rotating(await startCambist())]

describe('RFC 8414 and RFC 7517: rotation of the keys', () => {
  it('MD-08 I5 publishes a key an hour before it signs, and the one before it for a day and an hour afterwards', async () => {
    const { server, kids, jwks, issued } = planned
    const [first, ...others] = await kids()
    expect(others).toEqual([])
    expect(kidOf(await issued())).toBe(first)

    await planned.rotate()
    await planned.shows((all) => all.length === 2)
    const announced = await jwks()
    const second = announced.keys.find(({ kid }) => kid !== first)?.kid
    server.clock.advance(3599)
    const last = await issued()
    expect(kidOf(last)).toBe(first)
    server.clock.advance(1)
    const fresh = await issued()
    expect(kidOf(fresh)).toBe(second)
    await planned.verifies(fresh, announced)
    await planned.verifies(last, await jwks())

    await planned.rotate() // says of the first that it has signed its last
    server.clock.advance(86_400 + 3600 - 1)
    await planned.rotate()
    await planned.shows((all) => all.includes(first) && all.length === 4)
    server.clock.advance(1)
    await planned.rotate()
    await planned.shows((all) => !all.includes(first) && all.includes(second) && all.length === 3)
  })

  it('I5 every token verifies with the keys of ten minutes ago, whatever is rotated meanwhile', async () => {
    const signedBy = new Set<unknown>()
    for (let round = 0; round < 16; round++) {
      const before = await hurried.jwks()
      if (round % 3 === 0) await hurried.rotate()
      hurried.server.clock.advance(600)
      const token = await hurried.issued()
      await hurried.verifies(token, before)
      signedBy.add(kidOf(token))
    }
    expect(signedBy.size).toBeGreaterThan(1)
  })
})
