/** T27: the address that is connected to is the address that was checked. */
import { describe, expect, it } from 'vitest'
import { guardedFetch, type Resolve } from '../../src/trust/guarded-fetch.ts'
import { identityFor, json, serve } from '../unit/trust/hostile-server.ts'

const NAME = 'issuer.example'
const identity = identityFor(NAME)

/** Answers each question with the next of the addresses, and the last for ever. */
function changing(...answers: string[]): Resolve & { readonly asked: () => number } {
  let asked = 0
  const resolve = async () => {
    const address = answers[Math.min(asked++, answers.length - 1)] ?? ''
    return [{ address, family: 4 }]
  }
  return Object.assign(resolve, { asked: () => asked })
}

describe('a name that changes its address', () => {
  it('is asked once for a fetch, so the second answer reaches nobody', async () => {
    await using server = await serve(json({ keys: [] }), identity)
    // Listed, so that loopback passes the check; the second answer would fail to connect.
    const resolve = changing('127.0.0.1', '127.0.0.99')
    const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve })
    await fetch(`https://${NAME}:${server.port}/`, { accept: 'application/json', ca: identity.cert })
    expect(resolve.asked()).toBe(1)
    expect(server.requests).toHaveLength(1)
  })

  it('is checked anew for the next fetch', async () => {
    await using server = await serve(json({ keys: [] }), identity)
    const resolve = changing('192.88.99.1', '127.0.0.1')
    const fetch = guardedFetch({ insecure: new Set(), resolve })
    for (const address of ['192.88.99.1', '127.0.0.1']) {
      await expect(
        fetch(`https://${NAME}:${server.port}/`, { accept: 'application/json', ca: identity.cert }),
      ).rejects.toMatchObject({
        code: 'address',
        message: expect.stringContaining(address),
      })
    }
    expect(server.requests).toEqual([])
  })

  it('must still have a certificate for its name, on every connection', async () => {
    const elsewhere = identityFor('other.example')
    await using honest = await serve(json({ keys: [] }), identity)
    await using dishonest = await serve(json({ keys: [] }), elsewhere)
    const fetch = guardedFetch({
      insecure: new Set([`${NAME}:${honest.port}`, `${NAME}:${dishonest.port}`]),
      resolve: changing('127.0.0.1'),
    })
    const ca = `${identity.cert}\n${elsewhere.cert}`
    await fetch(`https://${NAME}:${honest.port}/`, { accept: 'application/json', ca })
    await expect(fetch(`https://${NAME}:${dishonest.port}/`, { accept: 'application/json', ca })).rejects.toMatchObject(
      {
        code: 'tls',
        message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
      },
    )
    expect(dishonest.requests).toEqual([])
  })
})
