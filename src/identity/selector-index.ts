import type { Pattern } from './pattern.ts'
import { fixedPart, type Shape, shapeOf } from './pattern-shape.ts'
import type { Principal } from './principal.ts'
import { attributeText, type Selector } from './selector.ts'

/** A field of a principal, as far as patterns of one shape fix it. */
interface Field {
  /** An attribute's name; SUBJECT stands for the subject itself. */
  readonly attribute: string
  readonly shape: Shape
}

/** The selectors that fix the same fields in the same places, by what they fix there. */
interface Table<Value> {
  readonly fields: readonly Field[]
  readonly entries: Map<string, Value[]>
}

/** One way of matching a selector: a pattern for each of the fields that it is filed under. */
interface Way {
  readonly fields: readonly Field[]
  readonly key: string
}

const SUBJECT = ''
/** A selector that can be matched in more ways than this is filed under fewer of its fields. */
const MAX_WAYS = 256

/**
 * Finds what selectors could select a principal, without going through them all: a selector is filed under what it fixes,
 * so that a principal costs one look-up for each combination of fields and shapes of patterns in use, whatever the number
 * of selectors (reliability goal: no scan over documents on the road).
 */
export class SelectorIndex<Value extends object> {
  readonly #tables = new Map<string, Table<Value>>()

  file(selector: Selector, value: Value): void {
    for (const { fields, key } of waysOf(selector)) {
      const signature = JSON.stringify(fields.map(({ attribute, shape }) => [attribute, shape.id]))
      let table = this.#tables.get(signature)
      if (table === undefined) {
        table = { fields, entries: new Map() }
        this.#tables.set(signature, table)
      }
      const bucket = table.entries.get(key)
      if (bucket === undefined) table.entries.set(key, [value])
      else if (bucket.at(-1) !== value) bucket.push(value)
    }
  }

  /** Each once, in the order in which they were filed where one table has them all. Whether a selector selects, `selects` says. */
  candidates(principal: Principal): readonly Value[] {
    let found: readonly Value[] = NOTHING
    for (const { fields, entries } of this.#tables.values()) {
      const key = keyOf(fields, principal)
      const bucket = key === undefined ? undefined : entries.get(key)
      if (bucket === undefined) continue
      found = found.length === 0 ? bucket : [...new Set([...found, ...bucket])]
    }
    return found
  }
}

const NOTHING: readonly never[] = Object.freeze([])

function waysOf({ ids, match }: Selector): readonly Way[] {
  const written = [...(ids === undefined ? [] : [[SUBJECT, ids] as const]), ...match]
  written.sort(([one], [other]) => (one < other ? -1 : 1))
  let ways: readonly Way[] = [{ fields: [], key: '' }]
  for (const [attribute, patterns] of written) {
    const parts = fixedParts(patterns)
    if (parts === undefined || ways.length * parts.length > MAX_WAYS) continue
    ways = ways.flatMap(({ fields, key }) =>
      parts.map(([shape, fixed]) => ({ fields: [...fields, { attribute, shape }], key: key + part(fixed) })),
    )
  }
  return ways
}

/** What each of the patterns fixes; undefined where one fixes nothing, so that any text could match. */
function fixedParts(patterns: readonly Pattern[]): readonly (readonly [Shape, string])[] | undefined {
  const parts: (readonly [Shape, string])[] = []
  for (const { source } of patterns) {
    const shape = shapeOf(source)
    const fixed = shape === undefined ? undefined : fixedPart(shape, source)
    if (shape === undefined || fixed === undefined) return undefined
    if (!parts.some(([other, text]) => other.id === shape.id && text === fixed)) parts.push([shape, fixed])
  }
  return parts.length === 0 ? undefined : parts
}

function keyOf(fields: readonly Field[], principal: Principal): string | undefined {
  let key = ''
  for (const { attribute, shape } of fields) {
    const value = attribute === SUBJECT ? principal.subject : attributeText(principal, attribute)
    const fixed = value === undefined ? undefined : fixedPart(shape, value)
    if (fixed === undefined) return undefined
    key += part(fixed)
  }
  return key
}

/** Says where it ends, so that no two lists of texts make one key. */
const part = (text: string): string => `${text.length}:${text}`
