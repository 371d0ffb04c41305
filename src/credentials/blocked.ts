import type { Named } from '../blocks/contract.ts'
import { blockedBecause } from '../blocks/sentence.ts'
import type { JsonObject } from '../lib/json.ts'
import { Refusal } from '../refusal.ts'
import type { Identified, Trusting } from './identify.ts'
import { boundKey } from './proofs/confirmation.ts'
import { hashesOf, otherThumbprint } from './spellings.ts'

/**
 * Whoever is blocked takes part in nothing, in whatever position he stands and whatever names him: himself, his issuer, this
 * credential of his, a key that the request proves or that his token is or asks to be bound to, an actor or a client that it names (T22).
 * Throws Refusal `blocked`.
 */
export function checkNotBlocked(
  party: Identified,
  { token, header }: { readonly token: string; readonly header: JsonObject },
  { blocked, possession, now, onBlocked }: Trusting,
): void {
  if (blocked.none) return
  const { principal, issuer, actors, ours, useId, tokenHash, unproven, grant } = party
  const spelt = otherThumbprint(possession.certificate)
  const hashes = () => hashesOf(token, tokenHash, header)
  const ids = spelt !== undefined && useId === possession.certificate?.thumbprint ? [useId, spelt] : [useId]
  const named: Named = {
    subjects: [principal.id],
    actors,
    instances: [principal.instance],
    issuers: [issuer.name],
    clients: ours?.path ?? NONE,
    keys: [
      ...possession.keys,
      ...[spelt, unproven, boundKey(grant?.confirmation)].filter((each) => each !== undefined),
    ],
    lineages: ours === undefined ? NONE : [ours.lineage],
    credentials: ids.map((id) => ({ issuer: issuer.name, id, hashes })),
  }
  const block = blocked.meeting(named, now)
  if (block === undefined) return
  onBlocked?.(party)
  throw new Refusal('blocked', blockedBecause(block))
}

const NONE: readonly string[] = Object.freeze([])
