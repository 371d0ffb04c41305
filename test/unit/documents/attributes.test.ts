import { describe, expect, it } from 'vitest'
import { jwt } from '../../../src/credentials/kinds/jwt.ts'
import { x509 } from '../../../src/credentials/kinds/x509.ts'
import { Compiler } from '../../../src/documents/compile.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { sentence } from '../../../src/documents/faults.ts'
import { createRoot } from '../../harness/pki.ts'
import { ecJwk } from '../trust/test-keys.ts'
import { base, changed, compiler, context, document, faultsOf, ISSUER, whole } from './world.ts'

const told = (...documents: readonly Document[]) => faultsOf(() => compiler().compile(documents)).map(sentence)
const policy = (spec: object) => [base.issuer, base.client, base.target, changed(base.policy, spec)]
const people = document('TrustedIssuer', 'people', {
  credential: 'jwt',
  issuer: 'https://people.example',
  keys: { discovery: true },
  audiences: [ISSUER],
  attributes: { team: 'assertion.team' },
})
const NAMES = 'id, issuer, kind, key, instance, scopes'
const MAPPED = 'namespace, serviceaccount, serviceaccount_uid, pod, node'

describe('conditions are checked against what issuers map', () => {
  it.each<[string, readonly Document[], string]>([
    [
      'the condition of a policy',
      policy({ subject: { issuers: ['prod'] }, condition: "subject.namspace == 'shop'" }),
      'Policy checkout-reads-orders: spec.condition: line 1, column 9: subject has no member `namspace`: trusted issuer prod maps no such attribute; did you mean `namespace`?',
    ],
    [
      'a misspelt has()',
      policy({ subject: { issuers: ['prod'] }, condition: "!has(subject.namspace) || subject.namespace == 'x'" }),
      'Policy checkout-reads-orders: spec.condition: line 1, column 6: subject has no member `namspace`',
    ],
    [
      'the condition of a subject',
      policy({ subject: { issuers: ['prod'], condition: "subject.cluster == 'x'" } }),
      `Policy checkout-reads-orders: spec.subject.condition: line 1, column 9: subject has no member \`cluster\`: trusted issuer prod maps no such attribute; there are ${NAMES}, ${MAPPED}`,
    ],
    [
      'the condition of an actor, of another issuer',
      [people, ...policy({ actor: { issuers: ['people'], condition: "actor.namespace == 'x'" } })],
      'Policy checkout-reads-orders: spec.actor.condition: line 1, column 7: actor has no member `namespace`: trusted issuer people maps no such attribute',
    ],
    [
      'several issuers, none of which maps it',
      [people, ...policy({ subject: { issuers: ['people', 'prod'], condition: "subject.cluster == 'x'" } })],
      'none of the trusted issuers people, prod maps such an attribute',
    ],
    [
      'no issuer named, and none that maps it',
      policy({ condition: "actor.team == 'x'" }),
      'Policy checkout-reads-orders: spec.condition: line 1, column 7: actor has no member `team`: no trusted issuer maps such an attribute',
    ],
    [
      'a registered client, of which nothing is mapped',
      policy({ subject: { issuers: ['clients'] }, condition: "subject.namespace == 'x'" }),
      'trusted issuer clients maps no such attribute',
    ],
    [
      'the client, by the issuers of its workloads',
      [people, ...policy({ condition: "client.team == 'x'" })],
      'spec.condition: line 1, column 8: client has no member `team`: trusted issuer prod maps no such attribute',
    ],
    [
      'the client, where it is registered',
      [
        ...policy({ clients: ['registered'], condition: "client.namespace == 'x'" }),
        document('Client', 'registered', {
          authentication: { method: 'private_key_jwt', jwks: { keys: [{ ...ecJwk('a'), alg: 'ES256' }] } },
        }),
      ],
      'spec.condition: line 1, column 8: client has no member `namespace`: trusted issuer clients maps no such attribute',
    ],
    [
      'the request',
      policy({ condition: 'request.scope.size() < 5' }),
      'spec.condition: line 1, column 9: request has no member `scope`; did you mean `scopes`?',
    ],
    [
      'the target',
      policy({ condition: "target.audience == 'x'" }),
      'spec.condition: line 1, column 8: target has no member `audience`; did you mean `audiences`?',
    ],
    [
      'a list compared with a text',
      policy({ condition: "request.scopes == 'orders:read'" }),
      'spec.condition: line 1, column 16: request.scopes is a list of texts and this is a text, which are never equal; whether a list has a member asks `in`',
    ],
    [
      'a condition that is none',
      policy({ condition: 'subject.id' }),
      'spec.condition: the condition is a text, and a condition is true or false; compare it with something',
    ],
    [
      'a workload',
      [
        base.issuer,
        changed(base.client, { workloads: [{ issuer: 'prod', condition: "workload.namspace == 'shop'" }] }),
        base.target,
        base.policy,
      ],
      'Client checkout: spec.workloads[0].condition: line 1, column 10: workload has no member `namspace`',
    ],
    [
      'who administers',
      [
        changed(people, { uses: ['administrator'] }),
        ...whole,
        document('Administrator', 'team', { issuer: 'people', condition: 'size(assertion.groups)', role: 'viewer' }),
      ],
      'Administrator team: spec.condition: the condition is a number, and a condition is true or false; compare it with something',
    ],
    [
      'the subject of a token',
      [
        base.issuer,
        base.client,
        changed(base.target, { tokens: [{ kind: 'access-token', subject: 'request.scopes' }] }),
        base.policy,
      ],
      'Target orders: spec.tokens[0].subject: the result is a list of texts, and a text is wanted',
    ],
    [
      'a claim of a token',
      [
        base.issuer,
        base.client,
        changed(base.target, { tokens: [{ kind: 'access-token', claims: { team: 'subject.teem' } }] }),
        base.policy,
      ],
      'Target orders: spec.tokens[0].claims.team: line 1, column 9: subject has no member `teem`',
    ],
  ])('%s', (_, documents, expected) => {
    expect(told(...documents)).toEqual([expect.stringContaining(expected)])
  })

  it.each<[string, readonly Document[]]>([
    [
      'an attribute that one of the issuers maps',
      [
        people,
        ...policy({
          subject: { issuers: ['people', 'prod'] },
          condition: "subject.team == 'x' && subject.namespace == 'x'",
        }),
      ],
    ],
    [
      'an attribute that any issuer maps',
      [people, ...policy({ condition: "subject.team == 'x' || subject.namespace == 'x'" })],
    ],
    [
      'whose token of ours it is',
      policy({ subject: { issuers: ['self'] }, condition: "subject.client_id == 'checkout'" }),
    ],
    [
      'whose token of ours it may be',
      policy({ condition: "has(subject.client_id) && subject.client_id == 'checkout'" }),
    ],
    [
      'the client',
      policy({ condition: "client.name == 'checkout' && client.namespace == 'shop' && client.authentication == 'x'" }),
    ],
    ['any client', policy({ clients: ['*'], condition: "client.namespace == 'shop'" })],
    ['where it came in', policy({ condition: "visited('fraud') && entry == 'gateway'" })],
    ['the request', policy({ condition: 'request.scopes.size() < 5 && request.time > 0' })],
  ])('takes %s', (_, documents) => {
    expect(() => compiler().compile(documents)).not.toThrow()
  })

  it('does not speak of what a fault elsewhere leaves unknown', () => {
    expect(told(...policy({ subject: { issuers: ['nobody'], match: { x: ['y'] } }, condition: 'subject.x' }))).toEqual([
      'Policy checkout-reads-orders: spec.subject.issuers[0]: there is no TrustedIssuer "nobody"; apply its document before or together with this one',
    ])
    expect(told(...policy({ clients: ['gone'], condition: "client.x == 'y'" }))).toHaveLength(2)
    const broken = changed(base.issuer, { keys: {} })
    expect(
      told(broken, base.client, base.target, changed(base.policy, { condition: "subject.namespace == 'x'" })).filter(
        (each) => each.startsWith('Policy'),
      ),
    ).toEqual([])
  })

  it('leaves in force what was written before, and refuses the next write', async () => {
    const documents = policy({ condition: "subject.namspace == 'shop'" }).map((each) => ({ ...each, changedIn: 1 }))
    const state = { version: 1, documents, keys: [], revocations: [], blocks: [] }
    expect((await compiler().snapshot(state)).policies.size).toBe(1)
    expect(told(...documents)).toHaveLength(1)
  })
})

describe('match is checked against what issuers map', () => {
  it.each<[string, object, string]>([
    [
      'the nearest name',
      { subject: { issuers: ['prod'], match: { namespce: ['shop'] } } },
      'Policy checkout-reads-orders: spec.subject.match.namespce: can never match: trusted issuer prod maps no attribute namespce; did you mean namespace?',
    ],
    [
      'all names',
      { actor: { issuers: ['prod'], match: { cluster: ['x'] } } },
      `Policy checkout-reads-orders: spec.actor.match.cluster: can never match: trusted issuer prod maps no attribute cluster; there are ${MAPPED}`,
    ],
    [
      'a forbid, which would let everybody by',
      { effect: 'forbid', subject: { match: { team: ['x'] } } },
      'can never match: no trusted issuer maps the attribute team',
    ],
    [
      'several issuers',
      { subject: { issuers: ['self', 'prod'], match: { team: ['x'] } } },
      'none of the trusted issuers self, prod maps the attribute team',
    ],
    ['an issuer that maps none', { subject: { issuers: ['clients'], match: { team: ['x'] } } }, 'there are none'],
    [
      'the issuer as an attribute',
      { subject: { match: { issuer: ['prod'] } } },
      'issuer is no attribute, but what every principal has; write `issuers`',
    ],
    ['the id as an attribute', { subject: { match: { id: ['x'] } } }, 'write `ids`'],
    ['the kind as an attribute', { subject: { match: { kind: ['jwt'] } } }, 'look at it in a `condition`'],
  ])('%s', (_, spec, expected) => {
    expect(told(...policy(spec))).toEqual([expect.stringContaining(expected)])
  })

  it('of a workload', () => {
    const client = changed(base.client, { workloads: [{ issuer: 'prod', match: { namespce: ['shop'] } }] })
    expect(told(base.issuer, client, base.target, base.policy)).toEqual([
      'Client checkout: spec.workloads[0].match.namespce: can never match: trusted issuer prod maps no attribute namespce; did you mean namespace?',
    ])
  })
})

describe('a certificate has the members that it has', async () => {
  const root = await createRoot()
  const certificates = new Compiler({ ...context, credentialKinds: [jwt, x509] })
  const issuer = (more: object) =>
    document('TrustedIssuer', 'devices', {
      credential: 'x509',
      keys: { roots: root.pem },
      subject: 'certificate.dn',
      ...more,
    })
  const faults = (more: object) => faultsOf(() => certificates.compile([issuer(more), ...whole])).map(sentence)

  it.each<[object, string]>([
    [
      { subject: 'certificate.subjct.CN' },
      'spec.subject: line 1, column 13: certificate has no member `subjct`; did you mean `subject`?',
    ],
    [{ subject: 'certificate.uris' }, 'spec.subject: the result is a list of texts, and a text is wanted'],
    [
      { condition: "certificate.dns == 'a'" },
      'spec.condition: line 1, column 17: certificate.dns is a list of texts and this is a text, which are never equal',
    ],
    [
      { instance: 'certificate.serial_number' },
      'spec.instance: line 1, column 13: certificate has no member `serial_number`',
    ],
    [
      { tenant: 'certificate.tenant', tenants: ['x'] },
      'spec.tenant: line 1, column 13: certificate has no member `tenant`',
    ],
    [
      { attributes: { host: 'certificate.hosts[0]' } },
      'spec.attributes.host: line 1, column 13: certificate has no member `hosts`',
    ],
  ])('%j', (more, expected) => {
    expect(faults(more)).toContainEqual(expect.stringContaining(`TrustedIssuer devices: ${expected}`))
  })

  it('takes those', () => {
    const right = issuer({
      subject: "certificate.subject.CN + '/' + certificate.serial",
      condition:
        "certificate.dns.exists(name, name.endsWith('.example')) && certificate.notAfter > certificate.notBefore",
      attributes: { host: 'certificate.dns[0]', ou: 'certificate.subject.OU', all: 'certificate.ips' },
    })
    expect(() => certificates.compile([right, ...whole])).not.toThrow()
  })
})
