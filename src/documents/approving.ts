import { canonicalJson } from '../lib/json.ts'
import { type Applying, decide, written } from './apply.ts'
import type { Applied } from './contract.ts'
import { ApprovalRefused, PendingDecided } from './objections.ts'
import type { PendingChange } from './pending.ts'

/** Who decides about a pending change. */
export interface Approver {
  readonly name: string
  /** Who that is, whatever the name. */
  readonly principal: string
  /** Whoever holds the bootstrap token, which is nobody in particular. */
  readonly bootstrap: boolean
}

/**
 * Puts a pending change in force, worked out again under the writers' lock: it must change just what was proposed. Of
 * two approvals at once one wins. Throws ApprovalRefused, PendingDecided, ConfirmationNeeded where there is a doubt to
 * which neither the author nor the approver has said yes, and DocumentFaults.
 */
export async function approve(
  applying: Applying,
  pending: PendingChange,
  approver: Approver,
  confirmed: boolean,
): Promise<Applied> {
  const { id, author, message, intent } = pending
  admit(pending, approver)
  const options = { author, message, confirmed: confirmed || pending.confirmed }
  const proposed = canonicalJson(pending.changes)
  try {
    const { version, plan } = await decide(applying, intent, options, (made, state) => {
      if (canonicalJson(made.changes) !== proposed) throw new PendingDecided(id, 'stale')
      return { ...written(made, state, options, applying), approves: { id, by: approver.name } }
    })
    if (plan.changes.length === 0) throw new PendingDecided(id, 'stale')
    return { ...plan.applied, version }
  } catch (error) {
    if (!(error instanceof PendingDecided)) throw error
    if (error.state === 'stale' && (await applying.store.pending.close(id, 'stale', approver.name))) throw error
    throw await decidedOf(applying, pending)
  }
}

/** Takes a pending change back. Throws PendingDecided where it is open no longer. */
export async function withdraw(applying: Pick<Applying, 'store'>, pending: PendingChange, by: string): Promise<void> {
  if (!(await applying.store.pending.close(pending.id, 'withdrawn', by))) throw await decidedOf(applying, pending)
}

function admit({ id, state, principal }: PendingChange, approver: Approver): void {
  if (state !== 'open') throw new PendingDecided(id, state)
  if (approver.bootstrap) {
    throw new ApprovalRefused(
      'The bootstrap token cannot approve, because it is nobody in particular: approve with the JWT of an administrator whom an Administrator document lets in.',
    )
  }
  if (approver.principal === principal)
    throw new ApprovalRefused('This change is your own, and takes another administrator to approve it.')
}

async function decidedOf({ store }: Pick<Applying, 'store'>, { id, state }: PendingChange): Promise<PendingDecided> {
  return new PendingDecided(id, (await store.pending.get(id))?.state ?? state)
}
