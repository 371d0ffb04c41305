import type { CelNode } from './cel-tree.ts'
import { constantMember } from './cel-tree.ts'

/**
 * The plain part of CEL, compiled to property reads: paths, literals, comparisons, has(), in, size(), startsWith() and
 * its like, && || ! and ?:. The engine takes 8 µs where this takes a tenth (engine.md); what is not plain goes to the
 * engine as a whole. Both must agree on every value and every error: test/unit/lib/cel.test.ts compares them.
 *
 * Bindings are JSON. Integers of CEL are numbers here, because every operation that is plain treats both alike.
 */
export type Bindings = Readonly<Record<string, unknown>>

/** An error as a value, since && and || go on past one. */
export class Failure {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export type Evaluate = (bindings: Bindings) => unknown

/** The expression as a function that answers JSON or a Failure and never throws; undefined where it is not plain. */
export function compilePlain(node: CelNode): Evaluate | undefined {
  switch (node.kind) {
    case 'literal':
      return literal(node.value)
    case 'name': {
      const { name } = node
      const failure = new Failure(`${name} is absent`)
      return (bindings) => bindings[name] ?? (bindings[name] === null ? null : failure)
    }
    case 'member':
      return node.test ? presence(node.of, node.field) : member(node.of, node.field)
    case 'call':
      return call(node)
    default:
      return undefined
  }
}

function literal(value: unknown): Evaluate | undefined {
  const constant = typeof value === 'bigint' ? Number(value) : value
  if (typeof constant === 'number' && !(Number.isFinite(constant) && Math.abs(constant) <= Number.MAX_SAFE_INTEGER))
    return undefined
  if (
    constant !== null &&
    typeof constant !== 'string' &&
    typeof constant !== 'number' &&
    typeof constant !== 'boolean'
  )
    return undefined
  return () => constant
}

type JsonMap = Readonly<Record<string, unknown>>
const isMap = (value: unknown): value is JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Failure)

function member(of: CelNode, field: string): Evaluate | undefined {
  const owner = compilePlain(of)
  if (owner === undefined || of.kind === 'literal') return undefined
  const failure = new Failure(`there is no member ${field}`)
  return (bindings) => {
    const value = owner(bindings)
    if (isMap(value)) return Object.hasOwn(value, field) && value[field] !== undefined ? value[field] : failure
    return value instanceof Failure ? value : failure
  }
}

/** has(): a null is as absent as nothing, and so is everything of a variable that is not bound. */
function presence(of: CelNode, field: string): Evaluate | undefined {
  const owner = compilePlain(of)
  if (owner === undefined || !isPath(of)) return undefined
  const root = rootOf(of)
  return (bindings) => {
    if (bindings[root] === undefined) return false
    const value = owner(bindings)
    if (value instanceof Failure) return value
    return isMap(value) && Object.hasOwn(value, field) && value[field] !== undefined && value[field] !== null
  }
}

function isPath(node: CelNode): boolean {
  if (node.kind === 'name') return true
  const step = constantMember(node)
  return step !== undefined && isPath(step.of)
}

function rootOf(node: CelNode): string {
  const step = constantMember(node)
  return step === undefined ? (node.kind === 'name' ? node.name : '') : rootOf(step.of)
}

function call(node: CelNode & { kind: 'call' }): Evaluate | undefined {
  const step = constantMember(node)
  if (step !== undefined) return isPath(step.of) ? member(step.of, step.field) : undefined
  const parts: Evaluate[] = []
  for (const operand of node.target === undefined ? node.args : [node.target, ...node.args]) {
    const part = compilePlain(operand)
    if (part === undefined) return operand.kind === 'list' && node.name === '@in' ? amongConstants(node) : undefined
    parts.push(part)
  }
  const [first, second, third] = parts
  if (first === undefined) return undefined
  if (second === undefined) return unary(node.name, first)
  return third === undefined
    ? binary(node, first, second)
    : node.name === '_?_:_'
      ? conditional(first, second, third)
      : undefined
}

const NOT_BOOLEAN = new Failure('a condition is not true or false')

function unary(name: string, operand: Evaluate): Evaluate | undefined {
  if (name === '!_') {
    return (bindings) => {
      const value = operand(bindings)
      return typeof value === 'boolean' ? !value : value instanceof Failure ? value : NOT_BOOLEAN
    }
  }
  if (name !== 'size') return undefined
  const failure = new Failure('size() takes a text, a list or a map')
  return (bindings) => {
    const value = operand(bindings)
    if (Array.isArray(value)) return value.length
    if (typeof value === 'string') return [...value].length
    return isMap(value) ? Object.keys(value).length : value instanceof Failure ? value : failure
  }
}

function conditional(test: Evaluate, yes: Evaluate, no: Evaluate): Evaluate {
  return (bindings) => {
    const value = test(bindings)
    if (value === true) return yes(bindings)
    return value === false ? no(bindings) : value instanceof Failure ? value : NOT_BOOLEAN
  }
}

function binary(node: CelNode & { kind: 'call' }, left: Evaluate, right: Evaluate): Evaluate | undefined {
  switch (node.name) {
    case '_&&_':
      return junction(left, right, false)
    case '_||_':
      return junction(left, right, true)
    case '_==_':
      return strict(left, right, jsonEquals)
    case '_!=_':
      return strict(left, right, (one, other) => !jsonEquals(one, other))
    case '_<_':
      return ordered(left, right, (one, other) => one < other)
    case '_<=_':
      return ordered(left, right, (one, other) => one <= other)
    case '_>_':
      return ordered(left, right, (one, other) => one > other)
    case '_>=_':
      return ordered(left, right, (one, other) => one >= other)
    case 'startsWith':
      return textual(node, left, right, (text, part) => text.startsWith(part))
    case 'endsWith':
      return textual(node, left, right, (text, part) => text.endsWith(part))
    case 'contains':
      return textual(node, left, right, (text, part) => text.includes(part))
    case '@in':
      return strict(left, right, membership)
    default:
      return undefined
  }
}

/** && and ||: the deciding value decides whatever stands on the other side, an error too. */
function junction(left: Evaluate, right: Evaluate, deciding: boolean): Evaluate {
  return (bindings) => {
    const one = left(bindings)
    if (one === deciding) return deciding
    const other = right(bindings)
    if (other === deciding) return deciding
    if (one === !deciding && other === !deciding) return !deciding
    if (one instanceof Failure) return one
    return other instanceof Failure ? other : NOT_BOOLEAN
  }
}

function strict(left: Evaluate, right: Evaluate, operation: (one: unknown, other: unknown) => unknown): Evaluate {
  return (bindings) => {
    const one = left(bindings)
    if (one instanceof Failure) return one
    const other = right(bindings)
    return other instanceof Failure ? other : operation(one, other)
  }
}

const NO_ORDER = new Failure('values of these types have no order')

function ordered(
  left: Evaluate,
  right: Evaluate,
  holds: (one: string | number | boolean, other: string | number | boolean) => boolean,
): Evaluate {
  return strict(left, right, (one, other) => {
    if (typeof one !== typeof other) return NO_ORDER
    return typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean'
      ? holds(one, other as typeof one)
      : NO_ORDER
  })
}

function textual(
  node: CelNode & { kind: 'call' },
  left: Evaluate,
  right: Evaluate,
  holds: (text: string, part: string) => boolean,
): Evaluate | undefined {
  if (node.target === undefined) return undefined
  const failure = new Failure(`${node.name}() takes texts`)
  return strict(left, right, (text, part) =>
    typeof text === 'string' && typeof part === 'string' ? holds(text, part) : failure,
  )
}

const NO_MEMBERS = new Failure('`in` takes a list or a map on its right')
const NO_KEY = new Failure('`in` takes a text, number or boolean on its left where a map is on its right')

function membership(needle: unknown, range: unknown): unknown {
  if (Array.isArray(range)) return range.some((item) => jsonEquals(item, needle))
  if (!isMap(range)) return NO_MEMBERS
  if (typeof needle === 'string')
    return Object.hasOwn(range, needle) && range[needle] !== undefined && range[needle] !== null
  return typeof needle === 'number' || typeof needle === 'boolean' ? false : NO_KEY
}

/** `path in ['a', 'b']` */
function amongConstants(node: CelNode & { kind: 'call' }): Evaluate | undefined {
  const [needle, range] = node.args
  if (needle === undefined || range?.kind !== 'list') return undefined
  const value = compilePlain(needle)
  const constants: unknown[] = []
  for (const item of range.items) {
    const constant = item.kind === 'literal' ? literal(item.value)?.({}) : undefined
    if (constant === undefined) return undefined
    constants.push(constant)
  }
  if (value === undefined) return undefined
  const among: ReadonlySet<unknown> = new Set(constants)
  return (bindings) => {
    const one = value(bindings)
    return one instanceof Failure ? one : among.has(one)
  }
}

/** Equality of CEL on JSON: types that differ are unequal, lists and maps member by member. */
function jsonEquals(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one)) {
    return (
      Array.isArray(other) && one.length === other.length && one.every((item, index) => jsonEquals(item, other[index]))
    )
  }
  if (Array.isArray(other)) return false
  const names = Object.keys(one)
  if (names.length !== Object.keys(other).length) return false
  return names.every(
    (name) => Object.hasOwn(other, name) && jsonEquals((one as JsonMap)[name], (other as JsonMap)[name]),
  )
}
