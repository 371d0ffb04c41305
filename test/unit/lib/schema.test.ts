import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Faults } from '../../../src/lib/fault.ts'
import { readBySchema } from '../../../src/lib/schema.ts'

const schema = z.strictObject({
  name: z.string(),
  keys: z.strictObject({ jwksUri: z.string().optional() }).optional(),
  tokens: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('a'), lifetime: z.string().optional() }),
        z.strictObject({ kind: z.literal('b') }),
      ]),
    )
    .optional(),
})

const faultsOf = (value: unknown, path?: string) => {
  try {
    readBySchema(schema, value, path)
    return []
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    return error.faults
  }
}

describe('a value read by a schema', () => {
  it('is what the schema makes of it', () => {
    expect(readBySchema(schema, { name: 'x' })).toEqual({ name: 'x' })
  })

  it('has every fault named, each at its place', () => {
    expect(
      faultsOf({ nam: 'x', keys: { jwksuri: '' } }, 'spec')
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['spec.keys.jwksuri', 'spec.nam', 'spec.name'])
  })

  it('has the nearest name said of a misspelt one, and all names where none is near', () => {
    expect(faultsOf({ name: 'x', keys: { jwksuri: '' } })).toEqual([
      { path: 'keys.jwksuri', message: 'there is no field `jwksuri` here; did you mean `jwksUri`?' },
    ])
    expect(faultsOf({ name: 'x', tokens: [{ kind: 'a', lifetme: '' }] })).toEqual([
      { path: 'tokens[0].lifetme', message: 'there is no field `lifetme` here; did you mean `lifetime`?' },
    ])
    expect(faultsOf({ name: 'x', colour: 'red' })).toEqual([
      { path: 'colour', message: 'there is no field `colour` here; there are name, keys, tokens' },
    ])
  })
})
