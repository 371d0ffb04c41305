import type { Preset } from '../contract.ts'

/** Workload identity tokens of HCP Terraform and Terraform Enterprise runs (platform-tokens.md §5). */
export const hcpTerraform: Preset = {
  name: 'hcp-terraform',
  summary: 'Workload identity tokens of runs in HCP Terraform or Terraform Enterprise.',
  sharedIssuer: true,
  renameable: {
    sub: 'terraform_workspace_id',
    terraform_full_workspace: 'terraform_workspace_id',
    terraform_workspace_name: 'terraform_workspace_id',
    terraform_project_name: 'terraform_project_id',
    terraform_organization_name: 'terraform_organization_id',
  },
  fills: {
    credential: 'jwt',
    issuer: 'https://app.terraform.io',
    algorithms: ['RS256'],
    typ: ['', 'JWT'],
    // A token lives as long as its phase may take.
    maxLifetime: '24h',
    maxAge: '24h',
    tenant: 'assertion.terraform_organization_id',
    // A plan runs on changes that nobody has reviewed, so it is somebody else than the apply.
    subject: "'workspace_id:' + assertion.terraform_workspace_id + ':run_phase:' + assertion.terraform_run_phase",
    instance: 'assertion.terraform_run_id',
    attributes: {
      terraform_organization_id: 'assertion.terraform_organization_id',
      terraform_project_id: 'assertion.terraform_project_id',
      terraform_workspace_id: 'assertion.terraform_workspace_id',
      terraform_run_phase: 'assertion.terraform_run_phase',
      terraform_organization_name: 'assertion.terraform_organization_name',
      terraform_project_name: 'assertion.terraform_project_name',
      terraform_workspace_name: 'assertion.terraform_workspace_name',
      terraform_full_workspace: 'assertion.terraform_full_workspace',
    },
  },
  sample: {
    header: { typ: 'JWT', alg: 'RS256', kid: 'j-fFp9evPJAzV5I2_58HY5UvdCK6Q4LLB1rnPOUfQAk' },
    claims: {
      jti: '1192426d-b525-4fde-9d61-f238be437bbd',
      iss: 'https://app.terraform.io',
      aud: 'https://cambist.example',
      iat: 1795395600,
      nbf: 1795395595,
      exp: 1795402800,
      sub: 'organization:shop:project:Default Project:workspace:orders-prod:run_phase:apply',
      terraform_organization_id: 'org-GRNbCjYNpBB6NEBH',
      terraform_organization_name: 'shop',
      terraform_project_id: 'prj-vegSA59s1XPwMr2t',
      terraform_project_name: 'Default Project',
      terraform_workspace_id: 'ws-mbsd5E3Ktt5Rg2Xm',
      terraform_workspace_name: 'orders-prod',
      terraform_full_workspace: 'organization:shop:project:Default Project:workspace:orders-prod',
      terraform_run_id: 'run-X3n1AUXNGWbfECsJ',
      terraform_run_phase: 'apply',
    },
  },
}
