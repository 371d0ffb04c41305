import { type OpenRecord, openRecord } from '../audit/record.ts'
import type { Snapshot } from '../documents/contract.ts'
import type { Facts, Permission } from '../policy/contract.ts'
import { evaluate } from '../policy/evaluate.ts'
import { ownFailure, Refusal } from '../refusal.ts'
import { mint } from '../tokens/mint.ts'
import type { Answer, Asked, Road } from './contract.ts'
import { identifyRequest } from './identified.ts'
import { madeOf } from './made-of.ts'
import { usedBefore } from './used-before.ts'

/**
 * The product in one function: a credential comes in, and a token goes out, if policy says so, and the deal is on the
 * record. Always answers: whatever is thrown on the way is a refusal or our own failure, and is recorded as that.
 * Nothing leaves before its row is durable (I1). Documents that change meanwhile have the whole judged again (I3).
 */
export async function exchange(asked: Asked, road: Road): Promise<Answer> {
  const record = openRecord(asked, road.clock)
  try {
    let snapshot = road.snapshots.current()
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const answer = await judge(asked, snapshot, record, road)
      const settled = await settle(answer, record, road)
      if (settled.stale === undefined) return settled.answer
      snapshot = await road.snapshots.atLeast(settled.stale)
      record.reopen()
    }
    throw new Refusal('snapshot_unavailable', `the documents changed ${MAX_ATTEMPTS} times during one exchange`, {
      retryAfter: 1,
    })
  } catch (error) {
    // The record itself failed: nothing is answered but that (F21).
    const answer = refused(asked, error, record, road)
    road.events.uncounted(answer.refusal.reason)
    return answer
  }
}

const MAX_ATTEMPTS = 4

/** Identify, decide, mint: under one snapshot from beginning to end. */
async function judge(asked: Asked, snapshot: Snapshot, record: OpenRecord, road: Road): Promise<Answer> {
  try {
    record.under(snapshot.version)
    const identified = await identifyRequest(asked, snapshot, road, record)
    const permission = decide(identified.facts, snapshot, record)
    const token = await mint({
      ...madeOf(identified, permission, asked, road),
      keyring: snapshot.keyring,
      statuses: road.statuses,
    })
    record.granted(permission, token)
    return { granted: true, id: asked.id, grant: identified.facts.grant, token }
  } catch (error) {
    const answer = refused(asked, error, record, road)
    record.refused(answer.refusal)
    return answer
  }
}

/** Record. The answer may leave when its row is durable; a token whose one-use credential was spent before is dropped. */
async function settle(answer: Answer, record: OpenRecord, road: Road): Promise<{ answer: Answer; stale?: number }> {
  if (!answer.granted && record.nobodyVerified && !road.admitsUnverified(record.remote)) {
    road.events.uncounted(answer.refusal.reason)
    return { answer }
  }
  const committed = await road.ledger.commit(record.close())
  switch (committed.outcome) {
    case 'stale':
      return { answer, stale: committed.version }
    case 'replayed': {
      const refusal = usedBefore(committed.mark)
      road.events.closed('refused', refusal.reason, record.grant, record.durationMs)
      return { answer: { granted: false, id: answer.id, grant: record.grant, refusal } }
    }
    case 'committed':
      road.events.closed(record.outcome, record.reason, record.grant, record.durationMs)
      for (const leniency of record.leniencies) road.events.lenient(leniency)
      return { answer }
  }
}

function decide(facts: Facts, snapshot: Snapshot, record: OpenRecord): Permission {
  const decision = evaluate(facts, snapshot)
  record.decided(decision, facts)
  if (decision.permitted) return decision
  throw new Refusal(decision.reason, decision.detail)
}

function refused({ id }: Asked, error: unknown, { grant }: OpenRecord, { events }: Road): Answer & { granted: false } {
  if (error instanceof Refusal) return { granted: false, id, grant, refusal: error }
  events.failed(id, error)
  return { granted: false, id, grant, refusal: ownFailure(error) }
}
