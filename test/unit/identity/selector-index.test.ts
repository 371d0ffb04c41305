import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../../src/identity/pattern.ts'
import { fixedPart, shapeOf } from '../../../src/identity/pattern-shape.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import { compileSelector, selects } from '../../../src/identity/selector.ts'
import { SelectorIndex } from '../../../src/identity/selector-index.ts'
import type { Fault } from '../../../src/lib/fault.ts'

const segment = fc.constantFrom('a', 'b', '', 'shop')
const joined = (parts: readonly string[], separators: readonly string[]) =>
  parts.map((part, index) => (index === 0 ? part : (separators[index - 1] ?? '/') + part)).join('')
const separators = fc.array(fc.constantFrom('/', ':'), { minLength: 5, maxLength: 5 })
const text = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), separators)
  .map(([parts, between]) => joined(parts, between))
const pattern = fc
  .tuple(fc.array(fc.oneof(segment, fc.constant('*')), { minLength: 1, maxLength: 4 }), separators, fc.boolean())
  .map(([parts, between, open]) => joined(open ? [...parts, '**'] : parts, between))
  .filter((source) => source !== '')
const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 })
const selector = fc.record(
  { ids: patterns, match: fc.dictionary(fc.constantFrom('x', 'y'), patterns) },
  { requiredKeys: [] },
)
const principal = fc.record({
  subject: text,
  attributes: fc.dictionary(fc.constantFrom('x', 'y'), fc.oneof(text, fc.constant(7))),
})

const principalOf = ({ subject, attributes }: Pick<Principal, 'subject' | 'attributes'>): Principal => ({
  ...{ id: 'wimse://cambist.example/prod/x', issuer: 'prod', kind: 'jwt', key: false, instance: '', scopes: [] },
  subject,
  attributes,
})

describe('the shape of a pattern', () => {
  it.each([
    ['spiffe://prod/shop/checkout', 'spiffe://prod/shop/checkout', true],
    ['spiffe://prod/*/checkout', 'spiffe://prod/shop/checkout', true],
    ['spiffe://prod/shop/**', 'spiffe://prod/shop/checkout/1', true],
    ['spiffe://prod/*/checkout', 'spiffe://prod/shop/stock', false],
    ['spiffe://prod/shop/**', 'spiffe://prod/shop', false],
    ['system:serviceaccount:shop:*', 'system:serviceaccount:other:app', false],
  ])('lets %s be found for %s: %s', (source, subject, found) => {
    const shape = shapeOf(source)
    expect(shape !== undefined && fixedPart(shape, subject) === fixedPart(shape, source)).toBe(found)
  })

  it.each(['*', '**', '*/*', '*:**'])('is none where nothing is fixed: %s', (source) => {
    expect(shapeOf(source)).toBeUndefined()
  })

  it('has the same fixed part for whatever the pattern matches', () => {
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        const shape = shapeOf(source)
        if (shape === undefined || !parsePattern(source).matches(subject)) return
        expect(fixedPart(shape, subject)).toBe(fixedPart(shape, source))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('an index of selectors', () => {
  it('finds every selector that selects, each once', () => {
    fc.assert(
      fc.property(fc.array(selector, { maxLength: 12 }), principal, (written, who) => {
        const faults: Fault[] = []
        const selectors = written.map((each) => compileSelector(each, '', faults))
        expect(faults).toEqual([])
        const index = new SelectorIndex<object>()
        for (const each of selectors) index.file(each, each)
        const candidates = index.candidates(principalOf(who))
        expect(new Set(candidates).size).toBe(candidates.length)
        for (const each of selectors) if (selects(each, principalOf(who))) expect(candidates).toContain(each)
      }),
      { numRuns: 1000 },
    )
  })

  it('leaves out those that fix something else, by values and by patterns', () => {
    const index = new SelectorIndex<{ readonly name: string }>()
    const file = (name: string, written: object) => index.file(compileSelector(written, '', []), { name })
    for (let at = 0; at < 1000; at++) {
      file(`value ${at}`, { match: { namespace: [`team-${at}`], serviceaccount: ['app', 'job'] } })
      file(`pattern ${at}`, { ids: [`system:serviceaccount:team-${at}:*`] })
    }
    file('anybody', { match: { namespace: ['*'] } })
    const attributes = { namespace: 'team-7', serviceaccount: 'app' }
    const found = index.candidates(principalOf({ subject: 'system:serviceaccount:team-7:app', attributes }))
    expect(found.map(({ name }) => name).sort()).toEqual(['anybody', 'pattern 7', 'value 7'])
  })

  it('files what can be matched in very many ways under fewer fields', () => {
    const index = new SelectorIndex<object>()
    const many = Array.from({ length: 200 }, (_, at) => `v${at}`)
    const selector = compileSelector({ match: { x: many, y: many } }, '', [])
    index.file(selector, selector)
    expect(index.candidates(principalOf({ subject: 's', attributes: { x: 'v1', y: 'v2' } }))).toEqual([selector])
  })
})
