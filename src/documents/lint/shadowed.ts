import { contains, denies } from '../../policy/covering.ts'
import type { PolicyIndex } from '../../policy/index-policies.ts'
import type { Policy } from '../../policy/policy.ts'
import { type Doubts, enforced, type Nouns } from './enforced.ts'

/** Rules about one client and target that one rule is compared with; beyond that a lint would cost more than it tells. */
const MAX_COMPARED = 500

/** Permits that a forbid takes everything from, and permits that another one makes superfluous. */
export function* shadowed(nouns: Nouns, policies: PolicyIndex): Doubts {
  for (const permit of enforced(nouns, 'permit')) {
    yield undefined
    const { name } = permit
    const forbid = among(permit, policies, (rule) => rule.effect === 'forbid' && denies(rule, permit))
    if (forbid !== undefined) {
      const message = `has no effect: policy ${forbid.name} forbids all that it permits, and a forbid wins; narrow the forbid, or delete this rule`
      yield { kind: 'Policy', name, path: '', message }
      continue
    }
    const wider = among(permit, policies, (rule) => rule.effect === 'permit' && isBeside(rule, permit))
    if (wider !== undefined) {
      const message = `adds nothing: policy ${wider.name} permits all that it permits, and the limits of both count anyway; delete this one`
      yield { kind: 'Policy', name, path: '', message }
    }
  }
}

/** Of two that permit the same, the later by name is the one too many. */
function isBeside(wide: Policy, narrow: Policy): boolean {
  return wide !== narrow && contains(wide, narrow) && (wide.name < narrow.name || !contains(narrow, wide))
}

/** A rule that covers another speaks of the first client and target that the other names. */
function among(
  { clients, targets }: Policy,
  policies: PolicyIndex,
  matches: (rule: Policy) => boolean,
): Policy | undefined {
  const [client = EVERY] = clients ?? []
  const [target = EVERY] = targets ?? []
  let left = MAX_COMPARED
  for (const list of policies.about(client, target)) {
    for (const rule of list) {
      if (left-- === 0) return undefined
      if (rule.mode === 'enforce' && matches(rule)) return rule
    }
  }
  return undefined
}

/** No document has this name, so that the index answers with rules that name all. */
const EVERY = ''
