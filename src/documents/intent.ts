import type { Document, StoredDocument } from './contract.ts'
import { carries, readLabelSelector } from './labels.ts'

/** What somebody wants the documents to be, said so that it can be worked out against any state of them. */
export interface Intent {
  /** Documents to put. */
  readonly documents: readonly Document[]
  /** `key` or `key=value`: of the others, those that carry this label are deleted. */
  readonly prune?: string
  /** These are deleted. */
  readonly delete?: readonly { readonly kind: string; readonly name: string }[]
  /** The given documents are all there shall be. */
  readonly whole?: boolean
}

/** Which of the stored documents that a intent does not give are deleted. Throws Faults where its label is none. */
export function removalOf({ prune, delete: named = [], whole = false }: Intent): (document: StoredDocument) => boolean {
  const label = prune === undefined ? undefined : readLabelSelector(prune, 'prune')
  const names = new Set(named.map(({ kind, name }) => `${kind}/${name}`))
  return (document) =>
    whole ||
    names.has(`${document.kind}/${document.metadata.name}`) ||
    (label !== undefined && carries(document, label))
}
