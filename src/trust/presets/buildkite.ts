import type { Preset } from '../contract.ts'

/** Tokens that the Buildkite agent asks for (platform-tokens.md §5). */
export const buildkite: Preset = {
  name: 'buildkite',
  summary: 'Job tokens of Buildkite pipelines.',
  sharedIssuer: true,
  renameable: { sub: 'pipeline_id', pipeline_slug: 'pipeline_id', organization_slug: 'organization_id' },
  fills: {
    credential: 'jwt',
    issuer: 'https://agent.buildkite.com',
    algorithms: ['RS256'],
    typ: ['', 'JWT'],
    maxLifetime: '1h',
    maxAge: '1h',
    tenant: 'assertion.organization_id',
    // Not `sub`, which holds names and changes with every commit. A build of a tag has the tag as its branch too.
    subject:
      "'pipeline_id:' + assertion.pipeline_id + (has(assertion.build_tag) ? ':tag:' + assertion.build_tag : ':branch:' + assertion.build_branch)",
    instance: 'assertion.job_id',
    attributes: {
      organization_id: 'assertion.organization_id',
      pipeline_id: 'assertion.pipeline_id',
      organization_slug: 'assertion.organization_slug',
      pipeline_slug: 'assertion.pipeline_slug',
      build_branch: 'assertion.build_branch',
      build_tag: 'assertion.build_tag',
      build_commit: 'assertion.build_commit',
      build_source: 'assertion.build_source',
      step_key: 'assertion.step_key',
      runner_environment: 'assertion.runner_environment',
    },
  },
  sample: {
    header: { kid: 'buildkite-2026-10', alg: 'RS256' },
    claims: {
      iss: 'https://agent.buildkite.com',
      sub: 'organization:shop:pipeline:orders:ref:refs/heads/main:commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:deploy',
      aud: 'https://cambist.example',
      iat: 1795395600,
      nbf: 1795395600,
      exp: 1795395900,
      jti: '0198a6b2-7d35-7c4a-9d1e-5a4b3c2d1e0f',
      organization_slug: 'shop',
      organization_id: '0184990a-477b-4fa8-9968-496074483cee',
      pipeline_slug: 'orders',
      pipeline_id: '0184990a-4782-42b5-afc1-16715b10b8ff',
      build_id: '0198a6b1-0f2e-4d3c-8b4a-7c6d5e4f3a2b',
      build_number: 1,
      build_branch: 'main',
      build_commit: '9f3182061f1e2cca4702c368cbc039b7dc9d4485',
      build_source: 'webhook',
      step_key: 'deploy',
      job_id: '0184990a-477b-4fa8-9968-496074483a77',
      agent_id: '0184990a-4782-42b5-afc1-16715b10b1d0',
      runner_environment: 'buildkite-hosted',
    },
  },
}
