import { CLIENTS_ISSUER } from '../identity/principal.ts'
import { Refusal } from '../refusal.ts'
import type { Position, TrustedIssuer } from '../trust/contract.ts'
import type { Mark, Possession, VerifiedFacts } from './contract.ts'

/** One-use marks: of credentials that may be used once, of evidence that enrols once, of the key that a credential was first used with (UC-03). */
export function marksOf(
  issuer: TrustedIssuer,
  facts: VerifiedFacts,
  keyProven: boolean,
  possession: Possession,
  about: Position,
): readonly Mark[] {
  const { enrols, useId, expiresAt } = facts
  const once = issuer.singleUse || facts.takenOnce === true
  if (enrols === undefined && !once && issuer.firstUse === 'any') return NO_MARKS
  const marks: Mark[] = []
  const until = Math.ceil(expiresAt) + issuer.clockSkew
  if (enrols !== undefined) marks.push({ purpose: 'enrolment', issuer: issuer.name, about, ...enrols })
  if (once) {
    marks.push(
      issuer.name === CLIENTS_ISSUER
        ? { purpose: 'client-assertion', issuer: issuer.authority, id: useId, until, about }
        : { purpose: 'token', issuer: issuer.name, id: useId, until, about },
    )
  }
  // One that its issuer has bound to a key, which was proven, is bound.
  if (issuer.firstUse === 'bind' && !keyProven) {
    const { confirmation } = possession
    if (confirmation === undefined)
      throw new Refusal(
        'confirmation_unproven',
        `trusted issuer ${issuer.name} says firstUse: bind, and the request proves no key to bind the credential to`,
      )
    const [[name, thumbprint] = []] = Object.entries(confirmation)
    marks.push({ purpose: 'first-use', issuer: issuer.name, id: useId, until, about, holder: `${name}:${thumbprint}` })
  }
  return marks
}

const NO_MARKS: readonly Mark[] = Object.freeze([])
