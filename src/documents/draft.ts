import type { Document, StoredDocument } from './contract.ts'
import { carries, type Label, parseLabel } from './proposal.ts'

/** What somebody wants the documents to be, said so that it can be worked out against any state of them. */
export interface Draft {
  /** Documents to put. */
  readonly documents: readonly Document[]
  /** `key` or `key=value`: of the others, those that carry this label are deleted. */
  readonly prune?: string
  /** These are deleted. */
  readonly delete?: readonly { readonly kind: string; readonly name: string }[]
  /** The given documents are all there shall be. */
  readonly whole?: boolean
}

/** Which of the stored documents that a draft does not give are deleted. Throws Faults where its label is none. */
export function removalOf({ prune, delete: named = [], whole = false }: Draft): (document: StoredDocument) => boolean {
  const label: Label | undefined = prune === undefined ? undefined : parseLabel(prune)
  const names = new Set(named.map(({ kind, name }) => `${kind}/${name}`))
  return (document) =>
    whole ||
    names.has(`${document.kind}/${document.metadata.name}`) ||
    (label !== undefined && carries(document, label))
}
