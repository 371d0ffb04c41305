import type { StoredKey } from '../keys/contract.ts'
import { Faults } from '../lib/fault.ts'
import { newId } from '../lib/ids.ts'
import type { TargetIndex } from '../targets/contract.ts'
import type { Compiler } from './compile.ts'
import type { Applied, Document, StateChange, StateStore, StoredState, Warning } from './contract.ts'
import {
  type Doubt,
  doubtsAsWarnings,
  doubtsOfDocuments,
  doubtsOfTraffic,
  type JudgeTraffic,
  mayDeny,
} from './doubts.ts'
import type { Intent } from './intent.ts'
import { readLabelSelector } from './labels.ts'
import { ConfirmationNeeded, VersionConflict } from './objections.ts'
import type { Proposed } from './pending.ts'
import { type Plan, type PlanOptions, planOf } from './plan.ts'

export { VersionConflict, WriteRefused } from './objections.ts'

/** What an apply works with. */
export interface Applying {
  readonly store: StateStore
  readonly compiler: Compiler
  /** Signing keys to make so that there is one for every token of the targets from the moment the documents are in force. */
  newKeys(stored: readonly StoredKey[], targets: TargetIndex): readonly StoredKey[]
  /** Absent where there is no traffic to judge, as before the first start. */
  readonly judgeTraffic?: JudgeTraffic
}

export interface ApplyOptions extends PlanOptions {
  /** Who it is done for, for the history. */
  readonly author: string
  /** Who that is, whatever the name; absent: nobody who could approve. */
  readonly principal?: string
  readonly message: string
  /** Say what would happen, and change nothing. */
  readonly dryRun?: boolean
  /** The author says yes to what is in doubt. */
  readonly confirmed?: boolean
  /** `key` or `key=value`: documents that carry this label and are not in the input are deleted. */
  readonly prune?: string
}

/**
 * Puts documents, as a whole or not at all. Equal documents change nothing, and then not even the version. Throws
 * DocumentFaults, Faults (an option), and objections.ts.
 */
export async function apply(
  applying: Applying,
  documents: readonly Document[],
  options: ApplyOptions,
): Promise<Applied> {
  const { prune } = options
  if (prune !== undefined) readLabelSelector(prune, 'prune')
  if (documents.length === 0) {
    throw new Faults([
      {
        path: '',
        message:
          'there is no document in the input; to delete documents, prune by a label that one applied document carries, too',
      },
    ])
  }
  return applyIntent(applying, prune === undefined ? { documents } : { documents, prune }, options)
}

/** The same for any intent: in force when it is answered, or proposed where it takes two people. */
export async function applyIntent(applying: Applying, intent: Intent, options: ApplyOptions): Promise<Applied> {
  const { store, compiler } = applying
  if (options.dryRun === true) return tried(await planOf(await store.load(), intent, options, compiler), applying)
  let proposed: Proposed | undefined
  const { version, plan } = await decide(applying, intent, options, (made, state) => {
    if (made.approval.length === 0) return written(made, state, options, applying)
    proposed = proposalOf(made, intent, options)
    return undefined
  })
  if (proposed === undefined) return { ...plan.applied, version }
  await store.pending.propose(proposed)
  return { ...plan.applied, version, pending: { id: proposed.id } }
}

/** How often a change is judged anew because another came between. */
const JUDGEMENTS = 5

/**
 * Works the intent out under the writers' lock, so that two changes that are each right cannot make a wrong whole, and
 * writes what `write` makes of it. What is in doubt is judged before, without the lock, because it may take seconds; so it
 * counts for the version that it was judged under alone, and is judged again where that has moved.
 */
export async function decide(
  applying: Applying,
  intent: Intent,
  options: PlanOptions & { readonly confirmed?: boolean },
  write: (plan: Plan, state: StoredState) => StateChange | undefined,
): Promise<{ readonly version: number; readonly plan: Plan }> {
  let judged: number | undefined
  for (let judgements = 0; ; judgements++) {
    let plan: Plan | undefined
    let open = false
    const { version } = await applying.store.change(async (state) => {
      plan = await planOf(state, intent, options, applying.compiler)
      if (plan.changes.length === 0) return undefined
      open = options.confirmed !== true && judged !== state.version && isDoubtful(plan, applying)
      return open ? undefined : write(plan, state)
    })
    if (plan === undefined) throw new Error('the state store has not asked for a plan')
    if (!open) return { version, plan }
    if (judged !== undefined && judgements >= JUDGEMENTS) throw new VersionConflict(judged, plan.version)
    const doubts = await doubtsOf(plan, applying)
    if (doubts.length > 0) throw new ConfirmationNeeded(doubts)
    judged = plan.version
  }
}

export function written(plan: Plan, state: StoredState, options: ApplyOptions, { newKeys }: Applying): StateChange {
  return {
    author: options.author,
    message: options.message,
    put: plan.put,
    delete: plan.removed.map(({ kind, metadata: { name } }) => ({ kind, name })),
    putKeys: newKeys(state.keys, plan.compiled.targets),
    changes: plan.changes,
  }
}

function proposalOf(plan: Plan, intent: Intent, options: ApplyOptions): Proposed {
  const { author, message, principal = '', confirmed = false } = options
  return {
    id: newId(),
    author,
    principal,
    message,
    baseVersion: plan.version,
    intent,
    changes: plan.changes,
    confirmed,
  }
}

const isDoubtful = (plan: Plan, { judgeTraffic }: Applying): boolean =>
  doubtsOfDocuments(plan).length > 0 || (judgeTraffic !== undefined && mayDeny(plan))

async function doubtsOf(plan: Plan, { judgeTraffic }: Applying): Promise<readonly Doubt[]> {
  const { compiledBefore, compiled } = plan
  const doubts = doubtsOfDocuments(plan)
  if (judgeTraffic === undefined || compiledBefore === undefined || !mayDeny(plan)) return doubts
  return [...doubts, ...doubtsOfTraffic(await judgeTraffic(compiledBefore, compiled))]
}

/** What a dry run answers: what would be, and what it would be asked. */
async function tried(plan: Plan, applying: Applying): Promise<Applied> {
  const { applied, approval, changes } = plan
  const doubts = changes.length === 0 ? [] : await doubtsOf(plan, applying)
  return { ...applied, warnings: [...applied.warnings, ...doubtsAsWarnings(doubts), ...approval.map(waits)] }
}

const waits = ({ kind, by }: Plan['approval'][number]): Warning => ({
  kind: 'Approval',
  name: by,
  path: 'spec.kinds',
  message: `this would wait for the approval of another administrator, because it changes a ${kind}`,
})
