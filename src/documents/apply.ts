import type { StoredKey } from '../keys/contract.ts'
import { Faults } from '../lib/fault.ts'
import { inOrder } from './canonical.ts'
import type { Compiled, Compiler } from './compile.ts'
import type { Applied, Document, StateStore, StoredDocument, StoredState, Warning } from './contract.ts'
import { carries, type Label, parseLabel, propose } from './proposal.ts'
import { algorithmsOf } from './signing-keys.ts'
import { warningsOf } from './warnings.ts'

/** What an apply works with. */
export interface Applying {
  readonly store: StateStore
  readonly compiler: Compiler
  /** Signing keys to make so that every one of the algorithms has a key from the moment the documents are in force. */
  newKeys(stored: readonly StoredKey[], algorithms: ReadonlySet<string>): readonly StoredKey[]
}

export interface ApplyOptions {
  /** Who it is done for, for the history. */
  readonly author: string
  readonly message: string
  /** Say what would happen, and change nothing. */
  readonly dryRun?: boolean
  /** `key` or `key=value`: documents that carry this label and are not in the input are deleted. */
  readonly prune?: string
  /** The version that the writer looked at; another one in force is a VersionConflict. */
  readonly baseVersion?: number
  /** Whether the author may write documents of a kind; absent: all of them. What would change decides, not what is given. */
  readonly mayWrite?: (kind: string) => boolean
}

/** The author may not write what the apply would change. */
export class WriteRefused extends Error {
  readonly kinds: readonly string[]

  constructor(kinds: readonly string[]) {
    super(`this would change documents of the kind ${kinds.join(', ')}, which your role may not write`)
    this.name = 'WriteRefused'
    this.kinds = kinds
  }
}

/** Somebody else has changed the documents meanwhile. */
export class VersionConflict extends Error {
  readonly expected: number
  readonly current: number

  constructor(expected: number, current: number) {
    super(
      `the documents are at version ${current} and not at ${expected}: somebody has changed them meanwhile; look at the difference and apply again`,
    )
    this.name = 'VersionConflict'
    this.expected = expected
    this.current = current
  }
}

/**
 * Puts the documents, as a whole or not at all. The whole that would come out is compiled under the writers' lock, so that
 * two applies that are each right cannot make a wrong whole. Equal documents change nothing, and then not even the
 * version. Throws DocumentFaults, Faults (an option), VersionConflict, WriteRefused.
 */
export async function apply(
  applying: Applying,
  documents: readonly Document[],
  options: ApplyOptions,
): Promise<Applied> {
  const { store, compiler, newKeys } = applying
  const selector = options.prune === undefined ? undefined : parseLabel(options.prune)
  if (documents.length === 0) {
    throw new Faults([
      {
        path: '',
        message:
          'there is no document in the input; to delete documents, prune by a label that one applied document carries, too',
      },
    ])
  }
  if (options.dryRun === true) {
    const state = await store.load()
    return planned(state, documents, selector, options, compiler).applied
  }
  let applied: Applied | undefined
  const { version } = await store.change((state) => {
    const plan = planned(state, documents, selector, options, compiler)
    applied = plan.applied
    const { put, removed } = plan
    if (put.length === 0 && removed.length === 0) return undefined
    return {
      author: options.author,
      message: options.message,
      put,
      delete: removed.map(({ kind, metadata: { name } }) => ({ kind, name })),
      putKeys: newKeys(state.keys, algorithmsOf(plan.compiled)),
      changes: plan.applied.changes.filter(({ action }) => action !== 'unchanged'),
    }
  })
  if (applied === undefined) throw new Error('the state store has not asked for a plan')
  return { ...applied, version }
}

interface Plan {
  readonly applied: Applied
  readonly compiled: Compiled
  readonly put: readonly Document[]
  readonly removed: readonly StoredDocument[]
}

function planned(
  state: StoredState,
  documents: readonly Document[],
  selector: Label | undefined,
  options: ApplyOptions,
  compiler: Compiler,
): Plan {
  const { baseVersion } = options
  if (baseVersion !== undefined && baseVersion !== state.version) throw new VersionConflict(baseVersion, state.version)
  const { whole, changes, put, removed, given } = propose(state.documents, documents, selector)
  const { mayWrite = () => true } = options
  const refused = new Set([...put, ...removed].map(({ kind }) => kind).filter((kind) => !mayWrite(kind)))
  if (refused.size > 0) throw new WriteRefused([...refused])
  const compiled = compiler.compile(whole)
  const known = put.length === 0 && removed.length === 0 ? new Set<string>() : warningsBefore(state, compiler)
  const warnings = [
    ...warningsOf(compiled).filter((warning) => given(warning.kind, warning.name) || !known.has(textOf(warning))),
    ...(selector === undefined ? [] : unlabelled(documents, selector)),
  ].filter((warning) => put.length > 0 || removed.length > 0 || given(warning.kind, warning.name))
  return {
    applied: { version: state.version, changes: inOrder(changes), warnings: inOrder(warnings) },
    compiled,
    put,
    removed,
  }
}

/** What was doubtful before already, and in other documents than these: not news to whoever applies. */
function warningsBefore(state: StoredState, compiler: Compiler): ReadonlySet<string> {
  try {
    return new Set(warningsOf(compiler.compile(state.documents)).map(textOf))
  } catch (error) {
    if (error instanceof Faults) return new Set()
    throw error
  }
}

const textOf = ({ kind, name, path, message }: Warning): string => JSON.stringify([kind, name, path, message])

function unlabelled(documents: readonly Document[], label: Label): readonly Warning[] {
  const wanted = label.value === undefined ? label.key : `${label.key}=${label.value}`
  return documents
    .filter((document) => !carries(document, label))
    .map(({ kind, metadata: { name } }) => ({
      kind,
      name,
      path: 'metadata.labels',
      message: `does not carry the label ${wanted}, so that an apply without this document will not delete it`,
    }))
}
