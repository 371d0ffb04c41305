import type { Json, JsonObject } from '../lib/json.ts'
import { Refusal } from '../refusal.ts'
import { holdsToken } from './token-text.ts'

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
    if (holdsToken(text) || presented.some((token) => text.includes(token)))
      throw new Refusal('parameter_malformed', `${name} holds a token, which a transaction token never does`)
  }
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
