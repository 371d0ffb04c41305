import type { Json, JsonObject } from '../lib/json.ts'
import { TRANSACTION_TOKEN_TYPE } from '../lib/token-types.ts'
import { Refusal } from '../refusal.ts'
import type { Parameters } from './contract.ts'
import { type DeclaredToken, missing, objectOf } from './parameters.ts'
import { holdsToken } from './token-text.ts'

/** What a request says of a transaction (TX-12). */
export interface TransactionRequest {
  readonly details: JsonObject | undefined
  readonly context: JsonObject | undefined
}

/**
 * A transaction token is for a trust domain and a purpose, and both are said (TX-11). What else is said of the transaction
 * is said in requests for one alone: dropped elsewhere, it would turn one request into another (TX-12, T24).
 */
export function transactionOf(
  parameters: Parameters,
  requestedTokenType: string | undefined,
  presented: readonly (DeclaredToken | undefined)[],
): TransactionRequest | undefined {
  const details = objectOf(parameters, 'request_details')
  const context = objectOf(parameters, 'request_context')
  if (requestedTokenType === TRANSACTION_TOKEN_TYPE) {
    for (const name of ['audience', 'scope']) if (!parameters.has(name)) missing(name)
  } else if (details !== undefined || context !== undefined) {
    const name = details === undefined ? 'request_context' : 'request_details'
    throw new Refusal('parameter_unexpected', `${name} has a meaning in requests for a transaction token alone`)
  }
  if (details === undefined && context === undefined) return undefined
  const tokens = presented.flatMap((each) => each?.token ?? [])
  if (details !== undefined) checkTokenless(details, 'request_details', tokens)
  if (context !== undefined) checkTokenless(context, 'request_context', tokens)
  return { details, context }
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
