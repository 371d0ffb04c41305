import type { Document, Reference } from './contract.ts'

/** What one document came to. */
export interface Read<Noun> {
  /** Undefined where it has faults. */
  readonly noun: Noun | undefined
  readonly references: readonly Reference[]
}

/** The documents of one kind, and what they came to. */
export interface OfKind<Noun> {
  readonly kind: string
  readonly documents: readonly Document[]
  readonly read: ReadonlyMap<Document, Read<Noun>>
  readonly nouns: ReadonlyMap<string, Noun>
  /** Of all documents, those with faults too. */
  readonly names: ReadonlySet<string>
  /** Kinds of the documents that they name. */
  readonly named: ReadonlySet<string>
}
