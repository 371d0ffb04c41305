import { describe, expect, it } from 'vitest'
import { includesRole, roles } from '../../../src/administrators/contract.ts'
import { compileRoleBinding } from '../../../src/administrators/role-binding.ts'
import { roleBindings } from '../../../src/administrators/role-bindings.ts'

const binding = (name: string, role: string, condition: string, more: object = {}) =>
  compileRoleBinding(name, { issuer: 'corporate', role, condition, ...more })
const inGroup = (group: string) => `assertion.groups.exists(g, g == '${group}')`
const seen = (...groups: unknown[]) => ({ assertion: { sub: 'ada', groups }, header: { typ: 'JWT' } })

describe('the role that bindings give', () => {
  const bindings = roleBindings([
    binding('a', 'editor', inGroup('e')),
    binding('b', 'viewer', inGroup('v')),
    binding('c', 'admin', inGroup('a'), { disabled: true }),
    binding('d', 'admin', inGroup('o'), { issuer: 'other' }),
    binding('e', 'auditor', 'assertion.nothing.of.it'),
    binding('f', 'admin', "header.kid == 'x'"),
  ])

  it.each<[string, string, ReturnType<typeof seen>, string | undefined]>([
    ['is none where no condition holds', 'corporate', seen('x'), undefined],
    ['is that of the one that holds', 'corporate', seen('v'), 'viewer'],
    ['is the highest, in whatever order', 'corporate', seen('v', 'e'), 'editor'],
    ['is never that of a disabled one', 'corporate', seen('a'), undefined],
    ['is never that of another issuer', 'corporate', seen('o'), undefined],
    ['is given for its own issuer', 'other', seen('o'), 'admin'],
    ['is none at an issuer without bindings', 'third', seen('v', 'e', 'o'), undefined],
    ['is none at a name of a prototype', '__proto__', seen('v'), undefined],
    ['is none where every condition fails', 'corporate', { assertion: { groups: 7 } } as never, undefined],
  ])('%s', (_, issuer, token, role) => {
    expect(bindings.roleOf(issuer, token)).toBe(role)
  })

  it('is given on the header as well', () => {
    expect(bindings.roleOf('corporate', { assertion: {}, header: { kid: 'x' } } as never)).toBe('admin')
  })

  it('has an order, in which each includes the ones before', () => {
    expect(roles.map((had) => roles.filter((wanted) => includesRole(had, wanted)).length)).toEqual([1, 2, 3, 4])
  })
})
