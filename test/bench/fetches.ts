/** How often keys are fetched: from key sets and from SPIFFE bundles, whatever requests and tokens ask for (T7, L9). */

import type { KeySource } from '../../src/trust/contract.ts'
import { FetchFailure } from '../../src/trust/fetch-failure.ts'
import { guardedFetch } from '../../src/trust/guarded-fetch.ts'
import { KeySets } from '../../src/trust/key-sets.ts'
import { identityFor, json, serve } from '../unit/trust/hostile-server.ts'
import { ecJwk, HandClock, issuerWith } from '../unit/trust/test-keys.ts'

const ISSUERS = 50
const WAITING = 200
const UNKNOWN = 20_000
/** Seconds that the tokens of unknown key ids take to come. */
const OVER = 600
const COOL_DOWN = 30

const SOURCES = {
  'key sets': { keyUse: 'sig', from: (url: string): KeySource => ({ from: 'jwksUri', url }) },
  bundles: { keyUse: 'jwt-svid', from: (url: string): KeySource => ({ from: 'bundle', url, profile: 'https_web' }) },
} as const

export async function measureFetches(): Promise<Record<string, unknown>> {
  const figures: Record<string, unknown> = {}
  process.stdout.write('Fetches of keys, from servers on TLS:\n')
  for (const [name, { keyUse, from }] of Object.entries(SOURCES)) {
    const identity = identityFor('127.0.0.1')
    await using server = await serve(json({ keys: [ecJwk('a', { use: keyUse })] }), identity)
    const insecure = new Set([`127.0.0.1:${server.port}`])
    const clock = new HandClock()
    const keySets = new KeySets({
      ...{ clock, insecure, fetch: guardedFetch({ insecure, milliseconds: 10_000 }) },
      secret: () => Promise.reject(new FetchFailure('secret', 'there is none')),
    })
    const issuer = (path: string) =>
      issuerWith({ ...from(`https://127.0.0.1:${server.port}/${path}`), ca: identity.cert } as KeySource, {
        name: `issuer-${path}`,
        keyUse,
      })
    const begin = performance.now()
    const waiting = Array.from({ length: ISSUERS }, (_, at) => issuer(String(at))).flatMap((one) =>
      Array.from({ length: WAITING }, () => Promise.resolve(keySets.find(one, 'a', 'ES256'))),
    )
    await Promise.all(waiting)
    const milliseconds = performance.now() - begin
    const cold = server.requests.length

    const asked = issuer('unknown')
    for (let at = 0; at < UNKNOWN; at++) {
      await Promise.resolve()
        .then(() => keySets.find(asked, `unknown-${at}`, 'ES256'))
        .catch(() => undefined)
      clock.pass(OVER / UNKNOWN)
    }
    const unknown = server.requests.length - cold
    figures[name] = { cold, coldMilliseconds: Math.round(milliseconds), unknown, allowed: Math.ceil(OVER / COOL_DOWN) }
    process.stdout.write(
      `  ${name.padEnd(9)} ${ISSUERS} issuers, cold, ${WAITING} requests waiting for each: ${cold} fetches (${milliseconds.toFixed(0)} ms); ` +
        `${UNKNOWN} tokens of unknown kid in ${OVER} s: ${unknown} fetches, the cool-down allows ${Math.ceil(OVER / COOL_DOWN)}\n`,
    )
  }
  process.stdout.write('\n')
  return figures
}
