import { read } from './cel-engine.ts'
import { type CelNode, childrenOf } from './cel-tree.ts'

/** A text that an expression compares something with: the pattern of `matches`, the beginning or the end that it asks for. */
export interface ComparedText {
  readonly by: 'matches' | 'startsWith' | 'endsWith'
  readonly text: string
}

const COMPARING: ReadonlySet<string> = new Set(['matches', 'startsWith', 'endsWith'])

/** Such texts of an expression that was admitted before, for whoever looks at how much they take in. */
export function comparedTexts(source: string, variables: readonly string[]): readonly ComparedText[] {
  // Most expressions have none, and reading one again costs more than all else that lint does with it.
  if (![...COMPARING].some((name) => source.includes(name))) return []
  const found: ComparedText[] = []
  const walk = (node: CelNode): void => {
    const compared = node.kind === 'call' ? textOf(node) : undefined
    if (compared !== undefined) found.push(compared)
    for (const child of childrenOf(node)) walk(child)
  }
  walk(read(source, variables).tree)
  return found
}

/** `text.matches('…')`, and `matches(text, '…')`. */
function textOf({ name, args }: CelNode & { kind: 'call' }): ComparedText | undefined {
  const last = args.at(-1)
  if (last?.kind !== 'literal' || typeof last.value !== 'string') return undefined
  switch (name) {
    case 'matches':
    case 'startsWith':
    case 'endsWith':
      return { by: name, text: last.value }
    default:
      return undefined
  }
}
