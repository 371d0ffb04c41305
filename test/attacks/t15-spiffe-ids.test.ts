/**
 * T15: a SPIFFE ID has one spelling. Each row of the corpus comes in as a name in a certificate, as `sub` of a JWT-SVID and
 * as a pattern of a policy; what is none is refused in all three places, and no two are ever taken for one.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Answer, baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { BEHIND_PROXY, behindProxy, everybodyOf } from '../harness/certificates.ts'
import { corpus } from '../harness/corpora.ts'
import { der } from '../harness/der.ts'
import { createRoot, extension, keyPair } from '../harness/pki.ts'
import { refusedAnswer } from '../harness/refusal.ts'
import { decode, SigningKey } from '../harness/tokens.ts'

interface Ids {
  readonly accept: readonly string[]
  readonly reject: readonly { readonly id: string; readonly why: string }[]
  readonly too_long_refuse_or_report: readonly { length: number; prefix: string; fill: string }[]
  readonly must_not_match_pairs: readonly (readonly [string, string])[]
  readonly prefix_rule_tests: readonly {
    readonly prefix: string
    readonly allow: readonly string[]
    readonly deny: readonly string[]
  }[]
}

const directory = corpus('spiffe')
const { accept, reject, too_long_refuse_or_report, must_not_match_pairs, prefix_rule_tests }: Ids =
  directory === undefined
    ? { accept: [], reject: [], too_long_refuse_or_report: [], must_not_match_pairs: [], prefix_rule_tests: [] }
    : JSON.parse(readFileSync(join(directory, 'ids.json'), 'utf8'))

const server = await startCambist({ env: BEHIND_PROXY })
const { clock, cluster, issuer: us } = server
const root = await createRoot()
const keys = keyPair()
const svidKey = new SigningKey('ES256')
const { alg: _, ...jwk } = svidKey.jwk
const bundle = { keys: [{ ...jwk, use: 'jwt-svid' }] }

/** Every trust domain that a row or its look-alikes are of, each believed by one root and one key, so that only the spelling tells. */
const domains = [
  ...new Set([...accept, ...must_not_match_pairs.flat()].map((id) => id.split('/')[2] ?? '')),
  ...['kube.example', 'evil.test', 'example.orgevil'],
]
const everybody = everybodyOf(...domains.flatMap((_, index) => [`x${index}`, `j${index}`]))
const trusted = [
  ...baseDocuments(cluster),
  ...domains.flatMap((trustDomain, index) => [
    document('TrustedIssuer', `x${index}`, {
      ...{ credential: 'spiffe-x509-svid', trustDomain, uses: ['subject'] },
      ...{ maxLifetime: '5000d', keys: { roots: root.pem } },
    }),
    document('TrustedIssuer', `j${index}`, {
      ...{ credential: 'spiffe-jwt-svid', trustDomain, audiences: [us] },
      keys: { bundle: { inline: bundle } },
    }),
  ]),
]
await server.apply(...trusted, ...everybody)
const [everybodyClient = {}] = everybody

/** Written here, since a library refuses letters that these must not have. */
async function asCertificate(id: string): Promise<Answer> {
  const extensions = [extension('2.5.29.17', der(0x30, der(0x86, Buffer.from(id))), true)]
  return behindProxy(server, (await root.leaf({ keys, subject: '', extensions })).chain())
}
const asJwt = (id: string): Promise<Answer> => {
  const now = clock.seconds()
  return server.exchange({ subject_token: svidKey.sign({ sub: id, aud: us, iat: now, exp: now + 300 }) })
}
/** One policy, which means the ids and nobody else. */
const meaning = (ids: readonly string[], effect: object = {}) =>
  document('Policy', 'everybody-reads-orders', {
    clients: ['everybody'],
    targets: ['orders'],
    ...{ scopes: ['orders:read'], delegation: { mode: 'delegate' }, subject: { ids }, ...effect },
  })
const PLACES = { 'in a certificate': asCertificate, 'in a JWT-SVID': asJwt } as const
const places = Object.entries(PLACES)
const hasPath = (id: string): boolean => id.split('/').length > 3
const subjectOf = ({ body }: Answer) => decode(String(body['access_token'])).claims['sub']

const reasons = new Map<string, Record<string, number>>()
const UNTAKEN = {
  'in a certificate': ['certificate_refused', 'issuer_unknown', 'token_malformed'],
  'in a JWT-SVID': ['issuer_unknown', 'claim_malformed', 'claim_missing', 'token_malformed'],
} as const
async function expectUntaken(place: keyof typeof PLACES, id: string): Promise<void> {
  const { record } = await refusedAnswer(server, await PLACES[place](id), UNTAKEN[place], 'subject', [])
  const counted = reasons.get(place) ?? {}
  counted[String(record['reason'])] = (counted[String(record['reason'])] ?? 0) + 1
  reasons.set(place, counted)
}

describe.skipIf(directory === undefined)('a SPIFFE ID', () => {
  afterAll(() => console.log('T15: refused', Object.fromEntries(reasons)))

  it('has the rows that it was written with', () => {
    expect([accept.length, reject.length, must_not_match_pairs.length]).toEqual([20, 82, 8])
  })

  it.each(accept)('%s is taken as it is, and a trust domain’s own is nobody’s', async (id) => {
    for (const [place, present] of places) {
      if (!hasPath(id)) await expectUntaken(place as keyof typeof PLACES, id)
      else {
        const answer = await present(id)
        expect(answer.status, place).toBe(200)
        expect(subjectOf(answer), place).toBe(id)
      }
    }
    await expect(server.apply(meaning([id]))).resolves.toBeDefined()
    await server.apply(...everybody)
  })

  it.each(reject)('$id is refused ($why)', async ({ id }) => {
    await expectUntaken('in a certificate', id)
    await expectUntaken('in a JWT-SVID', id)
    // A star that is a whole segment of a path is what patterns are made of.
    if (id === 'spiffe://example.org/*') return
    await expect(server.apply(meaning([id]))).rejects.toThrow('apply answered 400')
    await expect(server.apply(meaning([id], { effect: 'forbid' }))).rejects.toThrow('apply answered 400')
  })

  it.each(too_long_refuse_or_report)('of $length characters is refused', async ({ length, prefix, fill }) => {
    const id = prefix.padEnd(length, fill)
    // The longer one fits into no header and no parameter.
    if (length < 4096) {
      await expectUntaken('in a certificate', id)
      await expectUntaken('in a JWT-SVID', id)
    }
    await expect(server.apply(meaning([id]))).rejects.toThrow('apply answered 400')
  })
})

describe.skipIf(directory === undefined)('two SPIFFE IDs', () => {
  const asks = async (id: string) =>
    (await Promise.all(places.map(([, present]) => present(id)))).map(({ status }) => status)

  it.each(must_not_match_pairs)('%s and %s never meet', async (one, other) => {
    for (const [meant, presented] of [
      [one, other],
      [other, one],
    ] as const) {
      try {
        await server.apply(everybodyClient, meaning([meant]))
      } catch {
        continue // One that is none means nobody.
      }
      expect(await asks(presented), `${presented} is not ${meant}`).toEqual([400, 400])
      expect(await asks(meant), meant).toEqual(hasPath(meant) ? [200, 200] : [400, 400])
    }
  })

  it.each(prefix_rule_tests)('$prefix** means what is below it, and nothing else', async ({ prefix, allow, deny }) => {
    await server.apply(everybodyClient, meaning([`${prefix}**`]))
    for (const id of allow) expect(await asks(id), id).toEqual([200, 200])
    for (const id of deny) expect(await asks(id), id).toEqual([400, 400])
  })
})

describe('a subject that another issuer spells like a SPIFFE ID', () => {
  it('is not that workload to a policy that names no issuers', async () => {
    const id = 'spiffe://unknown.example/a'
    const stranger = new SigningKey('ES256')
    await server.apply(
      document('TrustedIssuer', 'stranger', {
        ...{ credential: 'jwt', issuer: 'https://stranger.example', audiences: [us] },
        keys: { jwks: { keys: [stranger.jwk] } },
      }),
      document('TrustedIssuer', 'corporate', {
        ...{ credential: 'x509', subject: 'certificate.subject.CN', uses: ['subject'], maxLifetime: '5000d' },
        keys: { roots: (await createRoot({ subject: 'CN=Corporate', keys })).pem },
      }),
      ...everybodyOf('stranger', 'corporate').slice(0, 1),
      meaning([id]),
    )
    const now = clock.seconds()
    const corporate = await createRoot({ subject: 'CN=Corporate', keys })
    const claims = { iss: 'https://stranger.example', sub: id, aud: us, iat: now, exp: now + 300 }
    for (const answer of [
      await server.exchange({ subject_token: stranger.sign(claims) }),
      await behindProxy(server, (await corporate.leaf({ subject: `CN=${id}` })).chain()),
    ])
      await refusedAnswer(server, answer, 'denied', 'subject', [])
  })
})
