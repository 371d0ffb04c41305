import { createHmac, timingSafeEqual } from 'node:crypto'
import type { DpopNonces } from './proofs/contract.ts'

/** Seconds for which one nonce is handed out. */
const PERIOD = 60
const PERIOD_BYTES = 4
const MAC_BYTES = 16
/** Periods of which nonces are kept: no more than these are taken at any time. */
const MOST_KEPT = 3

/**
 * Nonces without memory (RFC 9449 §8, DP-13): each is the minute in which it is handed out and a MAC of it, so that any
 * process with the keys knows those of the others, and a request that brings none costs nothing. The first key makes, all
 * are taken, which is how one is replaced.
 */
export function dpopNonces(keys: readonly Buffer[], { required }: Pick<DpopNonces, 'required'>): DpopNonces {
  if (keys.length === 0) throw new Error('no key for nonces')
  const made = new Map<number, readonly Buffer[]>()
  /** One of each key, kept: the same minute is asked for again and again. */
  const madeIn = (period: number): readonly Buffer[] => {
    const known = made.get(period)
    if (known !== undefined) return known
    if (made.size >= MOST_KEPT) made.clear()
    const nonces = keys.map((key) => Buffer.from(nonceOf(key, period)))
    made.set(period, nonces)
    return nonces
  }
  return {
    required,
    fresh: (now) => String(madeIn(Math.floor(now / PERIOD))[0]),
    lastSecond(nonce, now) {
      const bytes = Buffer.from(nonce, 'base64url')
      if (bytes.length !== PERIOD_BYTES + MAC_BYTES) return undefined
      const period = bytes.readUInt32BE()
      // Of this period or the last; and of the next, where the clock of the process that made it is ahead of ours.
      if (Math.abs(period - Math.floor(now / PERIOD)) > 1) return undefined
      const written = Buffer.from(nonce)
      const isOurs = (one: Buffer) => one.length === written.length && timingSafeEqual(one, written)
      return madeIn(period).some(isOurs) ? (period + 2) * PERIOD : undefined
    },
  }
}

function nonceOf(key: Buffer, period: number): string {
  const text = Buffer.alloc(PERIOD_BYTES)
  text.writeUInt32BE(period)
  const mac = createHmac('sha256', key).update(text).digest()
  return Buffer.concat([text, mac.subarray(0, MAC_BYTES)]).toString('base64url')
}
