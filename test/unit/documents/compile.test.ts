import { describe, expect, it } from 'vitest'
import { jwt } from '../../../src/credentials/kinds/jwt.ts'
import { spiffeJwtSvid } from '../../../src/credentials/kinds/spiffe-jwt-svid.ts'
import { spiffeX509Svid } from '../../../src/credentials/kinds/spiffe-x509-svid.ts'
import { wit } from '../../../src/credentials/kinds/wit.ts'
import { x509 } from '../../../src/credentials/kinds/x509.ts'
import { Compiler } from '../../../src/documents/compile.ts'
import type { Document, StoredDocument } from '../../../src/documents/contract.ts'
import { warningsOf } from '../../../src/documents/warnings.ts'
import { SigningKey } from '../../harness/tokens.ts'
import { base, changed, compiler, context, document, faultsOf, ISSUER, key, whole } from './world.ts'

const compile = (documents: readonly Document[]) => compiler().compile(documents)
const lines = (documents: readonly Document[]) =>
  faultsOf(() => compile(documents)).map(({ kind, name, path, message }) => `${kind} ${name} ${path}: ${message}`)
const warned = (...documents: Document[]) =>
  warningsOf(compile(documents)).map(({ kind, name, path, message }) => `${kind} ${name} ${path}: ${message}`)
const { issuer, client, target, policy } = base

const storedOnes = new Map<Document, StoredDocument>()
/** The same object for the same document, as a store gives what has not changed. */
function stored(one: Document): StoredDocument {
  const known = storedOnes.get(one) ?? { ...one, changedIn: 1 }
  storedOnes.set(one, known)
  return known
}

describe('compiling documents', () => {
  it('makes a snapshot of its version that the road can ask', async () => {
    const state = {
      version: 7,
      documents: whole.map((each) => ({ ...each, changedIn: 7 })),
      keys: [key('ES256')],
      revocations: [],
      blocks: [],
    }
    const snapshot = await new Compiler(context).snapshot(state)
    expect(snapshot.version).toBe(7)
    expect(snapshot.issuers.byName('prod')?.authority).toBe('https://oidc.prod.example')
    expect(snapshot.clients.byName('checkout')?.workloads).toHaveLength(1)
    expect(snapshot.targets.byAudience('https://orders.example')?.name).toBe('orders')
    expect(snapshot.policies.about('checkout', 'orders').flat()).toHaveLength(1)
    expect(snapshot.keyring.stored).toHaveLength(1)
    expect(Object.isFrozen(snapshot)).toBe(true)
  })

  it('reports the faults of every document at once, each with kind and name', () => {
    const found = lines([
      changed(issuer, { audience: ['x'] }),
      changed(client, { grants: ['password'] }),
      changed(target, { audience2: 'x' }),
      changed(policy, { effect: 'allow' }),
    ])
    expect(found).toEqual([
      expect.stringContaining(
        'TrustedIssuer prod spec.audience: there is no field `audience` here; did you mean `audiences`?',
      ),
      expect.stringContaining('Client checkout spec.grants[0]'),
      expect.stringContaining('Target orders spec.audience2'),
      expect.stringContaining('Policy checkout-reads-orders spec.effect'),
    ])
  })

  it('refuses an unknown kind with the nearest name', () => {
    expect(lines([document('Polcy', 'p', {})])).toEqual([
      'Polcy p kind: there is no kind "Polcy"; did you mean Policy?',
    ])
    expect(lines([document('Deployment', 'p', {})])).toEqual([
      'Deployment p kind: there is no kind "Deployment"; there are TrustedIssuer, Client, Target, Policy, Administrator, Approval',
    ])
  })

  it.each([
    [
      'a policy’s client',
      changed(policy, { clients: ['checkuot'] }),
      'spec.clients[0]: there is no Client "checkuot"; did you mean checkout?',
    ],
    [
      'a policy’s target',
      changed(policy, { targets: ['orders', 'billing'] }),
      'spec.targets[1]: there is no Target "billing"; apply its document',
    ],
    [
      'a policy’s subject issuer',
      changed(policy, { subject: { issuers: ['prd'] } }),
      'spec.subject.issuers[0]: there is no TrustedIssuer "prd"; did you mean prod?',
    ],
    [
      'a policy’s actor issuer',
      changed(policy, { actor: { issuers: ['elsewhere'] } }),
      'spec.actor.issuers[0]: there is no TrustedIssuer "elsewhere"',
    ],
    [
      'a client’s issuer',
      changed(client, { workloads: [{ issuer: 'prods', ids: ['x'] }] }),
      'spec.workloads[0].issuer: there is no TrustedIssuer "prods"; did you mean prod?',
    ],
    [
      'a client’s default target',
      changed(client, { defaultTarget: 'nowhere' }),
      'spec.defaultTarget: there is no Target "nowhere"',
    ],
    ['a target’s client', changed(target, { clients: ['nobody'] }), 'spec.clients[0]: there is no Client "nobody"'],
  ])('refuses a reference to something that does not exist: %s', (_, wrong, message) => {
    const documents = whole.map((each) => (each.kind === wrong.kind ? wrong : each))
    expect(lines(documents)).toEqual([expect.stringContaining(message)])
  })

  it('takes the built-in issuers and * where they mean something', () => {
    const rule = changed(policy, { clients: ['*'], targets: ['*'], subject: { issuers: ['self', 'clients', 'prod'] } })
    expect(compile([issuer, client, target, rule]).policies.size).toBe(1)
  })

  it('refuses what only several documents together get wrong', () => {
    const twin = document('Target', 'orders-2', { audience: 'https://orders.example' })
    const namesake = changed({ ...issuer, metadata: { name: 'prod-2' } }, {})
    expect(lines([...whole, twin])).toEqual([
      expect.stringContaining('targets orders and orders-2 share the audience https://orders.example'),
    ])
    expect(lines([...whole, namesake])).toEqual([
      expect.stringContaining(
        'trusted issuer prod and trusted issuer prod-2 both answer to "https://oidc.prod.example"',
      ),
    ])
  })

  it.each([
    [
      'a kind of credential',
      { method: 'spiffe_wit', issuer: 'prod', spiffeId: 'spiffe://prod.example/svc' },
      'spec.authentication.issuer: prod has credentials jwt, and spiffe_wit takes wit; name a trusted issuer of that',
    ],
    [
      'a kind of certificate',
      { method: 'tls_client_auth', issuer: 'domain', sanDns: 'svc.example' },
      'spec.authentication.issuer: domain has credentials spiffe-jwt-svid, and tls_client_auth takes x509 or spiffe-x509-svid',
    ],
    [
      'a trust domain',
      { method: 'spiffe_jwt', issuer: 'domain', spiffeId: 'spiffe://prod.example.evil.example/svc' },
      'spec.authentication.spiffeId: is not in the trust domain of domain, which is spiffe://prod.example',
    ],
    [
      'an issuer that there is',
      { method: 'spiffe_jwt', issuer: 'domian', spiffeId: 'spiffe://prod.example/svc' },
      'spec.authentication.issuer: there is no TrustedIssuer "domian"; did you mean domain?',
    ],
  ])('refuses a registered client that can never be vouched for, for want of %s', (_, authentication, message) => {
    const domain = document('TrustedIssuer', 'domain', {
      credential: 'spiffe-jwt-svid',
      trustDomain: 'prod.example',
      audiences: [context.ourIssuer],
      keys: { bundle: { inline: { keys: [{ ...new SigningKey('ES256').jwk, use: 'jwt-svid', alg: undefined }] } } },
    })
    const svc = (its: object) => document('Client', 'svc', { authentication: its })
    const kinds = new Compiler({ ...context, credentialKinds: [jwt, spiffeJwtSvid, wit, x509, spiffeX509Svid] })
    const found = faultsOf(() => kinds.compile([...whole, domain, svc(authentication)]))
    expect(found.map(({ kind, name, path, message }) => `${kind} ${name} ${path}: ${message}`)).toEqual([
      expect.stringContaining(`Client svc ${message}`),
    ])
    const good = { method: 'spiffe_jwt', issuer: 'domain', spiffeId: 'spiffe://prod.example/svc' }
    expect(kinds.compile([...whole, domain, svc(good)]).clients.byName('svc')?.name).toBe('svc')
  })

  it.each([
    [
      client,
      { workloads: [{ issuer: 'prod', match: { namespace: 'shop' } }] },
      'spec.workloads[0].match.namespace: is a list of texts, such as [shop]',
    ],
    [policy, { clients: 'checkout' }, 'spec.clients: is a text; write a list'],
    [target, { scopes: 'orders' }, 'spec.scopes: is a text; write a list'],
    [issuer, { preset: 'github' }, 'did you mean github-actions'],
    [issuer, { issuer: null }, 'spec.issuer: is empty; write a text'],
    [
      issuer,
      { keys: { discovery: true, bearerToken: 'abc' } },
      'spec.keys.bearerToken: is a text; write a mapping of fields',
    ],
    [
      issuer,
      { onlineCheck: { tokenReview: { url: 'https://k.example' } } },
      'spec.onlineCheck.tokenReview.bearerToken: is missing; write a mapping of fields',
    ],
    [
      issuer,
      { algorithms: ['ES265'] },
      'spec.algorithms[0]: "ES265" is not an algorithm that is verified; there are RS256, ',
    ],
  ])('says what to write where a field is of another shape: %#', (wrong, change, message) => {
    const said = lines([changed(wrong, change)])
    expect(said).toContainEqual(expect.stringContaining(message))
    expect(said.join()).not.toContain('Invalid')
  })

  it('refuses a trust domain by its own words, though several kinds have one, and keys of a client at a private address', () => {
    const kinds = new Compiler({ ...context, credentialKinds: [jwt, spiffeJwtSvid, wit], insecureFetch: new Set() })
    const trusted = document('TrustedIssuer', 'd', { credential: 'spiffe-jwt-svid', trustDomain: 'spiffe://p.example' })
    const jwksUri = document('Client', 'c', {
      authentication: { method: 'private_key_jwt', jwksUri: 'https://127.0.0.1/k' },
    })
    const said = faultsOf(() => kinds.compile([trusted, jwksUri])).map(({ path, message }) => `${path}: ${message}`)
    expect(said).toContainEqual(expect.stringContaining('spec.trustDomain: is a trust domain such as prod.example'))
    expect(said).toContainEqual(
      expect.stringContaining('spec.authentication.jwksUri: "https://127.0.0.1/k" leads to 127.0.0.1'),
    )
  })

  it('warns of ids of another trust domain, and of none that may be of its own', () => {
    const domain = document('TrustedIssuer', 'domain', {
      credential: 'spiffe-jwt-svid',
      trustDomain: 'prod.example',
      audiences: [context.ourIssuer],
      keys: { bundle: { inline: { keys: [{ ...new SigningKey('ES256').jwk, use: 'jwt-svid', alg: undefined }] } } },
    })
    const kinds = new Compiler({ ...context, credentialKinds: [jwt, spiffeJwtSvid] })
    const of = (id: string) =>
      warningsOf(
        kinds.compile([...whole, domain, document('Client', 'svc', { workloads: [{ issuer: 'domain', ids: [id] }] })]),
      ).filter(({ path }) => path.endsWith('ids[0]'))
    expect(of('spiffe://other.example/x')[0]?.message).toContain('can never match')
    for (const id of ['spiffe://prod.example/x', 'spiffe://prod.example/**']) expect(of(id)).toEqual([])
  })

  it('refuses one key in two registered clients (T17)', () => {
    const jwks = { keys: [new SigningKey('ES256').jwk] }
    const registered = (name: string) =>
      document('Client', name, { authentication: { method: 'private_key_jwt', jwks } })
    const found = lines([...whole, registered('one'), registered('two')])
    expect(found).toEqual([
      expect.stringContaining('Client two spec.authentication.jwks: has a key that client one has as well'),
    ])
  })

  it('makes registered clients issuers of their own assertions', () => {
    const jwks = { keys: [new SigningKey('ES256').jwk] }
    const { issuers } = compile([
      ...whole,
      document('Client', 'batch', { authentication: { method: 'private_key_jwt', jwks } }),
    ])
    expect(issuers.knows('urn:ietf:params:oauth:client-assertion-type:jwt-bearer', 'batch')).toBe(true)
  })

  it('compiles a document once for as long as it is the same, and indexes over kinds of which none has changed', async () => {
    const kept = new Compiler(context)
    const at = (version: number, documents: readonly Document[]) => ({
      version,
      documents: documents.map(stored),
      keys: [],
      revocations: [],
      blocks: [],
    })
    const before = await kept.snapshot(at(1, whole))
    const other = changed(policy, { lifetime: '2m' })
    const after = await kept.snapshot(
      at(
        2,
        whole.map((each) => (each === policy ? other : each)),
      ),
    )
    expect(after.clients).toBe(before.clients)
    expect(after.targets.byName('orders')).toBe(before.targets.byName('orders'))
    expect(after.policies.byName('checkout-reads-orders')?.lifetime).toBe(120)
    expect(before.policies.byName('checkout-reads-orders')?.lifetime).toBeUndefined()
    // What is compiled beside them, such as a draft, is not what the next one begins with.
    const draft = kept.compile([
      ...whole.filter((each) => each !== target),
      changed(target, { scopes: ['orders:read'] }),
    ])
    expect(draft.nouns.targets.get('orders')?.scopes.size).toBe(1)
    expect((await kept.snapshot(at(3, whole))).targets.byName('orders')?.scopes.size).toBe(2)
  })

  it('does so for administrators and approvals as well, and finds what is wrong with one that has changed', async () => {
    const kept = new Compiler({ ...context, adminAudience: 'cambist-admin' })
    const corporate = document('TrustedIssuer', 'corporate', {
      preset: 'oidc',
      issuer: 'https://login.corporate.example',
      keys: { discovery: true },
      uses: ['administrator'],
    })
    const platform = document('Administrator', 'platform', {
      issuer: 'corporate',
      condition: "assertion.sub == 'ada'",
      role: 'admin',
    })
    const two = document('Approval', 'two', { kinds: ['Policy'] })
    const all = [...whole, corporate, platform, two]
    const state = (version: number, documents: readonly Document[]) => ({
      ...{ version, documents: documents.map(stored), keys: [], revocations: [], blocks: [] },
    })
    await kept.snapshot(state(1, all))
    const { nouns } = kept.compile(all.map(stored), { inForce: true })
    const other = all.map((each) => (each === policy ? changed(policy, { lifetime: '2m' }) : each))
    await kept.snapshot(state(2, other))
    const after = kept.compile(other.map(stored), { inForce: true }).nouns
    expect(after.administrators).toBe(nouns.administrators)
    expect(after.approvals).toBe(nouns.approvals)
    expect(after.policies).not.toBe(nouns.policies)
    // The document of the administrator is the same, and its issuer lets in no administrators any more.
    const shut = all.map((each) =>
      each === corporate ? changed(corporate, { uses: ['subject'], audiences: [ISSUER] }) : each,
    )
    await expect(kept.snapshot(state(3, shut))).rejects.toThrow('Administrator platform: spec.issuer')
    const demoted = all.map((each) => (each === platform ? changed(platform, { role: 'viewer' }) : each))
    const { administrators } = await kept.snapshot(state(4, demoted))
    expect(Array.from(administrators.all(), ({ role }) => role)).toEqual(['viewer'])
  })

  it('misses what a document names when that goes, though the document stays', async () => {
    const kept = new Compiler(context)
    const state = (documents: readonly Document[]) => ({
      version: 1,
      documents: documents.map(stored),
      keys: [],
      revocations: [],
      blocks: [],
    })
    await kept.snapshot(state(whole))
    await expect(kept.snapshot(state(whole.filter((each) => each !== client)))).rejects.toThrow(
      'Policy checkout-reads-orders: spec.clients[0]: there is no Client "checkout"',
    )
    await expect(kept.snapshot(state(whole.filter((each) => each !== issuer)))).rejects.toThrow(
      'Client checkout: spec.workloads[0].issuer: there is no TrustedIssuer "prod"',
    )
  })
})

describe('a database that was put back', () => {
  it('is read anew, though its versions come again', async () => {
    const kept = new Compiler(context)
    const at = (version: number, documents: readonly Document[]) => ({
      version,
      documents: documents.map((each) => ({ ...each, changedIn: 5 })),
      keys: [],
      revocations: [],
      blocks: [],
    })
    await kept.snapshot(at(5, whole))
    await kept.snapshot(at(4, []))
    const other = whole.map((each) => (each === target ? changed(target, { disabled: true }) : each))
    expect((await kept.snapshot(at(5, other))).targets.byName('orders')?.disabled).toBe(true)
    await kept.snapshot(at(6, other))
    expect((await kept.snapshot(at(5, whole))).targets.byName('orders')?.disabled).toBe(false)
  })
})

describe('warnings', () => {
  it('has none for a sound whole', () => {
    expect(warned(...whole)).toEqual([])
  })

  it.each([
    [
      'a target that nobody can reach',
      [...whole, document('Target', 'billing', { audience: 'https://billing.example' })],
      'Target billing : nobody can have a token',
    ],
    [
      'a client that may do nothing',
      [...whole, document('Client', 'idle', { workloads: [{ issuer: 'prod', ids: ['x'] }] })],
      'Client idle : this client may do nothing',
    ],
    [
      'an issuer that nobody uses',
      [
        issuer,
        { ...issuer, metadata: { name: 'other' }, spec: { ...issuer.spec, issuer: 'https://other.example' } },
        client,
        target,
        changed(policy, { subject: { issuers: ['prod'] } }),
      ],
      'TrustedIssuer other : nobody uses this issuer',
    ],
    [
      'a shadowed permit',
      [...whole, document('Policy', 'stop', { effect: 'forbid', clients: ['checkout'] })],
      'Policy checkout-reads-orders : has no effect: policy stop forbids all that it permits',
    ],
    [
      'a lifetime beyond the target’s',
      [issuer, client, target, changed(policy, { lifetime: '10m' })],
      'spec.lifetime: 10m has no effect: tokens of its targets live 5m at most',
    ],
    [
      'a scope that is not offered',
      [issuer, client, target, changed(policy, { scopes: ['orders:raed'] })],
      'spec.scopes[0]: orders:raed can never be granted: target orders offers no such scope; did you mean orders:read?',
    ],
    [
      'a closed target',
      [
        ...whole.filter((each) => each !== target),
        changed(target, { clients: ['other'] }),
        document('Client', 'other', { workloads: [{ issuer: 'prod', ids: ['x'] }] }),
      ],
      'Policy checkout-reads-orders spec.targets: target orders is closed to checkout',
    ],
    [
      'a disabled issuer',
      [changed(issuer, { disabled: true }), client, target, policy],
      'Client checkout spec.workloads[0].issuer: trusted issuer prod is disabled',
    ],
  ] as const)('names %s', (_, documents, expected) => {
    expect(warned(...documents)).toContainEqual(expect.stringContaining(expected))
  })

  it('does not count a conditional forbid, or one in shadow, as an end of a permit', () => {
    const forbid = (more: object) => document('Policy', 'stop', { effect: 'forbid', ...more })
    expect(warned(...whole, forbid({ condition: "request.grant == 'x'" })).join()).not.toContain('has no effect')
    expect(warned(...whole, forbid({ mode: 'shadow' })).join()).not.toContain('has no effect')
  })
})
