import { isJsonObject, type JsonObject } from '../../lib/json.ts'
import { TRANSACTION_TOKEN_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import { requiredText } from '../jwt-checks.ts'
import { type OwnTokenKind, ownTokenKind } from '../own-token.ts'

/**
 * A transaction token of ours that comes back, to be replaced by one for the next workload or exchanged for another kind
 * of token (TX-50). It says in which transaction somebody asks, and never who asks: no position but `subject` takes it
 * (TX-42). It was issued to the last client of its path.
 */
export const ownTransactionToken: OwnTokenKind = ownTokenKind({
  name: 'transaction-token',
  summary: 'A transaction token that this server issued itself, brought back by a workload of its call chain.',
  tokenType: TRANSACTION_TOKEN_TYPE,
  typ: new Set(['txntoken+jwt']),
  clientOf: (_, path) => path.at(-1) ?? '',
  besides(claims) {
    requiredText(claims, 'aud') // one name: it is for one trust domain (TX-02)
    const id = requiredText(claims, 'txn')
    return { transaction: { id, tctx: contextOf(claims, 'tctx'), rctx: contextOf(claims, 'rctx') } }
  },
})

function contextOf(claims: JsonObject, name: 'tctx' | 'rctx'): JsonObject | undefined {
  const value = claims[name]
  if (value === undefined || isJsonObject(value)) return value
  throw new Refusal('claim_malformed', `${name} is not an object`)
}
