import { NO_BLOCKS } from '../blocks/block-index.ts'
import { TRANSACTION_TOKEN_TYPE } from '../lib/token-types.ts'
import { within } from '../lib/within.ts'
import { Refusal } from '../refusal.ts'
import type { Revocation } from '../tokens/revocations.ts'
import { type Caller, callerOf, readInquiry } from './caller.ts'
import type { Inquiry, RevocationRoad } from './contract.ts'
import { type PresentedToken, presentedToken } from './presented-token.ts'
import { isFirst, type RevokedBy, revokeWithAll } from './revoking.ts'

/** What has become of a request: nothing, where the token is nobody's, or another's, or counts no longer (RV-02). */
export type RevocationOutcome = 'revoked' | 'nothing'

/** How long whoever asks waits, in milliseconds, for a database that is silent or for the changes before his. */
const DEADLINE_MS = 2000
/** Revocations of one client that stand at a time: every node keeps them, and reads them with every change (T38). An administrator revokes all of a client in one. */
const MAX_STANDING = 5000
/** Seconds by which a token may end later than it says, for nodes whose clocks differ. */
const SLACK = 60

/**
 * Takes a token back that was issued to the client that asks, with everything that was made from it (RV-01). Which of the
 * tokens that are no business of its there are, it does not learn. Rejects with a Refusal.
 */
export async function revoke(asked: Inquiry, road: RevocationRoad): Promise<RevocationOutcome> {
  const request = readInquiry(asked, road)
  const caller = await callerOf(request, asked, road)
  // One that is revoked is asked about again where what was made from it had not been found; one of somebody who is blocked may go.
  const trust = { ...caller.trust, revoked: () => undefined, blocked: NO_BLOCKS }
  const presented =
    (await presentedToken(request.token, trust)) ?? (await presentedToken(request.token, trust, TRANSACTION_TOKEN_TYPE))
  if (presented === undefined || !isOf(presented, caller)) return 'nothing'
  const { ours, token } = presented
  const by = byClient(ours.client, ours.id, caller.now)
  if (!road.admitsRevocation(ours.client))
    throw new Refusal('overloaded', `client ${ours.client} has many tokens taken back at once`, { retryAfter: 1 })
  // Whoever asks again must be heard to the end.
  if (caller.trust.revoked(ours, token.tokenHash, token.principal.id) === undefined) checkRoom(by, caller)
  const revoking = revokeWithAll([named(presented, by, token.expiresAt)], ours, by, road)
  const { version, changed } = await within(revoking, DEADLINE_MS, late)
  if (!changed) return 'nothing'
  road.events.changed(version, by.author, by.message)
  return 'revoked'
}

/** Throws Refusal `overloaded` where the client has had more taken back than everybody should carry for it. */
function checkRoom({ author }: RevokedBy, { snapshot, now }: Caller): void {
  let standing = 0
  for (const each of snapshot.revocations) if (each.author === author && each.until > now) standing++
  if (standing >= MAX_STANDING)
    throw new Refusal('overloaded', `${standing} tokens stand revoked that ${author} has had taken back`, {
      retryAfter: 60,
    })
}

const late = (): Refusal =>
  new Refusal('record_unavailable', `the revocation was not written within ${DEADLINE_MS} ms; ask again`, {
    retryAfter: 1,
  })

const isOf = ({ ours }: PresentedToken, { clients }: Caller): boolean =>
  clients.some(({ name }) => name === ours.client)

function byClient(client: string, id: string, at: number): RevokedBy {
  const reason = 'taken back by the client it was issued to'
  return { author: `client ${client}`, reason, message: `tokens of jti ${id} revoked: ${reason}`, at }
}

function named({ ours }: PresentedToken, { at, reason, author }: RevokedBy, expiresAt: number): Revocation {
  const until = Math.ceil(expiresAt) + SLACK
  return isFirst(ours)
    ? { what: 'lineage', value: ours.lineage, at, until, reason, author }
    : { what: 'jti', value: ours.id, at, until, reason, author }
}
