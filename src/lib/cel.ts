/**
 * CEL, as administrators write it: conditions (true or false) and mappings (a value). Everything is checked when it is
 * written, so that what runs on the road is bounded and cannot mean something else.
 */
import { type CelJson, engine, placeIn, read } from './cel-engine.ts'
import { type Bindings, compilePlain, Failure } from './cel-plain.ts'
import type { CelNode } from './cel-tree.ts'
import { type CelTypes, expectationFault, typeOf } from './cel-types.ts'

export interface Condition {
  readonly source: string
  /** What can never be right in it, given the types of its variables: sentences that say where. [] where nothing is wrong. */
  misreadings(types: CelTypes): readonly string[]
  /** Bindings are JSON by variable name; a variable that is not bound is absent. Throws CelError on any error and where the result is not a boolean. */
  test(bindings: Bindings): boolean
}

export interface Mapping {
  readonly source: string
  /** As a condition's; where a text is wanted, that it yields anything else is one. */
  misreadings(types: CelTypes, wanted?: 'text'): readonly string[]
  /** Throws CelError on any error, and where the result is null or has no form in JSON. */
  value(bindings: Bindings): CelJson
}

/** An expression had no answer for these bindings. Its message is for administrators. */
export class CelError extends Error {
  constructor(message: string) {
    super(message.length > 200 ? `${message.slice(0, 200)}…` : message)
    this.name = 'CelError'
  }
}

/**
 * Throws Faults (with the empty path) that say what is wrong and where. `variables` are all that the expression can see;
 * a variable that holds a list can also be called: `visited('a')` reads as `'a' in visited`.
 */
export function compileCondition(source: string, variables: readonly string[]): Condition {
  const { evaluate, tree } = compile(source, variables)
  return Object.freeze({
    source,
    misreadings: (types: CelTypes) => misreadingsOf(source, tree, types, 'boolean'),
    test(bindings: Bindings): boolean {
      const result = evaluate(bindings)
      if (typeof result === 'boolean') return result
      throw new CelError(result instanceof Failure ? result.message : 'the condition is neither true nor false')
    },
  })
}

/** Throws as compileCondition does. */
export function compileMapping(source: string, variables: readonly string[]): Mapping {
  const { evaluate, tree } = compile(source, variables)
  return Object.freeze({
    source,
    misreadings: (types: CelTypes, wanted?: 'text') => misreadingsOf(source, tree, types, wanted),
    value(bindings: Bindings): CelJson {
      const result = evaluate(bindings)
      if (typeof result === 'string') return result
      if (result instanceof Failure) throw new CelError(result.message)
      if (!isAttribute(result)) throw new CelError('the mapping yields null, or something that JSON does not have')
      return result
    },
  })
}

/** How the engine alone would answer, without the plain part: what cel-plain.ts is compared with in tests. */
export function compileByEngine(
  source: string,
  variables: readonly string[],
): (bindings: Bindings) => CelJson | null | Failure {
  const { expression } = read(source, variables)
  return engine(expression, variables)
}

function compile(source: string, variables: readonly string[]) {
  const { expression, tree } = read(source, variables)
  const evaluate: (bindings: Bindings) => unknown = compilePlain(tree) ?? engine(expression, variables)
  return { evaluate, tree }
}

function misreadingsOf(
  source: string,
  tree: CelNode,
  types: CelTypes,
  expected: 'boolean' | 'text' | undefined,
): readonly string[] {
  const found = new Set<string>()
  const type = typeOf(tree, types, (at, message) => found.add(`${placeIn(source, at)}: ${message}`))
  const wrong = expected === undefined ? undefined : expectationFault(type, expected)
  if (wrong !== undefined) found.add(wrong)
  return [...found]
}

/** Whether a value is JSON without null, and without a member that would change what an object is. */
function isAttribute(value: unknown): value is CelJson {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return true
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.every(isAttribute)
  return Object.entries(value).every(([name, member]) => name !== '__proto__' && isAttribute(member))
}
