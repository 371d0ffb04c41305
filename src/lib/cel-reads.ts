import { read } from './cel-engine.ts'
import { type CelNode, childrenOf, constantMember } from './cel-tree.ts'

/**
 * The members that an expression reads of its variables, each once and as far as they are written out:
 * `subject.namespace == 'shop' && visited('x')` reads subject.namespace and visited. For showing a person what a condition
 * saw; not for the road, since it parses. Throws Faults as compileCondition() does.
 */
export function readsOf(source: string, variables: readonly string[]): readonly (readonly string[])[] {
  const reads = new Map<string, readonly string[]>()
  const walk = (node: CelNode): void => {
    const path = pathOf(node)
    if (path === undefined) for (const child of childrenOf(node)) walk(child)
    else if (variables.includes(path[0] ?? '')) reads.set(path.join('.'), path)
  }
  walk(read(source, variables).tree)
  return [...reads.values()]
}

/** `a.b['c']` and has(a.b.c) as [a, b, c]; undefined where the node is no path. */
function pathOf(node: CelNode): readonly string[] | undefined {
  if (node.kind === 'name') return [node.name]
  const step = node.kind === 'member' ? node : constantMember(node)
  const before = step === undefined ? undefined : pathOf(step.of)
  return before === undefined || step === undefined ? undefined : [...before, step.field]
}
