/** T1 between trust domains, between the kinds of key in a bundle, and between kinds of credential that could answer to one token. */
import { randomUUID } from 'node:crypto'
import { request } from 'node:https'
import { describe, expect, it } from 'vitest'
import type { Reason } from '../../src/refusal.ts'
import { type Answer, baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { bundleOf } from '../harness/every-jwt.ts'
import { type Authority, createRoot, type Issued } from '../harness/pki.ts'
import { proofJwk, wpt } from '../harness/proofs.ts'
import { refusal, refusedAnswer } from '../harness/refusal.ts'
import { type Claims, SigningKey, TYPE } from '../harness/tokens.ts'

/** A trust domain with a key for each kind of SVID, under the same names in every domain: only the domain tells them apart. */
class Domain {
  readonly name: string
  readonly root: Authority
  readonly svids = new SigningKey('ES256', 'svids')
  readonly wits = new SigningKey('ES256', 'wits')

  constructor(name: string, root: Authority) {
    this.name = name
    this.root = root
  }

  id = (path = 'checkout'): string => `spiffe://${this.name}/${path}`

  documents(us: string, named: string): object[] {
    const { name: trustDomain, svids, wits, root } = this
    return [
      document('TrustedIssuer', `${named}-svids`, {
        ...{ credential: 'spiffe-jwt-svid', trustDomain, audiences: [us], keys: bundleOf(svids, 'jwt-svid') },
      }),
      document('TrustedIssuer', `${named}-wits`, { credential: 'wit', trustDomain, keys: bundleOf(wits, 'wit-svid') }),
      document('TrustedIssuer', `${named}-certificates`, {
        ...{ credential: 'spiffe-x509-svid', trustDomain, keys: { roots: root.pem }, maxLifetime: '90000h' },
      }),
    ]
  }
}

const rootA = await createRoot()
const rootB = await createRoot()
const host = await rootA.leaf({ ips: ['127.0.0.1'] })
const server = await startCambist({ mtls: { cert: host.chainPem(), key: host.keyPem } })
const { cluster, clock, issuer: us } = server
const a = new Domain('a.example', rootA)
const b = new Domain('b.example', rootB)
const holder = new SigningKey('ES256')
const KINDS = ['svids', 'wits', 'certificates']
const wimse = new SigningKey('ES256', 'wits')
await server.apply(
  ...baseDocuments(cluster),
  ...a.documents(us, 'a'),
  ...b.documents(us, 'b'),
  document('TrustedIssuer', 'wimse-wits', {
    ...{ credential: 'wit', trustDomain: a.name, scheme: 'wimse', keys: { jwks: { keys: [wimse.jwk] } } },
  }),
  document('Client', 'workloads', {
    workloads: ['a', 'b'].flatMap((domain) => KINDS.map((kind) => ({ issuer: `${domain}-${kind}` }))),
  }),
  document('Client', 'wimse', { workloads: [{ issuer: 'wimse-wits' }] }),
  document('Policy', 'workloads', {
    ...{ clients: ['workloads', 'wimse'], targets: ['orders'], scopes: ['orders:read'] },
    ...{ changes: ['format', 'scope', 'authority', 'unbind'], delegation: { mode: 'delegate' } },
  }),
)

const svid = (sub: unknown, key: SigningKey, claims: Claims = {}, header: Claims = {}) =>
  key.sign({ sub, aud: [us], exp: clock.seconds() + 300, ...claims }, header)
const witOf = (sub: unknown, key: SigningKey, claims: Claims = {}, header: Claims = {}) =>
  key.sign(
    { sub, exp: clock.seconds() + 300, jti: randomUUID(), cnf: { jwk: proofJwk(holder) }, ...claims },
    { typ: 'wit+jwt', ...header },
  )

const asSubject = (token: string): Form => ({ subject_token: token })
const asClient = (token: string): Form => ({
  client_assertion: token,
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
})

async function withWit(token: string): Promise<Answer> {
  const form = { grant_type: TYPE.exchange, subject_token_type: TYPE.jwt, audience: 'https://orders.example' }
  const asked = { ...form, subject_token: cluster.token() }
  const body = new URLSearchParams(asked).toString()
  const proof = wpt(holder, { token, audience: us, body, now: clock.seconds() })
  return server.token(asked, { 'Workload-Identity-Token': token, Authorization: `WPT ${proof}` })
}
const refusedWit = async (token: string, reason: Reason) =>
  refusedAnswer(server, await withWit(token), reason, 'client', [token])

/** An exchange for whoever the certificate of the connection is. */
function withCertificate(leaf: Issued): Promise<Answer> {
  const body = new URLSearchParams({
    ...{ grant_type: TYPE.exchange, audience: 'https://orders.example' },
    subject_token_type: 'urn:ietf:params:oauth:token-type:mtls',
  }).toString()
  const options = {
    ...{ method: 'POST', cert: leaf.chainPem(), key: leaf.keyPem, ca: rootA.pem, agent: false },
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }
  return new Promise((resolve, reject) => {
    request(`${server.mtls}/token`, options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: new Headers(response.headers as Record<string, string>),
          body: JSON.parse(text),
          id: String(response.headers['cambist-request-id']),
        }),
      )
    })
      .on('error', reject)
      .end(body)
  })
}

describe('T1 a trust domain', () => {
  it('vouches for its own workloads, so that the refusals below mean something', async () => {
    for (const domain of [a, b]) {
      expect((await server.exchange(asSubject(svid(domain.id(), domain.svids)))).status).toBe(200)
      expect((await server.exchange(asClient(svid(domain.id(), domain.svids)))).status).toBe(200)
      expect((await withWit(witOf(domain.id(), domain.wits))).status).toBe(200)
      const leaf = await domain.root.leaf({ subject: '', uris: [domain.id()] })
      expect((await withCertificate(leaf)).status).toBe(200)
    }
    expect((await withWit(witOf(`wimse://${a.name}/x`, wimse))).status).toBe(200)
  })

  it('does not vouch for those of another: JWT-SVIDs', async () => {
    for (const header of [{}, { kid: undefined }]) {
      await refusal(server, asSubject(svid(a.id(), b.svids, {}, header)), 'signature_invalid')
      await refusal(server, asClient(svid(a.id(), b.svids, {}, header)), 'signature_invalid', 'client')
    }
    await refusal(server, asSubject(svid(a.id(), new SigningKey('ES256', 'other'))), 'key_unknown')
  })

  it('does not vouch for those of another: WITs, also of the other scheme', async () => {
    await refusedWit(witOf(a.id(), b.wits), 'signature_invalid')
    await refusedWit(witOf(`wimse://${a.name}/x`, a.wits), 'signature_invalid')
    await refusedWit(witOf(a.id(), wimse), 'signature_invalid')
    await refusedWit(witOf(`wimse://${b.name}/x`, wimse), 'issuer_unknown')
  })

  it('does not vouch for those of another: certificates', async () => {
    for (const [domain, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const leaf = await other.root.leaf({ subject: '', uris: [domain.id()] })
      const answer = await withCertificate(leaf)
      await refusedAnswer(server, answer, 'certificate_refused', answer.status === 401 ? 'client' : 'subject', [])
    }
  })

  it('has a key for each kind of SVID, and each for that alone (S-49, S-62)', async () => {
    const { kid } = a.wits
    await refusal(server, asSubject(svid(a.id(), a.wits)), 'key_unknown')
    await refusal(server, asSubject(svid(a.id(), a.wits, {}, { kid: 'svids' })), 'signature_invalid')
    await refusedWit(witOf(a.id(), a.svids), 'key_unknown')
    await refusedWit(witOf(a.id(), a.svids, {}, { kid }), 'signature_invalid')
  })

  it.each([
    ['a longer name', `spiffe://${a.name}.evil.example/checkout`, 'issuer_unknown'],
    ['a name below', `spiffe://x.${a.name}/checkout`, 'issuer_unknown'],
    ['a prefix', `spiffe://${a.name.slice(0, -1)}/checkout`, 'issuer_unknown'],
    ['upper case', `spiffe://${a.name.toUpperCase()}/checkout`, 'claim_malformed'],
    ['another scheme', `wimse://${a.name}/checkout`, 'claim_malformed'],
    ['an upper-case scheme', `SPIFFE://${a.name}/checkout`, 'claim_malformed'],
    ['a port', `spiffe://${a.name}:443/checkout`, 'claim_malformed'],
    ['user information', `spiffe://${b.name}@${a.name}/checkout`, 'claim_malformed'],
    ['an escape', `spiffe://%61.example/checkout`, 'claim_malformed'],
    ['a query', `spiffe://${a.name}/checkout?x`, 'claim_malformed'],
    ['a final dot', `spiffe://${a.name}./checkout`, 'issuer_unknown'],
    ['no name', 'spiffe:///checkout', 'claim_malformed'],
    ['a list for a name', [`spiffe://${a.name}/checkout`], 'claim_malformed'],
    ['no path', `spiffe://${a.name}`, 'claim_malformed'],
  ] as const)('is not meant by a JWT-SVID with %s', async (_, sub, reason) => {
    await refusal(server, asClient(svid(sub, a.svids)), reason, 'client')
    // As a subject token it could be a JWT or a WIT, which says what is wrong in words of its own.
    await refusal(server, asSubject(svid(sub, a.svids)), [
      reason,
      'claim_missing',
      'issuer_unknown',
      'token_type_mismatch',
    ])
  })
})

describe('T1 a token that two kinds answer to', () => {
  const both = { iss: cluster.issuer, iat: clock.seconds() }

  it('is of neither, whoever has signed it', async () => {
    for (const key of [a.svids, cluster.key]) {
      const token = svid(a.id(), key, both)
      await refusal(server, asSubject(token), 'issuer_ambiguous')
      const actor = { subject_token: cluster.token(), actor_token: token, actor_token_type: TYPE.jwt }
      await refusal(server, actor, 'issuer_ambiguous', 'actor')
    }
  })

  it('is what its declared type says where only one of them answers to that', async () => {
    expect((await server.exchange(asClient(svid(a.id(), a.svids, both)))).status).toBe(200)
    await refusal(server, asClient(svid(a.id(), cluster.key, both)), ['algorithm_refused', 'key_unknown'], 'client')
    const bearer = (token: string) => ({ client_assertion: token, client_assertion_type: TYPE.clientAssertion })
    await refusal(server, bearer(svid(a.id(), a.svids, both)), 'key_unknown', 'client')
    // As the JWT that it is by that type, it lacks what the tokens of its issuer must have.
    await refusal(server, bearer(svid(a.id(), cluster.key, both)), 'condition_refused', 'client')
    const idToken = { subject_token: svid(a.id(), a.svids, both), subject_token_type: TYPE.idToken }
    await refusal(server, idToken, 'key_unknown')
  })

  it('is a JWT-SVID where its iss is of nobody here: an SVID may say what it likes', async () => {
    for (const iss of ['https://spire.example', us])
      expect((await server.exchange(asSubject(svid(a.id(), a.svids, { iss })))).status).toBe(200)
    for (const iss of [7, null, '', [us], ['https://spire.example']]) {
      await refusal(server, asClient(svid(a.id(), a.svids, { iss })), 'claim_malformed', 'client')
      await refusal(server, asSubject(svid(a.id(), a.svids, { iss })), 'claim_malformed')
      await refusedWit(witOf(a.id(), a.wits, { iss }), 'claim_malformed')
    }
  })

  it('is no WIT with an audience, and no JWT-SVID without', async () => {
    await refusedWit(witOf(a.id(), a.wits, { aud: us }), 'claim_malformed')
    await refusal(server, asSubject(witOf(a.id(), a.wits, { aud: [us] })), 'token_type_mismatch')
    await refusal(server, asSubject(svid(a.id(), a.svids, { aud: undefined })), 'token_type_mismatch')
  })
})
