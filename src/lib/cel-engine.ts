/**
 * The one place that knows the engine, @bufbuild/cel: parsing, the engine's tree as ours, what the engine is not let do, and
 * its values as JSON. What an expression may say is cel-admission.ts.
 */
import {
  type CelInput,
  CelScalar,
  celEnv,
  celError,
  celFunc,
  isCelError,
  isCelList,
  isCelMap,
  isCelUint,
  parse,
  plan,
} from '@bufbuild/cel'
import { strings } from '@bufbuild/cel/ext'
import { admissionFaults, MAX_SOURCE } from './cel-admission.ts'
import { type Bindings, Failure } from './cel-plain.ts'
import type { CelNode } from './cel-tree.ts'
import { Faults } from './fault.ts'

/** What a mapping answers: JSON without null, as identity/ keeps attributes. */
export type CelJson = string | number | boolean | readonly CelJson[] | { readonly [name: string]: CelJson }

export type Expression = ReturnType<typeof parse>['expr']

/** The expression, admitted and hardened, and the same as our own tree. Throws Faults (with the empty path). */
export function read(
  source: string,
  variables: readonly string[],
): { readonly expression: Expression; readonly tree: CelNode } {
  const refuse = (message: string) => new Faults([{ path: '', message }])
  if (source.trim() === '') throw refuse('the expression is empty')
  if (source.length > MAX_SOURCE)
    throw refuse(`the expression has ${source.length} characters, and ${MAX_SOURCE} is the most`)
  let parsed: ReturnType<typeof parse>
  let tree: CelNode
  try {
    parsed = parse(source)
    tree = treeOf(parsed.expr, new TreeContext(parsed, variables))
  } catch (error) {
    throw refuse(unparsable(error, source))
  }
  const faults = admissionFaults(tree, variables, (at) => `${placeIn(source, at)}: `)
  if (faults.length > 0) throw new Faults(faults)
  try {
    harden(parsed.expr, variables)
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : 'the expression cannot be used')
  }
  return { expression: parsed.expr, tree }
}

function unparsable(error: unknown, source: string): string {
  if (error instanceof RangeError) return 'the expression nests too deep to be read'
  if (!(error instanceof Error)) return 'the expression cannot be read'
  const [, line, column, what] = /^<input>:(\d+):(\d+): (.*)$/s.exec(error.message) ?? []
  if (what === undefined) return `the expression cannot be read: ${error.message.slice(0, 120)}`
  const found = what.replace(/ but expecting .*$/s, '')
  const rest = source
    .split('\n')
    .slice(Number(line) - 1)
    .join('\n')
    .slice(Number(column) - 1)
  return `line ${line}, column ${column}: this is no CEL: ${found} where the expression should go on or end${hintFor(rest)}`
}

function hintFor(rest: string): string {
  if (rest.startsWith('=') && !rest.startsWith('==')) return '; equality is written =='
  const quotes = rest.match(/['"]/g)?.length ?? 0
  return quotes % 2 === 1 ? '; is a quote left open?' : ''
}

/** An offset in words. */
export function placeIn(source: string, offset: number): string {
  const before = source.slice(0, offset).split('\n')
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`
}

class TreeContext {
  readonly #positions: Readonly<Record<string, number>>
  readonly variables: readonly string[]

  constructor(parsed: ReturnType<typeof parse>, variables: readonly string[]) {
    this.#positions = parsed.sourceInfo?.positions ?? {}
    this.variables = variables
  }

  at(expression: Expression): number {
    return this.#positions[String(expression.id)] ?? 0
  }
}

/** Throws where the engine's tree has something that is no CEL of ours (messages of protobuf, optional syntax). */
function treeOf(expression: Expression | undefined, context: TreeContext): CelNode {
  if (expression === undefined) throw new Error('a part is missing')
  const at = context.at(expression)
  const { exprKind } = expression
  switch (exprKind.case) {
    case 'constExpr':
      return {
        kind: 'literal',
        value: exprKind.value.constantKind.case === 'nullValue' ? null : exprKind.value.constantKind.value,
        at,
      }
    case 'identExpr':
      return { kind: 'name', name: exprKind.value.name, at }
    case 'selectExpr':
      return {
        kind: 'member',
        of: treeOf(exprKind.value.operand, context),
        field: exprKind.value.field,
        test: exprKind.value.testOnly,
        at,
      }
    case 'callExpr': {
      const { function: name, target, args } = exprKind.value
      const nodes = args.map((each) => treeOf(each, context))
      if (isVariableCall(expression, context.variables))
        return { kind: 'call', name: '@in', target: undefined, args: [...nodes, { kind: 'name', name, at }], at }
      return { kind: 'call', name, target: target === undefined ? undefined : treeOf(target, context), args: nodes, at }
    }
    case 'listExpr':
      return { kind: 'list', items: exprKind.value.elements.map((each) => treeOf(each, context)), at }
    case 'structExpr': {
      if (exprKind.value.messageName !== '') throw new Error(`there is no type \`${exprKind.value.messageName}\``)
      const entries = exprKind.value.entries.map(({ keyKind, value }) => {
        if (keyKind.case !== 'mapKey') throw new Error('a name in {…} is missing')
        return [treeOf(keyKind.value, context), treeOf(value, context)] as const
      })
      return { kind: 'map', entries, at }
    }
    case 'comprehensionExpr': {
      const { iterRange, iterVar, accuVar, accuInit, loopCondition, loopStep, result } = exprKind.value
      const body = [accuInit, loopCondition, loopStep, result].map((each) => treeOf(each, context))
      return { kind: 'loop', over: treeOf(iterRange, context), item: iterVar, accumulator: accuVar, body, at }
    }
    default:
      throw new Error('a part is missing')
  }
}

function isVariableCall(expression: Expression, variables: readonly string[]): boolean {
  if (expression.exprKind.case !== 'callExpr') return false
  const { function: name, target, args } = expression.exprKind.value
  return target === undefined && args.length === 1 && variables.includes(name)
}

const MAX_LOOP = 256
const environment = celEnv({
  funcs: [
    ...strings,
    // what a macro goes over, bounded: the engine itself has no limit (dependencies.md §5)
    celFunc('bounded', [CelScalar.DYN], CelScalar.DYN, (range) => {
      if ((isCelList(range) || isCelMap(range)) && range.size > MAX_LOOP)
        throw celError(`a macro goes over ${range.size} members, and ${MAX_LOOP} is the most`)
      return range as CelInput
    }),
  ],
})

/** Rewrites, in place, what the engine would not understand or bound; throws on a pattern that RE2 does not know. */
function harden(expression: Expression | undefined, variables: readonly string[]): void {
  if (expression === undefined) return
  const { exprKind } = expression
  switch (exprKind.case) {
    case 'selectExpr':
      harden(exprKind.value.operand, variables)
      return
    case 'callExpr': {
      const call = exprKind.value
      harden(call.target, variables)
      for (const each of call.args) harden(each, variables)
      if (isVariableCall(expression, variables)) {
        call.args.push(parse(call.function).expr)
        call.function = '@in'
      }
      if (call.function === 'matches') tryPattern(call.target === undefined ? call.args[1] : call.args[0])
      return
    }
    case 'listExpr':
      for (const each of exprKind.value.elements) harden(each, variables)
      return
    case 'structExpr':
      for (const each of exprKind.value.entries) harden(each.value, variables)
      return
    case 'comprehensionExpr': {
      const loop = exprKind.value
      for (const each of [loop.iterRange, loop.loopStep]) harden(each, variables)
      const { expr: bounded } = parse('bounded(0)')
      if (bounded.exprKind.case === 'callExpr' && loop.iterRange !== undefined)
        bounded.exprKind.value.args = [loop.iterRange]
      loop.iterRange = bounded
      return
    }
    default:
  }
}

function tryPattern(pattern: Expression | undefined): void {
  const { expr: trial } = parse("''.matches('')")
  if (trial.exprKind.case === 'callExpr' && pattern !== undefined) trial.exprKind.value.args = [pattern]
  const result = plan(environment, trial)({})
  if (isCelError(result)) throw new Error(`the pattern of \`matches\` cannot be used: ${result.message}`)
}

/** Runs the expression on the engine. */
export function engine(
  expression: Expression,
  variables: readonly string[],
): (bindings: Bindings) => CelJson | null | Failure {
  const run = plan(environment, expression)
  const used = variables.filter((name) => mentions(expression, name))
  return (bindings) => {
    const inputs: Record<string, CelInput> = Object.create(null)
    for (const name of used) {
      const value = bindings[name]
      if (value !== undefined) inputs[name] = toInput(value)
    }
    const result = run(inputs)
    return isCelError(result) ? new Failure(result.message) : fromResult(result)
  }
}

function mentions(expression: Expression | undefined, name: string): boolean {
  if (expression === undefined) return false
  const { exprKind } = expression
  switch (exprKind.case) {
    case 'identExpr':
      return exprKind.value.name === name
    case 'selectExpr':
      return mentions(exprKind.value.operand, name)
    case 'callExpr':
      return mentions(exprKind.value.target, name) || exprKind.value.args.some((each) => mentions(each, name))
    case 'listExpr':
      return exprKind.value.elements.some((each) => mentions(each, name))
    case 'structExpr':
      return exprKind.value.entries.some((each) => mentions(each.value, name))
    case 'comprehensionExpr':
      return mentions(exprKind.value.iterRange, name) || mentions(exprKind.value.loopStep, name)
    default:
      return false
  }
}

/** JSON as the engine takes it. Objects become maps here: the engine would take one with `$typeName` for a protobuf message (T30). */
function toInput(value: unknown): CelInput {
  if (typeof value !== 'object' || value === null) return value as CelInput
  if (Array.isArray(value)) return value.map(toInput)
  const map = new Map<string, CelInput>()
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name]
    if (member !== undefined) map.set(name, toInput(member))
  }
  return map
}

const NO_JSON = new Failure('the result has no form in JSON')

function fromResult(result: unknown): CelJson | null | Failure {
  if (typeof result === 'string' || typeof result === 'boolean' || result === null) return result
  if (typeof result === 'number') return Number.isFinite(result) ? result : NO_JSON
  if (typeof result === 'bigint') return Number.isSafeInteger(Number(result)) ? Number(result) : NO_JSON
  if (isCelUint(result)) return fromResult(result.value)
  if (isCelList(result)) {
    const items: CelJson[] = []
    for (const each of result) {
      const item = fromResult(each)
      if (item instanceof Failure) return item
      items.push(item as CelJson)
    }
    return items
  }
  if (!isCelMap(result)) return NO_JSON
  const members: [string, CelJson][] = []
  for (const [name, each] of result) {
    const member = fromResult(each)
    if (member instanceof Failure) return member
    if (typeof name !== 'string') return NO_JSON
    members.push([name, member as CelJson])
  }
  return Object.fromEntries(members)
}
