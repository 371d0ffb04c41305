import type { Json, JsonObject } from '../lib/json.ts'
import { Refusal } from '../refusal.ts'

/** What a request says of a transaction (TX-12). */
export interface TransactionRequest {
  readonly details: JsonObject | undefined
  readonly context: JsonObject | undefined
}

/**
 * What is said of a transaction goes into a token that many services read: no token may be in it, neither one of this
 * request nor anything that looks like one (TX-03). Throws Refusal `parameter_malformed`.
 */
export function checkTokenless(said: JsonObject, name: string, presented: readonly string[]): void {
  for (const text of textsOf(said)) {
    if (holdsJwt(text) || presented.some((token) => text.includes(token)))
      throw new Refusal('parameter_malformed', `${name} holds a token, which a transaction token never does`)
  }
}

/** Whether a compact JWT, or most of one, is somewhere in the text. By parts, since one pattern for it would be slow on texts made for that (T33). */
function holdsJwt(text: string): boolean {
  if (!text.includes('eyJ')) return false
  return text.split(/[^\w.-]/).some((run) => {
    const parts = run.split('.')
    return parts.some((part, at) => part.includes('eyJ') && at + 2 < parts.length)
  })
}

function* textsOf(value: Json): Iterable<string> {
  if (typeof value === 'string') yield value
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      yield name
      yield* textsOf(member)
    }
  }
}
