import type { Principal } from '../identity/principal.ts'
import { SelectorIndex } from '../identity/selector-index.ts'
import type { Facts } from './contract.ts'
import type { Party, Policy } from './policy.ts'

/** Whom a request is about. */
export type Parties = Pick<Facts, 'subject' | 'actor'>

/** Up to so many rules are asked one by one: that is soon done. */
const FEW = 8
const NOTHING: readonly never[] = Object.freeze([])

/** Rules about one client and one target, in the order of their names. */
export class Shelf {
  readonly #rules: Policy[] = []
  #filed: FiledRules | undefined

  get all(): readonly Policy[] {
    return this.#rules
  }

  /** They come in the order of their names. */
  put(rule: Policy): void {
    this.#rules.push(rule)
    if (this.#filed !== undefined) this.#filed.file(rule)
    else if (this.#rules.length > FEW) {
      this.#filed = new FiledRules()
      for (const each of this.#rules) this.#filed.file(each)
    }
  }

  /** Those that could be about the parties. */
  about(parties: Parties): readonly Policy[] {
    return this.#filed?.about(parties) ?? this.#rules
  }
}

/** Many rules, each filed by the subject or by the actor that it is about, whichever it says more of. */
class FiledRules {
  readonly #ofAnybody: Policy[] = []
  readonly #bySubject = new PartyIndex()
  readonly #byActor = new PartyIndex()

  file(rule: Policy): void {
    const { subject, actor } = rule
    if (actor !== undefined && precision(actor) > precision(subject)) this.#byActor.file(actor, rule)
    else if (subject !== undefined) this.#bySubject.file(subject, rule)
    else this.#ofAnybody.push(rule)
  }

  /** In the order of their names, in which conditions that fail are noted. */
  about({ subject, actor }: Parties): readonly Policy[] {
    const found = [
      ...this.#bySubject.candidates(subject),
      ...(actor === undefined ? [] : this.#byActor.candidates(actor)),
    ].flat()
    if (found.length === 0) return this.#ofAnybody
    if (found.length === 1 && this.#ofAnybody.length === 0) return found
    return [...this.#ofAnybody, ...found].sort((one, other) => (one.name < other.name ? -1 : 1))
  }
}

/** Rules by the issuers that they name for a party, and by what they fix of it. */
class PartyIndex {
  readonly #ofAnyIssuer = new SelectorIndex<Policy>()
  readonly #byIssuer = new Map<string, SelectorIndex<Policy>>()

  file(party: Party, rule: Policy): void {
    if (party.issuers === undefined) this.#ofAnyIssuer.file(party, rule)
    for (const issuer of party.issuers ?? []) {
      const index = this.#byIssuer.get(issuer) ?? new SelectorIndex<Policy>()
      this.#byIssuer.set(issuer, index)
      index.file(party, rule)
    }
  }

  candidates(principal: Principal): readonly (readonly Policy[])[] {
    return [
      this.#ofAnyIssuer.candidates(principal),
      this.#byIssuer.get(principal.issuer)?.candidates(principal) ?? NOTHING,
    ]
  }
}

/** How much a rule says of a party in plain fields. */
function precision(party: Party | undefined): number {
  if (party === undefined) return 0
  return party.ids !== undefined || party.match.length > 0 ? 3 : party.issuers !== undefined ? 2 : 1
}
