import { Faults } from '../lib/fault.ts'
import { approvalNeeded } from './approval.ts'
import { inOrder } from './canonical.ts'
import type { Compiled, Compiler } from './compile.ts'
import type { Applied, AuditedChange, Change, Document, StoredDocument, StoredState, Warning } from './contract.ts'
import { type Intent, removalOf } from './intent.ts'
import { carries, readLabelSelector } from './labels.ts'
import { VersionConflict, WriteRefused } from './objections.ts'
import { propose } from './proposal.ts'
import { renameWarnings } from './renames.ts'
import { findWarnings } from './warnings.ts'

/** A intent worked out against a state: what would be, and whether it may. */
export interface Plan {
  readonly version: number
  readonly before: readonly StoredDocument[]
  /** Undefined where what is in force does not compile here. */
  readonly compiledBefore: Compiled | undefined
  readonly whole: readonly Document[]
  readonly compiled: Compiled
  readonly put: readonly Document[]
  readonly removed: readonly StoredDocument[]
  /** What differs, for the history. */
  readonly changes: readonly AuditedChange[]
  /** What is answered. */
  readonly applied: Applied
  /** Why it takes two people; empty where it takes one. */
  readonly approval: readonly { readonly kind: string; readonly by: string }[]
}

export interface PlanOptions {
  /** The version that the writer looked at; another one in force is a VersionConflict. */
  readonly baseVersion?: number
  /** Whether the author may write documents of a kind; absent: all of them. What would change decides, not what is given. */
  readonly mayWrite?: (kind: string) => boolean
  /** Throws where what is in force is not what the author has seen. */
  readonly precondition?: (documents: readonly StoredDocument[]) => void
}

/** Rejects with DocumentFaults, Faults (of the label), VersionConflict, WriteRefused, and what the precondition throws. */
export async function planOf(
  state: StoredState,
  intent: Intent,
  options: PlanOptions,
  compiler: Compiler,
): Promise<Plan> {
  const { baseVersion, mayWrite = () => true, precondition } = options
  const { version, documents: before } = state
  precondition?.(before)
  if (baseVersion !== undefined && baseVersion !== version) throw new VersionConflict(baseVersion, version)
  const proposal = await compiler.inSlices(propose(before, intent.documents, removalOf(intent)))
  const { whole, put, removed } = proposal
  const touched = [...put, ...removed].map(({ kind }) => kind)
  const refused = new Set(touched.filter((kind) => !mayWrite(kind)))
  if (refused.size > 0) throw new WriteRefused([...refused])
  const compiled = await compiler.compileInSlices(whole, { gone: removed })
  const compiledBefore = touched.length === 0 ? compiled : await compiledOrNot(before, compiler)
  const doubtful = async (documents: Compiled) => await compiler.inSlices(findWarnings(documents))
  const known = new Set(
    touched.length === 0 || compiledBefore === undefined ? [] : (await doubtful(compiledBefore)).map(textOf),
  )
  const changes = inOrder(proposal.changes.filter(({ action }) => action !== 'unchanged'))
  // Of a whole that is put back, nobody has given what stays as it is.
  const given = intent.whole === true ? () => false : proposal.given
  const shown = intent.whole === true ? changes : inOrder(proposal.changes)
  const warnings = [
    ...(await doubtful(compiled)).filter((each) => given(each.kind, each.name) || !known.has(textOf(each))),
    ...(intent.prune === undefined ? [] : unlabelled(intent.documents, intent.prune)),
    ...renameWarnings(changes),
  ].filter(({ kind, name }) => touched.length > 0 || given(kind, name))
  return {
    version,
    before,
    compiledBefore,
    whole,
    compiled,
    put,
    removed,
    changes,
    applied: { version, changes: shown.map(answered), warnings: inOrder(warnings) },
    approval: approvalNeeded(before, touched),
  }
}

const answered = ({ kind, name, action, renamedFrom }: AuditedChange): Change =>
  renamedFrom === undefined ? { kind, name, action } : { kind, name, action, renamedFrom }

async function compiledOrNot(documents: readonly StoredDocument[], compiler: Compiler): Promise<Compiled | undefined> {
  try {
    return await compiler.compileInSlices(documents, { inForce: true })
  } catch (error) {
    if (error instanceof Faults) return undefined
    throw error
  }
}

const textOf = ({ kind, name, path, message }: Warning): string => JSON.stringify([kind, name, path, message])

function unlabelled(documents: readonly Document[], label: string): readonly Warning[] {
  const wanted = readLabelSelector(label, 'prune')
  return documents
    .filter((document) => !carries(document, wanted))
    .map(({ kind, metadata: { name } }) => ({
      kind,
      name,
      path: 'metadata.labels',
      message: `does not carry the label ${label}, so that an apply without this document will not delete it`,
    }))
}
