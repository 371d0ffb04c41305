import { generateKeyPairSync } from 'node:crypto'
import type { Clock } from '../../../src/lib/clock.ts'
import { readJwk, type VerificationKey } from '../../../src/lib/jwk.ts'
import type { KeySource, TrustedIssuer } from '../../../src/trust/contract.ts'

/** A public JWK of a new P-256 key. */
export function ecJwk(kid: string | undefined, extra: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  return { ...jwk, ...(kid === undefined ? {} : { kid }), ...extra }
}

export function keyOf(jwk: unknown): VerificationKey {
  const reading = readJwk(jwk)
  if ('fault' in reading) throw new Error(reading.fault)
  return reading.key
}

/** A trusted issuer as far as keys are concerned. */
export function issuerWith(keys: KeySource, more: Partial<TrustedIssuer> = {}): TrustedIssuer {
  return {
    name: 'prod',
    disabled: false,
    credential: 'jwt',
    settings: {},
    authority: 'https://issuer.example',
    lookUp: [more.authority ?? 'https://issuer.example'],
    variables: ['assertion', 'header'],
    tokenTypes: ['urn:ietf:params:oauth:token-type:jwt'],
    keys,
    keyUse: 'sig',
    maxStale: 3600,
    audiences: ['https://cambist.example'],
    multipleAudiences: false,
    uses: new Set(['subject']),
    act: 'refuse',
    maxLifetime: 3600,
    maxAge: 3600,
    clockSkew: 30,
    singleUse: false,
    firstUse: 'any',
    tenant: undefined,
    conditions: [],
    subject: { source: 'assertion.sub', misreadings: () => [], value: () => '' },
    instance: undefined,
    attributes: [],
    ...more,
  }
}

/** A clock that stands still until it is told. Seconds. */
export class HandClock implements Clock {
  #milliseconds = 1_795_395_600_000
  now = () => this.#milliseconds
  monotonic = () => this.#milliseconds
  pass(seconds: number): void {
    this.#milliseconds += seconds * 1000
  }
}
