import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { decode, SigningKey } from '../../harness/tokens.ts'
import { byDpop } from '../../harness/workload.ts'

/** MD-08 and I5: keys follow one another so that nobody who caches them meets a token that he cannot verify. */
class Rotating {
  readonly server: Awaited<ReturnType<typeof startCambist>>
  readonly form: Form
  readonly use: string

  constructor(server: Rotating['server'], use = 'sig', form: Form = {}) {
    this.server = server
    this.use = use
    this.form = form
  }

  /** What somebody keeps who validates tokens of this use. */
  jwks = async () => {
    const response = await this.server.get(this.use === 'sig' ? '/jwks' : '/bundle')
    const { keys } = (await response.json()) as JSONWebKeySet
    // A JOSE library takes no key of a bundle before it is called what it is.
    return { keys: keys.filter(({ use }) => use === this.use).map((key) => ({ ...key, use: 'sig' })) }
  }
  kids = async () => (await this.jwks()).keys.map(({ kid }) => kid)
  issued = async () => {
    const proof = this.use === 'wit-svid' ? byDpop(this.server, HOLDER) : {}
    return String((await this.server.exchange(this.form, proof)).body['access_token'])
  }

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
    const currentDate = new Date(this.server.clock.now())
    await expect(jwtVerify(token, createLocalJWKSet(keys), { currentDate })).resolves.toBeDefined()
  }
}

const HOLDER = new SigningKey('ES256')
const kidOf = (token: string) => decode(token).header['kid']
const [planned, hurried] = [new Rotating(await startCambist()), new Rotating(await startCambist())]
const SUBJECT = "'spiffe://127.0.0.1/' + subject.serviceaccount"
await hurried.server.apply(
  document('Target', 'mesh', {
    audience: 'https://mesh.example',
    tokens: [
      { kind: 'jwt-svid', subject: SUBJECT },
      { kind: 'wit', subject: SUBJECT },
    ],
  }),
  document('Policy', 'checkout-in-mesh', {
    clients: ['checkout'],
    targets: ['mesh'],
    changes: ['format', 'authority', 'identity'],
  }),
)
const mesh = { audience: 'https://mesh.example' }
const eachUse = [
  hurried,
  new Rotating(hurried.server, 'jwt-svid', mesh),
  new Rotating(hurried.server, 'wit-svid', { ...mesh, requested_token_type: 'urn:cambist:token-type:wit' }),
]

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

  it('I5 S-88 every token verifies with the keys of ten minutes ago, whatever is rotated meanwhile: of /jwks, and of the bundle for each kind of SVID', async () => {
    const signedBy = eachUse.map(() => new Set<unknown>())
    for (let round = 0; round < 16; round++) {
      const before = await Promise.all(eachUse.map((one) => one.jwks()))
      if (round % 3 === 0) await hurried.rotate()
      hurried.server.clock.advance(600)
      for (const [index, one] of eachUse.entries()) {
        const token = await one.issued()
        await one.verifies(token, before[index] ?? { keys: [] })
        signedBy[index]?.add(kidOf(token))
      }
    }
    for (const kids of signedBy) expect(kids.size).toBeGreaterThan(1)
    expect(signedBy.reduce((all, kids) => all.union(kids)).size).toBe(signedBy.reduce((sum, { size }) => sum + size, 0))
  })
})
