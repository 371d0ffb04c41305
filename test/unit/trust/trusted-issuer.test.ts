import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Faults } from '../../../src/lib/fault.ts'
import { lintTrustedIssuer } from '../../../src/trust/lint.ts'
import * as presets from '../../../src/trust/presets/index.ts'
import { SHARED_ISSUERS } from '../../../src/trust/shared-issuers.ts'
import { compileTrustedIssuer, trustedIssuerSchema } from '../../../src/trust/trusted-issuer.ts'
import type { CredentialKindForm } from '../../../src/trust/trusted-issuer-schema.ts'
import { identityFor } from './hostile-server.ts'
import { ecJwk } from './test-keys.ts'

/** A credential kind of few lines, with a required field, a default and a transformation. */
const jwt: CredentialKindForm = {
  name: 'jwt',
  tokenTypes: ['urn:ietf:params:oauth:token-type:jwt'],
  settings: z.strictObject({
    issuer: z.string().min(1),
    algorithms: z
      .array(z.enum(['RS256', 'ES256', 'ES384', 'ES512']))
      .default(['RS256'])
      .transform((names) => new Set(names)),
    typ: z.array(z.string()).default(['']),
  }),
  authority: ({ issuer }: { readonly issuer: string }) => issuer,
}
const svid: CredentialKindForm = {
  name: 'svid',
  tokenTypes: ['urn:svid'],
  settings: z.strictObject({ trustDomain: z.string() }),
  authority: ({ trustDomain }: { readonly trustDomain: string }) => trustDomain,
}

const US = 'https://cambist.example'
const context = {
  kinds: [jwt, svid],
  ourIssuer: US,
  adminAudience: 'cambist-admin',
  insecureFetch: new Set(['10.0.0.7:8080']),
}
const good = { credential: 'jwt', issuer: 'https://issuer.example', keys: { discovery: true }, audiences: [US] }
const ASK = { url: 'https://api.prod.example/reviews', bearerToken: { secret: 'reviewer' } }
const compile = (spec: unknown, name = 'prod') => compileTrustedIssuer(name, spec, context)

function faultsOf(spec: unknown, name = 'prod'): Record<string, string> {
  try {
    compile(spec, name)
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]))
  }
  return {}
}

describe('a document', () => {
  it('has the defaults of interfaces.md', () => {
    const issuer = compile(good)
    expect(issuer).toMatchObject({
      name: 'prod',
      disabled: false,
      credential: 'jwt',
      authority: 'https://issuer.example',
      tokenTypes: jwt.tokenTypes,
      keys: { from: 'discovery', issuer: 'https://issuer.example' },
      maxStale: 3600,
      audiences: [US],
      multipleAudiences: false,
      act: 'refuse',
      maxLifetime: 86_400,
      maxAge: 3600,
      clockSkew: 30,
      singleUse: false,
      tenant: undefined,
      conditions: [],
      instance: undefined,
      attributes: [],
      subject: { source: 'assertion.sub' },
    })
    expect([...issuer.uses]).toEqual(['client', 'subject', 'actor', 'assertion'])
    expect(issuer.settings).toEqual({ issuer: 'https://issuer.example', algorithms: new Set(['RS256']), typ: [''] })
    expect(Object.isFrozen(issuer)).toBe(true)
    expect(Object.isFrozen(issuer.keys)).toBe(true)
  })

  it('says everything else itself', () => {
    const { cert } = identityFor('issuer.example')
    const issuer = compile({
      ...good,
      disabled: true,
      keys: { jwksUri: 'https://issuer.example:8443/jwks', ca: cert, bearerToken: { secret: 'reader' } },
      maxStale: '2h',
      multipleAudiences: true,
      uses: ['subject'],
      act: 'keep',
      maxLifetime: '10m',
      maxAge: '90s',
      clockSkew: '60s',
      singleUse: true,
      algorithms: ['ES256'],
      tenant: 'assertion.org',
      tenants: ['7'],
      condition: "assertion.env == 'prod'",
      subject: 'assertion.sub',
      instance: 'assertion.run',
      attributes: { team: 'assertion.team' },
    })
    expect(issuer).toMatchObject({
      disabled: true,
      maxStale: 7200,
      maxLifetime: 600,
      maxAge: 90,
      clockSkew: 60,
      act: 'keep',
      singleUse: true,
    })
    expect(issuer.keys).toEqual({
      from: 'jwksUri',
      url: 'https://issuer.example:8443/jwks',
      ca: cert,
      bearerToken: 'reader',
    })
    const seen = { assertion: { org: '7', env: 'prod', sub: 's', run: 'r', team: 't' }, header: {} }
    expect(issuer.tenant?.mapping.value(seen)).toBe('7')
    expect(issuer.tenant?.allowed).toEqual(new Set(['7']))
    expect(issuer.conditions.map((one) => one.test(seen))).toEqual([true])
    expect(issuer.attributes.map(([name, mapping]) => [name, mapping.value(seen)])).toEqual([['team', 't']])
    expect(issuer.instance?.value(seen)).toBe('r')
  })

  it('says how its issuer is asked about a credential', () => {
    const { cert } = identityFor('issuer.example')
    const url = 'https://api.prod.example/apis/authentication.k8s.io/v1/tokenreviews'
    const bearerToken = { secret: 'reviewer' }
    expect(compile(good).onlineCheck).toBeUndefined()
    expect(compile({ ...good, onlineCheck: { tokenReview: { url, ca: cert, bearerToken } } }).onlineCheck).toEqual({
      protocol: 'tokenReview',
      url,
      ca: cert,
      bearerToken: 'reviewer',
      maxAge: 10,
    })
    const issuer = compile({ ...good, onlineCheck: { introspection: { url }, maxAge: '5m' } })
    expect(issuer.onlineCheck).toEqual({ protocol: 'introspection', url, maxAge: 300 })
    expect(Object.isFrozen(issuer.onlineCheck)).toBe(true)
  })

  it('has all its faults told at once, each with its place', () => {
    const faults = faultsOf(
      {
        ...good,
        keys: { jwksUri: 'ftp://issuer.example', jwks: { keys: [{ kty: 'oct', kid: 'x' }] }, ca: 'none' },
        audiences: [US, 'cambist-admin', 'https://issuer.example', 'https://kubernetes.default.svc'],
        clockSkew: '5m',
        tenants: ['1'],
        condition: 'assertion.',
        subject: 'asertion.sub',
        attributes: { id: 'assertion.id', 'no name': 'assertion.x', broken: '1 +' },
      },
      'self',
    )
    expect(Object.keys(faults).sort()).toEqual([
      'metadata.name',
      'spec.attributes.broken',
      'spec.attributes.id',
      'spec.attributes.no name',
      'spec.audiences[1]',
      'spec.audiences[2]',
      'spec.audiences[3]',
      'spec.clockSkew',
      'spec.condition',
      'spec.keys',
      'spec.keys.ca',
      'spec.keys.jwks.keys[0]',
      'spec.keys.jwksUri',
      'spec.subject',
      'spec.tenant',
    ])
    expect(faults['spec.subject']).toContain('assertion')
    expect(faults['spec.keys']).toBe('says jwksUri and jwks, and must say exactly one of discovery, jwksUri and jwks')
  })

  it.each([
    ['spec.isuer', { ...good, isuer: 'x' }, 'did you mean `issuer`?'],
    ['spec.keys.jwks_uri', { ...good, keys: { jwks_uri: 'x' } }, 'did you mean `jwksUri`?'],
    ['spec.preset', { ...good, preset: 'kubernets' }, 'nomad, oidc, vault; did you mean kubernetes?'],
    ['spec.credential', { ...good, credential: 'jwtt' }, 'did you mean jwt?'],
    ['spec.credential', { ...good, credential: undefined }, 'is missing'],
    ['spec.issuer', { ...good, issuer: undefined }, 'is missing; an issuer of credential jwt must say it'],
    ['spec.trustDomain', { ...good, trustDomain: 'x' }, 'is not a field of credential jwt'],
    ['spec.algorithms[0]', { ...good, algorithms: ['HS256'] }, ''],
    ['spec.issuer', { ...good, issuer: US }, 'built-in issuer self'],
    ['spec.issuer', { ...good, issuer: 'https://issuer.example ' }, 'spaces'],
    ['spec.keys', { ...good, keys: {} }, 'says nothing'],
    ['spec.onlineCheck', { ...good, onlineCheck: {} }, 'says nothing'],
    ['spec.onlineCheck', { ...good, onlineCheck: { tokenReview: ASK, introspection: ASK } }, 'exactly one of'],
    ['spec.onlineCheck.tokenReview.bearerToken', { ...good, onlineCheck: { tokenReview: { url: ASK.url } } }, ''],
    [
      'spec.onlineCheck.tokenReview.url',
      { ...good, onlineCheck: { tokenReview: { ...ASK, url: 'https://10.0.0.1/' } } },
      'not a public address',
    ],
    [
      'spec.onlineCheck.introspection.url',
      { ...good, onlineCheck: { introspection: { url: 'http://login.example/' } } },
      'CAMBIST_INSECURE_FETCH',
    ],
    [
      'spec.onlineCheck.tokenReview.ca',
      { ...good, onlineCheck: { tokenReview: { ...ASK, ca: 'x' } } },
      'holds no certificate',
    ],
    ['spec.onlineCheck.maxAge', { ...good, onlineCheck: { introspection: ASK, maxAge: '6m' } }, 'is too much'],
    ['spec.keys', { ...good, keys: undefined }, 'one of discovery, jwksUri, jwks, bundle, roots and sts'],
    ['spec.keys.discovery', { ...good, keys: { discovery: false } }, 'is true'],
    ['spec.keys.discovery', { ...good, issuer: 'http://issuer.example' }, 'write their URL as keys.jwksUri'],
    ['spec.keys.discovery', { ...good, issuer: 'corporate' }, 'write their URL as keys.jwksUri'],
    ['spec.keys.jwksUri', { ...good, keys: { jwksUri: 'http://issuer.example/' } }, 'CAMBIST_INSECURE_FETCH'],
    ['spec.keys.jwksUri', { ...good, keys: { jwksUri: 'https://169.254.169.254/' } }, 'not a public address'],
    ['spec.keys.jwksUri', { ...good, keys: { jwksUri: 'https://user:pw@issuer.example/' } }, 'bearerToken'],
    ['spec.keys.jwksUri', { ...good, keys: { jwksUri: 'https://issuer.example/#x' } }, 'fragment'],
    ['spec.keys.jwks', { ...good, keys: { jwks: [] } }, 'JWK Set'],
    ['spec.keys.jwks.keys', { ...good, keys: { jwks: { keys: [] } } }, 'is empty'],
    [
      'spec.keys.jwks.keys[0]',
      { ...good, keys: { jwks: { keys: [ecJwk('a', { d: 'AA' })] } } },
      'private or secret part',
    ],
    ['spec.keys.jwks.keys[1]', { ...good, keys: { jwks: { keys: [ecJwk('a'), ecJwk('a')] } } }, 'shares its kid'],
    [
      'spec.keys.bearerToken',
      { ...good, keys: { jwks: { keys: [ecJwk('a')] }, bearerToken: { secret: 'x' } } },
      'keys that are fetched',
    ],
    [
      'spec.keys.bearerToken.secret',
      { ...good, keys: { discovery: true, bearerToken: { secret: '../x' } } },
      'CAMBIST_SECRETS_DIR',
    ],
    ['spec.audiences', { ...good, audiences: [] }, 'is empty'],
    ['spec.audiences[0]', { ...good, audiences: [''] }, 'is empty'],
    ['spec.audiences[0]', { ...good, audiences: [7] }, 'is a text'],
    ['spec.uses[0]', { ...good, uses: ['subjct'] }, 'did you mean subject?'],
    ['spec.act', { ...good, act: 'kept' }, 'refuse, keep'],
    ['spec.maxAge', { ...good, maxAge: '0s' }, '"0s" is not a duration; write one such as 90s, 5m or 1h'],
    ['spec.maxStale', { ...good, maxStale: 60 }, 'is a duration such as'],
    ['spec.tenants', { ...good, tenant: 'assertion.org' }, 'tenant reads assertion.org'],
    ['spec.tenant', { ...good, tenants: ['7'] }, 'stand together'],
    ['spec.tenants', { ...good, tenant: 'assertion.org', tenants: [7] }, ''],
    ['spec.attributes.__proto__', { ...good, attributes: JSON.parse('{"__proto__":"assertion.x"}') }, ''],
    ['spec.instance', { ...good, instance: 'request.scopes' }, ''],
  ])('with a fault at %s is refused: %#', (path, spec, message) => {
    const faults = faultsOf(JSON.parse(JSON.stringify(spec)))
    const at = Object.keys(faults).find((one) => one === path || one.startsWith(`${path}[`))
    if (path === 'spec.attributes.__proto__' && at === undefined) {
      // zod leaves such a member out, so that nothing can come of it
      expect(compile(spec).attributes).toEqual([])
      return
    }
    expect(at).toBeDefined()
    expect(faults[at ?? '']).toContain(message)
  })

  it.each([null, 7, 'x', [], [good]])('that is no object is refused: %j', (spec) => {
    expect(() => compile(spec)).toThrow(Faults)
  })

  it('may name listed hosts over http, and is judged by no list where none is handed in', () => {
    const listed = { ...good, keys: { jwksUri: 'http://10.0.0.7:8080/jwks' } }
    expect(compile(listed).keys).toMatchObject({ url: 'http://10.0.0.7:8080/jwks' })
    const other = { ...good, keys: { jwksUri: 'http://10.0.0.8:8080/jwks' } }
    expect(compileTrustedIssuer('prod', other, { kinds: [jwt], ourIssuer: US }).keys).toMatchObject({ from: 'jwksUri' })
    expect(() => compile(other)).toThrow('CAMBIST_INSECURE_FETCH')
  })

  it.each([...SHARED_ISSUERS])('of %s must name its tenants (P-4, T21)', (issuer) => {
    const shared = { ...good, issuer, keys: { jwks: { keys: [ecJwk('a')] } } }
    expect(faultsOf(shared)['spec.tenant']).toContain('strangers share the issuer')
    expect(faultsOf({ ...shared, tenant: 'assertion.org_id', tenants: ['1'] })).toEqual({})
  })

  it('has a schema that editors understand', () => {
    const schema = z.toJSONSchema(trustedIssuerSchema([jwt, svid]), { io: 'input' })
    expect(schema.additionalProperties).toBe(false)
    expect(schema.required).toEqual(['keys'])
    expect(Object.keys(schema.properties ?? {})).toEqual(
      expect.arrayContaining(['issuer', 'trustDomain', 'algorithms', 'preset', 'condition']),
    )
  })
})

describe('presets', () => {
  it('do not overrule the document, but their condition stands beside its own', () => {
    const issuer = compile({
      preset: 'kubernetes',
      issuer: 'https://k.example',
      keys: { discovery: true },
      audiences: [US],
      maxAge: '5m',
      algorithms: ['ES256'],
      condition: "assertion.sub != 'x'",
      attributes: { namespace: "'fixed'", team: "'shop'" },
    })
    expect(issuer.maxAge).toBe(300)
    expect(issuer.settings).toMatchObject({ algorithms: new Set(['ES256']) })
    expect(issuer.conditions.map(({ source }) => source)).toEqual([
      expect.stringContaining('warnafter'),
      "assertion.sub != 'x'",
    ])
    expect(issuer.attributes.map(([name]) => name)).toEqual([
      'namespace',
      'serviceaccount',
      'serviceaccount_uid',
      'pod',
      'node',
      'team',
    ])
    expect(issuer.attributes[0]?.[1].source).toBe("'fixed'")
  })
})

describe('the Kubernetes preset (platform-tokens.md §2)', () => {
  const issuer = compile({
    preset: 'kubernetes',
    issuer: 'https://k.example',
    keys: { discovery: true },
    audiences: [US],
  })
  const { claims, header } = presets.kubernetes.sample
  const kubernetes = claims['kubernetes.io'] as Record<string, unknown>
  const seen = (changed: Record<string, unknown>) => ({
    header,
    assertion: { ...claims, 'kubernetes.io': { ...kubernetes, ...changed } },
  })
  const holds = (bindings: Record<string, unknown>) => issuer.conditions.every((condition) => condition.test(bindings))
  const attributes = (bindings: Record<string, unknown>) =>
    Object.fromEntries(issuer.attributes.map(([name, mapping]) => [name, mapping.value(bindings)]))

  it('maps a pod-bound token', () => {
    expect(attributes(seen({}))).toEqual({
      namespace: 'shop',
      serviceaccount: 'checkout',
      serviceaccount_uid: '0c9d5d5e-57c2-4bd4-9a0c-6b8f5c6d7e21',
      pod: 'checkout-6d5f7c9b8-x2x7q',
      node: 'node-1',
    })
    expect(issuer.instance?.value(seen({}))).toBe('7f0f2c3e-8a51-4b1c-bb55-2f6a3f9f3c11')
  })

  it('maps a token without pod and node', () => {
    const bare = seen({ pod: undefined, node: undefined })
    const plain = JSON.parse(JSON.stringify(bare)) as typeof bare
    expect(holds(plain)).toBe(true)
    expect(attributes(plain)).toMatchObject({ namespace: 'shop', pod: '', node: '' })
    expect(issuer.instance?.value(plain)).toBe('')
  })

  it('refuses tokens that the API server stretched to a year (K-4)', () => {
    expect(holds(seen({ warnafter: 1795399207 }))).toBe(false)
    expect(holds(seen({ warnafter: 0 }))).toBe(false)
  })

  it('refuses what is no bound token (K-5)', () => {
    const legacy = { sub: 'system:serviceaccount:a:b', 'kubernetes.io/serviceaccount/namespace': 'a' }
    expect(() => holds({ header, assertion: legacy })).toThrow('there is no member kubernetes.io')
    for (const written of ['shop', 7, null, [], {}]) {
      let held: boolean
      try {
        held = holds({ header, assertion: { ...claims, 'kubernetes.io': written } })
      } catch {
        held = false
      }
      expect(held).toBe(false)
    }
  })

  it('takes typ absent and JWT, the four algorithms, and 24 hours', () => {
    expect(issuer.settings).toMatchObject({
      algorithms: new Set(['RS256', 'ES256', 'ES384', 'ES512']),
      typ: ['', 'JWT'],
    })
    expect(issuer).toMatchObject({ maxLifetime: 86_400, maxAge: 86_400, singleUse: false, tenant: undefined })
  })
})

describe('lint', () => {
  const warnings = (spec: object) =>
    lintTrustedIssuer(compile({ ...good, ...spec }), 1_795_395_600).map(({ path }) => path)

  it('is silent about a good document', () => {
    expect(warnings({})).toEqual([])
  })

  it('does not hold the default of its kind against a document', () => {
    const kinds = [{ ...svid, maxAge: Number.POSITIVE_INFINITY }]
    const spec = {
      credential: 'svid',
      trustDomain: 'prod.example',
      keys: { jwksUri: 'https://k.example/jwks' },
      audiences: [US],
    }
    const found = (more: object) =>
      lintTrustedIssuer(compileTrustedIssuer('prod', { ...spec, ...more }, { ...context, kinds }), 0)
    expect(found({})).toEqual([])
    expect(found({ maxAge: '2d' })).toEqual([{ path: 'spec.maxAge', message: '2d is more than a day' }])
  })

  it.each([
    ['spec.issuer', { issuer: 'https://kubernetes.default.svc', keys: { jwksUri: 'https://k.example/jwks' } }],
    ['spec.keys.jwks', { keys: { jwks: { keys: [ecJwk('a')] } } }],
    ['spec.keys.jwksUri', { keys: { jwksUri: 'http://10.0.0.7:8080/jwks' } }],
    ['spec.onlineCheck.tokenReview.url', { onlineCheck: { tokenReview: { ...ASK, url: 'http://10.0.0.7:8080/' } } }],
    ['spec.maxLifetime', { maxLifetime: '25h' }],
    ['spec.maxAge', { maxAge: '2d' }],
    ['spec.multipleAudiences', { multipleAudiences: true }],
    ['spec.act', { act: 'keep' }],
    ['spec.singleUse', { preset: 'kubernetes', singleUse: true }],
    ['spec.tenant', { preset: 'github-actions', tenant: 'assertion.repository_owner', tenants: ['octo-org'] }],
    ['spec.tenant', { preset: 'gitlab', tenant: "assertion.namespace_path.split('/')[0]", tenants: ['shop'] }],
    ['spec.subject', { preset: 'github-actions', subject: 'assertion.sub', tenants: ['1'] }],
    ['spec.subject', { preset: 'google', subject: 'assertion.email', tenants: ['1'] }],
    // also where only the issuer tells whose names they are
    [
      'spec.tenant',
      {
        issuer: 'https://gitlab.com',
        tenant: 'assertion.project_path',
        tenants: ['shop/orders'],
        subject: 'assertion.project_id',
      },
    ],
  ])('tells of %s', (path, spec) => {
    expect(warnings(spec)).toEqual([path])
  })

  it.each([
    ['github-actions', 'assertion.enterprise_id'],
    ['github-actions', "assertion.repository_owner_id + '/' + assertion.repository"],
    ['gitlab', 'assertion.project_id'],
    ['google', 'assertion.sub'],
  ])('is silent about a tenant of %s by %s (P-5)', (preset, tenant) => {
    expect(warnings({ preset, tenant, tenants: ['1'] })).toEqual([])
  })

  it('tells of inline keys without kid', () => {
    expect(warnings({ keys: { jwks: { keys: [ecJwk(undefined)] } } })).toEqual(['spec.keys.jwks', 'spec.keys.jwks'])
  })
})
