import { z } from 'zod'
import type { Mark } from '../audit/contract.ts'
import type { Lineage } from '../audit/lineage.ts'
import { type Explained, type Met, roadStages } from '../exchange/explain.ts'
import type { RecordedDecision, RecordedDifference } from '../exchange/recorded.ts'
import type { Explanation, Facts, NearestRule, TracedCase } from '../policy/contract.ts'
import type { Unasked } from '../trust/without-network.ts'

/** Why a request is decided as it is, as the door answers it. */
export interface ExplanationAnswer {
  readonly verdict: 'permitted' | 'refused'
  /** How far the request got; `undecided` of a record that no decision was made on. */
  readonly stage: Explained['stage'] | 'undecided'
  readonly reason: Explained['reason']
  readonly sentence: string
  /** Of the documents that it was judged by; of a draft, that which it lies over. */
  readonly version: number
  readonly draft: boolean
  readonly decision: Omit<Explanation, 'permitted' | 'reason' | 'sentence' | 'nearest' | 'trace'> | null
  readonly nearest: NearestRule | null
  readonly trace: readonly TracedCase[] | null
  readonly facts: Facts | null
}

/** Of a request: whom it met, what it would have spent, and whom the draft would have had us ask. */
export interface RequestAnswer extends ExplanationAnswer, Omit<Met, 'ours'> {
  readonly lifetime: number | null
  readonly marks: readonly Pick<Mark, 'purpose' | 'issuer' | 'id'>[]
  readonly unasked: readonly Unasked[]
  readonly lineage?: LineageAnswer
}

/** Of a record: what it has of the decision, and what is decided now. */
export interface RecordAnswer extends ExplanationAnswer {
  readonly recorded: Omit<RecordedDecision, 'verdict'> & { readonly verdict: RecordedDecision['verdict'] | null }
  readonly replayed: Omit<RecordedDecision, 'granted' | 'detail'> | null
  readonly same: boolean | null
  readonly differences: readonly RecordedDifference[]
  readonly lineage?: LineageAnswer
}

/** With moments as RFC 3339. */
export type LineageAnswer = Omit<Lineage, 'exchanges'> & {
  readonly exchanges: readonly { readonly id: string; readonly client: string; readonly at: string }[]
}

export function explanationAnswer(
  { permitted, stage, reason, sentence, explanation, facts }: Explained,
  version: number,
  draft: boolean,
): ExplanationAnswer {
  const verdict = permitted ? 'permitted' : 'refused'
  const common = { verdict, stage, reason, sentence, version, draft, facts: facts ?? null } as const
  if (explanation === undefined) return { ...common, decision: null, nearest: null, trace: null }
  const { permitted: _, reason: __, sentence: ___, nearest = null, trace, ...decision } = explanation
  return { ...common, decision, nearest, trace }
}

const texts = z.array(z.string())
const rule = z.looseObject({ rule: z.string(), effect: z.string(), mode: z.string(), matched: z.boolean() })
const lineage = z.object({
  id: z.string(),
  exchanges: z.array(z.object({ id: z.string(), client: z.string(), at: z.iso.datetime() })),
  more: z.boolean(),
  path: texts,
  agrees: z.boolean(),
})

/** The same as a schema, for the description of the door. */
export const explanationSchema = z.looseObject({
  verdict: z.enum(['permitted', 'refused']),
  stage: z.enum([...roadStages, 'undecided']),
  reason: z.string(),
  sentence: z.string(),
  version: z.int(),
  draft: z.boolean(),
  decision: z
    .looseObject({
      client: z.string().optional(),
      rules: texts,
      shadow: z.array(z.object({ rule: z.string(), outcome: z.string() })),
      changes: texts,
      errors: texts,
      granted: z
        .looseObject({ targets: texts, scopes: texts, subject: z.string(), lifetime: z.number(), binding: z.string() })
        .optional(),
    })
    .nullable(),
  nearest: rule.nullable(),
  trace: z.array(z.looseObject({ client: z.string(), rules: z.array(rule) })).nullable(),
  facts: z.looseObject({}).nullable(),
  lifetime: z.number().nullable().optional(),
  marks: z.array(z.object({ purpose: z.string(), issuer: z.string(), id: z.string() })).optional(),
  unasked: z.array(z.object({ issuer: z.string(), what: z.enum(['keys', 'status', 'signer']) })).optional(),
  recorded: z.looseObject({ verdict: z.string().nullable(), reason: z.string() }).optional(),
  replayed: z.looseObject({ verdict: z.string(), reason: z.string() }).nullable().optional(),
  same: z.boolean().nullable().optional(),
  differences: texts.optional(),
  lineage: lineage.optional(),
})
