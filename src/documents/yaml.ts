import {
  Composer,
  type CST,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type Scalar,
  type Document as YamlDocument,
} from 'yaml'

/** One document of a stream, as plain JSON values, and where each part of it stands. */
export interface YamlReading {
  readonly value: unknown
  /** From 1: which document of the stream. */
  readonly document: number
  /** The line, from 1, of the value at a path such as `spec.keys.jwksUri`, or of the nearest part around it. */
  lineOf(path: string): number
}

export interface YamlFault {
  /** From 1: which document of the stream. */
  readonly document: number
  readonly path: string
  readonly line: number
  readonly message: string
}

export const MAX_DEPTH = 64
const MAX_FAULTS = 50
const MAX_LEXEMES = 2_500_000
const MAX_LEXEMES_HERE = 200_000

const CORE_TAGS: ReadonlySet<string> = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
)

/**
 * A YAML 1.2 stream (core schema) as plain values. What lets a short text become a large value (anchors, aliases), or one
 * text have two readings (repeated keys, tags, other versions), is a fault. Empty documents are left out.
 */
export function readYaml(
  text: string,
  maxDocuments: number,
): { readonly readings: readonly YamlReading[]; readonly faults: readonly YamlFault[] } {
  const lines = new LineCounter()
  const readings: YamlReading[] = []
  const faults: YamlFault[] = []
  const lineAt = (offset: number) => lines.linePos(offset).line
  let count = 0
  const fault = (path: string, offset: number, message: string) => {
    const last = faults.at(-1)
    const line = lineAt(offset)
    if (last?.message === message && last.line === line && last.path === path) return
    if (faults.length < MAX_FAULTS) faults.push({ document: count, path, line, message })
  }
  const depth = bracketDepth(text)
  if (depth > MAX_DEPTH * 4)
    return { readings, faults: [{ document: 1, path: '', line: 1, message: `nests deeper than ${MAX_DEPTH}` }] }
  const tooMuch = (offset: number, message: string) => {
    count++
    fault('', offset, message)
  }
  // Repeated keys are found here, in time that does not grow with the square of their number.
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
    logLevel: 'silent',
  })
  try {
    for (const document of composer.compose(tokens(text, lines, tooMuch), true, text.length)) {
      count++
      if (count > maxDocuments) {
        fault('', document.range[0], `there are more than ${maxDocuments} documents; apply them in parts`)
        break
      }
      const before = faults.length
      // The parser only warns of a directive that it passes over, and another reader would not.
      const passedOver = document.warnings.filter(({ code }) => code === 'BAD_DIRECTIVE')
      for (const error of [...document.errors, ...passedOver]) fault('', error.pos[0], sentence(error.message))
      const version = document.directives?.yaml
      if (version?.explicit === true && version.version !== '1.2')
        fault(
          '',
          document.range[0],
          `%YAML ${version.version} is another language in places; leave the directive out (1.2 is read)`,
        )
      if (faults.length > before) continue
      const value = plain(document.contents, '', 0, fault)
      if (value !== null && faults.length === before)
        readings.push({ value, document: count, lineOf: (path) => lineAt(offsetOf(document, path)) })
    }
  } catch (error) {
    // The composer recurses, once for every level.
    if (!(error instanceof RangeError)) throw error
    fault('', 0, `nests deeper than ${MAX_DEPTH}`)
  }
  return { readings, faults }
}

/** The parser's own wording, but for what happens to it where a text nests without end. */
const sentence = (message: string): string =>
  message.includes('call stack') ? `nests deeper than ${MAX_DEPTH}` : `this is not YAML: ${message}`

/**
 * The syntax of the stream, document by document, cut off where one of them, or all together, cost more than any
 * document that a person wrote: reading takes microseconds for every lexeme, not for every byte.
 */
function* tokens(
  text: string,
  lines: LineCounter,
  tooMuch: (offset: number, message: string) => void,
): Iterable<CST.Token> {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  let all = 0
  let here = 0
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '---') here = 0
    if (++here > MAX_LEXEMES_HERE || ++all > MAX_LEXEMES) {
      return tooMuch(
        parser.offset,
        here > MAX_LEXEMES_HERE
          ? 'this document is too large; split it'
          : 'this is too much at once; apply it in parts',
      )
    }
    yield* parser.next(lexeme)
  }
  yield* parser.end()
}

/** How deep flow brackets nest at most; quotes and comments are not looked at, so this is only a net against the absurd. */
function bracketDepth(text: string): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth)
    else if ((code === 0x5d || code === 0x7d) && depth > 0) depth--
    else if (code === 0x0a && depth > 0 && text.startsWith('---', at + 1)) depth = 0
  }
  return deepest
}

type Report = (path: string, offset: number, message: string) => void

function plain(node: unknown, path: string, depth: number, fault: Report): unknown {
  if (!isNode(node)) return null
  const at = node.range?.[0] ?? 0
  if (isAlias(node) || ('anchor' in node && node.anchor !== undefined)) {
    fault(path, at, 'anchors (&) and aliases (*) are not read; write the value out at each place')
    return null
  }
  if (node.tag !== undefined && !CORE_TAGS.has(node.tag)) {
    fault(path, at, 'tags (!) are not read; leave the tag out')
    return null
  }
  if (depth > MAX_DEPTH) {
    fault(path, at, `nests deeper than ${MAX_DEPTH}`)
    return null
  }
  if (isScalar(node)) return scalar(node, path, at, fault)
  if (isSeq(node)) return node.items.map((item, index) => plain(item, `${path}[${index}]`, depth + 1, fault))
  if (!isMap(node)) return null
  const object: Record<string, unknown> = {}
  for (const { key, value } of node.items) {
    const keyAt = isNode(key) ? (key.range?.[0] ?? at) : at
    if (!isScalar(key) || typeof key.value !== 'string' || key.anchor !== undefined) {
      fault(path, keyAt, 'a name in a mapping is a text; put it in quotes')
      continue
    }
    const name = key.value
    const inner = path === '' ? name : `${path}.${name}`
    const wrong = nameFault(name)
    if (wrong !== undefined) fault(inner, keyAt, wrong)
    else if (Object.hasOwn(object, name)) fault(inner, keyAt, 'is there twice; a reader could take either')
    else object[name] = plain(value, inner, depth + 1, fault)
  }
  return object
}

function scalar({ value, source }: Scalar, path: string, at: number, fault: Report): unknown {
  const wrong = valueFault(value, source)
  if (wrong !== undefined) fault(path, at, wrong)
  return value
}

/** Why a member name cannot be taken, or undefined. */
export function nameFault(name: string): string | undefined {
  if (name === '__proto__') return 'cannot be used as a name'
  return textFault(name)
}

/** Why a single value cannot be taken, or undefined. `source` is a number as written, where that is known. */
export function valueFault(value: unknown, source?: string): string | undefined {
  if (typeof value === 'string') return textFault(value)
  if (typeof value !== 'number') return undefined
  if (!Number.isFinite(value)) return `${source ?? 'the number'} is not a number that JSON can hold`
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return `${source ?? value} is a number too large to be kept exactly; put it in quotes`
  return undefined
}

function textFault(text: string): string | undefined {
  if (text.includes('\0')) return 'holds the character NUL, which cannot be stored'
  return text.isWellFormed() ? undefined : 'holds half of a surrogate pair, which is no character'
}

/** Where the value at a path begins, or the nearest part around it that exists. */
function offsetOf(document: YamlDocument, path: string): number {
  let node: unknown = document.contents
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
  for (const step of path.split(/\.|\[(\d+)\]/).filter((part) => part !== undefined && part !== '')) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step)
      if (pair === undefined) break
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      if (isNode(node)) offset = node.range?.[0] ?? offset
    } else break
  }
  return offset
}
