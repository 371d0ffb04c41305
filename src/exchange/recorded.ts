import type { ExchangeRecord } from '../audit/contract.ts'
import { storedFacts } from '../audit/record.ts'
import type { Facts } from '../policy/contract.ts'
import type { Reason } from '../refusal.ts'
import type { Explained } from './explain.ts'
import { sameMembers } from './judgement.ts'
import { isAfter, isWhole } from './replay.ts'

/** The decision that a record is of, as the record has it. */
export interface RecordedDecision {
  /**
   * What was decided; undefined where nothing was, and where a one-use mark was taken already: the row then says that, and
   * no longer what the decision was.
   */
  readonly verdict: 'permitted' | 'refused' | undefined
  readonly reason: ExchangeRecord['reason']
  readonly detail: string
  readonly client: string
  readonly rules: readonly string[]
  readonly granted: ExchangeRecord['granted']
}

/** What of the two is not the same. */
export type RecordedDifference = 'verdict' | 'reason' | 'client' | 'rules' | 'scopes' | 'targets'

/** The facts that a record was decided on, whole; undefined where nothing was decided. */
export function decidedFacts({ facts: recorded }: ExchangeRecord): Facts | undefined {
  const facts = storedFacts(recorded)
  return facts !== undefined && isWhole(facts) ? facts : undefined
}

/** Reasons of the ledger, which claims the marks of permitted and of refused requests alike. */
const OVERWRITING: ReadonlySet<string> = new Set<Reason>(['replayed', 'confirmation_unproven'])

export function recordedDecision(record: ExchangeRecord): RecordedDecision {
  const { outcome, reason, detail, client, rules, granted } = record
  const facts = decidedFacts(record)
  const after = isAfter(record, facts)
  const decided = facts !== undefined && !(after && OVERWRITING.has(reason))
  const permitted = outcome === 'granted' || after
  const verdict = !decided ? undefined : permitted ? 'permitted' : 'refused'
  return { verdict, reason, detail, client, rules, granted }
}

/** In what a decision is not as it was recorded; where it was refused, nothing is said of what would have been granted. */
export function differencesFrom(
  recorded: RecordedDecision,
  { explanation, permitted, reason }: Explained,
): readonly RecordedDifference[] {
  const found: RecordedDifference[] = []
  if (recorded.verdict !== undefined) {
    if ((recorded.verdict === 'permitted') !== permitted) return ['verdict']
    if (!permitted && recorded.reason !== reason) found.push('reason')
  }
  if (recorded.client !== (explanation?.client ?? '')) found.push('client')
  if (!sameMembers(recorded.rules, explanation?.rules ?? [])) found.push('rules')
  const granted = explanation?.granted
  if (recorded.granted !== null && granted !== undefined) {
    if (!sameMembers(recorded.granted.scopes, granted.scopes)) found.push('scopes')
    if (!sameMembers(recorded.granted.targets, granted.targets)) found.push('targets')
  }
  return found
}
