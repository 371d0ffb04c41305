import { type CelNode, childrenOf, constantMember } from './cel-tree.ts'
import type { Fault } from './fault.ts'
import { nearestName } from './nearest.ts'

/**
 * What an expression may say (dependencies.md §5, T33): the engine has no run-time cost limit, so an expression that
 * could cost much, or that means less than it seems to, is refused when it is written.
 */
export const MAX_SOURCE = 4096
const MAX_NODES = 500
const MAX_DEPTH = 32

/** CEL's operators by the names that the engine gives them. */
const OPERATORS: ReadonlySet<string> = new Set([
  '_&&_',
  '_||_',
  '!_',
  '_?_:_',
  '_==_',
  '_!=_',
  '_<_',
  '_<=_',
  '_>_',
  '_>=_',
  '_+_',
  '_-_',
  '_*_',
  '_/_',
  '_%_',
  '-_',
  '_[_]',
  '@in',
  '@not_strictly_false',
])
const FUNCTIONS: ReadonlySet<string> = new Set([
  'size',
  'contains',
  'startsWith',
  'endsWith',
  'matches',
  'int',
  'double',
  'string',
  'bool',
  'charAt',
  'indexOf',
  'lastIndexOf',
  'lowerAscii',
  'upperAscii',
  'split',
  'join',
  'substring',
  'trim',
])
const MACROS = ['has', 'exists', 'exists_one', 'all', 'map', 'filter'] as const
/** Names that lead out of the data in JavaScript; no document needs them (T30). */
const FORBIDDEN_MEMBERS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Everything wrong with the expression; [] where it may be used. `place` turns an offset into words. */
export function admissionFaults(
  tree: CelNode,
  variables: readonly string[],
  place: (at: number) => string,
): readonly Fault[] {
  const faults: Fault[] = []
  const seen = new Set<string>()
  let nodes = 0
  const fault = (message: string) => {
    if (!seen.has(message)) faults.push({ path: '', message })
    seen.add(message)
  }

  const walk = (node: CelNode, depth: number, bound: readonly string[]): void => {
    nodes++
    if (depth > MAX_DEPTH) {
      fault(`the expression nests deeper than ${MAX_DEPTH}; split it into several rules`)
      return
    }
    const member = constantMember(node)
    const field = node.kind === 'member' ? node.field : member?.field
    if (field !== undefined && FORBIDDEN_MEMBERS.has(field))
      fault(`${place(node.at)}a member named \`${field}\` cannot be read`)
    if (node.kind === 'name' && !variables.includes(node.name) && !bound.includes(node.name))
      fault(unknownName(node.name, [...variables, ...bound], place(node.at)))
    if (node.kind === 'call') callFaults(node, place(node.at), fault)
    if (node.kind === 'map') {
      for (const [key] of node.entries) {
        if (key.kind !== 'literal' || typeof key.value !== 'string')
          fault(`${place(node.at)}the names in a {…} must be written out as texts`)
      }
    }
    if (node.kind === 'loop') {
      if (bound.length > 0)
        fault(
          `${place(node.at)}a macro over a list stands inside another; one cannot: its cost would be the product of both lists`,
        )
      if (variables.includes(node.item))
        fault(`${place(node.at)}\`${node.item}\` is a variable already; give the list's member another name`)
      walk(node.over, depth + 1, bound)
      for (const part of node.body) walk(part, depth + 1, [...bound, node.item, node.accumulator])
      return
    }
    for (const child of childrenOf(node)) walk(child, isChain(node, child) ? depth : depth + 1, bound)
  }
  walk(tree, 1, [])
  if (nodes > MAX_NODES)
    fault(`the expression has ${nodes} parts, and ${MAX_NODES} is the most; split it into several rules`)
  return faults
}

/** `a && b && c` is one level to its reader, though two to the parser. */
function isChain(node: CelNode, child: CelNode): boolean {
  return (
    node.kind === 'call' &&
    child.kind === 'call' &&
    node.name === child.name &&
    (node.name === '_&&_' || node.name === '_||_')
  )
}

function unknownName(name: string, known: readonly string[], place: string): string {
  const near = nearestName(name, known)
  return `${place}\`${name}\` is not known here; ${near === undefined ? `there are ${known.filter((each) => !each.startsWith('@')).join(', ')}` : `did you mean \`${near}\`?`}`
}

function callFaults(node: CelNode & { kind: 'call' }, place: string, fault: (message: string) => void): void {
  if (OPERATORS.has(node.name)) return
  if (!FUNCTIONS.has(node.name)) {
    const near = nearestName(node.name, [...FUNCTIONS, ...MACROS])
    fault(
      `${place}there is no function \`${node.name}\`; ${near === undefined ? `functions are ${[...FUNCTIONS, ...MACROS].join(', ')}` : `did you mean \`${near}\`?`}`,
    )
  } else if (node.name === 'matches') {
    const pattern = node.target === undefined ? node.args[1] : node.args[0]
    if (pattern?.kind !== 'literal' || typeof pattern.value !== 'string') {
      fault(`${place}the pattern of \`matches\` must be written out as a text`)
    } else {
      const wrong = anchorFault(pattern.value)
      if (wrong !== undefined) fault(`${place}the pattern of \`matches\` ${wrong}`)
    }
  }
}

/** Why a pattern does not speak of the whole text (interfaces.md: "`matches` must be anchored as a whole"); undefined where it does. */
function anchorFault(pattern: string): string | undefined {
  const remedy = 'write ^(?:…)$, so that it speaks of the whole text'
  if (!pattern.startsWith('^') || !pattern.endsWith('$')) return `is not anchored at both ends; ${remedy}`
  let groups = 0
  let inClass = false
  for (let at = 1; at < pattern.length - 1; at++) {
    const char = pattern[at]
    if (char === '\\') {
      at++
      if (at >= pattern.length - 1) return `ends in an escaped $, which is a character and no anchor; ${remedy}`
      if (pattern[at] === 'Q') return 'uses \\Q, which hides what follows; escape the characters one by one'
    } else if (inClass) {
      // a ] that comes first in a class is a character of it
      if (char === ']' && !/\[\^?$/.test(pattern.slice(Math.max(0, at - 2), at))) inClass = false
    } else if (char === '[') inClass = true
    else if (char === '(') {
      groups++
      if (pattern[at + 1] === '?' && pattern[at + 2] !== ':')
        return 'sets flags or names a group; only (?:…) is taken, because flags change what ^ and $ mean'
    } else if (char === ')') groups--
    else if (char === '|' && groups === 0)
      return `has a | outside all groups, so that its anchors hold for a part only; ${remedy}`
  }
  return inClass || groups !== 0 ? 'has an open group or class' : undefined
}
