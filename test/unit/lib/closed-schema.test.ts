import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closedObject, violation } from '../../../src/lib/closed-schema.ts'
import { type Json, parseJson } from '../../../src/lib/json.ts'

const schema = (properties: object, more: object = {}) => closedObject.parse({ type: 'object', properties, ...more })
const faults = (written: unknown) => closedObject.safeParse(written).error?.issues.map(({ path }) => path.join('.'))

describe('violation', () => {
  it.each<[string, object, Json, string | undefined]>([
    ['a text', { type: 'string' }, 'x'.repeat(256), undefined],
    ['a text without a written end', { type: 'string' }, 'x'.repeat(257), 'it.a is not a text of 0 to 256 characters'],
    ['a text that is too short', { type: 'string', minLength: 2 }, 'x', 'it.a is not a text of 2 to 256 characters'],
    ['a listed text', { type: 'string', enum: ['x', 'y'] }, 'y', undefined],
    ['a text that is not listed', { type: 'string', enum: ['x', 'y'] }, 'z', 'it.a is not one of x, y'],
    ['an integer', { type: 'integer' }, 3, undefined],
    ['an integer that readers round', { type: 'integer' }, 2 ** 53, 'it.a is not an integer'],
    ['a number at its ends', { type: 'number', minimum: 0, maximum: 1 }, 1, undefined],
    ['a number beyond', { type: 'number', minimum: 0, maximum: 1 }, 1.1, 'it.a is not a number of 0 to 1'],
    ['a number below', { type: 'number', minimum: 0 }, -1, 'it.a is not a number of 0 at least'],
    ['a number above', { type: 'integer', maximum: 1 }, 2, 'it.a is not an integer of 1 at most'],
    ['true', { type: 'boolean' }, true, undefined],
    ['null', { type: 'boolean' }, null, 'it.a is not true or false'],
    ['a list', { type: 'array', items: { type: 'integer' } }, [1, 2], undefined],
    [
      'a list without a written end',
      { type: 'array', items: { type: 'integer' } },
      Array(33).fill(1),
      'it.a is not a list of 0 to 32 members',
    ],
    [
      'a list with another member',
      { type: 'array', items: { type: 'integer' } },
      [1, 'x'],
      'it.a[1] is not an integer',
    ],
    [
      'an object in it',
      { type: 'object', properties: {} },
      { b: 1 },
      'it.a has a member that is not named; there are none',
    ],
  ])('%s', (_, property, value, said) => {
    expect(violation(schema({ a: property }), { a: value }, 'it')).toBe(said)
  })

  it('knows no member but its own', () => {
    const closed = schema({ a: { type: 'string' } }, { required: ['a'] })
    expect(violation(closed, {}, 'it')).toBe('it lacks a')
    for (const name of ['__proto__', 'constructor', 'toString', 'b'])
      expect(violation(closed, parseJson(`{"a":"x","${name}":"x"}`), 'it')).toBe(
        'it has a member that is not named; there are a',
      )
    for (const value of [[], 'x', null, undefined]) expect(violation(closed, value, 'it')).toBe('it is not an object')
  })

  it('says nothing of the value, and never fails, whatever it is', () => {
    const closed = schema({
      a: { type: 'array', items: { type: 'object', properties: { b: { type: 'string', maxLength: 3 } } } },
    })
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('SECRET', 'SECRETS'), (value, secret) => {
        const said = violation(closed, { a: [{ b: secret, [secret]: value as Json }] }, 'it')
        expect(said).toBeDefined()
        expect(said).not.toContain('SECRET')
        violation(closed, value as Json, 'it')
      }),
    )
  })
})

describe('closedObject', () => {
  it.each<[unknown, string]>([
    [{ type: 'object' }, 'properties'],
    [{ type: 'array', items: { type: 'string' }, properties: {} }, 'type'],
    [{ type: 'object', properties: { a: { type: 'string', pattern: '^a$' } } }, 'properties.a.pattern'],
    [{ type: 'object', properties: { a: { type: 'array' } } }, 'properties.a.items'],
    [{ type: 'object', properties: { a: { type: 'string', enum: [] } } }, 'properties.a.enum'],
    [{ type: 'object', properties: { a: { type: 'string', maxLength: 5000 } } }, 'properties.a.maxLength'],
    [{ type: 'object', properties: { 'a b': { type: 'string' } } }, 'properties.a b'],
    [{ type: 'object', properties: {}, required: ['a'] }, 'required'],
    [
      {
        type: 'object',
        properties: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`a${at}`, { type: 'boolean' }])),
      },
      'properties',
    ],
    [7, ''],
  ])('refuses %j', (written, path) => {
    expect(faults(written)).toContain(path)
  })

  it('reads what it has read, unchanged', () => {
    const read = schema({
      a: { type: 'array', items: { type: 'object', properties: { b: { type: 'integer', minimum: 1 } } } },
    })
    expect(closedObject.parse(read)).toEqual(read)
  })
})
