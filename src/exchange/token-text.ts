import { REFERENCE_PREFIX } from '../credentials/contract.ts'

/** Whether something in the text looks like a token: a compact JWT or most of one, or an opaque token of ours. */
export const holdsToken = (text: string): boolean => text.includes(REFERENCE_PREFIX) || holdsJwt(text)

/** The shortest header of a JWT in base64url, about. */
const HEADER = 11

/** By parts, since one pattern for it would be slow on texts made for that (T33). */
function holdsJwt(text: string): boolean {
  if (!text.includes('eyJ')) return false
  return text.split(/[^\w.-]/).some((run) => {
    const parts = run.split('.')
    return parts.some((part, at) => {
      const begin = part.indexOf('eyJ')
      return begin >= 0 && part.length - begin >= HEADER && at + 2 < parts.length
    })
  })
}
