import { describe, expect, it } from 'vitest'
import { compileClient } from '../../src/clients/client.ts'
import { clientIndex } from '../../src/clients/client-index.ts'
import { parsePattern } from '../../src/identity/pattern.ts'
import { lintPolicy } from '../../src/policy/lint.ts'
import { compilePolicy } from '../../src/policy/policy.ts'
import { factsOf, READ, verdict, workload } from '../unit/policy/world.ts'

/** T21 (and T15): patterns that match more than they show. */
describe('T21 wildcards', () => {
  it.each([
    ['repo:octo/app:ref:refs/heads/main', 'repo:octo/app:ref:refs/heads/main2'],
    ['repo:octo/app:ref:refs/heads/main', 'xrepo:octo/app:ref:refs/heads/main'],
    ['repo:octo/*:environment:prod', 'repo:octo/app:pull_request:environment:prod'],
    ['repo:octo/*:environment:prod', 'repo:octo/evil/app:environment:prod'],
    ['repo:octo/*:environment:prod', 'repo:octo-evil/app:environment:prod'],
    ['spiffe://prod.example/shop/*', 'spiffe://prod.example/shop/a/b'],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop/../admin:x'],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop2/a'],
    ['spiffe://prod.example/shop/**', 'spiffe://PROD.example/shop/a'],
    ['spiffe://*/shop', 'spiffe://evil.example/x/shop'],
    ['system:serviceaccount:shop:checkout', 'system:serviceaccount:shop:checkout\n'],
  ])('%s does not match %j', (pattern, text) => {
    expect(parsePattern(pattern).matches(text)).toBe(false)
  })

  it('a subject that a neighbour chose matches no attribute of ours', () => {
    const clients = clientIndex([
      compileClient('shop', { workloads: [{ issuer: 'prod', match: { namespace: ['shop'], serviceaccount: ['*'] } }] }),
    ])
    expect(clients.selecting(workload('x', { attributes: { namespace: 'shop', serviceaccount: 'any' } }))).toHaveLength(
      1,
    )
    for (const attributes of [
      { namespace: 'shop:x', serviceaccount: 'any' },
      { namespace: 'shop/x', serviceaccount: 'any' },
      { namespace: 'SHOP', serviceaccount: 'any' },
      { namespace: 'shop', serviceaccount: 'a/b' },
      { namespace: 'shop', serviceaccount: '' },
    ]) {
      expect(clients.selecting(workload('x', { attributes }))).toHaveLength(0)
    }
  })

  it('ids that two issuers can name need the issuer beside them, and * is no trust domain', () => {
    for (const ids of [['checkout'], ['spiffe://*/checkout'], ['**']])
      expect(() => compilePolicy('rule', { ...READ, subject: { ids } })).toThrow(
        'two issuers may name two workloads alike',
      )
  })

  it('a rule without a tenant in it is spoken of', () => {
    expect(lintPolicy(compilePolicy('rule', { ...READ, subject: { match: { repository: ['*'] } } }))).not.toEqual([])
  })

  it('a regular expression speaks of the whole text', () => {
    const matching = (pattern: string) =>
      verdict(
        { policies: { rule: { ...READ, condition: `subject.namespace.matches('${pattern}')` } } },
        factsOf({ subject: workload('checkout', { attributes: { namespace: 'shop\nevil' } }) }),
      )
    expect(matching('^shop$')).toBe('denied')
    expect(() => matching('shop')).toThrow('is not anchored at both ends')
    expect(() => matching('^shop$|^x$')).toThrow('outside all groups')
    expect(() => matching('^(?m:shop)$')).toThrow('sets flags')
  })
})
