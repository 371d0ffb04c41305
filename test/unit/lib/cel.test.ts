import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CelError, compileByEngine, compileCondition, compileMapping } from '../../../src/lib/cel.ts'
import { Failure } from '../../../src/lib/cel-plain.ts'
import { Faults } from '../../../src/lib/fault.ts'

const assertion = {
  sub: 'system:serviceaccount:shop:checkout',
  aud: ['https://cambist.example'],
  n: 5,
  half: 0.5,
  yes: true,
  nothing: null,
  empty: '',
  groups: ['platform', 'shop'],
  'kubernetes.io': { namespace: 'shop', pod: { uid: 'u-1' } },
}
const bindings = { assertion, list: ['a', 'b'] }
const VARIABLES = ['assertion', 'actor', 'list']
const ERROR = Symbol('error')

const value = (source: string): unknown => {
  try {
    return compileMapping(source, VARIABLES).value(bindings)
  } catch (error) {
    if (error instanceof CelError) return ERROR
    throw error
  }
}

describe('what expressions yield', () => {
  it.each<[string, unknown]>([
    ['assertion.sub', 'system:serviceaccount:shop:checkout'],
    ["assertion['sub']", 'system:serviceaccount:shop:checkout'],
    ["assertion['kubernetes.io'].pod.uid", 'u-1'],
    ["assertion['kubernetes.io']", { namespace: 'shop', pod: { uid: 'u-1' } }],
    ['assertion.groups', ['platform', 'shop']],
    ['assertion.groups[0]', 'platform'],
    ['assertion.groups[2]', ERROR],
    ['assertion.missing', ERROR],
    ['assertion.sub.length', ERROR],
    ['assertion.nothing', ERROR],
    ['actor.id', ERROR],
    ['has(actor.id)', false],
    ['has(actor.id.more)', false],
    ['has(assertion.sub)', true],
    ['has(assertion.missing)', false],
    ['has(assertion.nothing)', false],
    ['has(assertion.missing.deeper)', ERROR],
    ["has(assertion.missing) ? assertion.missing : ''", ''],
    ["has(assertion['kubernetes.io'].pod) ? assertion['kubernetes.io'].pod.uid : ''", 'u-1'],
    ['assertion.n == 5', true],
    ['assertion.n == 5.0', true],
    ["assertion.n == '5'", false],
    ['assertion.n + 1', ERROR],
    ['int(assertion.n) + 1', 6],
    ['assertion.half < 1', true],
    ['assertion.n > 4 && assertion.n <= 5', true],
    ["assertion.n < 'x'", ERROR],
    ["assertion.sub == 'x'", false],
    ["assertion.sub != ''", true],
    ["'' == assertion.empty", true],
    ['assertion.nothing == null', true],
    ['assertion.yes', true],
    ['!assertion.yes', false],
    ['!assertion.sub', ERROR],
    ['assertion.missing == 1 || assertion.yes', true],
    ['assertion.yes || assertion.missing == 1', true],
    ['assertion.missing == 1 && !assertion.yes', false],
    ['assertion.missing == 1 && assertion.yes', ERROR],
    ['assertion.missing == 1 || !assertion.yes', ERROR],
    ['assertion.sub && assertion.yes', ERROR],
    ["'platform' in assertion.groups", true],
    ["'nobody' in assertion.groups", false],
    ["'sub' in assertion", true],
    ["'nothing' in assertion", false],
    ["'a' in assertion.sub", ERROR],
    ["assertion['kubernetes.io'].namespace in ['shop', 'stock']", true],
    ["assertion['kubernetes.io'].namespace in []", false],
    ["list('a')", true],
    ["list('c')", false],
    ['assertion.groups.size() < 5', true],
    ['size(assertion.groups)', 2],
    ["size('é😀')", 2],
    ["assertion.sub.startsWith('system:')", true],
    ["assertion.sub.endsWith('out')", true],
    ["assertion.sub.contains(':shop:')", true],
    ["assertion.n.startsWith('5')", ERROR],
    ["assertion.sub.split(':')[2]", 'shop'],
    ["assertion.sub.split(':').size() == 4 ? assertion.sub.split(':')[3] : ''", 'checkout'],
    ["assertion.groups.join(',')", 'platform,shop'],
    ["'ABC'.lowerAscii()", 'abc'],
    ["assertion.groups.exists(g, g == 'platform')", true],
    ["assertion.groups.all(g, g != '')", true],
    ["assertion.groups.filter(g, g.startsWith('s'))", ['shop']],
    ["assertion.groups.map(g, 'team-' + g)", ['team-platform', 'team-shop']],
    ["assertion.groups.exists_one(g, g == 'shop')", true],
    ["assertion.sub.matches('^system:serviceaccount:[a-z]+:[a-z]+$')", true],
    ["assertion.sub.matches('^(?:shop|system)$')", false],
    ["{'ns': assertion['kubernetes.io'].namespace}", { ns: 'shop' }],
    ['[assertion.n, 2]', [5, 2]],
    ["b'bytes'", ERROR],
    ['1 / 0', ERROR],
    ['9223372036854775807', ERROR],
  ])('%s', (source, expected) => {
    expect(value(source)).toEqual(expected)
  })

  it('demands true or false of a condition', () => {
    const condition = compileCondition('assertion.sub', VARIABLES)
    expect(() => condition.test(bindings)).toThrow(new CelError('the condition is neither true nor false'))
    expect(compileCondition('assertion.yes', VARIABLES).test(bindings)).toBe(true)
  })

  it('bounds what a macro goes over', () => {
    const condition = compileCondition('list.all(x, x != 1)', VARIABLES)
    expect(condition.test({ list: Array.from({ length: 256 }, () => 0) })).toBe(true)
    expect(() => condition.test({ list: Array.from({ length: 257 }, () => 0) })).toThrow(
      'a macro goes over 257 members, and 256 is the most',
    )
  })

  it('takes own members only, and no object for a message of protobuf (T30)', () => {
    expect(() => compileMapping('assertion.toString', VARIABLES).value(bindings)).toThrow(CelError)
    expect(() => compileMapping("assertion['hasOwnProperty']", VARIABLES).value(bindings)).toThrow(CelError)
    const message = { $typeName: 'google.protobuf.StringValue', value: 'shop' }
    expect(compileCondition("[assertion].exists(a, a == 'shop')", VARIABLES).test({ assertion: message })).toBe(false)
    const polluting = { inner: JSON.parse('{"__proto__": {"admin": true}}') }
    expect(() => compileMapping('assertion.inner', VARIABLES).value({ assertion: polluting })).toThrow(CelError)
    expect(() => compileMapping('[assertion.inner][0]', VARIABLES).value({ assertion: polluting })).toThrow(CelError)
  })
})

describe('what cannot be written', () => {
  it.each<[string, string]>([
    ['', 'the expression is empty'],
    ['a'.repeat(4097), 'the expression has 4097 characters, and 4096 is the most'],
    ['asertion.sub', 'line 1, column 1: `asertion` is not known here; did you mean `assertion`?'],
    ["true &&\n  zzzz == 'x'", 'line 2, column 3: `zzzz` is not known here; there are assertion, actor, list'],
    [
      "assertion.sub = 'x'",
      'line 1, column 15: this is no CEL: found = where the expression should go on or end; equality is written ==',
    ],
    ["assertion.sub == 'x", 'is a quote left open?'],
    ['assertion.sub.startWith(assertion.n)', 'there is no function `startWith`; did you mean `startsWith`?'],
    ['timestamp(assertion.n)', 'there is no function `timestamp`'],
    ["assertion.sub.replace('a', 'b')", 'there is no function `replace`'],
    ['assertion.constructor', 'a member named `constructor` cannot be read'],
    ["assertion['__proto__']", 'a member named `__proto__` cannot be read'],
    ['assertion.sub.matches(assertion.empty)', 'the pattern of `matches` must be written out as a text'],
    ["assertion.sub.matches('shop')", 'is not anchored at both ends; write ^(?:…)$'],
    ["assertion.sub.matches('^a|b$')", 'has a | outside all groups'],
    ["assertion.sub.matches('^[a|b](c|d)$|^(e)$')", 'has a | outside all groups'],
    ["assertion.sub.matches('^a\\\\$')", 'ends in an escaped $'],
    ["assertion.sub.matches('^(?m)a$')", 'sets flags or names a group'],
    ["assertion.sub.matches('^\\\\Qa$')", 'uses \\Q'],
    ["assertion.sub.matches('^[a$')", 'has an open group or class'],
    ["assertion.sub.matches('^a{2,1}$')", 'the pattern of `matches` cannot be used'],
    ['assertion.groups.exists(a, list.exists(b, a == b))', 'a macro over a list stands inside another'],
    ['list.exists(assertion, assertion == 1)', '`assertion` is a variable already'],
    [`${'['.repeat(40)}1${']'.repeat(40)}`, 'nests deeper than 32'],
    [
      Array.from({ length: 260 }, () => 'assertion.n')
        .join('+')
        .replaceAll('assertion.n', '1'),
      'nests deeper than 32',
    ],
    [`[${Array.from({ length: 501 }, () => '1').join(',')}]`, 'the expression has 502 parts, and 500 is the most'],
    ['google.protobuf.StringValue{value: "x"}', 'there is no type `google.protobuf.StringValue`'],
    ['{assertion.sub: 1}', 'the names in a {…} must be written out as texts'],
    ["'x'.format([1])", 'there is no function `format`'],
  ])('case %#', (source, message) => {
    expect(() => compileCondition(source, VARIABLES)).toThrow(Faults)
    expect(() => compileCondition(source, VARIABLES)).toThrow(message)
  })

  it('takes many conditions in a row, which nest for the parser only', () => {
    const many = Array.from({ length: 60 }, (_, index) => `assertion.n != ${index + 10}`).join(' && ')
    expect(compileCondition(many, VARIABLES).test(bindings)).toBe(true)
  })

  it('is quick to refuse what nests without end', () => {
    for (const [open, close] of [
      ['(', ')'],
      ['!(', ')'],
      ['a[', ']'],
      ['a?(', '):a'],
    ] as const) {
      expect(() => compileCondition(`${open.repeat(900)}a${close.repeat(900)}`, ['a', 'x'])).toThrow(Faults)
    }
  })
})

describe('the plain part and the engine', () => {
  const scalar = fc.oneof(
    fc.constantFrom('', 'a', 'b', 'ab'),
    fc.constantFrom(0, 1, 2, 0.5, -1),
    fc.boolean(),
    fc.constant(null),
  )
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'x'), tie('value'), { maxKeys: 3 }),
    ),
  })).value
  const literal = fc.constantFrom("''", "'a'", "'ab'", '0', '1', '0.5', '-1', 'true', 'false', 'null')
  const path = fc
    .tuple(fc.constantFrom('x', 'y'), fc.array(fc.constantFrom('.a', '.b', "['x']"), { maxLength: 3 }))
    .map(([root, steps]) => root + steps.join(''))
  const expression = fc.letrec<{ any: string }>((tie) => ({
    any: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      literal,
      path,
      path.map((each) => `has(${each}.a)`),
      fc
        .tuple(tie('any'), fc.constantFrom('==', '!=', '<', '<=', '>', '>=', '&&', '||', 'in'), tie('any'))
        .map(([one, operator, other]) => `(${one} ${operator} ${other})`),
      tie('any').map((each) => `!(${each})`),
      tie('any').map((each) => `size(${each})`),
      fc.tuple(tie('any'), tie('any'), tie('any')).map(([test, yes, no]) => `(${test} ? ${yes} : ${no})`),
      fc
        .tuple(path, fc.constantFrom('startsWith', 'endsWith', 'contains'), literal)
        .map(([one, name, other]) => `${one}.${name}(${other})`),
      fc.tuple(path, fc.array(literal, { maxLength: 3 })).map(([one, items]) => `(${one} in [${items.join(', ')}])`),
    ),
  })).any

  it('agree on every value and on every error', () => {
    fc.assert(
      fc.property(expression, json, json, fc.boolean(), (source, x, y, bound) => {
        const inputs = bound ? { x, y } : { x }
        const byEngine = compileByEngine(source, ['x', 'y'])(inputs)
        let quick: unknown = ERROR
        try {
          quick = compileMapping(source, ['x', 'y']).value(inputs)
        } catch (error) {
          if (!(error instanceof CelError)) throw error
        }
        const hasNull = JSON.stringify(byEngine)?.includes('null')
        expect(quick, source).toEqual(byEngine instanceof Failure || hasNull ? ERROR : byEngine)
      }),
      { numRuns: 3000 },
    )
  })
})
