import type { Fault } from '../lib/fault.ts'
import type { RoleBinding } from './contract.ts'

/** What is allowed but doubtful in an Administrator document by itself. */
export function lintRoleBinding({ condition, issuer, role }: RoleBinding): readonly Fault[] {
  if (/\b(?:assertion|header)\b/.test(condition.source)) return []
  return [
    {
      path: 'spec.condition',
      message: `reads nothing of the token, so that whoever has one of ${issuer} for this door is ${role}; say who is meant by a claim that people cannot choose for themselves`,
    },
  ]
}
