import type { Pattern } from './pattern.ts'

/** Why a pattern matches more than it shows (T21), and what to write instead; undefined where it does not. `what` it is matched with: `subject`. */
export function wideness({ source }: Pattern, what: string): string | undefined {
  if (/^\*\*?$/.test(source))
    return `${source} alone matches nearly every ${what}, also names that others choose; list those that are meant`
  if (source.endsWith('**'))
    return `${source} also matches everything further down, now and later; name the segments with * where you can`
  return undefined
}
