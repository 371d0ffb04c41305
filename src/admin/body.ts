import type { IncomingMessage } from 'node:http'
import { BodyFault, readWhole } from '../server/body.ts'
import { Problem } from './problem.ts'

/** Bytes of a body that are read at all. */
export const MAX_BODY = 4 * 1024 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Other names of what we call application/yaml (RFC 9512). */
const SYNONYMS: Readonly<Record<string, string>> = {
  'text/yaml': 'application/yaml',
  'application/x-yaml': 'application/yaml',
  'text/x-yaml': 'application/yaml',
}

/** The body, whole, of one of the media types. Rejects with Problem 400, 413 or 415. */
export async function readBody(
  message: IncomingMessage,
  takes: readonly string[],
): Promise<{ readonly type: string; readonly text: string }> {
  const type = mediaType(message, takes)
  const bytes = await readBytes(message)
  try {
    return { type, text: utf8.decode(bytes) }
  } catch {
    throw new Problem(400, 'The body is not UTF-8.')
  }
}

function mediaType(message: IncomingMessage, takes: readonly string[]): string {
  const [essence = '', ...parameters] = (message.headers['content-type'] ?? '').toLowerCase().split(';')
  const written = essence.trim()
  const type = SYNONYMS[written] ?? written
  const wanted = `send ${takes.join(' or ')}`
  if (!takes.includes(type)) {
    throw new Problem(
      415,
      written === ''
        ? `The body has no Content-Type; ${wanted}.`
        : `Content-Type ${JSON.stringify(written.slice(0, 64))} is not read here; ${wanted}.`,
    )
  }
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='))
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset))
    throw new Problem(415, 'The body must be UTF-8; leave the charset out.')
  const coding = message.headers['content-encoding']
  if (coding !== undefined && coding !== 'identity')
    throw new Problem(415, 'The body must not be compressed; leave Content-Encoding out.')
  return type
}

async function readBytes(message: IncomingMessage): Promise<Buffer> {
  try {
    return await readWhole(message, MAX_BODY)
  } catch (error) {
    if (!(error instanceof BodyFault)) throw error
    if (error.fault === 'incomplete') throw new Problem(400, 'The connection ended before the body was complete.')
    throw new Problem(413, `The body has more than ${MAX_BODY / 1024 / 1024} MiB; apply the documents in parts.`, {
      headers: { Connection: 'close' },
    })
  }
}
