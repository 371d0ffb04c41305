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
  const [first, ...others] = keys
  if (first === undefined) throw new Error('no key for nonces')
  const made = new Map<number, readonly [string, ...string[]]>()
  /** One of each key, kept: the same minute is asked for again and again. */
  const madeIn = (period: number): readonly [string, ...string[]] => {
    const known = made.get(period)
    if (known !== undefined) return known
    if (made.size >= MOST_KEPT) made.clear()
    const nonces = [nonceOf(first, period), ...others.map((key) => nonceOf(key, period))] as const
    made.set(period, nonces)
    return nonces
  }
  return {
    required,
    fresh: (now) => madeIn(Math.floor(now / PERIOD))[0],
    lastSecond(nonce, now) {
      const bytes = Buffer.from(nonce, 'base64url')
      if (bytes.length !== PERIOD_BYTES + MAC_BYTES) return undefined
      const period = bytes.readUInt32BE()
      // Of this period or the last; and of the next, where the clock of the process that made it is ahead of ours.
      if (Math.abs(period - Math.floor(now / PERIOD)) > 1) return undefined
      return madeIn(period).some((one) => isSame(one, nonce)) ? (period + 2) * PERIOD : undefined
    },
  }
}

function isSame(one: string, other: string): boolean {
  const [mine, theirs] = [Buffer.from(one), Buffer.from(other)]
  return mine.length === theirs.length && timingSafeEqual(mine, theirs)
}

function nonceOf(key: Buffer, period: number): string {
  const text = Buffer.alloc(PERIOD_BYTES)
  text.writeUInt32BE(period)
  const mac = createHmac('sha256', key).update(text).digest()
  return Buffer.concat([text, mac.subarray(0, MAC_BYTES)]).toString('base64url')
}
