import { type Approval, approvalSchema, compileApproval } from '../approval.ts'
import type { NounKind } from '../contract.ts'

export const approval: NounKind<Approval> = {
  kind: 'Approval',
  path: 'approvals',
  summary: 'Which kinds of documents take two people to change.',
  writtenBy: 'admin',
  schema: () => approvalSchema,
  references: () => [],
  compile: (name, spec) => compileApproval(name, spec),
  lint: () => [],
}
