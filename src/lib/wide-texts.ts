import { type ComparedText, comparedTexts } from './cel-texts.ts'

/** What of an expression takes in more than it shows (T21): a sentence for each, with what to write instead. */
export function wideTexts(source: string, variables: readonly string[]): readonly string[] {
  return comparedTexts(source, variables).flatMap(({ by, text }) =>
    (by === 'matches' ? wideRegex(text) : wideEdge({ by, text })).map((why) => `${by}('${text}') ${why}`),
  )
}

/** `(?:` at the beginning says nothing of what the pattern begins with. */
const BEGINS_OPEN = /^\^(?:\(\?:|\()*\.[*+]/
const ENDS_OPEN = /(?<!\\)\.[*+][)]*\$$/
const ANYTHING = /^\^(?:\(\?:|\()*\.[*+]\)*\$$/
const HOST = /^\^(?:\(\?:|\()*https?\??:(?:\\?\/){2}((?:\\[^/]|\[[^\]]*\]|[^/\\])*)/
const OPEN_DOT = /(?<!\\)(?:\\\\)*\.[*+]/

/** The pattern is anchored at both ends, which was seen to when it was written. */
function wideRegex(pattern: string): readonly string[] {
  if (ANYTHING.test(pattern)) return ['takes any text at all; leave it out, or say what the text must be']
  const found: string[] = []
  const host = HOST.exec(pattern)?.[1]
  if (BEGINS_OPEN.test(pattern))
    found.push(
      'lets anything stand before what it names, also a name that somebody else chose; begin with what must come first',
    )
  if (host !== undefined && OPEN_DOT.test(host))
    found.push(
      'lets .* or .+ run past the end of the host, so that any other host fits; write [a-z0-9-]+ for one label',
    )
  else if (ENDS_OPEN.test(pattern))
    found.push('lets anything follow, past a / and a : as well; write [^/:]+ for one segment')
  const dot = unescapedDot(pattern)
  if (dot !== undefined)
    found.push(
      `has a . that takes any character, as in ${JSON.stringify(dot)}; write \\. for a dot (in CEL '\\\\.', or r'\\.')`,
    )
  return found
}

/** The text around the first dot that stands for one character and looks like a dot of a name. */
function unescapedDot(pattern: string): string | undefined {
  let inClass = false
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]
    if (char === '\\') at++
    else if (inClass) inClass = char !== ']'
    else if (char === '[') inClass = true
    else if (char === '.' && /\w/.test(pattern[at - 1] ?? '') && /\w/.test(pattern[at + 1] ?? ''))
      return pattern.slice(Math.max(0, at - 8), at + 9)
  }
  return undefined
}

/** A host that ends early goes on elsewhere: https://example.com also begins https://example.com.evil.example. */
function wideEdge({ by, text }: ComparedText): readonly string[] {
  if (by === 'startsWith' && /^[a-z][a-z0-9+]*:\/\/[^/]+$/.test(text))
    return [`also takes other hosts, such as ${text}.evil.example; end it with a /`]
  if (by === 'endsWith' && /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(text))
    return [`also takes other hosts, such as evil-${text}; begin it with a dot, or with what stands before it`]
  return []
}
