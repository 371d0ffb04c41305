import { createHmac, timingSafeEqual } from 'node:crypto'
import type { DpopNonces } from './proofs/contract.ts'

/** Seconds for which one nonce is handed out. */
const PERIOD = 60
const PERIOD_BYTES = 4
const MAC_BYTES = 16

/**
 * Nonces without memory (RFC 9449 §8, DP-13): each is the minute in which it is handed out and a MAC of it, so that any
 * process with the keys knows those of the others, and a request that brings none costs nothing. The first key makes, all
 * are taken, which is how one is replaced.
 */
export function dpopNonces(keys: readonly Buffer[], { required }: Pick<DpopNonces, 'required'>): DpopNonces {
  const [first] = keys
  if (first === undefined) throw new Error('no key for nonces')
  let made = { period: -1, nonce: '' }
  return {
    required,
    fresh(now) {
      const period = Math.floor(now / PERIOD)
      if (made.period !== period) made = { period, nonce: nonceOf(first, period) }
      return made.nonce
    },
    lastSecond(nonce, now) {
      const bytes = Buffer.from(nonce, 'base64url')
      if (bytes.length !== PERIOD_BYTES + MAC_BYTES) return undefined
      const period = bytes.readUInt32BE()
      // Of this period or the last; and of the next, where the clock of the process that made it is ahead of ours.
      if (Math.abs(period - Math.floor(now / PERIOD)) > 1) return undefined
      return keys.some((key) => isSame(nonce, nonceOf(key, period))) ? (period + 2) * PERIOD : undefined
    },
  }
}

function nonceOf(key: Buffer, period: number): string {
  const text = Buffer.alloc(PERIOD_BYTES)
  text.writeUInt32BE(period)
  const mac = createHmac('sha256', key).update(text).digest()
  return Buffer.concat([text, mac.subarray(0, MAC_BYTES)]).toString('base64url')
}

function isSame(one: string, other: string): boolean {
  const [mine, theirs] = [Buffer.from(one), Buffer.from(other)]
  return mine.length === theirs.length && timingSafeEqual(mine, theirs)
}
