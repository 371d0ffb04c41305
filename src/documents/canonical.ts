import { Document as YamlDocument } from 'yaml'
import { hashOf } from '../lib/ids.ts'
import { canonicalJson } from '../lib/json.ts'
import type { Document } from './contract.ts'

/** Kinds in the order of an exchange: whom we believe, who calls, for whom, what is allowed; and who may change these. */
const ORDER = ['TrustedIssuer', 'Client', 'Target', 'Policy', 'Administrator', 'Approval']

/** What of a document counts when two are compared: everything a person writes but the order of members. */
export const canonicalDocument = ({ metadata, spec }: Document): string =>
  canonicalJson({ labels: Object.keys(metadata.labels ?? {}).length === 0 ? undefined : metadata.labels, spec })

/** base64url SHA-256 of the document as JSON with sorted members and no white space: how the history names what it was. */
export function documentHash({ apiVersion, kind, metadata: { name, labels = {} }, spec }: Document): string {
  const metadata = Object.keys(labels).length === 0 ? { name } : { name, labels }
  return hashOf(canonicalJson({ apiVersion, kind, metadata, spec }))
}

/** In the order in which documents are exported and listed. */
export function inOrder<T extends { readonly kind: string; readonly name: string }>(items: Iterable<T>): readonly T[] {
  return [...items].sort(
    (one, other) => rank(one.kind) - rank(other.kind) || compare(one.kind, other.kind) || compare(one.name, other.name),
  )
}

export function sortedDocuments<T extends Document>(documents: Iterable<T>): readonly T[] {
  return inOrder(
    [...documents].map((document) => ({ kind: document.kind, name: document.metadata.name, document })),
  ).map(({ document }) => document)
}

/** All documents as one canonical YAML stream: equal documents make equal texts, and it reads back to the same documents. */
export function exportYaml(documents: Iterable<Document>): string {
  return sortedDocuments(documents).map(documentYaml).join('---\n')
}

/** One document as YAML: members sorted, nothing abbreviated, every text that YAML 1.1 readers would take for something else in quotes. */
export function documentYaml({ apiVersion, kind, metadata, spec }: Document): string {
  const { name, labels } = metadata
  const value = {
    apiVersion,
    kind,
    metadata: labels === undefined ? { name } : { name, labels: sorted(labels) },
    spec: sorted(spec),
  }
  const document = new YamlDocument(value, {
    version: '1.2',
    schema: 'core',
    compat: 'yaml-1.1',
    aliasDuplicateObjects: false,
  })
  return document.toString({ lineWidth: 0, flowCollectionPadding: true })
}

/** The same as JSON: an array. */
export const exportJson = (documents: Iterable<Document>): string =>
  `${JSON.stringify(sortedDocuments(documents).map(written), null, 2)}\n`

/** A document as it is answered: without what only the store knows. */
export function written({ apiVersion, kind, metadata, spec }: Document): Document {
  return { apiVersion, kind, metadata, spec }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => compare(one, other))
      .map(([name, member]) => [name, sorted(member)]),
  )
}

const rank = (kind: string): number => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length)

/** Code-unit order, the same on every machine. */
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
