import { type CelNode, constantMember } from './cel-tree.ts'
import { nearestName } from './nearest.ts'

/**
 * What is known of a value before there is one: enough to find, when an expression is written, a member that nobody will
 * ever have and an operation that can only fail. What is not known is `any`, and never a fault.
 */
export type CelType =
  | { readonly kind: 'any' | 'text' | 'number' | 'boolean' | 'null' }
  | { readonly kind: 'list'; readonly of: CelType }
  /** Members of any name, all of one type. */
  | { readonly kind: 'map'; readonly of: CelType }
  /** These members and no others. `lacking` says of another why there is none, in a clause. */
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, CelType>; readonly lacking?: string }

export const ANY: CelType = Object.freeze({ kind: 'any' })
export const TEXT: CelType = Object.freeze({ kind: 'text' })
export const NUMBER: CelType = Object.freeze({ kind: 'number' })
export const BOOLEAN: CelType = Object.freeze({ kind: 'boolean' })
const NULL: CelType = Object.freeze({ kind: 'null' })
export const TEXTS: CelType = Object.freeze({ kind: 'list', of: TEXT })

export const objectOf = (members: Readonly<Record<string, CelType>>, lacking?: string): CelType =>
  Object.freeze({
    kind: 'object',
    members: new Map(Object.entries(members)),
    ...(lacking === undefined ? {} : { lacking }),
  })

/** The types of all variables that an expression can see. */
export type CelTypes = Readonly<Record<string, CelType>>

/** Told where something is wrong, as an offset in the source, and what. */
export type Report = (at: number, message: string) => void

/** The type of an expression; everything in it that can never be right is reported. */
export function typeOf(node: CelNode, types: CelTypes, report: Report): CelType {
  switch (node.kind) {
    case 'literal':
      return literalType(node.value)
    case 'name':
      return types[node.name] ?? ANY
    case 'member': {
      const owner = typeOf(node.of, types, report)
      const type = memberType(owner, node.field, node.test ? node.of.at : node.at + 1, node.of, report)
      return node.test ? BOOLEAN : type
    }
    case 'list': {
      const items = node.items.map((item) => typeOf(item, types, report))
      return { kind: 'list', of: together(items) }
    }
    case 'map':
      return { kind: 'map', of: together(node.entries.map(([, value]) => typeOf(value, types, report))) }
    case 'loop':
      return loopType(node, types, report)
    case 'call':
      return callType(node, types, report)
  }
}

function literalType(value: unknown): CelType {
  switch (typeof value) {
    case 'string':
      return TEXT
    case 'number':
    case 'bigint':
      return NUMBER
    case 'boolean':
      return BOOLEAN
    default:
      return value === null ? NULL : ANY
  }
}

/** The one type that all have, else any. */
function together(types: readonly CelType[]): CelType {
  const [first, ...others] = types
  return first !== undefined && first.kind !== 'object' && others.every((other) => isSame(first, other)) ? first : ANY
}

function isSame(one: CelType, other: CelType): boolean {
  if (one.kind !== other.kind) return false
  return (one.kind === 'list' || one.kind === 'map') && one.kind === other.kind ? isSame(one.of, other.of) : true
}

function memberType(owner: CelType, field: string, at: number, of: CelNode, report: Report): CelType {
  if (owner.kind === 'any') return ANY
  if (owner.kind === 'map') return owner.of
  const name = nameOf(of)
  if (owner.kind !== 'object') {
    report(at, `${name} is ${inWords(owner)} and has no members, so there is no \`${field}\``)
    return ANY
  }
  const known = owner.members.get(field)
  if (known !== undefined) return known
  const names = [...owner.members.keys()]
  const near = nearestName(field, names)
  const remedy = near === undefined ? `there are ${shortList(names)}` : `did you mean \`${near}\`?`
  report(at, `${name} has no member \`${field}\`${owner.lacking === undefined ? '' : `: ${owner.lacking}`}; ${remedy}`)
  return ANY
}

const MOST_NAMES = 16
const shortList = (names: readonly string[]): string =>
  names.length <= MOST_NAMES
    ? names.join(', ')
    : `${names.slice(0, MOST_NAMES).join(', ')} and ${names.length - MOST_NAMES} more`

/** As its writer knows it: `request.scopes`. */
function nameOf(node: CelNode): string {
  if (node.kind === 'name') return node.name
  const step = constantMember(node)
  return step === undefined ? 'this' : `${nameOf(step.of)}.${step.field}`
}

function inWords(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return type.of.kind === 'text' ? 'a list of texts' : 'a list'
    case 'map':
    case 'object':
      return 'an object'
    case 'boolean':
      return 'true or false'
    case 'any':
    case 'null':
      return type.kind
    default:
      return `a ${type.kind}`
  }
}

/** A macro: its parts are typed as the parser has written it out, with its item and its result as variables. */
function loopType(node: CelNode & { kind: 'loop' }, types: CelTypes, report: Report): CelType {
  const over = typeOf(node.over, types, report)
  if (!CONTAINERS.has(over.kind))
    report(node.at, `${nameOf(node.over)} is ${inWords(over)}; a macro goes over a list or an object`)
  const item = over.kind === 'list' ? over.of : over.kind === 'map' || over.kind === 'object' ? TEXT : ANY
  const [start, ...rest] = node.body
  const begun = start === undefined ? ANY : typeOf(start, types, report)
  // map() and filter() begin with an empty list, of which nothing is known
  const inner = { ...types, [node.item]: item, [node.accumulator]: begun }
  let last: CelType = ANY
  for (const part of rest) last = typeOf(part, inner, report)
  return last
}

const CONTAINERS: ReadonlySet<CelType['kind']> = new Set(['any', 'list', 'map', 'object'])

function callType(node: CelNode & { kind: 'call' }, types: CelTypes, report: Report): CelType {
  const operands = node.target === undefined ? node.args : [node.target, ...node.args]
  const step = constantMember(node)
  if (step !== undefined) {
    const owner = typeOf(step.of, types, report)
    return memberType(owner, step.field, node.at + 1, step.of, report)
  }
  const [one = ANY, other = ANY, third = ANY] = operands.map((each) => typeOf(each, types, report))
  const fail = (message: string): CelType => {
    report(node.at, message)
    return ANY
  }
  const is = (type: CelType, kind: CelType['kind']): boolean => type.kind === 'any' || type.kind === kind
  const seen = (index: number): string => {
    const operand = operands[index]
    const name = operand === undefined ? 'this' : nameOf(operand)
    return `${name} is ${inWords(index === 0 ? one : other)}`
  }
  switch (node.name) {
    case '!_':
      return is(one, 'boolean') ? BOOLEAN : fail(`${seen(0)}, and ! is for what is true or false`)
    case '_&&_':
    case '_||_':
      for (const [index, type] of [one, other].entries())
        if (!is(type, 'boolean'))
          fail(`${seen(index)}, and ${node.name.slice(1, 3)} is for what is true or false; compare it with something`)
      return BOOLEAN
    case '@not_strictly_false':
      return BOOLEAN
    case '_?_:_':
      if (!is(one, 'boolean')) fail(`${seen(0)}, and what stands before ? is true or false`)
      return together([other, third])
    case '_==_':
    case '_!=_':
      if (!canEqual(one, other)) fail(`${seen(0)} and ${seen(1)}, which are never equal${membershipRemedy(one, other)}`)
      return BOOLEAN
    case '_<_':
    case '_<=_':
    case '_>_':
    case '_>=_':
      if (!isOrdered(one) || !isOrdered(other) || !canEqual(one, other))
        fail(`${seen(0)} and ${seen(1)}, which have no order; compare texts with texts and numbers with numbers`)
      return BOOLEAN
    case '_+_':
      if (one.kind === 'any' || other.kind === 'any') return one.kind === 'list' ? one : other
      if (one.kind !== other.kind || !ADDED.has(one.kind))
        return fail(`${seen(0)} and ${seen(1)}, which cannot be added; string() makes a text of a number`)
      return one.kind === 'list' && other.kind === 'list' ? { kind: 'list', of: together([one.of, other.of]) } : one
    case '_-_':
    case '_*_':
    case '_/_':
    case '_%_':
      return is(one, 'number') && is(other, 'number')
        ? NUMBER
        : fail(`${seen(is(one, 'number') ? 1 : 0)} and no number`)
    case '-_':
      return is(one, 'number') ? NUMBER : fail(`${seen(0)} and no number`)
    case '_[_]':
      if (one.kind === 'list') return is(other, 'number') ? one.of : fail(`${seen(0)}: its members are read by number`)
      if (one.kind === 'map') return one.of
      return CONTAINERS.has(one.kind) ? ANY : fail(`${seen(0)} and has no members`)
    case '@in':
      return membershipType(operands[0], one, other, seen, fail)
    case 'size':
      return one.kind === 'text' || CONTAINERS.has(one.kind) ? NUMBER : fail(`${seen(0)} and has no size`)
    case 'join':
      return is(one, 'list') ? TEXT : fail(`${seen(0)}, and join() takes a list of texts`)
    default:
      return textCallType(node.name, one, other, seen, fail)
  }
}

type Say = (index: number) => string
type Fail = (message: string) => CelType

const ADDED: ReadonlySet<CelType['kind']> = new Set(['text', 'number', 'list'])

const isOrdered = ({ kind }: CelType): boolean =>
  kind === 'any' || kind === 'text' || kind === 'number' || kind === 'boolean'

/** Values of these types can be equal. Null is no value of anything that is known. */
function canEqual(one: CelType, other: CelType): boolean {
  if (one.kind === 'any' || other.kind === 'any') return true
  const [mine, yours] = [one.kind === 'object' ? 'map' : one.kind, other.kind === 'object' ? 'map' : other.kind]
  if (mine !== yours) return false
  return one.kind === 'list' && other.kind === 'list' ? canEqual(one.of, other.of) : true
}

const membershipRemedy = (one: CelType, other: CelType): string =>
  (one.kind === 'list') !== (other.kind === 'list') ? '; whether a list has a member asks `in`' : ''

/** `x in list`, and `visited('x')`. A name that an object can never have is a misspelt one. */
function membershipType(needle: CelNode | undefined, one: CelType, range: CelType, seen: Say, fail: Fail): CelType {
  if (range.kind === 'text') return fail(`${seen(1)}, and \`in\` takes a list; contains() looks into a text`)
  if (!CONTAINERS.has(range.kind)) return fail(`${seen(1)}, and \`in\` takes a list`)
  if (range.kind === 'list' && !canEqual(one, range.of))
    return fail(`${seen(0)} and ${seen(1)}, so that it is never among them`)
  if (range.kind === 'object' && needle?.kind === 'literal' && typeof needle.value === 'string') {
    const names = [...range.members.keys()]
    if (!names.includes(needle.value)) {
      const near = nearestName(needle.value, names)
      fail(
        `there is no member \`${needle.value}\`; ${near === undefined ? `there are ${shortList(names)}` : `did you mean \`${near}\`?`}`,
      )
    }
  }
  return BOOLEAN
}

/** Functions of a text, by what they yield. */
const TEXT_FUNCTIONS: Readonly<Record<string, CelType>> = {
  contains: BOOLEAN,
  startsWith: BOOLEAN,
  endsWith: BOOLEAN,
  matches: BOOLEAN,
  charAt: TEXT,
  indexOf: NUMBER,
  lastIndexOf: NUMBER,
  lowerAscii: TEXT,
  upperAscii: TEXT,
  split: TEXTS,
  substring: TEXT,
  trim: TEXT,
}
const CONVERSIONS: Readonly<Record<string, CelType>> = { int: NUMBER, double: NUMBER, string: TEXT, bool: BOOLEAN }
/** Those that take a text beside it, too. */
const OF_TWO_TEXTS: ReadonlySet<string> = new Set([
  'contains',
  'startsWith',
  'endsWith',
  'matches',
  'indexOf',
  'lastIndexOf',
  'split',
])

function textCallType(name: string, one: CelType, other: CelType, seen: Say, fail: Fail): CelType {
  const result = TEXT_FUNCTIONS[name]
  if (result === undefined) return CONVERSIONS[name] ?? ANY
  if (one.kind !== 'any' && one.kind !== 'text') {
    const remedy =
      one.kind !== 'list'
        ? ''
        : name === 'contains'
          ? "; whether it has a member asks `in`: 'x' in the list"
          : `; exists(x, x.${name}(…)) asks each member`
    return fail(`${seen(0)}, and ${name}() is for a text${remedy}`)
  }
  if (OF_TWO_TEXTS.has(name) && other.kind !== 'any' && other.kind !== 'text')
    return fail(`${seen(1)}, and ${name}() takes a text`)
  return result
}

/** Whether a value of the type can be what is expected, and else what to do about it. */
export function expectationFault(type: CelType, expected: 'boolean' | 'text'): string | undefined {
  if (type.kind === 'any' || type.kind === expected) return undefined
  return expected === 'boolean'
    ? `the condition is ${inWords(type)}, and a condition is true or false; compare it with something`
    : `the result is ${inWords(type)}, and a text is wanted`
}
