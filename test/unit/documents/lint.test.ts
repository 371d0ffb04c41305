import { describe, expect, it } from 'vitest'
import { formats } from '../../../src/app.ts'
import { Compiler } from '../../../src/documents/compile.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { warningsOf } from '../../../src/documents/warnings.ts'
import { base, changed, context, document, ISSUER, whole } from './world.ts'

const { issuer, client, target, policy } = base

/** What lint says of the documents, each in one line. */
const warned = (...documents: readonly Document[]): readonly string[] =>
  warningsOf(new Compiler({ ...context, ...formats }).compile(documents)).map(
    ({ kind, name, path, message }) => `${kind} ${name} ${path}: ${message}`,
  )

/** The sound whole with some documents in place of those of their names, or beside them. */
function withThese(...documents: readonly Document[]): readonly Document[] {
  const key = ({ kind, metadata }: Document) => `${kind}/${metadata.name}`
  return [...new Map([...whole, ...documents].map((each) => [key(each), each])).values()]
}
const rule = (name: string, spec: object): Document => document('Policy', name, spec)
const permit = (name: string, spec: object): Document =>
  rule(name, { clients: ['checkout'], targets: ['orders'], scopes: ['orders:read'], ...spec })
const forbid = (name: string, spec: object): Document => rule(name, { effect: 'forbid', ...spec })
const selects = (name: string, ...workloads: readonly object[]): Document => document('Client', name, { workloads })
const trusted = (name: string, spec: object): Document =>
  document('TrustedIssuer', name, { ...issuer.spec, issuer: `https://${name}.example`, ...spec })
const svids = (name: string, trustDomain: string): Document =>
  document('TrustedIssuer', name, {
    credential: 'spiffe-jwt-svid',
    trustDomain,
    audiences: [ISSUER],
    keys: { bundle: { url: 'https://spire.example/' } },
  })

const DETAILED = { authorizationDetails: [{ type: 'payment', members: { actions: 'texts', amount: 'number' } }] }

type Row = readonly [what: string, documents: readonly Document[], expected: string]

describe('rules that can never match', () => {
  it.each<Row>([
    [
      'a grant that its clients have not',
      withThese(permit('p', { grants: ['jwt-bearer'] })),
      'Policy p spec.grants[0]: no client of this rule may use jwt-bearer: their `grants` are token-exchange',
    ],
    [
      'a type of authorization details that its targets do not know',
      withThese(changed(target, DETAILED), permit('p', { authorizationDetails: [{ type: 'paymnt' }] })),
      'Policy p spec.authorizationDetails[0].type: paymnt can never be granted: no target of this rule knows the type; did you mean payment?',
    ],
    [
      'a limit of a member that the type has not',
      withThese(
        changed(target, DETAILED),
        permit('p', { authorizationDetails: [{ type: 'payment', members: { amonut: 5 } }] }),
      ),
      'Policy p spec.authorizationDetails[0].members.amonut: can never be met: the type payment has no member amonut; did you mean amount?',
    ],
    [
      'a number as the limit of texts',
      withThese(
        changed(target, DETAILED),
        permit('p', { authorizationDetails: [{ type: 'payment', members: { actions: 5, amount: 5 } }] }),
      ),
      'Policy p spec.authorizationDetails[0].members.actions: can never be met: actions is texts, which this is no limit of',
    ],
    [
      'a kind of token that its targets have not',
      withThese(permit('p', { tokenTypes: ['jwt-svid'] })),
      'Policy p spec.tokenTypes[0]: no target of this rule has tokens of kind jwt-svid: they have access-token',
    ],
    [
      'a way of authentication that a workload has not',
      withThese(permit('p', { authentication: ['private_key_jwt'] })),
      'Policy p spec.authentication[0]: no client of this rule can come by private_key_jwt; so the rule can never be met',
    ],
    [
      'a binding that the target excludes',
      withThese(
        changed(target, { tokens: [{ kind: 'access-token', binding: 'mtls' }] }),
        permit('p', { binding: 'dpop' }),
      ),
      'Policy p spec.binding: can never be met: this rule demands dpop, and its targets mtls',
    ],
    [
      'subjects of an issuer that gives none',
      withThese(trusted('ci', { uses: ['actor'] }), permit('p', { subject: { issuers: ['ci'] } })),
      'Policy p spec.subject.issuers[0]: can never match: credentials of trusted issuer ci are taken as actor, and not as subject',
    ],
    [
      'actors of an issuer that gives none',
      withThese(
        trusted('people', { uses: ['subject'] }),
        permit('p', { actor: { issuers: ['people'] }, delegation: { mode: 'delegate' } }),
      ),
      'Policy p spec.actor.issuers[0]: can never match: credentials of trusted issuer people are taken as subject, and not as actor or client',
    ],
    [
      'subjects of a disabled issuer',
      withThese(trusted('old', { disabled: true }), permit('p', { subject: { issuers: ['old'] } })),
      'Policy p spec.subject.issuers[0]: trusted issuer old is disabled, so that nobody of it can be meant',
    ],
    [
      'ids of another trust domain',
      withThese(
        svids('mesh', 'prod.example'),
        permit('p', { subject: { issuers: ['mesh'], ids: ['spiffe://dev.example/a'] } }),
      ),
      'Policy p spec.subject.ids[0]: spiffe://dev.example/a can never match: credentials of trusted issuer mesh are of spiffe://prod.example',
    ],
    [
      'an actor, where none is allowed',
      withThese(permit('p', { actor: { issuers: ['prod'] } })),
      'Policy p spec.actor: can never match: the rule asks for an actor, and its `delegation` allows none',
    ],
    [
      'foreign subjects without the change authority',
      withThese(permit('p', { subject: { issuers: ['prod'] }, changes: ['format', 'scope'] })),
      'Policy p spec.changes: can never match: a credential of another issuer becomes one of ours',
    ],
    [
      'foreign subjects without the change scope',
      withThese(permit('p', { subject: { issuers: ['prod'] }, changes: ['authority'] })),
      'Policy p spec.changes: no scope can be granted',
    ],
  ])('%s', (_, documents, expected) => {
    expect(warned(...documents)).toContainEqual(expect.stringContaining(expected))
  })

  it.each<readonly [string, readonly Document[]]>([
    [
      'subjects of ours, whose changes are fewer',
      withThese(permit('p', { subject: { issuers: ['self'], scopes: [] }, changes: ['format'] })),
    ],
    [
      'a binding that one of two targets can have',
      withThese(
        changed(target, { tokens: [{ kind: 'access-token', binding: 'mtls' }] }),
        document('Target', 'billing', { audience: 'b', scopes: ['orders:read'] }),
        permit('p', { binding: 'dpop', targets: ['orders', 'billing'] }),
      ),
    ],
    ['a method that a selected workload can come by', withThese(permit('p', { authentication: ['client_assertion'] }))],
    [
      'ids that one issuer of two can have',
      withThese(
        svids('mesh', 'prod.example'),
        svids('other', 'dev.example'),
        permit('p', { subject: { issuers: ['mesh', 'other'], ids: ['spiffe://dev.example/a'] } }),
      ),
    ],
  ])('and not %s', (_, documents) => {
    expect(warned(...documents).filter((line) => /never|no scope can|no client of/.test(line))).toEqual([])
  })
})

describe('a delegation that contradicts itself', () => {
  it.each([
    [{ mode: 'none', maxDepth: 2 }, 'spec.delegation.maxDepth: has no effect'],
    [{ mode: 'impersonate', maxDepth: 2 }, 'spec.delegation.maxDepth: has no effect'],
    [{ requireMayAct: true }, 'spec.delegation.requireMayAct: has no effect'],
  ])('%j', (delegation, expected) => {
    expect(warned(...withThese(permit('p', { delegation })))).toContainEqual(expect.stringContaining(expected))
  })

  it('and one that does not', () => {
    const delegation = { mode: 'delegate', maxDepth: 2, requireMayAct: true }
    expect(warned(...withThese(permit('p', { delegation }))).join()).not.toContain('spec.delegation')
  })
})

describe('a waived proof of possession', () => {
  const waiving = (more: object) => warned(...withThese(permit('p', more))).join('\n')
  const own = { issuers: ['self'], scopes: [], proofOfPossession: 'waived' }
  const all = ['format', 'scope', 'authority', 'unbind']

  it.each([
    ['of others alone', { subject: { ...own, issuers: ['prod'] } }, 'has no effect: it is about tokens of ours alone'],
    ['without a binding', { subject: own }, 'who brings such a token and proves no key of its own is refused'],
    ['for a bearer token', { subject: own, changes: all }, 'a token that only its holder could use becomes one'],
  ])('%s is doubted', (_, more, expected) => {
    expect(waiving(more)).toContain(`Policy p spec.subject.proofOfPossession: ${expected}`)
  })

  it('with a binding is not, nor is one that is required', () => {
    const { issuers, scopes } = own
    for (const more of [
      { subject: own, binding: 'any' },
      { subject: { scopes, proofOfPossession: 'waived' }, binding: 'dpop' },
      { subject: { issuers, scopes, proofOfPossession: 'required' } },
      { subject: { issuers, scopes } },
    ])
      expect(waiving(more)).not.toContain('proofOfPossession')
  })
})

describe('rules that add nothing', () => {
  it.each<Row>([
    [
      'its own double',
      withThese(permit('twin', {})),
      'Policy twin : adds nothing: policy checkout-reads-orders permits all',
    ],
    [
      'a part of a wider one',
      withThese(changed(policy, { clients: ['*'], scopes: ['orders:read', 'orders:write'] }), permit('part', {})),
      'Policy part : adds nothing: policy checkout-reads-orders',
    ],
    [
      'a wider one with a demand of its own, which counts anyway',
      withThese(changed(policy, { binding: 'dpop', lifetime: '1m' }), permit('part', {})),
      'Policy part : adds nothing',
    ],
    [
      'one subject of many',
      withThese(
        changed(policy, { subject: { issuers: ['prod'], ids: ['a/*'] } }),
        permit('part', { subject: { issuers: ['prod'], ids: ['a/b'], condition: "subject.namespace == 'x'" } }),
      ),
      'Policy part : adds nothing',
    ],
    [
      'a permit under a forbid with plain fields',
      withThese(
        forbid('stop', { clients: ['checkout'], grants: ['token-exchange'] }),
        changed(policy, { grants: ['token-exchange'] }),
      ),
      'Policy checkout-reads-orders : has no effect: policy stop forbids all that it permits',
    ],
    [
      'a permit under a forbid of its scopes and subjects',
      withThese(
        forbid('stop', { scopes: ['orders:read'], subject: { match: { namespace: ['shop'] } } }),
        changed(policy, { subject: { issuers: ['prod'], match: { namespace: ['shop'] } } }),
      ),
      'Policy checkout-reads-orders : has no effect: policy stop',
    ],
    [
      'a permit under a forbid of the same condition',
      withThese(
        forbid('stop', { condition: "request.grant == 'x'" }),
        changed(policy, { condition: "request.grant == 'x'" }),
      ),
      'Policy checkout-reads-orders : has no effect: policy stop',
    ],
  ])('%s', (_, documents, expected) => {
    expect(warned(...documents)).toContainEqual(expect.stringContaining(expected))
  })

  it.each<readonly [string, object, object]>([
    ['a ceiling', { lifetime: '1m' }, {}],
    ['a demand', { binding: 'dpop' }, {}],
    ['a way of authentication', { authentication: ['client_assertion'] }, {}],
    [
      'a demand for may_act',
      { delegation: { mode: 'delegate', requireMayAct: true } },
      { delegation: { mode: 'delegate' } },
    ],
    ['a scope', { scopes: ['orders:write'] }, {}],
    ['a change', { changes: ['format', 'scope', 'authority', 'unbind'] }, {}],
    ['another mode of delegation', { delegation: { mode: 'delegate' } }, {}],
    ['a deeper chain', { delegation: { mode: 'delegate', maxDepth: 4 } }, { delegation: { mode: 'delegate' } }],
    [
      'tokens of ours for other audiences',
      { subject: { issuers: ['prod', 'self'], scopes: [] } },
      { subject: { issuers: ['prod', 'self'] } },
    ],
    [
      'other subjects',
      { subject: { issuers: ['prod'], ids: ['a/c'] } },
      { subject: { issuers: ['prod'], ids: ['a/b'] } },
    ],
    [
      'a proof of the key of bound tokens',
      { subject: { issuers: ['self'], scopes: [] } },
      { subject: { issuers: ['self'], scopes: [], proofOfPossession: 'waived' } },
    ],
    ['whoever the other has conditions for', {}, { condition: "request.grant == 'token-exchange'" }],
    ['other kinds of token', {}, { tokenTypes: ['access-token'] }],
  ])('and a rule with %s does add', (_, more, other) => {
    expect(warned(...withThese(changed(policy, other), permit('more', more))).join('\n')).not.toContain(
      'Policy more : adds nothing',
    )
  })

  it.each<readonly [string, object]>([
    ['other subjects', { subject: { match: { namespace: ['other'] } } }],
    ['an actor', { actor: { issuers: ['prod'] } }],
    ['a part of its scopes', { scopes: ['orders:write'] }],
    ['a condition', { condition: 'subject.key' }],
    ['subjects that hold something', { subject: { scopes: ['x'] } }],
    ['nobody yet', { mode: 'shadow' }],
    ['nobody any more', { disabled: true }],
  ])('and a forbid about %s leaves something', (_, more) => {
    expect(warned(...withThese(forbid('stop', { clients: ['checkout'], ...more }))).join('\n')).not.toContain(
      'has no effect',
    )
  })
})

describe('who reaches what', () => {
  const registered = (name: string, spec: object = {}) => selects(name, { issuer: 'prod', ids: [name], ...spec })
  it.each<Row>([
    [
      'a target that is open to others than policies permit',
      withThese(
        registered('stock'),
        permit('s', { clients: ['stock'], targets: ['billing'], scopes: [] }),
        document('Target', 'billing', { audience: 'b', clients: ['checkout'] }),
      ),
      'Target billing spec.clients: nobody can have a token for this target: it is open to checkout, and policies permit stock',
    ],
    [
      'a target that is open to nobody',
      withThese(changed(target, { clients: [] }), changed(policy, { clients: ['*'] })),
      'Target orders spec.clients: nobody can have a token for this target: it is open to no client',
    ],
    [
      'an audience of no target',
      withThese(changed(client, { audiences: ['https://nobody.example'] })),
      'Client checkout spec.audiences[0]: no target has the audience https://nobody.example',
    ],
    [
      'a default target that is not permitted',
      withThese(document('Target', 'billing', { audience: 'b' }), changed(client, { defaultTarget: 'billing' })),
      'Client checkout spec.defaultTarget: no policy permits this client anything at billing',
    ],
    [
      'a default target that is closed',
      withThese(
        registered('stock'),
        changed(target, { clients: ['stock'] }),
        changed(client, { defaultTarget: 'orders' }),
      ),
      'Client checkout spec.defaultTarget: target orders is closed to this client',
    ],
    [
      'a default target that is disabled',
      withThese(changed(target, { disabled: true }), changed(client, { defaultTarget: 'orders' })),
      'Client checkout spec.defaultTarget: target orders is disabled',
    ],
  ])('%s', (_, documents, expected) => {
    expect(warned(...documents)).toContainEqual(expect.stringContaining(expected))
  })

  it('says nothing where a permit of all leads', () => {
    const open = withThese(
      changed(policy, { clients: ['*'], targets: ['*'], condition: 'subject.key' }),
      changed(client, { defaultTarget: 'orders' }),
      registered('stock'),
      changed(target, { clients: ['stock'] }),
    )
    expect(warned(...open).filter((line) => line.includes('nobody can'))).toEqual([])
  })

  it('counts an issuer that an Administrator document names as used', () => {
    const admins = trusted('admins', { uses: ['administrator'] })
    const administers = document('Administrator', 'ada', {
      ...{ issuer: 'admins', condition: "assertion.sub == 'ada'", role: 'admin' },
    })
    const named = changed(policy, { subject: { issuers: ['prod'] } })
    expect(warned(...withThese(admins, named)).filter((line) => line.includes('nobody uses'))).toHaveLength(1)
    expect(warned(...withThese(admins, named, administers)).filter((line) => line.includes('nobody uses'))).toEqual([])
  })
})

describe('lifetimes that no token comes to', () => {
  const short = changed(issuer, { maxLifetime: '2m' })
  it.each<Row>([
    [
      'of a rule',
      withThese(short, changed(policy, { lifetime: '3m' })),
      'Policy checkout-reads-orders spec.lifetime: 3m is never reached: a token ends with the credential that it was issued for, and those of prod live 2m at most',
    ],
    ['of a target', withThese(short), 'Target orders spec.tokens[0].lifetime: 5m is never reached'],
  ])('%s', (_, documents, expected) => {
    expect(warned(...documents)).toContainEqual(expect.stringContaining(expected))
  })

  it('says nothing where another issuer, or anybody, has credentials that live longer', () => {
    const longer = trusted('ci', {})
    const also = permit('p', { subject: { issuers: ['ci'] }, delegation: { mode: 'delegate' } })
    const anybody = permit('p', { delegation: { mode: 'delegate' } })
    for (const more of [[longer, also], [anybody]])
      expect(warned(...withThese(short, ...more)).filter((line) => line.includes('never reached'))).toEqual([])
  })
})

describe('two issuers in one sub', () => {
  const mapped = (subject: string) => changed(target, { tokens: [{ kind: 'access-token', subject }] })
  const changes = ['format', 'scope', 'authority', 'identity']
  const two = changed(policy, { subject: { issuers: ['prod', 'ci'] }, changes })

  it('is warned of where both are permitted', () => {
    expect(warned(...withThese(trusted('ci', {}), mapped('subject.namespace'), two))).toContainEqual(
      expect.stringContaining('Target orders spec.tokens[0].subject: workloads of prod, ci can meet in one value'),
    )
  })

  it('is warned of where one is permitted here, and the other by a rule about every target', () => {
    const here = changed(policy, { subject: { issuers: ['prod'] }, changes })
    const anywhere = document('Policy', 'anywhere', {
      clients: ['*'],
      targets: ['*'],
      scopes: ['orders:read'],
      subject: { issuers: ['ci'] },
      changes,
    })
    expect(warned(...withThese(trusted('ci', {}), mapped('subject.namespace'), here, anywhere))).toContainEqual(
      expect.stringMatching(/Target orders spec\.tokens\[0\]\.subject: workloads of (ci, prod|prod, ci) can meet/),
    )
  })

  it.each<readonly [string, string, Document]>([
    ['one issuer is permitted', 'subject.namespace', changed(policy, { changes })],
    ['the mapping has the issuer', "subject.issuer + '/' + subject.namespace", two],
    ['the mapping is the id', 'subject.id', two],
  ])('is not where %s', (_, subject, rules) => {
    expect(
      warned(...withThese(trusted('ci', {}), mapped(subject), rules)).filter((line) => line.includes('can meet')),
    ).toEqual([])
  })
})

describe('a workload that is two clients', () => {
  const both = permit('b', { clients: ['checkout', 'all-of-shop'] })
  it.each<readonly [string, object]>([
    ['by fewer attributes', { match: { namespace: ['shop'] } }],
    ['by a pattern', { match: { namespace: ['*'], serviceaccount: ['checkout'] } }],
    ['by the same', { match: { namespace: ['shop'], serviceaccount: ['checkout', 'x'] } }],
  ])('%s', (_, selector) => {
    expect(warned(...withThese(selects('all-of-shop', { issuer: 'prod', ...selector }), both))).toContainEqual(
      expect.stringMatching(
        /^Client checkout .*: a workload of trusted issuer prod is this client and client all-of-shop; where both are permitted, as at target orders, all-of-shop decides/,
      ),
    )
  })

  it.each<readonly [string, readonly Document[]]>([
    ['is another', [selects('all-of-shop', { issuer: 'prod', match: { namespace: ['stock'] } }), both]],
    [
      'is told apart by what cannot be made up',
      [
        selects('all-of-shop', { issuer: 'prod', match: { namespace: ['shop'] }, condition: "workload.pod == 'x'" }),
        both,
      ],
    ],
    [
      'is permitted elsewhere',
      [
        selects('all-of-shop', { issuer: 'prod', match: { namespace: ['shop'] } }),
        document('Target', 'billing', { audience: 'b' }),
        permit('b', { clients: ['all-of-shop'], targets: ['billing'], scopes: [] }),
      ],
    ],
    [
      'is disabled',
      [changed(selects('all-of-shop', { issuer: 'prod', match: { namespace: ['shop'] } }), { disabled: true }), both],
    ],
  ])('and one that %s', (_, documents) => {
    expect(warned(...withThese(...documents)).filter((line) => line.includes('decides'))).toEqual([])
  })
})

describe('shared issuers', () => {
  const github = (...tenants: readonly string[]) =>
    document('TrustedIssuer', 'github', {
      preset: 'github-actions',
      keys: { discovery: true },
      audiences: [ISSUER],
      tenants,
    })
  const deployer = selects('deployer', { issuer: 'github', match: { repository_id: ['7'] } })
  const deploys = (subject: object, more: object = {}) =>
    permit('d', { clients: ['deployer'], subject: { issuers: ['github'], ...subject }, ...more })

  it.each<Row>([
    [
      'by a name in a condition',
      withThese(github('1'), deployer, deploys({ condition: "subject.repository == 'a/b'" })),
      'Policy d spec.subject.condition: repository can be renamed',
    ],
    [
      'by a name in the condition of the whole',
      withThese(github('1'), deployer, deploys({}, { condition: "subject['repository'] == 'a/b'" })),
      'Policy d spec.condition: repository can be renamed',
    ],
    [
      'by a name in a selector’s condition',
      withThese(
        github('1'),
        selects('deployer', { issuer: 'github', condition: "workload.repository_owner == 'a'" }),
        deploys({ match: { repository_id: ['7'] } }),
      ),
      'Client deployer spec.workloads[0].condition: repository_owner can be renamed',
    ],
    [
      'by nothing of one of two tenants',
      withThese(github('1', '2'), deployer, deploys({ match: { environment: ['prod'] } })),
      'Policy d spec.subject: fixes no id that stays, and trusted issuer github takes credentials of 2 tenants, so that it is about all of them; name the subject in ids, or match repository_owner_id',
    ],
  ])('%s', (_, documents, expected) => {
    expect(warned(...documents)).toContainEqual(expect.stringContaining(expected))
  })

  it.each<readonly [string, readonly Document[]]>([
    [
      'an id in the condition',
      withThese(
        github('1', '2'),
        deployer,
        deploys({ condition: "subject.repository == 'a/b' && subject.repository_id == '7'" }),
      ),
    ],
    [
      'a text that is spelt like a name',
      withThese(github('1'), deployer, deploys({ condition: "subject.ref_type == 'repository'" })),
    ],
    ['one tenant', withThese(github('1'), deployer, deploys({ match: { environment: ['prod'] } }))],
    ['the tenant itself', withThese(github('1', '2'), deployer, deploys({ match: { repository_owner_id: ['1'] } }))],
    [
      'a condition about something else',
      withThese(github('1'), deployer, deploys({}, { condition: "target.name == 'repository'" })),
    ],
  ])('and not %s', (_, documents) => {
    expect(warned(...documents).filter((line) => /renamed|stays/.test(line))).toEqual([])
  })
})

describe('what an issuer’s document cannot mean', () => {
  const keys = { discovery: true }
  it.each<readonly [string, object, string]>([
    [
      'metadata of Google',
      { preset: 'google', keys, audiences: [ISSUER], tenants: ['1'] },
      'spec.keys.discovery: the keys of https://accounts.google.com are at another address than its metadata',
    ],
    [
      'everybody’s Entra',
      { preset: 'azure', issuer: 'https://login.microsoftonline.com/common/v2.0', keys, audiences: [ISSUER] },
      'spec.issuer: no token has the issuer of common, which stands for many tenants',
    ],
    [
      'two kinds of once',
      { ...issuer.spec, singleUse: true, firstUse: 'bind' },
      'spec.firstUse: binds what singleUse lets be used once only',
    ],
    [
      'a wide expression',
      { ...issuer.spec, condition: "assertion.sub.matches('^.*:shop$')" },
      "spec.condition: matches('^.*:shop$') lets anything stand before",
    ],
  ])('%s', (_, spec, expected) => {
    expect(warned(document('TrustedIssuer', 'x', spec))).toContainEqual(expect.stringContaining(expected))
  })

  it('and Entra of one tenant', () => {
    const own = 'https://login.microsoftonline.com/8f6c2b1e-3d4a-4c5b-9e7f-1a2b3c4d5e6f/v2.0'
    const said = warned(document('TrustedIssuer', 'x', { preset: 'azure', issuer: own, keys, audiences: [ISSUER] }))
    expect(said.filter((line) => line.includes('spec.issuer'))).toEqual([])
  })
})

it('says the name of a certificate is no pattern', () => {
  const authority = document('TrustedIssuer', 'ca', {
    credential: 'spiffe-x509-svid',
    trustDomain: 'ca.example',
    keys: { bundle: { url: 'https://spire.example/' } },
  })
  const authentication = (sanDns: string) =>
    document('Client', 'b', { authentication: { method: 'tls_client_auth', issuer: 'ca', sanDns } })
  const said = (sanDns: string) =>
    warned(...withThese(authority, authentication(sanDns))).filter((line) => line.includes('sanDns'))
  expect(said('*.example')).toEqual([expect.stringContaining('*.example is no pattern')])
  expect(said('b.example')).toEqual([])
})
