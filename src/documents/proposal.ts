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

/** Puts documents over stored ones; those that are not given, and carry the label or are chosen, would be deleted. */
export function propose(
  stored: readonly StoredDocument[],
  documents: readonly Document[],
  without?: LabelSelector | ((document: StoredDocument) => boolean) | undefined,
): Proposal {
  const known = new Map(stored.map((document) => [keyOf(document), document]))
  const whole = new Map<string, Document>(known)
  const given = new Set(documents.map(keyOf))
  const changes: AuditedChange[] = []
  const put: Document[] = []
  const created: Document[] = []
  for (const document of documents) {
    const { kind, name } = namesOf(document)
    const before = known.get(keyOf(document))
    if (before !== undefined && canonicalDocument(before) === canonicalDocument(document)) {
      changes.push({ kind, name, action: 'unchanged' })
      continue
    }
    const after = documentHash(document)
    if (before !== undefined) changes.push({ kind, name, action: 'updated', before: documentHash(before), after })
    else created.push(document)
    whole.set(keyOf(document), document)
    put.push(document)
  }
  const goes =
    typeof without === 'object' ? (document: StoredDocument) => carries(document, without) : (without ?? (() => false))
  const removed = stored.filter((document) => !given.has(keyOf(document)) && goes(document))
  const renamed = renames(created, removed)
  for (const document of created) {
    const from = renamed.get(document)
    const what = { ...namesOf(document), action: 'created', after: documentHash(document) } as const
    changes.push(from === undefined ? what : { ...what, renamedFrom: from.metadata.name })
  }
  for (const document of removed) {
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
