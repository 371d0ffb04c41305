import type { Steps } from '../lib/slices.ts'
import { canonicalDocument, documentHash } from './canonical.ts'
import type { AuditedChange, Document, StoredDocument } from './contract.ts'
import { carries, type LabelSelector } from './labels.ts'
import { renames } from './renames.ts'

/** What the documents would be with others over them, and what that changes. */
export interface Proposal {
  /** All documents as they would be; those that stay as they are keep the version of their last change. */
  readonly whole: readonly (Document | StoredDocument)[]
  /** Of each given document, and of each that would be deleted. */
  readonly changes: readonly AuditedChange[]
  readonly put: readonly Document[]
  readonly removed: readonly StoredDocument[]
  /** Whether a document is one of those that were given. */
  given(kind: string, name: string): boolean
}

/**
 * Puts documents over stored ones; those that are not given, and carry the label or are chosen, would be deleted. In steps,
 * because a rollback gives all there are.
 */
export function* propose(
  stored: readonly StoredDocument[],
  documents: readonly Document[],
  without?: LabelSelector | ((document: StoredDocument) => boolean) | undefined,
): Steps<Proposal> {
  const known = new Map<string, StoredDocument>()
  const whole = new Map<string, Document>()
  for (const document of stored) {
    const key = keyOf(document)
    known.set(key, document)
    whole.set(key, document)
    yield
  }
  const given = new Set<string>()
  const changes: AuditedChange[] = []
  const put: Document[] = []
  const created: Document[] = []
  for (const document of documents) {
    yield
    const { kind, name } = namesOf(document)
    const key = keyOf(document)
    given.add(key)
    const before = known.get(key)
    if (before !== undefined && canonicalDocument(before) === canonicalDocument(document)) {
      changes.push({ kind, name, action: 'unchanged' })
      continue
    }
    const after = documentHash(document)
    if (before !== undefined) changes.push({ kind, name, action: 'updated', before: documentHash(before), after })
    else created.push(document)
    whole.set(key, document)
    put.push(document)
  }
  const goes =
    typeof without === 'object' ? (document: StoredDocument) => carries(document, without) : (without ?? (() => false))
  const removed: StoredDocument[] = []
  for (const [key, document] of known) {
    if (!given.has(key) && goes(document)) removed.push(document)
    yield
  }
  const renamed = yield* renames(created, removed)
  for (const document of created) {
    yield
    const from = renamed.get(document)
    const what = { ...namesOf(document), action: 'created', after: documentHash(document) } as const
    changes.push(from === undefined ? what : { ...what, renamedFrom: from.metadata.name })
  }
  for (const document of removed) {
    yield
    changes.push({ ...namesOf(document), action: 'deleted', before: documentHash(document) })
    whole.delete(keyOf(document))
  }
  return {
    whole: [...whole.values()],
    changes,
    put,
    removed,
    given: (kind, name) => given.has(`${kind}/${name}`),
  }
}

const namesOf = ({ kind, metadata: { name } }: Document) => ({ kind, name })
const keyOf = ({ kind, metadata }: Document): string => `${kind}/${metadata.name}`
