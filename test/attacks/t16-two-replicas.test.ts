import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Answer, anotherNode, baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { formOf, post } from '../harness/post.ts'
import { attestation } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'
import {
  byAttestation,
  byDpop,
  byWpt,
  type Headers,
  TrustDomain,
  witAndSignature,
  witAndWpt,
} from '../harness/workload.ts'

/** I2, T16, T10: two replicas on one database, asked with the very same request at the same moment, again and again. */
const first = await startCambist()
const { clock, cluster, issuer: us } = first
const second = await anotherNode(first)
const prod = new TrustDomain(clock.seconds)
const [holder, attester, registered, jobs] = Array.from({ length: 4 }, () => new SigningKey('ES256')) as [
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
]
const JOBS = 'https://jobs.test.example'
const PEER = 'https://as.p.example'
await first.apply(
  ...baseDocuments(cluster),
  ...prod.trusted(us),
  document('TrustedIssuer', 'jobs', {
    credential: 'jwt',
    issuer: JOBS,
    audiences: [us],
    singleUse: true,
    keys: { jwks: { keys: [jobs.jwk] } },
  }),
  document('TrustedIssuer', 'peer', {
    ...{ credential: 'authorization-grant', issuer: PEER, audiences: [us], keys: { jwks: { keys: [jobs.jwk] } } },
    typ: ['cambist-authorization-grant+jwt', 'txn-chain+jwt'],
  }),
  document('Client', 'courier', {
    workloads: [{ issuer: 'cluster', match: { serviceaccount: ['courier'] } }],
    grants: ['token-exchange', 'jwt-bearer'],
  }),
  document('Client', 'svc', {
    workloads: [
      { issuer: 'prod-wit', ids: [prod.id('svc')] },
      { issuer: 'jobs', ids: ['build'] },
    ],
  }),
  document('Client', 'wallet', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
  }),
  document('Client', 'registered', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } },
  }),
  document('Policy', 'svc', {
    clients: ['svc', 'wallet', 'registered', 'courier'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
)

const WIT = prod.wit('svc', holder)
const attested = attestation(attester, holder, { client: 'wallet', now: clock.seconds() })
const CLIENT = { status: 401, error: 'invalid_client', reason: 'replayed' } as const
const SUBJECT = { status: 400, error: 'invalid_request', reason: 'replayed' } as const
const GRANT = { status: 400, error: 'invalid_grant', reason: 'replayed' } as const
const DPOP = { status: 400, error: 'invalid_dpop_proof', reason: 'replayed' } as const

interface OneUse {
  readonly form?: () => Form
  readonly headers?: (body: string) => Headers
  readonly refused: typeof CLIENT | typeof SUBJECT | typeof GRANT | typeof DPOP
}

const job = (): string => {
  const now = clock.seconds()
  return jobs.sign({ iss: JOBS, sub: 'build', aud: us, iat: now, exp: now + 600, jti: randomUUID() })
}
const grant = (typ: string): string => {
  const now = clock.seconds()
  const claims = { iss: PEER, sub: 'job-7', aud: us, client_id: 'courier', iat: now, exp: now + 60, jti: randomUUID() }
  return jobs.sign(claims, { typ })
}
/** By a client whose own credential may be sent again. */
const brought = (assertion: string): Form => ({
  ...{ grant_type: TYPE.jwtBearer, assertion, subject_token: undefined, subject_token_type: undefined },
  ...{ client_assertion: cluster.token({}, { serviceaccount: 'courier' }) },
  client_assertion_type: TYPE.clientAssertion,
})
const nonce = String((await first.exchange({}, byDpop(first, holder))).headers.get('DPoP-Nonce'))

const oneUse: Readonly<Record<string, OneUse>> = {
  'a DPoP proof (DP-06)': { headers: () => byDpop(first, holder), refused: DPOP },
  'a DPoP proof with a nonce (DP-13)': { headers: () => byDpop(first, holder, { nonce }), refused: DPOP },
  'a client assertion (JC-08)': {
    form: () => ({
      client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
    }),
    refused: CLIENT,
  },
  'a WPT (W-46)': { headers: (body) => witAndWpt(first, holder, WIT, body), refused: CLIENT },
  'a WPT for a WIT in the form': {
    form: () => ({ subject_token: WIT }),
    headers: (body) => byWpt(first, holder, WIT, body),
    refused: CLIENT,
  },
  'an HTTP message signature': { headers: (body) => witAndSignature(first, holder, WIT, body), refused: CLIENT },
  'the proof of a client attestation (AB-13)': {
    headers: () => byAttestation(first, holder, attested),
    refused: CLIENT,
  },
  'the combined mode of a client attestation (AB-04)': {
    headers: () => ({ 'OAuth-Client-Attestation': attested, ...byDpop(first, holder) }),
    refused: DPOP,
  },
  'a subject token of single use': { form: () => ({ subject_token: job() }), refused: SUBJECT },
  'an actor token of single use': {
    form: () => ({ actor_token: job(), actor_token_type: TYPE.jwt }),
    refused: SUBJECT,
  },
  'the authorization grant of a peer (IC-25)': {
    form: () => brought(grant('cambist-authorization-grant+jwt')),
    refused: GRANT,
  },
  'the grant of a transaction of a peer (TC-07)': { form: () => brought(grant('txn-chain+jwt')), refused: GRANT },
}

const ROUNDS = 12

describe('I2, T16: of one request that is sent to both replicas at once, exactly one succeeds', () => {
  it('the replicas judge by the same documents', async () => {
    for (const server of [first, second])
      expect((await post(server, formOf(first, { subject_token: job() }).toString())).status).toBe(200)
  })

  it.each(Object.entries(oneUse))('%s', async (_, { form = () => ({}), headers = () => ({}), refused }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const body = formOf(first, form()).toString()
      const lines = headers(body)
      // By turns the one and the other is asked first; each twice, since a replica must not believe itself either.
      const servers = round % 2 === 0 ? [first, second, first, second] : [second, first, second, first]
      const answers: readonly Answer[] = await Promise.all(servers.map((server) => post(server, body, lines)))
      const granted = answers.filter(({ status }) => status === 200)
      expect(granted, `round ${round}`).toHaveLength(1)
      const records = await Promise.all(answers.map(({ id }) => first.record(id)))
      expect(records.filter(({ outcome }) => outcome === 'granted')).toHaveLength(1)
      for (const answer of answers) if (answer.status !== 200) await expectRefusal(first, answer, refused)
    }
  })

  it('two clients with one and the same DPoP proof, each at a replica of its own (DP-06)', async () => {
    const bodies = {
      registered: () => ({
        client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
        client_assertion_type: TYPE.clientAssertion,
      }),
      pod: () => ({}),
    }
    for (let round = 0; round < ROUNDS; round++) {
      const proof = byDpop(first, holder)
      const [one, other] = round % 2 === 0 ? [first, second] : [second, first]
      const answers = await Promise.all([
        post(one, formOf(first, bodies.registered()).toString(), proof),
        post(other, formOf(first, bodies.pod()).toString(), proof),
      ])
      const refused = answers.filter(({ status }) => status !== 200)
      expect(refused, `round ${round}`).toHaveLength(1)
      for (const answer of refused) await expectRefusal(first, answer, DPOP)
    }
  })
})
