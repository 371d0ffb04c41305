import type { IncomingMessage } from 'node:http'

/** Why a body could not be read: said by each door in its own words. */
export class BodyFault extends Error {
  readonly fault: 'too_large' | 'incomplete'

  constructor(fault: BodyFault['fault']) {
    super(fault)
    this.name = 'BodyFault'
    this.fault = fault
  }
}

/**
 * Reads a body whole. Rejects with BodyFault `too_large` as soon as it is known to have more than so many bytes, and with
 * `incomplete` where the peer goes away or keeps the rest back until the listener's deadline ends it.
 */
export function readWhole(message: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(message.headers['content-length'] ?? 0) > limit) return Promise.reject(new BodyFault('too_large'))
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined
    let more: Buffer[] | undefined
    let size = 0
    message.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) {
        message.removeAllListeners('data')
        message.resume()
        reject(new BodyFault('too_large'))
      } else if (first === undefined) first = chunk
      else if (more === undefined) more = [first, chunk]
      else more.push(chunk)
    })
    message.on('end', () => resolve(more === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(more, size)))
    message.on('error', () => reject(new BodyFault('incomplete')))
    message.on('close', () => {
      if (!message.complete) reject(new BodyFault('incomplete'))
    })
  })
}
