/** The fields of a kind of document, as docs/documents.md lists them: from the schema by which documents are read. */
import { documentSchema } from '../../src/admin/openapi.ts'
import { documentKinds, formats } from '../../src/app.ts'

/** As much of a JSON Schema as documents are described by. */
interface Schema {
  readonly description?: string
  readonly const?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly oneOf?: readonly Schema[]
}

export interface Field {
  /** Its path below `spec`. */
  readonly path: string
  /** Token kinds that have it, where not all do. */
  readonly of: readonly string[]
  readonly meaning: string
}

/** What has a table of its own elsewhere on the page. */
const ELSEWHERE: ReadonlySet<string> = new Set(['keys', 'onlineCheck', 'authentication'])

export function fieldsOf(name: string): readonly Field[] {
  const kind = documentKinds.find((each) => each.kind === name)
  if (kind === undefined) throw new Error(`there is no kind of document ${name}`)
  const { properties } = documentSchema(kind, formats) as Schema
  return [...fieldsIn(properties?.['spec'] ?? {}, '')]
}

function* fieldsIn({ properties = {} }: Schema, under: string): Generator<Field> {
  for (const [name, schema] of Object.entries(properties)) {
    const path = `${under}${name}`
    yield { path, of: [], meaning: schema.description ?? '' }
    if (ELSEWHERE.has(path)) continue
    yield* fieldsIn(schema, `${path}.`)
    if (schema.items !== undefined) yield* membersOf(schema.items, `${path}[].`)
  }
}

/** Fields of the members of a list; of members that are told apart by `kind`, each field once where it means the same. */
function* membersOf(item: Schema, under: string): Generator<Field> {
  const { oneOf } = item
  if (oneOf === undefined) return yield* fieldsIn(item, under)
  const found = new Map<string, { readonly path: string; readonly meaning: string; readonly of: string[] }>()
  for (const variant of oneOf) {
    const kind = variant.properties?.['kind']?.const ?? ''
    for (const { path, meaning } of fieldsIn(variant, under)) {
      const key = `${path} ${meaning}`
      const known = found.get(key) ?? { path, meaning, of: [] }
      known.of.push(kind)
      found.set(key, known)
    }
  }
  for (const { path, meaning, of } of found.values()) yield { path, of: of.length === oneOf.length ? [] : of, meaning }
}
