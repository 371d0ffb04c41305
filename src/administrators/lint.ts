import type { Fault } from '../lib/fault.ts'
import type { RoleBinding } from './contract.ts'

/** Claims that OpenID providers let the owner of an account set. */
const CHOSEN = /\bassertion\.(?:email|preferred_username|nickname|name|given_name|family_name|upn|unique_name)\b(?!_)/g

/** What is allowed but doubtful in an Administrator document by itself. */
export function lintRoleBinding({ condition: { source }, issuer, role }: RoleBinding): readonly Fault[] {
  const path = 'spec.condition'
  if (/\b(?:assertion|header)\b/.test(source)) {
    return [...new Set(source.match(CHOSEN) ?? [])]
      .filter((claim) => claim !== 'assertion.email' || !source.includes('email_verified'))
      .map((claim) => ({
        path,
        message: `reads ${claim}, which people can often choose or change for themselves (T21)${claim === 'assertion.email' ? '; read assertion.email_verified beside it, or' : ';'} read a group, or an id that stays`,
      }))
  }
  return [
    {
      path,
      message: `reads nothing of the token, so that whoever has one of ${issuer} for this door is ${role}; say who is meant by a claim that people cannot choose for themselves`,
    },
  ]
}
