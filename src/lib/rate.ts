import { LRUCache } from 'lru-cache'
import type { Clock } from './clock.ts'

/** A token bucket for every key: so many at once, so many a second after that. Bounded in memory; the least recent keys are forgotten. */
export class RateByKey {
  readonly #buckets: LRUCache<string, { level: number; at: number }>
  readonly #clock: Clock
  readonly #perSecond: number
  readonly #burst: number

  constructor(clock: Clock, limits: { readonly perSecond: number; readonly burst: number; readonly keys: number }) {
    this.#buckets = new LRUCache({ max: limits.keys })
    this.#clock = clock
    this.#perSecond = limits.perSecond
    this.#burst = limits.burst
  }

  /** Whether one more of the key is within its rate; counts it if so. */
  admits(key: string): boolean {
    const now = this.#clock.monotonic()
    const bucket = this.#buckets.get(key) ?? { level: this.#burst, at: now }
    const level = Math.min(this.#burst, bucket.level + ((now - bucket.at) / 1000) * this.#perSecond)
    const admitted = level >= 1
    this.#buckets.set(key, { level: admitted ? level - 1 : level, at: now })
    return admitted
  }
}

/** What one source of traffic is: an IPv4 address, or the /64 of an IPv6 one, since a host owns a whole /64. */
export function sourceOf(address: string): string {
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7)
  if (!address.includes(':')) return address
  const [head = '', tail = ''] = address.split('%')[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const groups = address.includes('::')
    ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
    : left
  return groups.slice(0, 4).join(':')
}
