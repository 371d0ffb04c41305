import { z } from 'zod'
import type { OwnToken } from '../../credentials/contract.ts'
import { normalType } from '../../credentials/jwt-checks.ts'
import { NO_GRANT, OUR_GRANT_TYPE, TXN_CHAIN_TYPE } from '../../credentials/jwt-types.ts'
import type { JsonObject } from '../../lib/json.ts'
import { JWT_TYPE, TRANSACTION_TOKEN_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import { confirmationClaim } from '../claims.ts'
import type { Mintable, TokenKind } from '../contract.ts'
import {
  actSetting,
  checkAudienceNamed,
  GRANT_CLAIMS,
  grantClaims,
  MAX_GRANT_LIFETIME,
  OWN_GRANT_CLAIMS,
} from '../grant.ts'

const members = z.array(z.string().min(1)).min(1, 'is an empty list; leave it out where nothing may leave')

/** Members of a transaction's context that are about us, and leave in no case (TC-06). */
const INTERNAL: ReadonlySet<string> = new Set(['req_ip', 'req_wl'])

const settings = z.strictObject({
  typ: z
    .string()
    .regex(/^(JWT|[A-Za-z0-9][A-Za-z0-9.-]{0,62}\+jwt)$/, 'is JWT, or a name that ends with +jwt')
    .refine((typ) => !NO_GRANT.has(normalType(typ)), {
      error: ({ input }) =>
        `${JSON.stringify(input)} is the type of another token or of a proof, and a grant that bears it could be taken for one`,
    })
    .default(OUR_GRANT_TYPE)
    .describe(
      'Its header type, as the peer expects it; txn-chain+jwt for grants of which each begins with a transaction token',
    ),
  confirmation: z
    .enum(['cnf', 'requested_cnf'], 'is cnf or requested_cnf')
    .default('cnf')
    .describe(
      'What the key that the client proves is to the peer: cnf, who may bring the grant; requested_cnf, who may use the token',
    ),
  act: actSetting,
  txnClaims: z
    .strictObject({
      tctx: members.optional().describe('Of what is asked for'),
      rctx: members
        .refine((names) => !names.some((one) => INTERNAL.has(one)), {
          error: `is never ${[...INTERNAL].join(' nor ')}, which would tell the peer how we are built`,
        })
        .optional()
        .describe('Of where the request came from'),
    })
    .optional()
    .describe('Members of the transaction’s context that the peer is told, in txn_claims; none where nothing is said'),
})

type Settings = z.output<typeof settings>

/** What a grant says (IC-07), and in one that a transaction began (TC-05) which transaction that is. */
const claims = z.looseObject({
  ...GRANT_CLAIMS,
  requested_cnf: confirmationClaim.optional().describe('The key whose holder alone may use the token that it is for'),
  txn: z.string().min(1).optional().describe('The id of the transaction that began it'),
  txn_claims: z
    .strictObject({
      tctx: z.record(z.string(), z.unknown()).optional(),
      rctx: z.record(z.string(), z.unknown()).optional(),
    })
    .optional()
    .describe('What the peer is told of that transaction'),
})

/**
 * A JWT authorization grant (draft-ietf-oauth-identity-chaining, IC-01 to IC-08): our client brings it to the authorization
 * server of another domain, and has a token there. With the type `txn-chain+jwt` it is that of the transaction-token
 * profile (TC-01 to TC-06), and made from a transaction token alone.
 */
export const authorizationGrant: TokenKind<Settings> = {
  name: 'authorization-grant',
  summary: 'A JWT authorization grant, for which the authorization server of another domain gives our client a token.',
  format: 'jwt',
  tokenType: JWT_TYPE,
  usage: 'N_A',
  chains: true,
  lifetime: { standard: 60, most: MAX_GRANT_LIFETIME },
  settings,
  ownClaims: [...OWN_GRANT_CLAIMS, 'requested_cnf', 'txn_claims'],
  claims,

  write(mintable, said) {
    const granted = grantClaims(mintable, said)
    return {
      header: { typ: said.typ },
      claims: normalType(said.typ) === TXN_CHAIN_TYPE ? { ...granted, ...chained(mintable, said) } : granted,
    }
  },
}

/** What a grant says that carries a transaction on (TC-05, TC-06). Throws Refusal. */
function chained(mintable: Mintable, { txnClaims }: Settings): Record<string, unknown> {
  const { facts, permission, subject } = mintable
  const transaction = subject.ours?.transaction
  if (subject.tokenType !== TRANSACTION_TOKEN_TYPE || transaction === undefined)
    throw new Refusal('token_unfit', `a grant of type ${TXN_CHAIN_TYPE} is made from a transaction token alone`)
  checkAudienceNamed(mintable)
  if (facts.actor !== undefined && facts.actor.id !== facts.client.principal.id)
    throw new Refusal('token_unfit', `a grant of type ${TXN_CHAIN_TYPE} takes no actor token`)
  const beyond = permission.scopes.filter((scope) => !subject.principal.scopes.includes(scope))
  if (beyond.length > 0)
    throw new Refusal('scope_denied', `the transaction token does not hold ${beyond.join(' ')}; ask for what it holds`)
  const told = toldOf(transaction, txnClaims ?? {})
  return { txn: transaction.id, ...(Object.keys(told).length === 0 ? {} : { txn_claims: told }) }
}

function toldOf(
  { tctx, rctx }: NonNullable<OwnToken['transaction']>,
  names: NonNullable<Settings['txnClaims']>,
): Record<string, JsonObject> {
  const told: Record<string, JsonObject> = {}
  for (const [name, context, allowed] of [['tctx', tctx, names.tctx] as const, ['rctx', rctx, names.rctx] as const]) {
    const members = Object.entries(context ?? {}).filter(([member]) => allowed?.includes(member))
    if (members.length > 0) told[name] = Object.fromEntries(members)
  }
  return told
}
