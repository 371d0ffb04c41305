import type { StoredKey } from '../keys/contract.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { canonicalDocument, inOrder } from './canonical.ts'
import type { Compiled, Compiler } from './compile.ts'
import type { Action, Applied, Change, Document, StateStore, StoredDocument, StoredState, Warning } from './contract.ts'
import { algorithmsOf } from './signing-keys.ts'
import { findWarnings } from './warnings.ts'

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
    return (await planned(state, documents, selector, options, compiler)).applied
  }
  let applied: Applied | undefined
  const { version } = await store.change(async (state) => {
    const plan = await planned(state, documents, selector, options, compiler)
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

async function planned(
  state: StoredState,
  documents: readonly Document[],
  selector: Label | undefined,
  options: ApplyOptions,
  compiler: Compiler,
): Promise<Plan> {
  const { baseVersion } = options
  if (baseVersion !== undefined && baseVersion !== state.version) throw new VersionConflict(baseVersion, state.version)
  const stored = new Map(state.documents.map((document) => [keyOf(document), document]))
  const whole = new Map<string, Document>(stored)
  const changes: Change[] = []
  const put: Document[] = []
  const given = new Set<string>()
  const change = ({ kind, metadata: { name } }: Document, action: Action) => changes.push({ kind, name, action })
  for (const document of documents) {
    const key = keyOf(document)
    given.add(key)
    const before = stored.get(key)
    if (before !== undefined && canonicalDocument(before) === canonicalDocument(document)) {
      change(document, 'unchanged')
      continue
    }
    change(document, before === undefined ? 'created' : 'updated')
    whole.set(key, document)
    put.push(document)
  }
  const removed =
    selector === undefined
      ? []
      : state.documents.filter((document) => carries(document, selector) && !given.has(keyOf(document)))
  for (const document of removed) {
    change(document, 'deleted')
    whole.delete(keyOf(document))
  }
  const { mayWrite = () => true } = options
  const refused = new Set([...put, ...removed].map(({ kind }) => kind).filter((kind) => !mayWrite(kind)))
  if (refused.size > 0) throw new WriteRefused([...refused])
  const after = [...whole.values()]
  const compiled = await compiler.compileInSlices(after)
  const known = put.length === 0 && removed.length === 0 ? new Set<string>() : await warningsBefore(state, compiler)
  const warnings = [
    ...(await compiler.inSlices(findWarnings(compiled))).filter(
      (warning) => given.has(`${warning.kind}/${warning.name}`) || !known.has(textOf(warning)),
    ),
    ...(selector === undefined ? [] : unlabelled(documents, selector)),
  ].filter((warning) => put.length > 0 || removed.length > 0 || given.has(`${warning.kind}/${warning.name}`))
  return {
    applied: { version: state.version, changes: inOrder(changes), warnings: inOrder(warnings) },
    compiled,
    put,
    removed,
  }
}

/** What was doubtful before already, and in other documents than these: not news to whoever applies. */
async function warningsBefore(state: StoredState, compiler: Compiler): Promise<ReadonlySet<string>> {
  try {
    const compiled = await compiler.compileInSlices(state.documents)
    return new Set((await compiler.inSlices(findWarnings(compiled))).map(textOf))
  } catch (error) {
    if (error instanceof Faults) return new Set()
    throw error
  }
}

const textOf = ({ kind, name, path, message }: Warning): string => JSON.stringify([kind, name, path, message])

interface Label {
  readonly key: string
  readonly value: string | undefined
}

function parseLabel(text: string): Label {
  const at = text.indexOf('=')
  const label = at < 0 ? { key: text, value: undefined } : { key: text.slice(0, at), value: text.slice(at + 1) }
  if (!/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$/.test(label.key)) {
    const faults: readonly Fault[] = [
      {
        path: 'prune',
        message: `${JSON.stringify(text.slice(0, 128))} is not a label; write one such as team or team=shop`,
      },
    ]
    throw new Faults(faults)
  }
  return label
}

function carries({ metadata: { labels = {} } }: Document, { key, value }: Label): boolean {
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value)
}

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

const keyOf = ({ kind, metadata }: Document): string => `${kind}/${metadata.name}`
