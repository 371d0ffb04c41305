import { isSeparator, segmentEnd } from './pattern.ts'

/**
 * Where the stars of a pattern stand. Patterns of one shape differ in the texts between the stars alone, so that those
 * that can match a text are found by what the text has in these places.
 */
export interface Shape {
  readonly id: string
  /** Whether a star stands for the segment, for each segment; undefined for a pattern without stars. */
  readonly stars: readonly boolean[] | undefined
  /** Whether one or more segments follow. */
  readonly open: boolean
}

const PLAIN: Shape = Object.freeze({ id: '', stars: undefined, open: false })

/** The shape of a pattern that parsePattern takes; undefined where it fixes nothing at all. */
export function shapeOf(source: string): Shape | undefined {
  if (!source.includes('*')) return PLAIN
  const segments = source.split(/[/:]/)
  const open = segments.at(-1) === '**'
  if (open) segments.pop()
  if (segments.every((segment) => segment === '*')) return undefined
  const stars = segments.map((segment) => segment === '*')
  return Object.freeze({ id: stars.map((star) => (star ? '*' : '.')).join('') + (open ? '+' : '='), stars, open })
}

/** What a text has where patterns of the shape fix it; undefined where none of them can match. Of a pattern itself, what it fixes. */
export function fixedPart({ stars, open }: Shape, text: string): string | undefined {
  if (stars === undefined) return text
  let fixed = ''
  let at = 0
  for (const [index, star] of stars.entries()) {
    if (index > 0) {
      if (!isSeparator(text.charCodeAt(at))) return undefined
      fixed += text.charAt(at)
      at++
    }
    const end = segmentEnd(text, at)
    if (!star) fixed += text.slice(at, end)
    else if (end === at) return undefined
    at = end
  }
  return open === at < text.length ? fixed : undefined
}
