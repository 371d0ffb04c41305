import type { IncomingHttpHeaders } from 'node:http'
import type { StoredDocument } from '../documents/contract.ts'
import { PreconditionFailed } from '../documents/objections.ts'
import { Problem } from './problem.ts'

/** A version is never given twice, so it names one state of one document. */
export const tagOf = ({ changedIn }: StoredDocument): string => `"${changedIn}"`

/** Whether the reader has the document already (RFC 9110 §13.1.2: compared weakly). */
export function isKnown(headers: IncomingHttpHeaders, tag: string): boolean {
  const known = tagsOf(headers['if-none-match']).map((each) => each.replace(/^W\//, ''))
  return known.includes(tag) || known.includes('*')
}

/** What a writer has seen of the document: throws PreconditionFailed where another state is in force. */
export type Seen = (stored: StoredDocument | undefined) => void

/** Nobody overwrites what they have not seen. Throws Problem 428 or 400 where the request does not say what that is. */
export function seenBy(headers: IncomingHttpHeaders): Seen {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers
  if (match !== undefined && noneMatch !== undefined)
    throw new Problem(400, 'The request has If-Match and If-None-Match; send one of them.')
  if (noneMatch?.trim() === '*') return isNew
  const tags = tagsOf(match)
  if (tags.length > 0 && !tags.includes('*')) return (stored) => isAmong(tags, stored)
  throw new Problem(
    428,
    'The request does not say which state of the document it changes: send If-Match with the ETag that GET answers, or If-None-Match: * for a new document.',
  )
}

function isNew(stored: StoredDocument | undefined): void {
  if (stored === undefined) return
  const { kind, metadata } = stored
  throw new PreconditionFailed(
    `There is a ${kind} ${metadata.name} already: to change it, send If-Match with its ETag, which is ${tagOf(stored)}.`,
  )
}

function isAmong(tags: readonly string[], stored: StoredDocument | undefined): void {
  if (stored === undefined) {
    throw new PreconditionFailed(
      'There is no such document any more: to make it, send If-None-Match: * instead of If-Match.',
    )
  }
  const tag = tagOf(stored)
  if (tags.includes(tag)) return
  throw new PreconditionFailed(
    `The document has changed: its ETag is ${tag}, and ${tags.join(', ')} was sent. Read it again, and change what is there now.`,
  )
}

const tagsOf = (header: string | undefined): readonly string[] =>
  (header ?? '')
    .split(',')
    .map((each) => each.trim().slice(0, 64))
    .filter((each) => each !== '')
