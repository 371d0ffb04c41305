import type { Mark } from '../audit/contract.ts'
import { Refusal } from '../refusal.ts'

/** A mark that somebody else has: by an earlier use, or as another holder of what was first used with another key. */
export function usedBefore({ purpose, issuer, id, holder, about }: Mark): Refusal {
  const refusal =
    holder === undefined
      ? new Refusal('replayed', `${purpose} ${id} of ${issuer} was used before`)
      : new Refusal('confirmation_unproven', `${purpose} ${id} of ${issuer} was first used with another key`)
  refusal.about = about
  return refusal
}
