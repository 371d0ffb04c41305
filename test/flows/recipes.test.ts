import { describe, expect, it } from 'vitest'
import { warningsOf } from '../../src/documents/warnings.ts'
import type { Preset } from '../../src/trust/contract.ts'
import * as presets from '../../src/trust/presets/index.ts'
import { document, startCambist, TestClock } from '../harness/cambist.ts'
import { Platform, sampleOf } from '../harness/platforms.ts'
import { type Recipe, recipes } from '../harness/recipes.ts'
import { refusal } from '../harness/refusal.ts'
import { type Claims, hmacToken, SigningKey } from '../harness/tokens.ts'
import { compiler } from '../unit/documents/world.ts'

/** A provider that nobody has written any code for: what the README of the recipes says of it is all there is. */
const FORGE: Preset['sample'] = {
  header: { alg: 'ES256', typ: 'JWT', kid: 'forge-1' },
  claims: {
    iss: 'https://forge.example',
    aud: 'https://cambist.example',
    sub: 'a name that changes',
    iat: 1795395600,
    exp: 1795396200,
    jti: 'f-1',
    org_id: '42',
    org: 'shop',
    pipeline_id: 7,
    stage: 'deploy',
    run: 'run-1',
  },
}

const clock = new TestClock()
const server = await startCambist({ clock, env: { CAMBIST_ISSUER: 'https://cambist.example' } })
/** What is no JWT is shown in evidence-recipes.test.ts. */
const all = recipes().filter(({ credential }) => credential === 'jwt')

interface Case extends Recipe {
  readonly name: string
  readonly platform: Platform
  readonly scope: string
}

const cases: readonly Case[] = all.map((recipe) => {
  const { metadata, spec } = recipe.issuer
  const sample = metadata.name === 'forge' ? FORGE : sampleOf(String(spec['preset']))
  const policy = recipe.documents.find(({ kind }) => kind === 'Policy')
  const platform = new Platform(sample, clock.seconds)
  return { ...recipe, name: metadata.name, platform, scope: String([policy?.spec['scopes']].flat()[0]) }
})

/** The documents as the page has them, but that the issuer's keys stand in them. */
const written = ({ documents, platform }: Case, changes: object = {}): object[] =>
  documents.map((each) =>
    each.kind === 'TrustedIssuer'
      ? { ...each, spec: { ...each.spec, keys: { jwks: platform.jwks }, ...changes } }
      : each,
  )

for (const each of cases) await server.apply(...written(each))

const by = (name: string): Case => {
  const found = cases.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no page has an issuer ${name}`)
  return found
}

const exchange = ({ platform, scope }: Case, changes: Claims = {}) =>
  server.exchange({ subject_token: platform.token(changes), scope })

async function granted(each: Case, changes: Claims = {}): Promise<Record<string, unknown>> {
  const answer = await exchange(each, changes)
  const record = await server.record(answer.id)
  expect([answer.status, record['reason'], record['detail']]).toEqual([200, 'granted', ''])
  return record
}

const attributesOf = (record: Record<string, unknown>): Record<string, unknown> =>
  (record['facts'] as { subject: { attributes: Record<string, unknown> } }).subject.attributes

describe.each(cases.map((each) => [each.name, each] as const))('the recipe for %s', (_name, each) => {
  const { platform, documents, issuer } = each
  const us = [issuer.spec['audiences']].flat()[0]

  it('lets the platform’s token through, and the record reads as the page says', async () => {
    expect([platform.claims()['aud']].flat()).toEqual([us])
    const record = await granted(each)
    const { subject, client, rules } = record as {
      subject: { id: string; instance: string }
      client: string
      rules: string[]
    }
    const shown = { client, subject: subject.id, 'subject instance': subject.instance, rules: rules.join(' ') }
    if (each.name !== 'forge') expect(each.record.size).toBeGreaterThanOrEqual(3)
    for (const [label, value] of each.record)
      expect([label, shown[label as keyof typeof shown]]).toEqual([label, value])
    const selectors = documents.flatMap(
      ({ spec }) => (spec['workloads'] ?? []) as { match?: Record<string, string[]> }[],
    )
    expect(selectors).toHaveLength(1)
    for (const [attribute, values] of Object.entries(selectors[0]?.match ?? {}))
      expect(values).toContain(attributesOf(record)[attribute])
  })

  it.each([
    ['meant for another', () => ({ aud: 'https://other.example' }), 'audience_mismatch'],
    ['meant for others too', () => ({ aud: [us, 'https://other.example'] }), 'audience_several'],
    ['meant for nobody', () => ({ aud: [''] }), 'claim_malformed'],
    ['over', () => ({ exp: clock.seconds() - 31 }), 'expired'],
    ['of the future', () => ({ iat: clock.seconds() + 3600, exp: clock.seconds() + 3900 }), 'not_yet_valid'],
    ['endless', () => ({ exp: undefined }), 'claim_missing'],
    ['of a year', () => ({ exp: clock.seconds() + 31_536_000 }), 'too_long_lived'],
    ['of days ago', () => ({ iat: clock.seconds() - 259_200 }), 'too_old'],
    [
      'bound to a key that nobody proves (P-16)',
      () => ({ cnf: { jkt: `${'x'.repeat(42)}A` } }),
      'confirmation_unproven',
    ],
  ] as const)('refuses a token that is %s', async (_what, changes, reason) => {
    await refusal(server, { subject_token: platform.token(changes()) }, reason)
  })

  it('refuses what the platform’s key has not signed', async () => {
    const pem = platform.key.publicKey.export({ type: 'spki', format: 'pem' })
    const confused = hmacToken({ ...platform.header, alg: 'HS256' }, platform.claims(), pem)
    await refusal(server, { subject_token: confused }, 'algorithm_refused')
    const other = new SigningKey(platform.key.algorithm, platform.key.kid)
    await refusal(server, { subject_token: other.sign(platform.claims(), platform.header) }, 'signature_invalid')
    await refusal(server, { subject_token: platform.token({}, { kid: 'of nobody' }) }, 'key_unknown')
  })

  it.each(['wit+jwt', 'wpt+jwt', 'at+jwt', 'dpop+jwt', 'secevent+jwt', 'txntoken+jwt'])(
    'refuses a token of type %s (P-14)',
    async (typ) => {
      await refusal(server, { subject_token: platform.token({}, { typ }) }, 'token_type_mismatch')
    },
  )

  it('goes on when the platform rotates its key', async () => {
    const next = new SigningKey(platform.key.algorithm, 'next')
    await refusal(
      server,
      { subject_token: next.sign(platform.claims(), { ...platform.header, kid: 'next' }) },
      'key_unknown',
    )
    await server.apply(...written(each, { keys: { jwks: { keys: [...platform.jwks.keys, next.jwk] } } }))
    const rotated = await server.exchange({
      subject_token: next.sign(platform.claims(), { ...platform.header, kid: 'next' }),
      scope: each.scope,
    })
    expect(rotated.status).toBe(200)
    await granted(each)
  })
})

describe('a neighbour with the same names and other ids (P-4, T21)', () => {
  const sts = sampleOf('aws').claims['https://sts.amazonaws.com/'] as Claims
  const { compute_engine: vm } = sampleOf('google').claims['google'] as { compute_engine: Claims }

  it.each([
    ['github', { repository_owner_id: '9999999', repository_id: '8888888' }],
    ['gitlab', { namespace_id: '73', project_id: '1' }],
    ['buildkite', { organization_id: '0184990a-477b-4fa8-9968-000000000000' }],
    ['terraform', { terraform_organization_id: 'org-other' }],
    ['google', { google: { compute_engine: { ...vm, project_number: 1 } } }],
    ['google', { google: undefined, sub: '112179062720391300000' }],
    ['aws', { 'https://sts.amazonaws.com/': { ...sts, aws_account: '210987654321' } }],
    ['forge', { org_id: '43' }],
    // the id is missing, or of another type (P-8)
    ['github', { repository_owner_id: undefined }],
    ['github', { repository_owner_id: 1234567 }],
    ['gitlab', { namespace_id: 72 }],
    ['gitlab', { namespace_id: ['72'] }],
    ['buildkite', { organization_id: null }],
    ['aws', { 'https://sts.amazonaws.com/': undefined }],
    ['aws', { 'https://sts.amazonaws.com/': { ...sts, aws_account: 123456789012 } }],
    ['google', { google: { compute_engine: { ...vm, project_number: 7394193981260 } } }],
  ] as const)('of %s by %j is refused', async (name, changes) => {
    await refusal(server, { subject_token: by(name).platform.token(changes) }, 'tenant_refused')
  })

  it.each([
    ['circleci', { iss: 'https://oidc.circleci.com/org/00000000-0000-4000-8000-000000000000' }, 'issuer_unknown'],
    ['circleci', { 'oidc.circleci.com/ssh-rerun': true }, 'condition_refused'],
    ['azure', { tid: '00000000-0000-4000-8000-000000000000' }, 'condition_refused'],
    ['prod-cluster', { iss: 'https://kubernetes.default.svc' }, 'issuer_unknown'],
    ['nomad', { iss: undefined }, 'claim_missing'],
    ['github', { repository_id: 7654321 }, 'subject_unmapped'],
    ['gitlab', { project_id: 57382910 }, 'subject_unmapped'],
    ['github', { iss: 'https://token.actions.githubusercontent.com/' }, 'issuer_unknown'],
    ['github', { iss: 'https://token.actions.githubusercontent.com/octo-org' }, 'issuer_unknown'],
  ] as const)('of %s by %j is refused as %s', async (name, changes, reason) => {
    await refusal(server, { subject_token: by(name).platform.token(changes) }, reason)
  })

  it.each([
    ['github', { repository_id: '8888888' }],
    ['github', { environment: undefined }],
    ['github', { event_name: 'pull_request_target' }],
    ['gitlab', { ref_protected: true }],
    ['gitlab', { ref_path: 'refs/merge-requests/7/head' }],
    ['buildkite', { pipeline_id: '0184990a-4782-42b5-afc1-000000000000' }],
    ['terraform', { terraform_run_phase: 'plan' }],
    ['circleci', { 'oidc.circleci.com/context-ids': [] }],
    ['aws', { sub: 'arn:aws:iam::123456789012:role/orders/x' }],
    ['google', { sub: '112179062720391305886' }],
    ['azure', { oid: 'A3B2C1D0-E4F5-4A6B-8C7D-9E0F1A2B3C4D' }],
    ['nomad', { nomad_namespace: 'default' }],
    ['nomad', { nomad_namespace: 'shop:checkout', nomad_job_id: 'x' }],
    ['vault', { sub: 'another' }],
    ['forge', { pipeline_id: 8 }],
  ] as const)('within the tenant of %s by %j is nobody', async (name, changes) => {
    await refusal(server, { subject_token: by(name).platform.token(changes) }, 'client_unknown')
  })

  it.each(cases.filter(({ issuer }) => issuer.spec['tenants'] !== undefined).map((each) => [each.name, each] as const))(
    'of %s cannot be let in by leaving the tenants out',
    async (_name, each) => {
      const changes =
        each.name === 'forge' ? { tenants: undefined, issuer: 'https://oidc.vercel.com' } : { tenants: undefined }
      await expect(server.apply(...written(each, changes))).rejects.toThrow('spec.tenants')
      await granted(each)
    },
  )
})

describe('GitHub Actions (platform-tokens.md §3)', () => {
  const github = by('github')

  it('is the same client and the same subject by the old sub and by the immutable one (G-2)', async () => {
    const subs = [
      'repo:octo-org/orders:environment:prod',
      'repo:octo-org@1234567/orders@7654321:environment:prod',
      'repository_owner_id:1234567:job_workflow_ref:octo-org/orders/.github/workflows/deploy.yml@refs/heads/main',
    ]
    const records = await Promise.all(subs.map((sub) => granted(github, { sub })))
    expect(new Set(records.map(({ client }) => client))).toEqual(new Set(['github-deploy']))
    expect(new Set(records.map(({ subject }) => JSON.stringify(subject))).size).toBe(1)
  })

  it('is the same after the repository and its owner were renamed (G-5)', async () => {
    const before = await granted(github)
    const after = await granted(github, { repository: 'new-org/new-name', repository_owner: 'new-org' })
    expect(after['subject']).toEqual(before['subject'])
  })

  it.each(['repo:octo-org/orders:environment:prod%3Aadmin', 'repo:a/../b:ref:refs/heads/../../main', 'repo:a:b:c:%2F'])(
    'reads nothing out of sub %s (P-7)',
    async (sub) => {
      const { subject } = (await granted(github, { sub })) as { subject: { id: string } }
      expect(subject.id).toBe('wimse://cambist.example/github/repository_id%3A7654321%3Aenvironment%3Aprod')
    },
  )

  it.each(['prod%3A', 'prod:ref:refs/heads/main', 'x/../prod', '../prod', 'PROD', 'prod/', ' prod'])(
    'does not take environment %j for prod (P-6, P-7, G-6)',
    async (environment) => {
      await refusal(server, { subject_token: github.platform.token({ environment }) }, 'client_unknown')
    },
  )

  it('keeps what people can name out of the structure of the id (P-7)', async () => {
    const environment = '../../vault/7d2e3179:x%2Fy'
    await server.apply(
      document('Client', 'odd', { workloads: [{ issuer: 'github', match: { environment: [environment] } }] }),
      document('Policy', 'odd', { clients: ['odd'], targets: ['orders'], scopes: ['orders:write'] }),
    )
    const { subject } = (await granted(github, { environment })) as { subject: { id: string } }
    expect(subject.id.split('/')).toHaveLength(5)
    expect(subject.id).toContain('environment%3A..%2F..%2Fvault%2F7d2e3179%3Ax%252Fy')
  })

  it('is taken once, as its page says (P-9)', async () => {
    const subject_token = github.platform.token()
    expect((await server.exchange({ subject_token, scope: 'orders:write' })).status).toBe(200)
    await refusal(server, { subject_token, scope: 'orders:write' }, 'replayed')
  })

  it('comes from an enterprise’s issuer too, by its name alone', async () => {
    const iss = 'https://token.actions.githubusercontent.com/octo-enterprise'
    const [trust] = written(github, { issuer: iss })
    await server.apply({ ...trust, metadata: { name: 'github-enterprise' } })
    const record = await server.record((await exchange(github, { iss })).id)
    // believed, and yet nobody: no client selects workloads of this issuer
    expect([record['reason'], (record['subject'] as { issuer: string }).issuer]).toEqual([
      'client_unknown',
      'github-enterprise',
    ])
  })
})

describe('the pages', () => {
  it.each(all.map((recipe) => [recipe.issuer.metadata.name, recipe] as const))(
    'give lint no reason to warn of %s, but for the life of Azure’s tokens',
    (name, { documents }) => {
      const paths = warningsOf(compiler().compile(documents)).map(({ path }) => path)
      expect(paths).toEqual(name === 'azure' ? ['spec.maxLifetime', 'spec.maxAge'] : [])
    },
  )

  it('have a recipe for every preset', () => {
    expect(cases.map(({ issuer }) => issuer.spec['preset']).sort()).toEqual(
      Object.values(presets)
        .filter(({ fills }) => fills['credential'] === 'jwt')
        .map(({ name }) => name)
        .sort(),
    )
  })
})
