/**
 * A CEL expression as a small tree of our own, so that what may be said (cel-admission.ts) and what is quick
 * (cel-plain.ts) are written without the engine. `at` is the offset in the source, for messages.
 */
export type CelNode =
  | { readonly kind: 'literal'; readonly value: unknown; readonly at: number }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  /** `of.field`, or `has(of.field)` where `test` is set. */
  | {
      readonly kind: 'member'
      readonly of: CelNode
      readonly field: string
      readonly test: boolean
      readonly at: number
    }
  | {
      readonly kind: 'call'
      readonly name: string
      readonly target: CelNode | undefined
      readonly args: readonly CelNode[]
      readonly at: number
    }
  | { readonly kind: 'list'; readonly items: readonly CelNode[]; readonly at: number }
  | {
      readonly kind: 'map'
      readonly entries: readonly (readonly [key: CelNode, value: CelNode])[]
      readonly at: number
    }
  /** A macro over a list or map: `over.exists(item, …)` and its like; `accumulator` is the engine's own name. */
  | {
      readonly kind: 'loop'
      readonly over: CelNode
      readonly item: string
      readonly accumulator: string
      readonly body: readonly CelNode[]
      readonly at: number
    }

/** Every node directly inside this one. */
export function childrenOf(node: CelNode): readonly CelNode[] {
  switch (node.kind) {
    case 'member':
      return [node.of]
    case 'call':
      return node.target === undefined ? node.args : [node.target, ...node.args]
    case 'list':
      return node.items
    case 'map':
      return node.entries.flat()
    case 'loop':
      return [node.over, ...node.body]
    default:
      return []
  }
}

/** The text of a constant member name, `a.b` or `a['b']`; undefined where the node is no such thing. */
export function constantMember(node: CelNode): { readonly of: CelNode; readonly field: string } | undefined {
  if (node.kind === 'member' && !node.test) return node
  if (node.kind !== 'call' || node.name !== '_[_]') return undefined
  const [of, field] = node.args
  return of !== undefined && field?.kind === 'literal' && typeof field.value === 'string'
    ? { of, field: field.value }
    : undefined
}
