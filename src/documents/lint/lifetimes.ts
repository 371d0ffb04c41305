import { formatDuration } from '../../lib/duration.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Target } from '../../targets/contract.ts'
import type { Warning } from '../contract.ts'
import { type Doubts, enforced, isBuiltIn, listed, type Nouns, subjectIssuers, targetsOf } from './enforced.ts'

/** Lifetimes that no token comes to: the target's is shorter than the rule's, or the credential's than both. */
export function* lifetimes(nouns: Nouns): Doubts {
  const lives = new Map<Target, Life | undefined>()
  for (const permit of enforced(nouns, 'permit')) {
    yield undefined
    const life = credentialLife(permit, nouns)
    const targets = targetsOf(permit, nouns)
    yield* ofRule(permit, targets, life)
    for (const target of targets ?? nouns.targets.values())
      lives.set(target, lives.has(target) ? longer(lives.get(target), life) : life)
  }
  for (const [target, life] of lives) if (life !== undefined) yield* ofTarget(target, life)
}

/** How long the credentials live that a token can be had for, and whose they are. */
interface Life {
  readonly seconds: number
  readonly issuers: ReadonlySet<string>
}

/** Undefined where anybody's credential will do. */
function credentialLife(permit: Policy, nouns: Nouns): Life | undefined {
  const names = subjectIssuers(permit, nouns)
  if (names === undefined || names.size === 0 || [...names].some(isBuiltIn)) return undefined
  const issuers = [...names].flatMap((name) => nouns.issuers.get(name) ?? [])
  return { seconds: Math.max(...issuers.map(({ maxLifetime }) => maxLifetime)), issuers: names }
}

function longer(one: Life | undefined, other: Life | undefined): Life | undefined {
  if (one === undefined || other === undefined) return undefined
  return { seconds: Math.max(one.seconds, other.seconds), issuers: one.issuers.union(other.issuers) }
}

function* ofRule(
  { name, lifetime }: Policy,
  targets: readonly Target[] | undefined,
  life: Life | undefined,
): Iterable<Warning> {
  if (lifetime === undefined) return
  const warning = (message: string): Warning => ({ kind: 'Policy', name, path: 'spec.lifetime', message })
  const longest = Math.max(0, ...(targets ?? []).flatMap((each) => each.tokens.map((profile) => profile.lifetime)))
  if (targets !== undefined && targets.length > 0 && lifetime > longest)
    yield warning(
      `${formatDuration(lifetime)} has no effect: tokens of its targets live ${formatDuration(longest)} at most, and the least lifetime counts`,
    )
  else if (life !== undefined && lifetime > life.seconds) yield warning(outlives(lifetime, life))
}

function* ofTarget({ name, disabled, tokens }: Target, life: Life): Iterable<Warning> {
  if (disabled) return
  for (const [index, { lifetime }] of tokens.entries()) {
    if (lifetime > life.seconds)
      yield { kind: 'Target', name, path: `spec.tokens[${index}].lifetime`, message: outlives(lifetime, life) }
  }
}

const outlives = (lifetime: number, { seconds, issuers }: Life): string =>
  `${formatDuration(lifetime)} is never reached: a token ends with the credential that it was issued for, and those of ${listed(issuers)} live ${formatDuration(seconds)} at most (maxLifetime); write ${formatDuration(seconds)} or less`
