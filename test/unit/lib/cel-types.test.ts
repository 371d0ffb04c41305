import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileCondition, compileMapping } from '../../../src/lib/cel.ts'
import { ANY, BOOLEAN, type CelTypes, NUMBER, objectOf, TEXT, TEXTS } from '../../../src/lib/cel-types.ts'

const types: CelTypes = {
  subject: objectOf(
    { id: TEXT, key: BOOLEAN, scopes: TEXTS, namespace: ANY, count: NUMBER },
    'trusted issuer prod maps no such attribute',
  ),
  labels: { kind: 'map', of: TEXT },
  visited: TEXTS,
  entry: TEXT,
  open: ANY,
}
const VARIABLES = Object.keys(types)
const wrong = (source: string) => compileCondition(source, VARIABLES).misreadings(types)

describe('what can never be right in an expression', () => {
  it.each<[string, string]>([
    [
      "subject.namspace == 'shop'",
      'line 1, column 9: subject has no member `namspace`: trusted issuer prod maps no such attribute; did you mean `namespace`?',
    ],
    [
      "subject.id != ''\n  && subject['cluster'] == 'x'",
      'line 2, column 14: subject has no member `cluster`: trusted issuer prod maps no such attribute; there are id, key, scopes, namespace, count',
    ],
    [
      'has(subject.kee)',
      'line 1, column 5: subject has no member `kee`: trusted issuer prod maps no such attribute; did you mean `key`?',
    ],
    ['subject.id.name', 'line 1, column 12: subject.id is a text and has no members, so there is no `name`'],
    [
      "subject.scopes == 'orders:read'",
      'line 1, column 16: subject.scopes is a list of texts and this is a text, which are never equal; whether a list has a member asks `in`',
    ],
    ['subject.id == 1', 'line 1, column 12: subject.id is a text and this is a number, which are never equal'],
    [
      'subject.scopes != [1]',
      'line 1, column 16: subject.scopes is a list of texts and this is a list, which are never equal',
    ],
    ['subject.id == null', 'line 1, column 12: subject.id is a text and this is null, which are never equal'],
    ["subject.key.startsWith('x')", 'subject.key is true or false, and startsWith() is for a text'],
    [
      "subject.scopes.contains('x')",
      "subject.scopes is a list of texts, and contains() is for a text; whether it has a member asks `in`: 'x' in the list",
    ],
    [
      "subject.scopes.startsWith('x')",
      'subject.scopes is a list of texts, and startsWith() is for a text; exists(x, x.startsWith(…)) asks each member',
    ],
    ['subject.id.contains(1)', 'this is a number, and contains() takes a text'],
    ["'x' in subject.id", 'subject.id is a text, and `in` takes a list; contains() looks into a text'],
    ['1 in subject.scopes', 'this is a number and subject.scopes is a list of texts, so that it is never among them'],
    ["'x' in subject.key", 'subject.key is true or false, and `in` takes a list'],
    ["'namspace' in subject", 'there is no member `namspace`; did you mean `namespace`?'],
    ["'zzzzzzzz' in subject", 'there is no member `zzzzzzzz`; there are id, key, scopes, namespace, count'],
    ["entry('x')", 'line 1, column 1: entry is a text, and `in` takes a list; contains() looks into a text'],
    ['visited(1)', 'line 1, column 1: this is a number and visited is a list of texts, so that it is never among them'],
    ['!subject.id', 'line 1, column 1: subject.id is a text, and ! is for what is true or false'],
    [
      'subject.key && subject.scopes',
      'subject.scopes is a list of texts, and && is for what is true or false; compare it with something',
    ],
    [
      'subject.id || subject.key',
      'subject.id is a text, and || is for what is true or false; compare it with something',
    ],
    ["subject.id ? 'a' == 'a' : false", 'subject.id is a text, and what stands before ? is true or false'],
    [
      "subject.scopes > ['a']",
      'subject.scopes is a list of texts and this is a list of texts, which have no order; compare texts with texts and numbers with numbers',
    ],
    [
      'subject.id < 1',
      'subject.id is a text and this is a number, which have no order; compare texts with texts and numbers with numbers',
    ],
    [
      "subject.id + 1 == 'x'",
      'subject.id is a text and this is a number, which cannot be added; string() makes a text of a number',
    ],
    [
      'subject.key + subject.key == 2',
      'subject.key is true or false and subject.key is true or false, which cannot be added; string() makes a text of a number',
    ],
    ['subject.count - subject.id == 1', 'subject.id is a text and no number'],
    ['subject.id * 2 == 1', 'subject.id is a text and no number'],
    ['-subject.id == 1', 'subject.id is a text and no number'],
    ["subject.scopes[entry] == 'x'", 'subject.scopes is a list of texts: its members are read by number'],
    ["subject.id[0] == 'x'", 'subject.id is a text and has no members'],
    ['size(subject.key) == 1', 'subject.key is true or false and has no size'],
    ["subject.id.join(',') == ''", 'subject.id is a text, and join() takes a list of texts'],
    ['subject.id.exists(x, x == 1)', 'subject.id is a text; a macro goes over a list or an object'],
    ['subject.scopes.exists(s, s == 1)', 's is a text and this is a number, which are never equal'],
    ['subject.scopes.all(s, s)', 's is a text, and && is for what is true or false; compare it with something'],
    ['subject.id', 'the condition is a text, and a condition is true or false; compare it with something'],
    ['subject.scopes', 'the condition is a list of texts, and a condition is true or false; compare it with something'],
    [
      "subject.scopes.map(s, s + 'x')",
      'the condition is a list, and a condition is true or false; compare it with something',
    ],
    [
      "subject.scopes.filter(s, s != 'x')",
      'the condition is a list, and a condition is true or false; compare it with something',
    ],
    ['subject', 'the condition is an object, and a condition is true or false; compare it with something'],
    ['{"a": 1}', 'the condition is an object, and a condition is true or false; compare it with something'],
    ['null', 'the condition is null, and a condition is true or false; compare it with something'],
    ['size(subject.id)', 'the condition is a number, and a condition is true or false; compare it with something'],
    ["subject.key ? 'a' : 'b'", 'the condition is a text, and a condition is true or false; compare it with something'],
    ['labels.team', 'the condition is a text, and a condition is true or false; compare it with something'],
    ["labels['team'] && true", 'labels.team is a text, and && is for what is true or false; compare it with something'],
    ['labels[entry]', 'the condition is a text, and a condition is true or false; compare it with something'],
    [
      "subject.scopes + ['x']",
      'the condition is a list of texts, and a condition is true or false; compare it with something',
    ],
    ['subject.scopes[0]', 'the condition is a text, and a condition is true or false; compare it with something'],
  ])('%s', (source, message) => {
    expect(wrong(source)).toContainEqual(expect.stringContaining(message))
  })

  it.each([
    "subject.namespace == 'shop' && subject.namespace == 1",
    'subject.namespace',
    'subject.namespace.deep.deeper && has(subject.namespace.x)',
    "subject.namespace.startsWith('x') || subject.namespace[0] == 'x' || 'x' in subject.namespace",
    "'x' in subject.scopes && visited('x') && entry == 'x'",
    'subject.scopes == [] && subject.scopes.size() < 5 && size(subject.id) > 0',
    "subject.scopes.exists(s, s.startsWith('a')) && subject.scopes.all(s, s != '') && subject.scopes.exists_one(s, s == 'a')",
    "subject.scopes.map(s, s + 'x') == ['x'] && subject.scopes.filter(s, s != 'x').size() == 1",
    "subject.key == true && !subject.key && (subject.key ? subject.id == 'x' : false)",
    "subject.count + 1 > 2 && -subject.count < 0 && subject.count % 2 == 0 && string(subject.count) + 'x' == '1x'",
    "labels.any == 'x' && has(labels.other) && 'x' in labels && labels.exists(k, k == 'x') && labels[entry] == 'x'",
    "open.exists(x, x == 1) && open.map(x, x) == [1] && open + 1 == 2 && open + 'x' == 'y' && open < 1 && -open == 1",
    "subject['id'] == 'x' && subject.exists(k, k == 'id') && subject == subject",
    "{'a': 1}.a == 1 && {'a': 1, 'b': 'x'}.b == 'x' && [1, 'a'] == ['a', 1] && 1 in [1, 'a']",
    "subject.id.split('/').size() > 3 && subject.id.split('/').join('-') == 'x' && subject.id.indexOf('x') == 1",
    "subject.id.matches('^x$') && subject.id.substring(1).lowerAscii() == 'x' && subject.id.trim().charAt(0) == 'x'",
    "int('1') == 1 && double('1') == 1.0 && bool('true') && subject.namespace == null",
    'subject[entry] == 1 && [subject.key][0]',
  ])('leaves alone: %s', (source) => {
    expect(wrong(source)).toEqual([])
  })

  it('is told of a mapping where a text is wanted', () => {
    const mapping = compileMapping('subject.scopes', VARIABLES)
    expect(mapping.misreadings(types)).toEqual([])
    expect(mapping.misreadings(types, 'text')).toEqual(['the result is a list of texts, and a text is wanted'])
    expect(compileMapping('subject.id', VARIABLES).misreadings(types, 'text')).toEqual([])
    expect(compileMapping('subject.namespace', VARIABLES).misreadings(types, 'text')).toEqual([])
  })

  it('names a few of many members, and says a thing once', () => {
    const many = objectOf(Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`attribute${index}`, ANY])))
    const [message, ...others] = compileCondition('x.zzzz == 1 || x.zzzz == 1', ['x']).misreadings({ x: many })
    expect(message).toMatch(
      /^line 1, column 3: x has no member `zzzz`; there are attribute0, .*, attribute15 and 24 more$/,
    )
    expect(others).toHaveLength(1)
  })

  it('holds nothing against an expression that some value of the types makes true or false', () => {
    // Whatever answers true or false for values of these types was no misreading.
    const term = fc.constantFrom(
      'subject.id',
      'subject.key',
      'subject.scopes',
      'subject.count',
      "'a'",
      '1',
      'true',
      "['a']",
      'entry',
    )
    const operator = fc.constantFrom('==', '<', '+', 'in', '&&', '||')
    const value = {
      subject: { id: 'a', key: true, scopes: ['a'], namespace: 'x', count: 1 },
      labels: {},
      visited: ['a'],
      entry: 'a',
      open: 1,
    }
    fc.assert(
      fc.property(term, operator, term, (left, how, right) => {
        const condition = compileCondition(`(${left} ${how} ${right}) == (${left} ${how} ${right})`, VARIABLES)
        if (condition.misreadings(types).length > 0 && !['==', 'in', '&&', '||'].includes(how))
          expect(() => condition.test(value)).toThrow()
      }),
    )
  })
})
