import { principalFacts, SELF_ISSUER } from '../identity/principal.ts'
import type { Target, TokenProfile } from '../targets/contract.ts'
import type { ChangeClass, Facts } from './contract.ts'

/** What a condition of a policy can see (interfaces.md, "CEL sees", `visited` and `entry`). */
export const POLICY_VARIABLES = ['subject', 'actor', 'client', 'target', 'request', 'visited', 'entry'] as const

/** What conditions see; built when the first one asks, since most rules have none. */
class Sight {
  readonly #facts: Facts
  readonly #client: string
  readonly #target: Target
  #subject: unknown
  #actor: unknown
  #clientFacts: unknown
  #targetFacts: unknown
  #request: unknown

  constructor(facts: Facts, client: string, target: Target) {
    this.#facts = facts
    this.#client = client
    this.#target = target
  }

  get subject(): unknown {
    this.#subject ??= principalFacts(this.#facts.subject)
    return this.#subject
  }

  get actor(): unknown {
    if (this.#facts.actor === undefined) return undefined
    this.#actor ??= principalFacts(this.#facts.actor)
    return this.#actor
  }

  get client(): unknown {
    const { principal, authentication } = this.#facts.client
    this.#clientFacts ??= { ...principalFacts(principal), name: this.#client, authentication }
    return this.#clientFacts
  }

  get target(): unknown {
    const { name, audiences, resources } = this.#target
    this.#targetFacts ??= { name, audiences, resources }
    return this.#targetFacts
  }

  get request(): unknown {
    const { grant, scopes, audiences, resources, tokenType, time } = this.#facts
    this.#request ??= { grant, scopes, audiences, resources, tokenType: tokenType ?? '', time }
    return this.#request
  }

  /** The path is what we wrote ourselves into our tokens, hop by hop; who a foreign `act` says acted before is no part of it (TE-42). */
  get visited(): unknown {
    return this.#facts.path ?? []
  }

  /** The client with which the request came in: the first of its path, or the one that begins it now. */
  get entry(): unknown {
    return this.#facts.path?.[0] ?? this.#client
  }
}

/** One question put to the rules: may this client, for this subject, have a token of this profile at this target? */
export interface Case {
  readonly facts: Facts
  readonly client: string
  readonly target: Target
  readonly profile: TokenProfile
  /** What conditions and mappings see. */
  readonly bindings: Readonly<Record<string, unknown>>
  /** Change classes of this exchange but `scope`, which depends on the scope. */
  readonly changes: readonly ChangeClass[]
  /** Scopes that a token of ours holds, where it already is for this target, or that a grant conveys: nothing beyond them (interfaces.md, "Narrowing"; IC-52). */
  readonly cap: readonly string[] | undefined
  /** Whether a rule must say in `subject.scopes` what the token must hold: it is ours, and for another audience. */
  readonly crosses: boolean
}

export function sightOf(facts: Facts, client: string, target: Target): Readonly<Record<string, unknown>> {
  return new Sight(facts, client, target) as unknown as Readonly<Record<string, unknown>>
}

/** `subject` is the `sub` that would be issued. */
export function caseOf(
  facts: Facts,
  client: string,
  target: Target,
  profile: TokenProfile,
  subject: string,
  bindings: Readonly<Record<string, unknown>>,
): Case {
  const ours = facts.subject.issuer === SELF_ISSUER
  // without the token's audiences it counts as both: capped like one for this target, and in need of a rule like one for another
  const known = facts.subjectAudiences
  const here = known?.some((audience) => target.audiences.includes(audience)) ?? true
  return {
    facts,
    client,
    target,
    profile,
    bindings,
    changes: changesOf(facts, profile, subject, ours),
    cap: ours && here ? facts.subject.scopes : facts.conveys,
    crosses: ours && (known === undefined || !here),
  }
}

/** The change classes (interfaces.md, `changes`); `lifetime` is tokens/'s, which never lengthens. */
function changesOf(facts: Facts, profile: TokenProfile, subject: string, ours: boolean): readonly ChangeClass[] {
  const changes: ChangeClass[] = []
  if (facts.format !== profile.format) changes.push('format')
  if (subject !== facts.subject.id) changes.push('identity')
  if (!ours) changes.push('authority')
  if (facts.subject.key && facts.binding === 'none') changes.push('unbind')
  return changes
}
