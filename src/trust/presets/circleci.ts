import type { Preset } from '../contract.ts'

/** OIDC tokens of CircleCI jobs (platform-tokens.md §5). The issuer names the organization; tokens carry no `jti`. */
export const circleci: Preset = {
  name: 'circleci',
  summary: 'OIDC tokens of CircleCI jobs; every organization is an issuer of its own.',
  sharedIssuer: false,
  fills: {
    credential: 'jwt',
    algorithms: ['RS256'],
    typ: ['', 'JWT'],
    maxLifetime: '1h',
    maxAge: '1h',
    // A person sits in a job that was started again with SSH.
    condition: "assertion['oidc.circleci.com/ssh-rerun'] == false",
    // Not `sub`, which ends in the user who pushed.
    subject: "'project_id:' + assertion['oidc.circleci.com/project-id']",
    instance: "assertion['oidc.circleci.com/job-id']",
    attributes: {
      org_id: "assertion['oidc.circleci.com/org-id']",
      project_id: "assertion['oidc.circleci.com/project-id']",
      context_ids: "assertion['oidc.circleci.com/context-ids']",
      pipeline_id: "assertion['oidc.circleci.com/pipeline-id']",
      pipeline_definition_id: "assertion['oidc.circleci.com/pipeline-definition-id']",
      workflow_id: "assertion['oidc.circleci.com/workflow-id']",
      vcs_origin: "assertion['oidc.circleci.com/vcs-origin']",
      vcs_ref: "assertion['oidc.circleci.com/vcs-ref']",
    },
  },
  sample: {
    header: { alg: 'RS256', kid: '3d1f2c7e-5b0a-4b8e-8f6a-2c9d7e1b0a44', typ: 'JWT' },
    claims: {
      iss: 'https://oidc.circleci.com/org/f0a10872-21a3-4373-940a-06233d826661',
      sub: 'org/f0a10872-21a3-4373-940a-06233d826661/project/ab70c257-7c86-45e2-b988-86003f49734d/user/5c1a9d0e-2b7f-4e3a-9c58-7d4e6f1a2b3c',
      aud: 'https://cambist.example',
      iat: 1795395600,
      exp: 1795399200,
      'oidc.circleci.com/org-id': 'f0a10872-21a3-4373-940a-06233d826661',
      'oidc.circleci.com/project-id': 'ab70c257-7c86-45e2-b988-86003f49734d',
      'oidc.circleci.com/context-ids': ['8e2b4c6d-1f3a-4b5c-9d7e-0a1b2c3d4e5f'],
      'oidc.circleci.com/job-id': '1e0f9d8c-7b6a-4958-8736-251403f2e1d0',
      'oidc.circleci.com/pipeline-id': '6b5a4938-2716-4504-93f2-e1d0c0b0a090',
      'oidc.circleci.com/pipeline-definition-id': '70b80fd1-b928-5fbf-817d-75ab416ccc87',
      'oidc.circleci.com/workflow-id': 'c3d2e1f0-a9b8-4c7d-96e5-f4a3b2c1d0e9',
      'oidc.circleci.com/vcs-origin': 'github.com/octo-org/orders',
      'oidc.circleci.com/vcs-ref': 'refs/heads/main',
      'oidc.circleci.com/ssh-rerun': false,
    },
  },
}
