import { Faults } from '../lib/fault.ts'
import { canonicalDocument } from './canonical.ts'
import type { Action, Change, Document, StoredDocument } from './contract.ts'

/** `key` or `key=value`, as a person names documents by their labels. */
export interface Label {
  readonly key: string
  readonly value: string | undefined
}

/** What the documents would be with others over them, and what that changes. */
export interface Proposal {
  /** All documents as they would be; those that stay as they are keep the version of their last change. */
  readonly whole: readonly (Document | StoredDocument)[]
  /** Of each given document, and of each that would be deleted. */
  readonly changes: readonly Change[]
  readonly put: readonly Document[]
  readonly removed: readonly StoredDocument[]
  /** Whether a document is one of those that were given. */
  given(kind: string, name: string): boolean
}

/** Puts documents over stored ones; those that carry the label `prune`, and are not given, would be deleted. */
export function propose(
  stored: readonly StoredDocument[],
  documents: readonly Document[],
  prune?: Label | undefined,
): Proposal {
  const known = new Map(stored.map((document) => [keyOf(document), document]))
  const whole = new Map<string, Document>(known)
  const given = new Set(documents.map(keyOf))
  const changes: Change[] = []
  const change = ({ kind, metadata: { name } }: Document, action: Action) => changes.push({ kind, name, action })
  const put: Document[] = []
  for (const document of documents) {
    const before = known.get(keyOf(document))
    if (before !== undefined && canonicalDocument(before) === canonicalDocument(document)) {
      change(document, 'unchanged')
      continue
    }
    change(document, before === undefined ? 'created' : 'updated')
    whole.set(keyOf(document), document)
    put.push(document)
  }
  const removed =
    prune === undefined ? [] : stored.filter((document) => carries(document, prune) && !given.has(keyOf(document)))
  for (const document of removed) {
    change(document, 'deleted')
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

/** Throws Faults where the text is no label. */
export function parseLabel(text: string): Label {
  const at = text.indexOf('=')
  const label = at < 0 ? { key: text, value: undefined } : { key: text.slice(0, at), value: text.slice(at + 1) }
  if (/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$/.test(label.key)) return label
  throw new Faults([
    {
      path: 'prune',
      message: `${JSON.stringify(text.slice(0, 128))} is not a label; write one such as team or team=shop`,
    },
  ])
}

export function carries({ metadata: { labels = {} } }: Document, { key, value }: Label): boolean {
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value)
}

const keyOf = ({ kind, metadata }: Document): string => `${kind}/${metadata.name}`
