import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.ts'

/** Bytes of a request body that are read at all (T12). */
export const MAX_BODY = 65_536

/**
 * Reads the body whole. Rejects with Refusal `body_too_large` as soon as that is known, and with `body_malformed` where
 * the peer goes away or keeps it back (the listener's deadline ends it).
 */
export function readBody(message: IncomingMessage): Promise<Buffer> {
  const announced = Number(message.headers['content-length'] ?? 0)
  if (announced > MAX_BODY) return Promise.reject(tooLarge())
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined
    let more: Buffer[] | undefined
    let size = 0
    message.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_BODY) {
        message.removeAllListeners('data')
        message.resume()
        reject(tooLarge())
      } else if (first === undefined) first = chunk
      else if (more === undefined) more = [first, chunk]
      else more.push(chunk)
    })
    message.on('end', () => resolve(more === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(more, size)))
    message.on('error', () => reject(new Refusal('body_malformed', 'the connection broke while the body was read')))
    message.on('close', () => {
      if (!message.complete) reject(new Refusal('body_malformed', 'the connection closed before the body was complete'))
    })
  })
}

const tooLarge = (): Refusal => new Refusal('body_too_large', `the body has more than ${MAX_BODY} bytes`)
