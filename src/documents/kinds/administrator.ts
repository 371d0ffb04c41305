import type { RoleBinding } from '../../administrators/contract.ts'
import { lintRoleBinding } from '../../administrators/lint.ts'
import { administratorSchema, compileRoleBinding } from '../../administrators/role-binding.ts'
import type { NounKind } from '../contract.ts'

export const administrator: NounKind<RoleBinding> = {
  kind: 'Administrator',
  path: 'administrators',
  summary: 'Who may change these: which people of a trusted issuer have which role at the administrators’ door.',
  writtenBy: 'admin',
  schema: () => administratorSchema,
  references: ({ issuer }) =>
    typeof issuer === 'string' ? [{ path: 'spec.issuer', kind: 'TrustedIssuer', name: issuer }] : [],
  compile: (name, spec) => compileRoleBinding(name, spec),
  lint: lintRoleBinding,
}
