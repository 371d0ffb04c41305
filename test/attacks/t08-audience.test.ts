import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Reason } from '../../src/refusal.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { everyJwt } from '../harness/every-jwt.ts'
import { refusal, refusedAnswer } from '../harness/refusal.ts'
import { Cluster, clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const registered = new SigningKey('ES256')
/** An issuer whose tokens may name others beside us. */
const open = new Cluster({ issuer: 'https://open.test.example', audience: us, now: clock.seconds })
await server.apply(
  document('TrustedIssuer', 'open', {
    preset: 'kubernetes',
    issuer: open.issuer,
    audiences: [us],
    multipleAudiences: true,
    keys: { jwks: open.jwks },
  }),
  document('Client', 'open-checkout', { workloads: [{ issuer: 'open', match: { namespace: ['shop'] } }] }),
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
  document('Policy', 'open-reads-orders', {
    clients: ['open-checkout', 'registered'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)
const asserted = (aud: unknown) => ({
  client_assertion: clientAssertion('registered', registered, aud, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})

const MALFORMED: [string, unknown][] = [
  ['an empty list', []],
  ['an empty text', ''],
  ['a list of an empty text', ['']],
  ['us beside an empty text', [us, '']],
  ['a list in a list', [[us]]],
  ['an object', { aud: us }],
  ['a number', 1],
  ['null', null],
  ['us beside null', [us, null]],
  ['us beside a number', [us, 1]],
  ['a list of 65', Array.from({ length: 65 }, (_, index) => (index === 0 ? us : `https://${index}.example`))],
  ['us with a control character', `${us}\u0007`],
  ['a text beyond all measure', 'x'.repeat(1025)],
]
const OTHERS: [string, unknown][] = [
  ['the token endpoint', `${us}/token`],
  ['us with a trailing slash', `${us}/`],
  ['us in upper case', us.toUpperCase()],
  ['us by another scheme', us.replace('http:', 'https:')],
  ['us by another host', us.replace('127.0.0.1', 'localhost')],
  ['a prefix of us', us.slice(0, -1)],
  ['somebody else', 'https://evil.example/token'],
  ["the API server's own audience", cluster.issuer],
  ["the API server's default audience", 'https://kubernetes.default.svc'],
  ['the target that is asked for', 'https://orders.example'],
  ['the administrators', 'cambist-admin'],
  ['a prototype member', '__proto__'],
]

describe('T8 audience of a subject token (JB-05, JV-06)', () => {
  it.each(MALFORMED)('refuses %s', async (_, aud) => {
    await refusal(server, { subject_token: cluster.token({ aud }) }, 'claim_malformed')
  })

  it.each(OTHERS)('refuses %s, as a text and as a list', async (_, aud) => {
    await refusal(server, { subject_token: cluster.token({ aud }) }, 'audience_mismatch')
    await refusal(server, { subject_token: cluster.token({ aud: [aud] }) }, 'audience_mismatch')
  })

  it('refuses a token without aud', async () => {
    await refusal(server, { subject_token: cluster.token({ aud: undefined }) }, 'claim_missing')
  })

  it('refuses a token that names others beside us (P-10)', async () => {
    await refusal(server, { subject_token: cluster.token({ aud: [us, 'https://orders.example'] }) }, 'audience_several')
    await refusal(
      server,
      { subject_token: cluster.token({ aud: ['https://kubernetes.default.svc', us] }) },
      'audience_several',
    )
  })

  it('counts an audience that is named twice once (P-10)', async () => {
    expect((await server.exchange({ subject_token: cluster.token({ aud: [us, us] }) })).status).toBe(200)
    expect((await server.exchange({ subject_token: cluster.token({ aud: us }) })).status).toBe(200)
  })

  it('takes others beside us where the document says so, but does not find the client by such a token', async () => {
    const several = { subject_token: open.token({ aud: [us, 'https://orders.example'] }) }
    await refusal(server, several, 'client_required')
    expect((await server.exchange({ ...several, ...asserted(us) })).status).toBe(200)
    await refusal(
      server,
      { subject_token: open.token({ aud: ['https://orders.example', 'https://other.example'] }) },
      'audience_mismatch',
    )
  })

  it("refuses a document whose audience is the API server's own (K-4)", async () => {
    for (const audience of [
      cluster.issuer,
      'https://kubernetes.default.svc',
      'https://kubernetes.default.svc.cluster.local',
    ]) {
      const written = document('TrustedIssuer', 'cluster', {
        preset: 'kubernetes',
        issuer: cluster.issuer,
        audiences: [audience],
        keys: { jwks: cluster.jwks },
      })
      await expect(server.apply(written)).rejects.toThrow(/spec\.audiences/)
    }
    const unsaid = document('TrustedIssuer', 'cluster', {
      preset: 'kubernetes',
      issuer: cluster.issuer,
      keys: { jwks: cluster.jwks },
    })
    await expect(server.apply(unsaid)).rejects.toThrow(/spec\.audiences/)
  })
})

describe('T8 audience of a client assertion (JC-03, JB-05)', () => {
  it('is exactly our issuer, alone', async () => {
    expect((await server.exchange(asserted(us))).status).toBe(200)
    expect((await server.exchange(asserted([us]))).status).toBe(200)
  })

  it.each(MALFORMED)('refuses %s', async (_, aud) => {
    await refusal(server, asserted(aud), 'claim_malformed', 'client')
  })

  it.each(OTHERS)('refuses %s', async (_, aud) => {
    const { answer } = await refusal(server, asserted(aud), 'audience_mismatch', 'client')
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  it('refuses our issuer beside our token endpoint', async () => {
    await refusal(server, asserted([us, `${us}/token`]), 'audience_several', 'client')
  })

  it('does not take a further audience in the position of the client, also where the document takes it elsewhere', async () => {
    const token = open.token({ aud: [us, 'https://orders.example'] })
    await refusal(
      server,
      { client_assertion: token, client_assertion_type: TYPE.clientAssertion },
      'audience_several',
      'client',
    )
  })

  it.each(['evil.example', `${us.slice(7)}.evil.example`, 'localhost'])(
    'answers no Host %j, so that no audience is taken from it',
    async (host) => {
      const body = new URLSearchParams({
        grant_type: TYPE.exchange,
        subject_token: cluster.token({ aud: `http://${host}/token` }),
        subject_token_type: TYPE.jwt,
      }).toString()
      const { port } = new URL(us)
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { host, 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-host': us.slice(7) }
        request({ port, host: '127.0.0.1', method: 'POST', path: '/token', headers, agent: false }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end(body)
      })
      expect(status).toBe(421)
    },
  )
})

const sorts = (await everyJwt(server)).filter(({ named }) => named)

describe.each(sorts.map((jwt) => [jwt.sort, jwt] as const))('T8 audience of a %s', (sort, { about, make, send }) => {
  const refused = async (aud: unknown, reasons: Reason | readonly Reason[]) => {
    const token = make({ aud })
    return refusedAnswer(server, await send(token), reasons, about, [token])
  }
  // Where two kinds could read it, the refusal may be told in the words of the other.
  const malformed: readonly Reason[] =
    sort === 'JWT-SVID as subject token' ? ['claim_malformed', 'claim_missing'] : ['claim_malformed']

  it('is us, as a text and as a list', async () => {
    expect((await send(make({ aud: us }))).status).toBe(200)
    expect((await send(make({ aud: [us] }))).status).toBe(200)
  })

  it.each(MALFORMED)('is not %s', async (_, aud) => {
    await refused(aud, malformed)
  })

  it.each(OTHERS)('is not %s', async (_, aud) => {
    await refused(aud, 'audience_mismatch')
    await refused([aud], 'audience_mismatch')
  })

  it('is not us beside anybody else', async () => {
    for (const other of [`${us}/token`, 'https://orders.example', cluster.issuer]) {
      await refused([us, other], 'audience_several')
      await refused([other, us], 'audience_several')
    }
  })

  it('is not missing', async () => {
    // Without one it can only be a WIT, and is none.
    await refused(undefined, sort === 'JWT-SVID as subject token' ? 'token_type_mismatch' : 'claim_missing')
  })
})
