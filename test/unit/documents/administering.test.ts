import { describe, expect, it } from 'vitest'
import { spiffeX509Svid } from '../../../src/credentials/kinds/spiffe-x509-svid.ts'
import { wit } from '../../../src/credentials/kinds/wit.ts'
import { workingAdministrators } from '../../../src/documents/administering.ts'
import { Compiler } from '../../../src/documents/compile.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { warningsOf } from '../../../src/documents/warnings.ts'
import { changed, context, document, faultsOf } from './world.ts'

const all = new Compiler({
  ...context,
  adminAudience: 'cambist-admin',
  credentialKinds: [...context.credentialKinds, wit, spiffeX509Svid],
})
const corporate = document('TrustedIssuer', 'corporate', {
  preset: 'oidc',
  issuer: 'https://login.corporate.example',
  keys: { discovery: true },
  uses: ['administrator'],
})
const platform = document('Administrator', 'platform', {
  issuer: 'corporate',
  condition: "assertion.groups.exists(g, g == 'platform')",
  role: 'editor',
})
const lines = (documents: readonly Document[]) =>
  faultsOf(() => all.compile(documents)).map(({ kind, name, path, message }) => `${kind} ${name} ${path}: ${message}`)

describe('an Administrator document', () => {
  it('compiles, and its issuer needs no audiences where it is for administrators alone', () => {
    const { nouns } = all.compile([corporate, platform])
    expect(nouns.administrators.get('platform')).toMatchObject({ issuer: 'corporate', role: 'editor', disabled: false })
    expect(nouns.issuers.get('corporate')?.audiences).toEqual([])
    // What interfaces.md shows of every issuer is taken as well.
    all.compile([changed(corporate, { audiences: ['https://cambist.example'] }), platform])
  })

  it.each<[string, object, string]>([
    ['no issuer', { issuer: undefined }, 'spec.issuer: is missing; name a trusted issuer'],
    [
      'a misspelt issuer',
      { issuer: 'corparate' },
      'spec.issuer: there is no TrustedIssuer "corparate"; did you mean corporate?',
    ],
    ['our own issuer', { issuer: 'self' }, 'spec.issuer: there is no TrustedIssuer "self"'],
    ['no condition', { condition: undefined }, 'spec.condition: is missing; say in CEL who is meant'],
    ['an empty condition', { condition: '' }, 'spec.condition: is empty'],
    ['a condition that is none', { condition: 'assertion.groups ==' }, 'spec.condition: '],
    ['a variable of policies', { condition: "subject.id == 'x'" }, 'spec.condition: '],
    ['a certificate', { condition: "certificate.subject.CN == 'x'" }, 'spec.condition: '],
    ['no role', { role: undefined }, 'spec.role: is missing; it is one of viewer, auditor, editor, admin'],
    ['another role', { role: 'root' }, 'spec.role: is one of viewer, auditor, editor, admin'],
    ['a misspelt field', { roles: 'admin' }, 'spec.roles: there is no field `roles` here; did you mean `role`?'],
  ])('with %s is refused', (_, changes, fault) => {
    const [first] = lines([corporate, changed(platform, changes)])
    expect(first).toContain(`Administrator platform ${fault}`)
  })

  const audiences = ['https://cambist.example']
  const keys = { bundle: { url: 'https://spire.prod.example/' } }
  it.each<[string, object, string]>([
    [
      'may not be used for administrators',
      { ...corporate.spec, audiences, uses: ['subject'] },
      'trusted issuer corporate may not be used for administrators; add administrator to its `uses`',
    ],
    [
      'says nothing of uses',
      { ...corporate.spec, audiences, uses: undefined },
      'trusted issuer corporate may not be used for administrators; add administrator to its `uses`',
    ],
    [
      'has tokens without audience',
      { credential: 'wit', trustDomain: 'prod.example', keys, uses: ['administrator'] },
      "trusted issuer corporate has credentials wit, and the administrators' door takes bearer tokens",
    ],
    [
      'has certificates',
      { credential: 'spiffe-x509-svid', trustDomain: 'prod.example', keys, uses: ['administrator'] },
      "trusted issuer corporate has credentials spiffe-x509-svid, and the administrators' door takes bearer tokens",
    ],
    ['has tokens of one use', { ...corporate.spec, singleUse: true }, 'trusted issuer corporate says singleUse, and'],
    ['binds tokens', { ...corporate.spec, firstUse: 'bind' }, 'trusted issuer corporate says firstUse: bind, and'],
  ])('of an issuer that %s is refused', (_, spec, message) => {
    const [first] = lines([document('TrustedIssuer', 'corporate', spec), platform])
    expect(first).toContain(`Administrator platform spec.issuer: ${message}`)
  })

  it('is warned about where it takes whoever comes', () => {
    const open = changed(platform, { condition: 'true' })
    const warned = warningsOf(all.compile([corporate, open])).filter(({ kind }) => kind === 'Administrator')
    expect(warned).toEqual([expect.objectContaining({ name: 'platform', path: 'spec.condition' })])
    expect(warningsOf(all.compile([corporate, platform])).filter(({ kind }) => kind !== 'Target')).toEqual([])
  })

  it.each<[string, readonly string[]]>([
    ["assertion.email == 'ada@corporate.example'", ['assertion.email']],
    ["assertion.email_verified && assertion.email == 'ada@corporate.example'", []],
    [
      "assertion.preferred_username == 'ada' || assertion.name == 'Ada'",
      ['assertion.preferred_username', 'assertion.name'],
    ],
    ["assertion.sub == 'ada' && header.typ == 'JWT'", []],
    ["assertion.names == ['ada']", []],
  ])('is warned about where it reads what people choose for themselves: %s', (condition, claims) => {
    const warned = warningsOf(all.compile([corporate, changed(platform, { condition })])).map(({ message }) => message)
    expect(warned.map((message) => /^reads ([\w.]+), which/.exec(message)?.[1])).toEqual(claims)
  })

  it('keeps its issuer from being idle, and only it does', () => {
    const [idle] = warningsOf(all.compile([corporate]))
    expect(idle?.message).toContain('no policy or administrator names it')
  })
})

describe('issuers of administrators', () => {
  it('have one document for each iss, so that nobody is two people', () => {
    const other = document('TrustedIssuer', 'again', { ...corporate.spec })
    expect(lines([corporate, other])).toEqual([
      expect.stringContaining(
        'TrustedIssuer  spec.uses: trusted issuers corporate and again are both "https://login.corporate.example" and both for administrators',
      ),
    ])
  })

  it('may be trusted for workloads by a document of their own', () => {
    const workloads = document('TrustedIssuer', 'corporate-jobs', {
      ...corporate.spec,
      uses: ['subject'],
      audiences: ['https://cambist.example'],
    })
    const { issuers } = all.compile([corporate, workloads, platform])
    const type = 'urn:ietf:params:oauth:token-type:jwt'
    expect(issuers.find(type, 'https://login.corporate.example', ['cambist-admin']).name).toBe('corporate-jobs')
    expect(issuers.ofAdministrators(type, 'https://login.corporate.example')?.name).toBe('corporate')
    expect(issuers.ofAdministrators(type, 'https://login.corporate.example/')).toBeUndefined()
    expect(issuers.ofAdministrators('urn:x', 'https://login.corporate.example')).toBeUndefined()
  })

  it('never list the audience of the administrators’ door', () => {
    expect(lines([changed(corporate, { audiences: ['cambist-admin'] })])).toEqual([
      expect.stringContaining('spec.audiences[0]: "cambist-admin" is the audience of the administrators\' door'),
    ])
  })

  it('that are for workloads as well say their audiences', () => {
    expect(lines([changed(corporate, { uses: ['administrator', 'subject'] })])).toEqual([
      expect.stringContaining('spec.audiences: is missing'),
    ])
  })
})

describe('administrators that can let somebody in', () => {
  const names = (documents: readonly Document[]) =>
    workingAdministrators(all.compile(documents)).map(({ name }) => name)

  it('are the enabled ones of enabled issuers', () => {
    const second = document('Administrator', 'second', { ...platform.spec, role: 'admin' })
    expect(names([corporate, platform, second])).toEqual(['platform', 'second'])
    expect(names([corporate, platform, changed(second, { disabled: true })])).toEqual(['platform'])
    expect(names([changed(corporate, { disabled: true }), platform, second])).toEqual([])
    expect(names([corporate])).toEqual([])
  })
})
