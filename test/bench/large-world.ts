/** Many documents, of the shapes that administrators write: what decisions and changes are measured with. */
import { generateKeyPairSync } from 'node:crypto'
import { API_VERSION, type Document } from '../../src/documents/contract.ts'
import type { Principal } from '../../src/identity/principal.ts'
import type { Facts } from '../../src/policy/contract.ts'

export const OUR_ISSUER = 'https://cambist.example'
const TARGETS = 300
const CLUSTERS = 100

const document = (kind: string, name: string, spec: Document['spec']): Document => ({
  apiVersion: API_VERSION,
  kind,
  metadata: { name },
  spec,
})

const publicJwk = (kid: string): Record<string, unknown> => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid,
})

export const targetOf = (index: number): string => `target-${index % TARGETS}`
export const clusterOf = (index: number): string => `cluster-${index % CLUSTERS}`
export const namespaceOf = (index: number): string => `team-${index}`

/** So many clients and so many policies, with the issuers and targets that they speak of. */
export function largeWorld(count: number): readonly Document[] {
  const jwk = publicJwk('cluster')
  const indexes = Array.from({ length: count }, (_, index) => index)
  return [
    ...Array.from({ length: CLUSTERS }, (_, index) =>
      document('TrustedIssuer', clusterOf(index), {
        preset: 'kubernetes',
        issuer: `https://${clusterOf(index)}.example`,
        audiences: [OUR_ISSUER],
        keys: { jwks: { keys: [jwk] } },
      }),
    ),
    ...Array.from({ length: TARGETS }, (_, index) =>
      document('Target', targetOf(index), {
        audience: `https://${targetOf(index)}.example`,
        scopes: ['read', 'write'],
        defaultScopes: ['read'],
        tokens: [{ kind: 'access-token', lifetime: '5m' }],
      }),
    ),
    ...indexes.map(clientDocument),
    ...indexes.map(policyDocument),
  ]
}

/** Of ten clients seven are named exactly, two by a pattern, and one is registered with a key. */
function clientDocument(index: number): Document {
  const issuer = clusterOf(index)
  const workloads = (selector: object) =>
    document('Client', `client-${index}`, { workloads: [{ issuer, ...selector }] })
  switch (index % 10) {
    case 7:
    case 8:
      return workloads({ ids: [`system:serviceaccount:${namespaceOf(index)}:*`] })
    case 9:
      return document('Client', `client-${index}`, {
        authentication: { method: 'private_key_jwt', jwks: { keys: [publicJwk(`client-${index}`)] } },
      })
    default:
      return workloads({ match: { namespace: [namespaceOf(index)], serviceaccount: ['app'] } })
  }
}

/** Of ten policies eight name their client, three of them with a condition, one is for all clients and one subject, and one forbids. */
export function policyDocument(index: number): Document {
  const policy = (spec: object) =>
    document('Policy', `policy-${index}`, {
      clients: [`client-${index}`],
      targets: [targetOf(index)],
      scopes: ['read'],
      ...spec,
    })
  switch (index % 10) {
    case 1:
    case 4:
    case 7:
      return policy({
        condition: `subject.namespace == '${namespaceOf(index)}' && request.scopes.size() < 5 && '${targetOf(index)}' == target.name`,
      })
    case 6:
      return policy({
        clients: ['*'],
        subject: { issuers: [clusterOf(index)], match: { namespace: [namespaceOf(index)] } },
      })
    case 8:
      return policy({ effect: 'forbid', scopes: ['write'] })
    default:
      return policy({ lifetime: '2m' })
  }
}

/** The workload of the client with this number, as its cluster's token names it. */
export function workloadOf(index: number): Principal {
  const subject = `system:serviceaccount:${namespaceOf(index)}:app`
  return {
    id: `wimse://cambist.example/${clusterOf(index)}/${encodeURIComponent(subject)}`,
    issuer: clusterOf(index),
    subject,
    kind: 'jwt',
    key: false,
    instance: '',
    scopes: [],
    attributes: { namespace: namespaceOf(index), serviceaccount: 'app', pod: 'app-0' },
  }
}

/** It asks for itself, for `read` at the target of the policy with its number. */
export const factsOf = (index: number, candidates: readonly string[]): Facts => {
  const principal = workloadOf(index)
  return {
    grant: 'token-exchange',
    client: { candidates, authentication: 'subject_token', principal },
    subject: principal,
    actors: [],
    audiences: [`https://${targetOf(index)}.example`],
    resources: [],
    scopes: ['read'],
    binding: 'none',
    format: 'jwt',
    time: 1_800_000_000,
  }
}
