import { describe, expect, it } from 'vitest'
import { jwt } from '../../../src/credentials/kinds/jwt.ts'
import { Faults } from '../../../src/lib/fault.ts'
import type { JsonObject } from '../../../src/lib/json.ts'
import type { Preset, TrustedIssuer } from '../../../src/trust/contract.ts'
import { lintTrustedIssuer } from '../../../src/trust/lint.ts'
import * as register from '../../../src/trust/presets/index.ts'
import { SHARED_ISSUERS } from '../../../src/trust/shared-issuers.ts'
import { compileTrustedIssuer } from '../../../src/trust/trusted-issuer.ts'

/** Evidence and signed requests are no JWTs, and have tests of their own. */
const presets = Object.values(register).filter(({ fills }) => fills['credential'] === 'jwt')
const byName = (name: string): Preset => presets.find((preset) => preset.name === name) ?? register.oidc
const context = { kinds: [jwt], ourIssuer: 'https://cambist.example' }

/** A document with the least that one of the preset needs. */
function documentOf({ name, fills, sample }: Preset): Record<string, unknown> {
  return {
    preset: name,
    ...(fills['issuer'] === undefined ? { issuer: sample.claims['iss'] } : {}),
    keys: { discovery: true },
    audiences: [sample.claims['aud']].flat(),
    ...(fills['tenant'] === undefined ? {} : { tenants: ['1'] }),
  }
}

const compile = (spec: object): TrustedIssuer => compileTrustedIssuer('platform', spec, context)
const compiled = (name: string): TrustedIssuer => compile(documentOf(byName(name)))

function faultsOf(spec: object): Record<string, string> {
  try {
    compile(spec)
  } catch (error) {
    if (error instanceof Faults) return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]))
    throw error
  }
  return {}
}

/** What becomes of claims: undefined where a mapping has no value for them. */
function read(issuer: TrustedIssuer, assertion: JsonObject, header: JsonObject = {}) {
  const seen = { assertion, header }
  const value = (mapping: TrustedIssuer['instance']): unknown => {
    try {
      return mapping?.value(seen)
    } catch {
      return undefined
    }
  }
  const holds = (condition: TrustedIssuer['conditions'][number]): boolean => {
    try {
      return condition.test(seen)
    } catch {
      return false
    }
  }
  return {
    taken: issuer.conditions.every(holds),
    tenant: value(issuer.tenant?.mapping),
    subject: value(issuer.subject),
    instance: value(issuer.instance),
    attributes: Object.fromEntries(issuer.attributes.map(([name, mapping]) => [name, value(mapping)])),
  }
}

const of = (name: string, changes: JsonObject = {}) =>
  read(compiled(name), { ...byName(name).sample.claims, ...changes }, byName(name).sample.header)

/** The same with a claim left out. */
function without(name: string, ...claims: readonly string[]) {
  const rest = Object.fromEntries(
    Object.entries(byName(name).sample.claims).filter(([claim]) => !claims.includes(claim)),
  )
  return read(compiled(name), rest)
}

describe.each(presets.map((preset) => [preset.name, preset] as const))('the preset %s', (name, preset) => {
  it('compiles, and takes its own sample', () => {
    const issuer = compile(documentOf(preset))
    const { claims, header } = preset.sample
    expect(read(issuer, claims, header)).toMatchObject({ taken: true, subject: expect.stringMatching(/^.{1,1024}$/) })
    expect(issuer.authority).toBe(claims['iss'])
    const settings = issuer.settings as { algorithms: Set<string>; typ: Set<string> }
    expect(settings.algorithms).toContain(header['alg'])
    expect(settings.typ).toContain(String(header['typ'] ?? '').toLowerCase())
    const { iat, exp } = claims as { iat: number; exp: number }
    expect(exp - iat).toBeLessThanOrEqual(issuer.maxLifetime)
    // P-8: a text where the platform writes a number would not be the captured shape.
    expect([typeof iat, typeof exp]).toEqual(['number', 'number'])
  })

  it('maps its attributes to what rules can match, or leaves them absent', () => {
    const { attributes } = of(name)
    for (const value of Object.values(attributes)) expect(typeof value).not.toBe('number')
  })

  it('is off for one use, which the platform has not promised (P-9)', () => {
    expect(compile(documentOf(preset)).singleUse).toBe(false)
  })

  it('has no algorithm that a public key could sign with', () => {
    const { algorithms } = compile(documentOf(preset)).settings as { algorithms: Set<string> }
    for (const algorithm of algorithms) expect(algorithm).toMatch(/^(RS|ES|PS|EdDSA)/)
  })

  it('knows which attributes stay where it says that names do not (P-5)', () => {
    const mapped = compile(documentOf(preset)).attributes.map(([attribute]) => attribute)
    for (const id of Object.values(preset.renameable ?? {})) expect([...mapped, 'ids']).toContain(id)
  })

  it('shared by strangers, demands the tenants and nothing else (P-4)', () => {
    const { tenants: _, ...spec } = documentOf(preset)
    const faults = faultsOf(spec)
    if (!preset.sharedIssuer) {
      expect(Object.keys(faults)).toEqual(preset.fills['tenant'] === undefined ? [] : ['spec.tenants'])
      return
    }
    expect(Object.keys(faults)).toEqual(['spec.tenants'])
    expect(faults['spec.tenants']).toContain(`strangers share the issuer (preset ${name})`)
    // another issuer of the platform is no way around it
    expect(Object.keys(faultsOf({ ...spec, issuer: 'https://ci.example' }))).toEqual(['spec.tenants'])
    expect(SHARED_ISSUERS).toContain(preset.fills['issuer'])
  })

  it('gives lint no reason to warn, but for the day and an hour of Azure, and for where the keys of Google are', () => {
    const paths = lintTrustedIssuer(compile(documentOf(preset)), 1_800_000_000).map(({ path }) => path)
    const known: Readonly<Record<string, readonly string[]>> = {
      azure: ['spec.maxLifetime', 'spec.maxAge'],
      google: ['spec.keys.discovery'],
    }
    expect(paths).toEqual(known[name] ?? [])
  })
})

describe('what becomes of a sample', () => {
  it.each([
    ['kubernetes', undefined, 'system:serviceaccount:shop:checkout', '7f0f2c3e-8a51-4b1c-bb55-2f6a3f9f3c11'],
    ['oidc', undefined, 'build-agent-7', undefined],
    ['github-actions', '1234567', 'repository_id:7654321:environment:prod', '17283940506/1'],
    ['gitlab', '72', 'project_id:57382910:ref:refs/heads/main', '1212121'],
    [
      'buildkite',
      '0184990a-477b-4fa8-9968-496074483cee',
      'pipeline_id:0184990a-4782-42b5-afc1-16715b10b8ff:branch:main',
      '0184990a-477b-4fa8-9968-496074483a77',
    ],
    ['circleci', undefined, 'project_id:ab70c257-7c86-45e2-b988-86003f49734d', '1e0f9d8c-7b6a-4958-8736-251403f2e1d0'],
    [
      'hcp-terraform',
      'org-GRNbCjYNpBB6NEBH',
      'workspace_id:ws-mbsd5E3Ktt5Rg2Xm:run_phase:apply',
      'run-X3n1AUXNGWbfECsJ',
    ],
    ['google', '739419398126', '112179062720391305885', '152986662232938449'],
    ['azure', undefined, 'a3b2c1d0-e4f5-4a6b-8c7d-9e0f1a2b3c4d', undefined],
    [
      'aws',
      '123456789012',
      'arn:aws:iam::123456789012:role/orders',
      'arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0',
    ],
    ['nomad', undefined, 'shop:checkout', '5c6328f7-48c5-4d03-bada-91ef2e904d0d'],
    ['vault', undefined, '7d2e3179-f69b-450c-7179-ac8ee8bd8ca9', undefined],
  ])('of %s: tenant %s, subject %s, instance %s', (name, tenant, subject, instance) => {
    expect(of(name)).toMatchObject({ tenant, subject, instance })
  })

  it('covers every preset', () => {
    expect(presets.map(({ name }) => name).sort()).toEqual(presets.map(({ name }) => name))
    expect(presets).toHaveLength(12)
  })
})

describe('GitHub Actions (platform-tokens.md §3)', () => {
  const OLD = 'repo:octo-org/orders:environment:prod'

  it('takes both forms of sub, and one that the repository made up, for the same subject (G-2)', () => {
    const subjects = [{}, { sub: OLD }, { sub: 'repository_owner:octo-org:repository_visibility:private' }].map(
      (changes) => of('github-actions', changes).subject,
    )
    expect(new Set(subjects)).toEqual(new Set(['repository_id:7654321:environment:prod']))
  })

  it.each([
    ['push', 'refs/heads/main', 'repository_id:7654321:ref:refs/heads/main'],
    ['release', 'refs/tags/v1', 'repository_id:7654321:ref:refs/tags/v1'],
    ['pull_request', 'refs/pull/7/merge', 'repository_id:7654321:event:pull_request'],
    ['pull_request_target', 'refs/heads/main', 'repository_id:7654321:event:pull_request_target'],
    ['workflow_run', 'refs/heads/main', 'repository_id:7654321:event:workflow_run'],
  ])('of %s at %s is %s (G-3)', (event_name, ref, subject) => {
    const { environment: _, ...claims } = byName('github-actions').sample.claims
    expect(read(compiled('github-actions'), { ...claims, event_name, ref }).subject).toBe(subject)
  })

  it('of a pull request is not the environment, whatever environment it names (G-3, G-6)', () => {
    expect(of('github-actions', { event_name: 'pull_request' }).subject).toBe(
      'repository_id:7654321:event:pull_request',
    )
  })

  it('of an environment that is named like a branch is not that branch', () => {
    expect(of('github-actions', { environment: 'x:ref:refs/heads/main' }).subject).toBe(
      'repository_id:7654321:environment:x:ref:refs/heads/main',
    )
  })

  it.each(['repository_id', 'event_name'])('without %s has no subject (G-1)', (claim) => {
    expect(without('github-actions', claim).subject).toBeUndefined()
  })
})

describe('GitLab (platform-tokens.md §4)', () => {
  it('of a merge request is not the branch that it is named after', () => {
    expect(of('gitlab', { ref: 'main', ref_path: 'refs/merge-requests/7/head' }).subject).toBe(
      'project_id:57382910:ref:refs/merge-requests/7/head',
    )
  })

  it('keeps texts texts, leaves null absent, and makes the one number a text (GL-2, P-8)', () => {
    const { attributes } = of('gitlab', { ci_config_ref_uri: null })
    expect(attributes).toMatchObject({ ref_protected: 'true', runner_id: '4711', ci_config_ref_uri: undefined })
  })

  it('maps nothing of the person', () => {
    expect(JSON.stringify(of('gitlab'))).not.toMatch(/sample-user|maintainer/)
  })
})

describe('CI systems and Terraform (platform-tokens.md §5)', () => {
  it('of a tag in Buildkite is not a branch of that name', () => {
    expect(of('buildkite', { build_branch: 'main', build_tag: 'main' }).subject).toMatch(/:tag:main$/)
  })

  it.each([true, 'false', 'true', 0, null])('of CircleCI with ssh-rerun %j is refused', (rerun) => {
    expect(of('circleci', { 'oidc.circleci.com/ssh-rerun': rerun }).taken).toBe(false)
  })

  it('of CircleCI without ssh-rerun is refused', () => {
    expect(without('circleci', 'oidc.circleci.com/ssh-rerun').taken).toBe(false)
  })

  it('of a Terraform plan is not its apply', () => {
    expect(of('hcp-terraform', { terraform_run_phase: 'plan' }).subject).toMatch(/:run_phase:plan$/)
  })
})

describe('Google (platform-tokens.md §7)', () => {
  it('has the service account for tenant where no VM is named (GC-1, GC-2)', () => {
    const bare = without('google', 'google')
    expect(bare).toMatchObject({
      tenant: '112179062720391305885',
      subject: '112179062720391305885',
      instance: undefined,
    })
    expect(bare.attributes['project_number']).toBeUndefined()
  })

  it.each([false, 'true', null])('has no address with email_verified %j', (verified) => {
    expect(of('google', { email_verified: verified }).attributes['email'] ?? '').toBe('')
  })

  it('has no tenant where google says something else than an instance', () => {
    expect(of('google', { google: { other: 1 } }).tenant).toBeUndefined()
  })
})

describe('Azure (platform-tokens.md §8)', () => {
  const tid = String(byName('azure').sample.claims['tid'])

  it('takes version 1 under its own issuer, for the same subject (AZ-2)', () => {
    const issuer = compile({ ...documentOf(byName('azure')), issuer: `https://sts.windows.net/${tid}/` })
    const { azp, ...claims } = byName('azure').sample.claims
    const version1 = { ...claims, appid: azp ?? '', iss: `https://sts.windows.net/${tid}/`, ver: '1.0' }
    expect(read(issuer, version1)).toMatchObject({
      taken: true,
      subject: of('azure').subject,
      attributes: { app_id: azp },
    })
  })

  it.each([
    ['of another tenant (AZ-1)', { tid: '00000000-0000-4000-8000-000000000000' }],
    ['of a person (scp)', { scp: 'user_impersonation' }],
  ])('refuses one %s', (_what, changes) => {
    expect(of('azure', changes).taken).toBe(false)
  })

  it.each(['tid', 'azp'])('refuses one without %s', (claim) => {
    expect(without('azure', claim).taken).toBe(false)
  })

  it('has the path of the identity in one case (AZ-4)', () => {
    const path = of('azure').attributes['xms_mirid']
    expect(path).toBe(String(path).toLowerCase())
  })
})

describe('AWS (platform-tokens.md §6.1)', () => {
  it('reads the claim with slashes in its name, and nothing that the caller chose (A-2, A-4)', () => {
    const { attributes } = of('aws')
    expect(attributes).toMatchObject({ aws_account: '123456789012', principal_tags: { team: 'shop' } })
    expect(JSON.stringify(attributes)).not.toContain('chosen by the caller')
  })

  it('without that claim has no tenant (A-1)', () => {
    expect(without('aws', 'https://sts.amazonaws.com/').tenant).toBeUndefined()
  })
})

describe('Nomad and Vault (platform-tokens.md §9)', () => {
  it('cannot have a job named into another namespace', () => {
    expect(of('nomad', { nomad_namespace: 'shop', nomad_job_id: 'a:b' }).subject).toBe('shop:a:b')
    expect(without('nomad', 'nomad_job_id').subject).toBeUndefined()
  })
})
