import { nearestName } from '../../lib/nearest.ts'
import type { DetailLimit } from '../../policy/authorization-details.ts'
import type { Policy } from '../../policy/policy.ts'
import type { DetailType } from '../../targets/authorization-details.ts'
import type { Target } from '../../targets/contract.ts'
import { listed } from './enforced.ts'

type Found = Iterable<readonly [path: string, message: string]>

/** Authorization details that a permit grants and none of its targets knows. */
export function* detailsInVain({ authorizationDetails }: Policy, targets: readonly Target[]): Found {
  for (const [index, limit] of authorizationDetails.entries()) {
    const path = `spec.authorizationDetails[${index}]`
    const types = targets.flatMap((each) => each.authorizationDetails.get(limit.type) ?? [])
    if (types.length > 0) yield* membersInVain(limit, types, path)
    else {
      const near = nearestName(limit.type, new Set(targets.flatMap((each) => [...each.authorizationDetails.keys()])))
      yield [
        `${path}.type`,
        `${limit.type} can never be granted: no target of this rule knows the type${near === undefined ? '' : `; did you mean ${near}?`}`,
      ]
    }
  }
}

/** Limits of members that no object of the type can have: what has a limit may not be left out, so that nothing passes. */
function* membersInVain({ type, members }: DetailLimit, types: readonly DetailType[], path: string): Found {
  for (const [name, most] of members) {
    const kinds = new Set(types.flatMap((each) => each.members.get(name) ?? []))
    if (kinds.size === 0) {
      const known = new Set(types.flatMap((each) => [...each.members.keys()]))
      const near = nearestName(name, known)
      const help = near === undefined ? `it has ${listed(known) || 'none'}` : `did you mean ${near}?`
      yield [`${path}.members.${name}`, `can never be met: the type ${type} has no member ${name}; ${help}`]
    } else if (![...kinds].some((kind) => LIMITED_BY[kind](most)))
      yield [`${path}.members.${name}`, `can never be met: ${name} is ${listed(kinds)}, which this is no limit of`]
  }
}

const LIMITED_BY = {
  text: (most: unknown) => Array.isArray(most),
  texts: (most: unknown) => Array.isArray(most),
  number: (most: unknown) => typeof most === 'number',
  boolean: (most: unknown) => typeof most === 'boolean',
} as const
