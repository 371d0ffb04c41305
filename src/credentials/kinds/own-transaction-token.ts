import { isJsonObject, type JsonObject } from '../../lib/json.ts'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { Refusal } from '../../refusal.ts'
import type { CredentialKind } from '../contract.ts'
import { readToken, requiredText } from '../jwt-checks.ts'
import { locateOwn, type OwnSettings, ownFacts, ownSettings, ownTokenOf, verifyOwn } from '../own-token.ts'

export const TRANSACTION_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:txn_token'
const TYPES: ReadonlySet<string> = new Set(['txntoken+jwt'])

/**
 * A transaction token of ours that comes back, to be replaced by one for the next workload or exchanged for another kind
 * of token (TX-50). It says in which transaction somebody asks, and never who asks: no position but `subject` takes it
 * (TX-42). Who may bring it is the decision's: a client that has the trust domain in its `audiences`, or the one that it
 * was issued to, which is the last of its path.
 */
export const ownTransactionToken: CredentialKind<OwnSettings, UnverifiedJws> = {
  name: 'transaction-token',
  summary: 'A transaction token that this server issued itself, brought back by a workload of its call chain.',
  format: 'jwt',
  tokenTypes: [TRANSACTION_TOKEN_TYPE],
  settings: ownSettings,
  header: ({ algorithms }) => ({ algorithms, typ: TYPES }),
  builtIn: true,

  authority: ({ issuer }) => issuer,
  read: readToken,
  locate: locateOwn,

  async verify(token, issuer, tools) {
    const { header, claims } = token
    const expiresAt = await verifyOwn(token, issuer, TYPES, tools)
    const ours = ownTokenOf(claims, (path) => path.at(-1) ?? '')
    const transaction = {
      id: requiredText(claims, 'txn'),
      tctx: contextOf(claims, 'tctx'),
      rctx: contextOf(claims, 'rctx'),
    }
    // One name: a transaction token is for one trust domain (TX-02).
    const audiences = [requiredText(claims, 'aud')]
    return { ...ownFacts(header, claims, expiresAt, { ...ours, transaction }), audiences }
  },
}

function contextOf(claims: JsonObject, name: 'tctx' | 'rctx'): JsonObject | undefined {
  const value = claims[name]
  if (value === undefined || isJsonObject(value)) return value
  throw new Refusal('claim_malformed', `${name} is not an object`)
}
