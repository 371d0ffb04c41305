/**
 * The road without its end: identify and decide as exchange.ts does, and say why. Nothing is minted, no mark is claimed
 * and no row is written; what would have been is said instead.
 */
import type { ExchangeRecord, Mark } from '../audit/contract.ts'
import { openRecord } from '../audit/record.ts'
import type { Identified } from '../credentials/identify.ts'
import type { Explanation, Facts } from '../policy/contract.ts'
import { evaluate, type Rules } from '../policy/evaluate.ts'
import { explain } from '../policy/explain.ts'
import { type Reason, Refusal } from '../refusal.ts'
import { draft } from '../tokens/mint.ts'
import type { Asked, DecidingSnapshot } from './contract.ts'
import { identifyRequest, type RoadToDecision } from './identified.ts'
import { madeOf } from './made-of.ts'
import { factsUnder, type Judging } from './rejudge.ts'
import { type Stating, statedFacts } from './stated-facts.ts'
import type { WrittenFacts } from './written-facts.ts'

/** Where on the road a request ends: what it says, who brings it, the decision, the token that it would be given. */
export const roadStages = ['request', 'client', 'subject', 'actor', 'proof', 'decision', 'token'] as const
export type RoadStage = (typeof roadStages)[number]

export interface Explained {
  readonly permitted: boolean
  readonly stage: RoadStage
  readonly reason: Reason | 'granted'
  /** What a person is told. */
  readonly sentence: string
  /** Undefined where the request does not get as far as a decision. */
  readonly explanation: Explanation | undefined
  readonly facts: Facts | undefined
}

/** Who and what a request met on its way, whatever became of it. */
export interface ExplainedRequest extends Explained {
  readonly met: Met
  /** One-use marks that an exchange would have claimed. */
  readonly marks: readonly Mark[]
  /** Seconds that the token would have lived. */
  readonly lifetime: number | undefined
}

/** As the record would have it. */
export interface Met {
  readonly client: string
  readonly authentication: string
  readonly subject: ExchangeRecord['subject']
  readonly leniencies: readonly string[]
  readonly subjectTokenHash: string
  readonly actorTokenHash: string
  /** Where the subject token is ours: what it says of the exchanges before it. */
  readonly ours: Identified['ours']
}

/** What the rules say to facts. */
export function explainFacts(facts: Facts, rules: Rules): Explained {
  const explanation = explain(facts, rules)
  const { permitted, sentence, reason = 'granted' } = explanation
  return { permitted, stage: 'decision', reason, sentence, explanation, facts }
}

/** What the documents say to facts as a person writes them. Throws Faults. */
export function explainStated(written: WrittenFacts, stating: Stating, path: string): Explained {
  try {
    return explainFacts(statedFacts(written, stating, path), stating.snapshot)
  } catch (error) {
    if (error instanceof Refusal) return undecided(error, 'client', error.detail)
    throw error
  }
}

/** What documents would say to recorded facts: whether they believe the parties at all, which clients the caller is, and their rules. */
export function explainUnder(facts: Facts, documents: Judging): Explained {
  try {
    return explainFacts(factsUnder(facts, documents), documents)
  } catch (error) {
    if (error instanceof Refusal) return undecided(error, 'client', error.detail)
    throw error
  }
}

/** Explains a request as the road would answer it at this moment. Rejects with what is our own fault. */
export async function explainRequest(
  asked: Asked,
  snapshot: DecidingSnapshot,
  road: RoadToDecision,
): Promise<ExplainedRequest> {
  // Told of everything like that of an exchange, and never closed into a row that is kept.
  const record = openRecord(asked, road.clock)
  let explained: Explained | undefined
  let ours: Identified['ours']
  const answer = (ended: Explained, lifetime?: number): ExplainedRequest => {
    const { record: row, marks } = record.close()
    const { client, authentication, subject, leniencies, subjectTokenHash, actorTokenHash } = row
    const met = { client, authentication, subject, leniencies, subjectTokenHash, actorTokenHash, ours }
    return { ...ended, met, marks, lifetime }
  }
  try {
    const identified = await identifyRequest(asked, snapshot, road, record)
    const { parties, facts } = identified
    ours = parties.subject.ours
    explained = explainFacts(facts, snapshot)
    const decision = evaluate(facts, snapshot)
    if (!decision.permitted) return answer(explained)
    return answer(explained, draft(madeOf(identified, decision, asked, road)).expiresAt - facts.time)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    record.refused(error)
    const { record: row } = record.close()
    if (explained === undefined) return answer(undecided(error, stageOf(error, row.grant !== ''), row.detail))
    const { explanation, facts } = explained
    return answer({ ...undecided(error, 'token', row.detail), explanation, facts })
  }
}

/** `detail` says what was wrong, as the record has it. */
function undecided({ reason }: Refusal, stage: RoadStage, detail: string): Explained {
  const sentence = stage === 'token' ? `policy permits it, and there is no token: ${detail}` : detail
  return { permitted: false, stage, reason, sentence, explanation: undefined, facts: undefined }
}

const OF_PROOFS: ReadonlySet<Reason> = new Set<Reason>(['proof_invalid', 'dpop_invalid'])

/** Which part of the request it is that was refused; `read`: the request itself could be read. */
function stageOf({ about, reason }: Refusal, read: boolean): RoadStage {
  switch (about) {
    case 'client':
    case 'subject':
    case 'actor':
      return about
    case 'assertion':
    case 'administrator':
      return 'subject'
    case 'proof':
    case 'dpop':
      return 'proof'
    default:
      return !read ? 'request' : OF_PROOFS.has(reason) ? 'proof' : 'client'
  }
}
