import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.ts'
import { BodyFault, readWhole } from '../server/body.ts'

/** Bytes of a request body that are read at all (T12). */
export const MAX_BODY = 65_536

/** Reads the body whole. Rejects with Refusal `body_too_large` or `body_malformed`. */
export async function readBody(message: IncomingMessage): Promise<Buffer> {
  try {
    return await readWhole(message, MAX_BODY)
  } catch (error) {
    if (!(error instanceof BodyFault)) throw error
    throw error.fault === 'too_large'
      ? new Refusal('body_too_large', `the body has more than ${MAX_BODY} bytes`)
      : new Refusal('body_malformed', 'the connection closed before the body was complete')
  }
}
