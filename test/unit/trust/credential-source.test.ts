/** T26, T38: what a flood of forged requests may cost the service that is asked, and whom it may hurt. */
import { describe, expect, it } from 'vitest'
import type { KeySource, SignedRequest } from '../../../src/trust/contract.ts'
import { PlatformService } from '../../../src/trust/credential-source.ts'
import { FetchFailure } from '../../../src/trust/fetch-failure.ts'
import { type FetchRequest, guardedFetch } from '../../../src/trust/guarded-fetch.ts'
import { identityFor, serve } from './hostile-server.ts'
import { HandClock, issuerWith } from './test-keys.ts'

const URL_OF_STS = 'https://sts.eu-central-1.amazonaws.com'
const SAID = { GetCallerIdentityResponse: {} }

const issuer = (more: Partial<Extract<KeySource, { from: 'sts' }>> = {}, name = 'aws') =>
  issuerWith({ from: 'sts', url: URL_OF_STS, ...more }, { name })

const request = (signature: string): SignedRequest => ({
  headers: {
    authorization: signature,
    'x-amz-date': '20261124T120000Z',
    'x-cambist-audience': 'https://cambist.example',
  },
  contentType: 'application/x-www-form-urlencoded',
  body: 'Action=GetCallerIdentity&Version=2011-06-15',
})

function world(answer: (sent: FetchRequest & { url: string }) => unknown = () => SAID) {
  const clock = new HandClock()
  const sent: (FetchRequest & { url: string })[] = []
  const failures: object[] = []
  const network = { answer }
  const service = new PlatformService({
    clock,
    fetch: async (url, asked) => {
      sent.push({ ...asked, url })
      const said = await network.answer({ ...asked, url })
      return { body: Buffer.isBuffer(said) ? said : Buffer.from(JSON.stringify(said)), maxAge: undefined }
    },
    onFailure: (failure) => failures.push(failure),
  })
  return { clock, sent, failures, network, service }
}

const status = (code: number) => () => {
  throw new FetchFailure('status', `it answered with status ${code}`, code)
}

describe('a question', () => {
  it('goes to the address of the document, with what was signed and nothing else', async () => {
    const { service, sent } = world()
    expect(await service.present(issuer({ ca: 'PEM' }), request('a'))).toEqual(SAID)
    const [{ signal: _, ...rest } = {} as FetchRequest] = sent
    expect(rest).toEqual({
      ...{ url: `${URL_OF_STS}/`, method: 'POST', accept: 'application/json', ca: 'PEM' },
      ...{ signedHeaders: request('a').headers, body: request('a').body, contentType: request('a').contentType },
    })
  })

  it('is never put for an issuer that names no service', async () => {
    const { service, sent } = world()
    await expect(service.present(issuerWith({ from: 'inline', keys: [] }), request('a'))).rejects.toThrow(
      'names no service',
    )
    expect(sent).toEqual([])
  })

  it('is put once for all who bring the same request together, and not again at once', async () => {
    const { service, sent, clock } = world()
    const one = issuer()
    await Promise.all(Array.from({ length: 50 }, () => service.present(one, request('a'))))
    await service.present(one, request('a'))
    expect(sent).toHaveLength(1)
    clock.pass(10)
    await service.present(one, request('a'))
    await service.present(one, { ...request('a'), headers: { authorization: 'b' } })
    expect(sent).toHaveLength(3)
  })
})

describe('an answer', () => {
  it.each([400, 401, 403, 404, 413, 431])('of status %i is a no to the request, and to no other', async (code) => {
    const { service, network, failures } = world(status(code))
    const one = issuer()
    await expect(service.present(one, request('forged'))).rejects.toMatchObject({ reason: 'status_refused' })
    network.answer = () => SAID
    expect(await service.present(one, request('good'))).toEqual(SAID)
    await expect(service.present(one, request('forged'))).rejects.toMatchObject({ reason: 'status_refused' })
    expect(failures).toEqual([])
  })

  it.each([
    ['of status 429', status(429)],
    ['of status 408', status(408)],
    ['of status 500', status(500)],
    ['that is no JSON', () => Buffer.from('<GetCallerIdentityResponse/>')],
    ['that says something twice', () => Buffer.from('{"a":1,"a":2}')],
    ['that never comes', () => Promise.reject(new FetchFailure('deadline', 'it did not answer'))],
  ] as const)('%s is none, and the service is left alone for a while', async (_what, answer) => {
    const { service, network, sent, clock, failures } = world(answer)
    const one = issuer()
    await expect(service.present(one, request('a'))).rejects.toMatchObject({
      reason: 'status_unavailable',
      retryAfter: 5,
    })
    network.answer = () => SAID
    await expect(service.present(one, request('b'))).rejects.toMatchObject({ reason: 'status_unavailable' })
    expect(sent).toHaveLength(1)
    expect(failures).toEqual([expect.objectContaining({ issuer: 'aws', url: URL_OF_STS })])
    // Another issuer has its own service, and its own troubles.
    expect(await service.present(issuer({}, 'other'), request('c'))).toEqual(SAID)
    clock.pass(5)
    expect(await service.present(one, request('b'))).toEqual(SAID)
  })
})

describe('a flood', () => {
  it('of forged requests reaches the service at a rate, and the rest is told to wait', async () => {
    const { service, sent, clock } = world(status(403))
    const one = issuer()
    const reasons = async (from: number, count: number) => {
      const met = new Map<string, number>()
      for (let index = from; index < from + count; index++) {
        const reason = await service.present(one, request(`forged ${index}`)).catch((error) => error.reason)
        met.set(String(reason), (met.get(String(reason)) ?? 0) + 1)
      }
      return Object.fromEntries(met)
    }
    expect(await reasons(0, 1000)).toEqual({ status_refused: 100, status_unavailable: 900 })
    expect(sent).toHaveLength(100)
    clock.pass(1)
    expect(await reasons(1000, 100)).toEqual({ status_refused: 20, status_unavailable: 80 })
  })

  it('to a slow service holds sixteen connections and no more', async () => {
    const waiting: ((said: object) => void)[] = []
    const { service, sent } = world(() => new Promise((done) => waiting.push(done)))
    const one = issuer()
    const all = Array.from({ length: 90 }, (_, index) =>
      service.present(one, request(`${index}`)).catch((error) => error.reason),
    )
    await new Promise((done) => setImmediate(done))
    expect(sent).toHaveLength(16)
    while (waiting.length > 0) {
      for (const done of waiting.splice(0)) done(SAID)
      await new Promise((done) => setImmediate(done))
    }
    const met = await Promise.all(all)
    expect(met.filter((one) => one === 'status_unavailable')).toHaveLength(90 - 16 - 64)
    expect(sent).toHaveLength(80)
  })
})

describe('over TLS', () => {
  it('the signed headers arrive as they were signed, and a close ends what is under way', async () => {
    const identity = identityFor('127.0.0.1')
    const seen: unknown[] = []
    let silent = false
    await using sts = await serve((message, response) => {
      const { authorization, host, 'x-cambist-audience': audience, 'content-type': type } = message.headers
      seen.push({ authorization, host, audience, type })
      if (!silent) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(SAID))
    }, identity)
    const address = `127.0.0.1:${sts.port}`
    const service = new PlatformService({
      fetch: guardedFetch({ insecure: new Set([address]) }),
      clock: new HandClock(),
    })
    const one = issuer({ url: `https://${address}`, ca: identity.cert })
    expect(await service.present(one, request('signed'))).toEqual(SAID)
    expect(seen).toEqual([
      {
        authorization: 'signed',
        host: address,
        audience: 'https://cambist.example',
        type: 'application/x-www-form-urlencoded',
      },
    ])
    silent = true
    const pending = service.present(one, request('other'))
    await new Promise((done) => setTimeout(done, 50).unref())
    service.close()
    await expect(pending).rejects.toMatchObject({ reason: 'status_unavailable' })
  })
})
