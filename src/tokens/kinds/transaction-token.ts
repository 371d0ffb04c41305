import { z } from 'zod'
import { type ClosedObject, closedObject, violation } from '../../lib/closed-schema.ts'
import type { JsonObject } from '../../lib/json.ts'
import { TRANSACTION_TOKEN_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import { actOf } from '../act.ts'
import { actClaim, COMMON_CLAIMS, LINEAGE_CLAIMS, MAX_PATH, scopeClaim } from '../claims.ts'
import type { Mintable, TokenKind } from '../contract.ts'

const settings = z.strictObject({
  tctx: closedObject.optional().describe('What request_details may say and tctx then says; nothing where it is absent'),
  rctx: closedObject.optional().describe('The same of request_context and rctx'),
  observed: z
    .array(z.enum(['req_ip', 'authn'], 'is req_ip or authn'))
    .optional()
    .describe(
      'What Cambist itself writes into rctx: the address that the request came from, how the client authenticated',
    ),
  hops: z
    .int()
    .min(1)
    .max(MAX_PATH, `is ${MAX_PATH} at most, which is as many clients as any chain of exchanges may pass`)
    .optional()
    .describe(`Clients that a transaction may pass; ${MAX_PATH} where nothing is said`),
})

type Settings = z.output<typeof settings>

/** draft-ietf-oauth-transaction-tokens §9.2 (TX-02); `act` and what begins with `cambist_` are ours to add. */
const claims = z.looseObject({
  ...COMMON_CLAIMS,
  aud: z.string().min(1).describe('The trust domain in which it counts, and nowhere else'),
  txn: z.string().min(1).describe('The id of the transaction, the same in every token that replaces this one'),
  scope: scopeClaim.describe('The purpose of the transaction'),
  req_wl: z.string().min(1).describe('The workload that asked for it'),
  tctx: z.record(z.string(), z.unknown()).optional().describe('Details of the transaction, which never change'),
  rctx: z.record(z.string(), z.unknown()).optional().describe('Where the request came from, as it was when it came in'),
  act: actClaim.optional(),
  ...LINEAGE_CLAIMS,
})

/** Characters of tctx and rctx as JSON: every hop passes them on in a header. */
const MAX_CONTEXT = 4096

/**
 * A transaction token (draft-ietf-oauth-transaction-tokens; TX-01 to TX-05): who asked for what, for the workloads that
 * work on it within one trust domain. Whoever calls passes it on, so that it is bound to no key, and no access token
 * (TX-42). The call chain that a replacement keeps is `cambist_path`, and who acts for the subject is `act` (TX-53).
 */
export const transactionToken: TokenKind<Settings> = {
  name: 'transaction-token',
  summary: 'A transaction token: who asked for what, passed on from workload to workload within one trust domain.',
  format: 'jwt',
  tokenType: TRANSACTION_TOKEN_TYPE,
  usage: 'N_A',
  // Receivers find them in /jwks, and nothing else that is signed by such a key (TX-70).
  keyUse: 'txn',
  bindings: ['none'],
  settings,
  ownClaims: ['txn', 'scope', 'req_wl', 'tctx', 'rctx', 'act', 'cnf', 'client_id'],
  claims,

  write(mintable, said) {
    const { issuer, permission, facts, issuedAt, expiresAt, id, lineage, path, claims: mapped } = mintable
    checkAsked(mintable)
    if (path.length > (said.hops ?? Number.POSITIVE_INFINITY))
      throw unfit(`the transaction would pass ${path.length} clients, and the target says hops: ${said.hops}`)
    const transaction = continued(mintable) ?? begun(mintable, said)
    const token: Record<string, unknown> = {
      ...mapped,
      iss: issuer,
      sub: permission.subject,
      aud: mintable.audience,
      iat: issuedAt,
      exp: expiresAt,
      jti: id,
      txn: transaction.id,
      scope: permission.scopes.join(' '),
      req_wl: facts.client.principal.id,
      cambist_lineage: lineage,
      cambist_path: path,
    }
    if (transaction.tctx !== undefined) token['tctx'] = transaction.tctx
    if (transaction.rctx !== undefined) token['rctx'] = transaction.rctx
    const act = actOf(permission.actors)
    if (act !== undefined) token['act'] = act
    return { header: { typ: 'txntoken+jwt' }, claims: token }
  },
}

/** What a transaction token has, and its request must have said (TX-02, TX-11): an unsaid purpose is none, and no unlimited one (TX-23). */
function checkAsked({ facts: { tokenType, scopes: asked }, audience, permission }: Mintable): void {
  const { scopes } = permission
  if (tokenType === undefined) throw unfit('the request does not say in requested_token_type that it is for one')
  if (typeof audience !== 'string') throw unfit('it is for one trust domain, and the request names several audiences')
  if (asked.length === 0) throw unfit('the request does not say in scope what it is for')
  if (scopes.length === 0) throw unfit('no scope is granted, so that it would be for nothing')
}

interface Transaction {
  readonly id: string
  readonly tctx: JsonObject | undefined
  readonly rctx: JsonObject | undefined
}

/**
 * The transaction of a token that is replaced: what it is about stays as it is, word for word (TX-51). The draft lets
 * services add to it; here it is settled when it begins, so that none can say afterwards what was asked for.
 */
function continued({ subject, audience, permission, transaction: asked }: Mintable): Transaction | undefined {
  const transaction = subject.ours?.transaction
  if (transaction === undefined) return undefined
  if (subject.audiences[0] !== audience) throw unfit('it is replaced within its trust domain alone')
  if (permission.subject !== subject.principal.id)
    throw unfit(
      "the target's `subject` would change whose transaction it is; let it leave subjects of issuer self as they are",
    )
  if (asked !== undefined)
    throw unfit('a replacement says nothing new of its transaction; leave request_details and request_context out')
  return transaction
}

/** A transaction that begins here: its name is that of this exchange. */
function begun(
  { id, facts, remote, transaction: asked }: Mintable,
  { tctx, rctx, observed = [] }: Settings,
): Transaction {
  const environment = taken(asked?.context, rctx, 'request_context')
  const seen: Record<string, string> = {}
  if (observed.includes('req_ip')) seen['req_ip'] = remote
  if (observed.includes('authn')) seen['authn'] = facts.client.authentication
  return {
    id,
    tctx: taken(asked?.details, tctx, 'request_details'),
    // What we have seen goes over what was said.
    rctx: observed.length === 0 ? environment : { ...environment, ...seen },
  }
}

/** What of a parameter goes into the token: all that the target's schema describes, and anything else is refused (TX-24). */
function taken(said: JsonObject | undefined, schema: ClosedObject | undefined, name: string): JsonObject | undefined {
  if (schema === undefined) {
    if (said !== undefined) throw unfit(`the target has no schema for ${name}, and so takes none`)
    return undefined
  }
  if (said === undefined && (schema.required ?? []).length === 0) return undefined
  const wrong = violation(schema, said ?? {}, name)
  if (wrong !== undefined) throw unfit(wrong)
  if (JSON.stringify(said).length > MAX_CONTEXT) throw unfit(`${name} has more than ${MAX_CONTEXT} characters`)
  return said
}

const unfit = (detail: string): Refusal => new Refusal('token_unfit', detail)
