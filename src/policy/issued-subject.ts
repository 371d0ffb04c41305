import { Refusal } from '../refusal.ts'
import type { TokenProfile } from '../targets/contract.ts'
import type { Case } from './case.ts'
import type { Facts } from './contract.ts'

const MAX_SUBJECT = 1024

/** The `sub` that would be issued. Throws Refusal `subject_unmapped`. */
export function issuedSubject(facts: Facts, profile: TokenProfile, bindings: Case['bindings']): string {
  if (profile.subject === undefined) return facts.subject.id
  let value: unknown
  try {
    value = profile.subject.value(bindings)
  } catch (error) {
    throw new Refusal(
      'subject_unmapped',
      `the target's \`subject\` has no value for ${facts.subject.id}: ${error instanceof Error ? error.message : ''}`,
    )
  }
  if (typeof value === 'string' && value !== '' && value.length <= MAX_SUBJECT) return value
  throw new Refusal(
    'subject_unmapped',
    `the target's \`subject\` yields no text of 1 to ${MAX_SUBJECT} characters for ${facts.subject.id}`,
  )
}
