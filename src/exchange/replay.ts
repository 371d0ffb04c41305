import type { ExchangeRecord } from '../audit/contract.ts'
import { storedFacts } from '../audit/record.ts'
import type { Facts } from '../policy/contract.ts'
import type { Reason } from '../refusal.ts'
import { type Difference, differencesOf, type Judgement, judgementOf, sameMembers } from './judgement.ts'
import { type Judging, rejudge } from './rejudge.ts'
import type { Unseen } from './unseen.ts'

/** What of a record a replay asks for. */
export type Replayable = Pick<
  ExchangeRecord,
  'id' | 'at' | 'outcome' | 'reason' | 'client' | 'rules' | 'granted' | 'facts'
>

/** Decisions that the draft changes in the same way. Times are milliseconds since the epoch. */
export interface ChangedGroup {
  readonly differs: readonly Difference[]
  readonly before: Judgement
  readonly draft: Judgement
  readonly grant: string
  readonly client: string
  /** By name; as it was asked for where no target has it. */
  readonly targets: readonly string[]
  readonly subjectIssuer: string
  readonly count: number
  readonly first: number
  readonly last: number
  /** Ids of records. */
  readonly examples: readonly string[]
}

/** What a draft would have made of recorded requests. */
export interface Replayed {
  /** Decisions that were judged again: the unchanged and the changed ones. */
  readonly judged: number
  readonly unchanged: number
  readonly changed: number
  readonly newlyRefused: number
  readonly newlyPermitted: number
  /** Permitted by both, and not in the same way. */
  readonly differently: number
  /** Decided otherwise by the documents in force than they were then: the documents have changed since. */
  readonly drifted: number
  /** Refused by something that no decision is about, such as a credential that had ended: by reason. */
  readonly undecided: { readonly count: number; readonly reasons: Readonly<Record<string, number>> }
  /** The most frequent first. */
  readonly groups: readonly ChangedGroup[]
  /** Changed decisions beyond the groups that are kept apart. */
  readonly more: number
  /** When the first and the last of the records came. */
  readonly first: number | undefined
  readonly last: number | undefined
  /** What the answer cannot say, in sentences. */
  readonly notes: readonly string[]
}

const MAX_GROUPS = 1000
const MAX_EXAMPLES = 5

interface OpenGroup extends ChangedGroup {
  count: number
  first: number
  last: number
  readonly examples: string[]
}

/**
 * Judges recorded requests by the documents in force and by a draft, and keeps what the draft changes: in groups and
 * counts, so that a million records take no more room than a thousand.
 */
export class Replay {
  readonly #before: Judging
  readonly #draft: Judging
  readonly #unseen: Unseen | undefined
  readonly #groups = new Map<string, OpenGroup>()
  readonly #reasons = new Map<string, number>()
  #unchanged = 0
  #newlyRefused = 0
  #newlyPermitted = 0
  #differently = 0
  #drifted = 0
  #more = 0
  #first: number | undefined
  #last: number | undefined

  constructor({ before, draft }: { readonly before: Judging; readonly draft: Judging }, unseen?: Unseen) {
    this.#before = before
    this.#draft = draft
    this.#unseen = unseen
  }

  judge(record: Replayable): void {
    if (this.#first === undefined || record.at < this.#first) this.#first = record.at
    if (this.#last === undefined || record.at > this.#last) this.#last = record.at
    const facts = decidedOn(record)
    if (facts === undefined) {
      const reason = record.facts === null || isAfter(record, storedFacts(record.facts)) ? record.reason : UNREADABLE
      this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
      return
    }
    this.#unseen?.meet(facts)
    const before = rejudge(facts, this.#before)
    if (hasDrifted(record, before)) this.#drifted++
    const draft = rejudge(facts, this.#draft)
    const differs = differencesOf(before, draft)
    if (differs.length === 0) {
      this.#unchanged++
      return
    }
    if (before.permitted === draft.permitted) this.#differently++
    else if (draft.permitted) this.#newlyPermitted++
    else this.#newlyRefused++
    this.#keep(record, facts, judgementOf(before), judgementOf(draft), differs)
  }

  #keep(
    { id, at, client }: Replayable,
    facts: Facts,
    before: Judgement,
    draft: Judgement,
    differs: readonly Difference[],
  ): void {
    const { grant, subject } = facts
    const named = client || before.client || draft.client
    const targets = targetsOf(facts, before, draft, this.#before, this.#draft)
    // The sentence is about one request: the first one's stands for its group.
    const key = JSON.stringify([
      differs,
      { ...before, detail: '' },
      { ...draft, detail: '' },
      grant,
      named,
      targets,
      subject.issuer,
    ])
    const known = this.#groups.get(key)
    if (known !== undefined) {
      known.count++
      known.first = Math.min(known.first, at)
      known.last = Math.max(known.last, at)
      if (known.examples.length < MAX_EXAMPLES) known.examples.push(id)
      return
    }
    if (this.#groups.size >= MAX_GROUPS) {
      this.#more++
      return
    }
    this.#groups.set(key, {
      differs,
      before,
      draft,
      grant,
      client: named,
      targets,
      subjectIssuer: subject.issuer,
      count: 1,
      first: at,
      last: at,
      examples: [id],
    })
  }

  summary(): Replayed {
    const changed = this.#newlyRefused + this.#newlyPermitted + this.#differently
    const reasons = [...this.#reasons].sort(([, one], [, other]) => other - one)
    return {
      judged: this.#unchanged + changed,
      unchanged: this.#unchanged,
      changed,
      newlyRefused: this.#newlyRefused,
      newlyPermitted: this.#newlyPermitted,
      differently: this.#differently,
      drifted: this.#drifted,
      undecided: {
        count: reasons.reduce((sum, [, count]) => sum + count, 0),
        reasons: Object.fromEntries(reasons),
      },
      groups: [...this.#groups.values()]
        .map((group) => ({ ...group, examples: [...group.examples] }))
        .sort((one, other) => other.count - one.count),
      more: this.#more,
      first: this.#first,
      last: this.#last,
      notes: this.#unseen?.notes() ?? [],
    }
  }
}

/** A record whose facts are not what this program writes. */
const UNREADABLE = 'facts_unreadable'

/** Refusals with facts that come after a decision that permitted, or come of us: no rule changes them. */
const AFTER: ReadonlySet<string> = new Set<Reason>([
  'replayed',
  'confirmation_unproven',
  'no_lifetime_left',
  'token_unfit',
  'parameter_missing',
  'overloaded',
  'record_unavailable',
  'snapshot_unavailable',
  'internal',
])

/** What a kind of token refuses in the words of a decision: the rules that permitted stand beside it, where a denial has none. */
const AFTER_RULES: ReadonlySet<string> = new Set<Reason>(['target_combination', 'scope_denied'])

/**
 * Whether a refusal with facts came after a decision that permitted. That a credential was first used with another key is
 * found when the record is written; that a token of ours came without its key, by the decision.
 */
export const isAfter = (
  { reason, rules }: Pick<ExchangeRecord, 'reason' | 'rules'>,
  facts: Facts | undefined,
): boolean =>
  (AFTER.has(reason) && !(reason === UNPROVEN && facts?.subjectUnproven)) ||
  (AFTER_RULES.has(reason) && rules.length > 0)

const UNPROVEN: Reason = 'confirmation_unproven'

/** The facts of a record that a decision was made on, and whose outcome that decision was. */
function decidedOn(record: Replayable): Facts | undefined {
  const facts = storedFacts(record.facts)
  if (record.outcome !== 'granted' && isAfter(record, facts)) return undefined
  return facts !== undefined && isWhole(facts) ? facts : undefined
}

/** Records outlive programs: what an evaluation cannot do without is looked for. */
export function isWhole({ client, subject, actors, scopes, audiences, resources }: Partial<Facts>): boolean {
  return (
    [client?.candidates, subject?.scopes, actors, scopes, audiences, resources].every(Array.isArray) &&
    typeof subject?.attributes === 'object' &&
    typeof client?.principal?.attributes === 'object'
  )
}

function hasDrifted({ granted, client }: Replayable, now: ReturnType<typeof rejudge>): boolean {
  if (granted === null || !now.permitted) return (granted !== null) !== now.permitted
  return client !== now.client || !sameMembers(granted.scopes, now.scopes)
}

/** The targets of a request by name, as the documents that permit it say, else as either side knows what was asked for. */
function targetsOf(
  facts: Facts,
  before: Judgement,
  draft: Judgement,
  rules: Judging,
  drafted: Judging,
): readonly string[] {
  const found = before.targets ?? draft.targets
  if (found !== undefined) return found
  const { audiences, resources } = facts
  const names = [
    ...audiences.map((one) => (rules.targets.byAudience(one) ?? drafted.targets.byAudience(one))?.name ?? one),
    ...resources.map((one) => (rules.targets.byResource(one) ?? drafted.targets.byResource(one))?.name ?? one),
  ]
  return [...new Set(names)]
}
