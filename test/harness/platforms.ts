import { randomUUID } from 'node:crypto'
import type { Preset } from '../../src/trust/contract.ts'
import * as presets from '../../src/trust/presets/index.ts'
import { type Claims, SigningKey } from './tokens.ts'

/** An issuer of a platform in this process: it signs the captured sample of a preset, moved to the clock of the test. */
export class Platform {
  readonly #sample: Preset['sample']
  readonly #now: () => number
  readonly key: SigningKey

  constructor(sample: Preset['sample'], now: () => number) {
    this.#sample = sample
    this.#now = now
    this.key = new SigningKey(String(sample.header['alg']), String(sample.header['kid']))
  }

  get jwks(): { keys: Claims[] } {
    return { keys: [this.key.jwk] }
  }

  get header(): Claims {
    return { ...this.#sample.header }
  }

  /** Claims of a fresh token; members set to undefined are left out. */
  claims(changes: Claims = {}): Claims {
    const { claims } = this.#sample
    const later = this.#now() - Number(claims['iat'])
    const moved = Object.fromEntries(
      ['iat', 'nbf', 'exp'].flatMap((name) => (name in claims ? [[name, Number(claims[name]) + later]] : [])),
    )
    return { ...claims, ...moved, ...('jti' in claims ? { jti: randomUUID() } : {}), ...changes }
  }

  token(changes: Claims = {}, header: Claims = {}): string {
    return this.key.sign(this.claims(changes), { ...this.header, ...header })
  }
}

export function sampleOf(preset: string): Preset['sample'] {
  const found = Object.values(presets).find(({ name }) => name === preset)
  if (found === undefined) throw new Error(`there is no preset ${preset}`)
  return found.sample
}
