import { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { schemaFaults } from '../lib/schema.ts'
import { API_VERSION, type Document } from './contract.ts'
import { type DocumentFault, DocumentFaults } from './faults.ts'
import { MAX_DEPTH, nameFault, readYaml, valueFault } from './yaml.ts'

export type MediaType = 'application/yaml' | 'application/json'

/** Most that is read at once: bytes, and documents. */
export const MAX_BYTES = 4 * 1024 * 1024
export const MAX_DOCUMENTS = 20_000

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
/** A label as Kubernetes spells it, with or without a prefix; no `=`, so that `key=value` can be said of it. */
export const LABEL_KEY = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$/
export const LABEL_VALUE = /^[^\p{Cc}]{0,128}$/u

/** What every document has around its `spec`. */
export const envelopeSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION, {
    error: ({ input }) => `${shown(input)} is no version that is known here; write ${API_VERSION}`,
  }),
  kind: z
    .string({ error: ({ input }) => `${shown(input)} is not the name of a kind; write one such as Policy` })
    .min(1, 'is empty'),
  metadata: z.strictObject(
    {
      name: z
        .string({ error: ({ input }) => `${shown(input)} is not a name; write one such as orders-api` })
        .regex(NAME, {
          error: ({ input }) =>
            `${shown(input)} is not a name: use 1 to 63 lower-case letters, digits and dashes, no dash at either end`,
        }),
      labels: z
        .record(
          z.string().regex(LABEL_KEY),
          z
            .string({ error: ({ input }) => `${shown(input)} is not a text; put it in quotes` })
            .regex(LABEL_VALUE, 'is not the value of a label: at most 128 characters, no control characters'),
          {
            error: ({ code }) =>
              code === 'invalid_key'
                ? 'is not the name of a label: use letters, digits, dots, dashes, underscores and slashes'
                : 'is a mapping of names to texts, such as {team: shop}',
          },
        )
        .optional(),
    },
    { error: 'is a mapping with a name, such as {name: orders}' },
  ),
  spec: z.record(z.string(), z.unknown(), { error: 'is a mapping; what it holds depends on the kind' }),
})

/** Documents, and where in their file each part stands. */
export interface Reading {
  readonly documents: readonly Document[]
  /** The fault with its file, line and number, where it is about one of these documents. */
  place(fault: DocumentFault): DocumentFault
}

/** Documents of a YAML stream or of JSON (one, or an array). Throws DocumentFaults. */
export function readDocuments(text: string, type: MediaType): readonly Document[] {
  return readWithPlaces(text, type).documents
}

/** The same with places, for whoever shows faults to a person. */
export function readWithPlaces(text: string, type: MediaType, file?: string): Reading {
  const inFile = file === undefined ? {} : { file }
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw new DocumentFaults([
      {
        ...inFile,
        kind: '',
        name: '',
        path: '',
        message: `has more than ${MAX_BYTES / 1024 / 1024} MiB; apply it in parts`,
      },
    ])
  }
  const { raw, faults } = type === 'application/yaml' ? rawYaml(text) : rawJson(text)
  const documents: Document[] = []
  const places = new Map<string, Raw>()
  for (const each of raw) {
    const { document, wrong } = readEnvelope(each.value)
    const { kind, name } = namesOf(each.value)
    const key = `${kind}/${name}`
    const found: { readonly path: string; readonly message: string }[] = [...wrong]
    if (document !== undefined && places.has(key)) {
      const other = places.get(key)
      const where = other?.lineOf === undefined ? `document ${other?.number}` : `line ${other.lineOf('')}`
      found.push({
        path: 'metadata.name',
        message: `there is a ${kind} ${name} at ${where} already; a name stands once`,
      })
    } else if (document !== undefined) {
      documents.push(document)
      places.set(key, each)
    }
    faults.push(...found.map(({ path, message }) => placed({ kind, name, path, message }, each)))
  }
  if (faults.length > 0) throw new DocumentFaults(faults.map((fault) => ({ ...inFile, ...fault })))
  return {
    documents,
    place(fault) {
      const found = places.get(`${fault.kind}/${fault.name}`)
      return found === undefined ? fault : { ...inFile, ...placed(fault, found) }
    },
  }
}

interface Raw {
  readonly value: unknown
  readonly number: number
  readonly lineOf?: (path: string) => number
}

function placed(fault: DocumentFault, { number, lineOf }: Raw): DocumentFault {
  return { ...fault, document: number, ...(lineOf === undefined ? {} : { line: lineOf(fault.path) }) }
}

function rawYaml(text: string): { raw: readonly Raw[]; faults: DocumentFault[] } {
  const { readings, faults } = readYaml(text, MAX_DOCUMENTS)
  return {
    raw: readings.map(({ value, lineOf, document }) => ({ value, lineOf, number: document })),
    faults: faults.map((fault) => ({ kind: '', name: '', ...fault })),
  }
}

function rawJson(text: string): { raw: readonly Raw[]; faults: DocumentFault[] } {
  const fault = (message: string, path = '', document = 1): DocumentFault => ({
    kind: '',
    name: '',
    path,
    message,
    document,
  })
  const value = parseJson(text, { depth: MAX_DEPTH })
  if (value === undefined) return { raw: [], faults: [fault(whyNotJson(text))] }
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (values.length > MAX_DOCUMENTS)
    return { raw: [], faults: [fault(`there are more than ${MAX_DOCUMENTS} documents; apply them in parts`)] }
  const faults: DocumentFault[] = []
  for (const [index, each] of values.entries()) {
    walkJson(each, '', (path, message) => faults.push(fault(message, path, index + 1)))
  }
  return { raw: faults.length > 0 ? [] : values.map((each, index) => ({ value: each, number: index + 1 })), faults }
}

function walkJson(value: unknown, path: string, fault: (path: string, message: string) => void): void {
  const wrong = valueFault(value)
  if (wrong !== undefined) fault(path, wrong)
  if (Array.isArray(value)) for (const [index, item] of value.entries()) walkJson(item, `${path}[${index}]`, fault)
  else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const inner = path === '' ? name : `${path}.${name}`
      const wrongName = nameFault(name)
      if (wrongName === undefined) walkJson(item, inner, fault)
      else fault(inner, wrongName)
    }
  }
}

/** Says where, and never what stands there: a body may be anything, also a secret sent by mistake. */
function whyNotJson(text: string): string {
  const why = syntaxFault(text)
  if (why === undefined)
    return `this JSON has a member twice, nests deeper than ${MAX_DEPTH}, or holds a character that cannot be stored`
  if (TRUNCATED.test(why)) return 'this is not JSON: it ends too early'
  if (text.length > MAX_SEARCHED) return 'this is not JSON'
  // The shortest beginning that is wrong and not only unfinished; V8 tells no positions.
  let [right, wrong] = [0, text.length]
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1
    if (TRUNCATED.test(syntaxFault(text.slice(0, middle)) ?? 'end of JSON')) right = middle
    else wrong = middle
  }
  const before = text.slice(0, right).split('\n')
  return `this is not JSON from line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1} on`
}

const MAX_SEARCHED = 1024 * 1024
const TRUNCATED = /end of JSON|Unterminated|No number after minus|Exponent part is missing|Bad Unicode escape/

function syntaxFault(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown'
  }
}

function readEnvelope(value: unknown): {
  readonly document?: Document
  readonly wrong: readonly { path: string; message: string }[]
} {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {
      wrong: [
        {
          path: '',
          message: `is not a document; write a mapping with apiVersion: ${API_VERSION}, kind, metadata and spec`,
        },
      ],
    }
  }
  const result = envelopeSchema.safeParse(value)
  if (!result.success) return { wrong: schemaFaults(result.error, envelopeSchema) }
  const { apiVersion, kind, metadata, spec } = result.data
  const { name, labels } = metadata
  const document: Document = {
    apiVersion,
    kind,
    metadata: labels === undefined || Object.keys(labels).length === 0 ? { name } : { name, labels },
    spec,
  }
  return { document: Object.freeze(document), wrong: [] }
}

/** Kind and name of something that may be no document, for the message about it. */
function namesOf(value: unknown): { readonly kind: string; readonly name: string } {
  const { kind, metadata } = (typeof value === 'object' && value !== null ? value : {}) as {
    kind?: unknown
    metadata?: unknown
  }
  const { name } = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as { name?: unknown }
  return { kind: shortText(kind), name: shortText(name) }
}

const shortText = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 64) : '')

/** A value of a document in a message, cut short. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 64 ? `${text.slice(0, 64)}…` : text
}
