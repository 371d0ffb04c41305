import { LRUCache } from 'lru-cache'
import type { Json } from '../../lib/json.ts'
import { type JwkReading, readJwk } from '../../lib/jwk.ts'

/**
 * A public key that a credential or a proof brings along, as readJwk() reads it. A workload proves the same key with
 * request after request, and a key costs half a signature to read: good ones are kept, the least used are forgotten.
 */
export function readProvenKey(jwk: Json | undefined): JwkReading {
  const text = JSON.stringify(jwk) ?? ''
  const known = readings.get(text)
  if (known !== undefined) return known
  const reading = readJwk(jwk)
  if ('key' in reading) readings.set(text, reading)
  return reading
}

const readings = new LRUCache<string, JwkReading>({
  maxSize: 4 * 1024 * 1024,
  // OpenSSL keeps about as much of a key again.
  sizeCalculation: (_, text) => 2048 + text.length,
})
