/** SPIFFE IDs, and the bundles of go-spiffe's own tests, each at its verdict (CAMBIST_CORPORA/spiffe). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../src/identity/pattern.ts'
import { parseSpiffeId } from '../../src/identity/spiffe-id.ts'
import type { Fault } from '../../src/lib/fault.ts'
import { type Bundle, parseBundle } from '../../src/trust/bundle.ts'
import { anchorsOf } from '../../src/trust/written-certificates.ts'
import { corpus } from '../harness/corpora.ts'

const directory = corpus('spiffe')
const file = (name: string): Buffer => readFileSync(join(directory ?? '', name))

interface Ids {
  readonly accept: readonly string[]
  readonly reject: readonly { readonly id: string; readonly why: string }[]
  readonly too_long_refuse_or_report: readonly {
    readonly length: number
    readonly prefix: string
    readonly fill: string
  }[]
  readonly must_not_match_pairs: readonly (readonly [string, string])[]
  readonly prefix_rule_tests: readonly {
    readonly prefix: string
    readonly allow: readonly string[]
    readonly deny: readonly string[]
  }[]
}

const NONE: Ids = {
  accept: [],
  reject: [],
  too_long_refuse_or_report: [],
  must_not_match_pairs: [],
  prefix_rule_tests: [],
}
const ids: Ids = directory === undefined ? NONE : JSON.parse(file('ids.json').toString())

describe.skipIf(directory === undefined)('SPIFFE IDs', () => {
  it('has the rows that it was written with', () => {
    expect([ids.accept.length, ids.reject.length, ids.must_not_match_pairs.length]).toEqual([20, 82, 8])
  })

  it.each(ids.accept)('takes %s as it is', (id) => {
    expect(parseSpiffeId(id)?.uri).toBe(id)
  })

  it.each(ids.reject)('refuses $id ($why)', ({ id }) => {
    expect(parseSpiffeId(id)).toBeUndefined()
  })

  it.each(ids.too_long_refuse_or_report)('refuses $length characters', ({ length, prefix, fill }) => {
    expect(parseSpiffeId(prefix.padEnd(length, fill))).toBeUndefined()
  })

  it.each(ids.must_not_match_pairs)('tells %s from %s, as an id and as a pattern', (one, other) => {
    expect(parseSpiffeId(one)?.uri).not.toBe(parseSpiffeId(other)?.uri)
    expect(parsePattern(one).matches(other)).toBe(false)
    expect(parsePattern(other).matches(one)).toBe(false)
  })

  it.each(ids.prefix_rule_tests)(
    '$prefix** matches what is below it, and nothing else that is an id',
    ({ prefix, allow, deny }) => {
      const pattern = parsePattern(`${prefix}**`)
      const matches = (id: string) => parseSpiffeId(id) !== undefined && pattern.matches(id)
      expect(allow.filter((id) => !matches(id))).toEqual([])
      expect(deny.filter(matches)).toEqual([])
    },
  )
})

describe.skipIf(directory === undefined)('bundles of go-spiffe', () => {
  const read = (name: string) => parseBundle(file(`bundle_${name}.json`))
  const shapeOf = ({ keys, certificates }: Bundle) => [
    keys['jwt-svid'].length,
    keys['wit-svid'].length,
    certificates.length,
  ]

  it.each([
    ['spiffebundle__spiffebundle_valid_1', [1, 0, 1]],
    ['spiffebundle__spiffebundle_valid_2', [6, 0, 1]],
    ['spiffebundle__spiffebundle_valid_with_wit', [2, 2, 1]],
    // go-spiffe refuses a second x5c value; the standard has the first one used (X509-SVID §6).
    ['spiffebundle__spiffebundle_multiple_x509', [1, 0, 1]],
    // JWT bundles of the Workload API carry no use: in a SPIFFE bundle, nothing of them is there (S-49).
    ['jwtbundle__jwks_valid_1', [0, 0, 0]],
    ['jwtbundle__jwks_valid_2', [0, 0, 0]],
    ['jwtbundle__jwks_missing_kid', [0, 0, 0]],
  ] as const)('%s is read', (name, shape) => {
    const reading = read(name)
    expect(reading.fault).toBeUndefined()
    expect('bundle' in reading ? shapeOf(reading.bundle) : []).toEqual(shape)
  })

  it.each([
    ['spiffebundle__spiffebundle_missing_kid', 'has a key of use jwt-svid without kid (keys[1])'],
    ['spiffebundle__spiffebundle_no_keys', 'has no list named keys'],
  ])('%s is none', (name, fault) => {
    expect(read(name)).toEqual({ fault })
  })

  it.each([
    ['cert', ['spec.keys.roots: certificate 1 cannot be used (weak_key)']],
    [
      'certs',
      [
        'spec.keys.roots: certificate 1 cannot be used (weak_key)',
        'spec.keys.roots: certificate 2 cannot be used (weak_key)',
      ],
    ],
    ['corrupted', ['spec.keys.roots: certificate 1 cannot be used (malformed)']],
    [
      'empty',
      [
        'spec.keys.roots: holds no certificate in PEM; write each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----',
      ],
    ],
    [
      'not-pem',
      [
        'spec.keys.roots: holds no certificate in PEM; write each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----',
      ],
    ],
  ])('%s.pem is no text of roots', (name, said) => {
    const faults: Fault[] = []
    expect(anchorsOf(file(`bundle_x509bundle__${name}.pem`).toString(), undefined, faults).certificates).toEqual([])
    expect(faults.map(({ path, message }) => `${path}: ${message.split(': ')[0]}`)).toEqual(said)
  })
})
