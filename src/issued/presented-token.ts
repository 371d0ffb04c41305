import type { Possession } from '../credentials/contract.ts'
import { type Identified, identify } from '../credentials/identify.ts'
import { NOTHING_PROVEN } from '../credentials/possession.ts'
import { readConfirmation } from '../credentials/proofs/confirmation.ts'
import type { Trust } from '../exchange/meeting.ts'
import { ACCESS_TOKEN_TYPE } from '../lib/token-types.ts'
import { type Reason, Refusal } from '../refusal.ts'

/** A token of ours that somebody asks about, verified. */
export interface PresentedToken {
  readonly token: Identified
  readonly ours: NonNullable<Identified['ours']>
  /** How it is used: with a proof of its key, where it is bound to one that proofs are made with (DP-16). */
  readonly usage: 'Bearer' | 'DPoP'
}

/**
 * The token, if it is one of ours of that type that counts by this trust; undefined for anything else, for whatever reason.
 * By the one pipeline of all credentials, so that a token counts here where it would count in an exchange. Rejects with a
 * Refusal where that cannot be told now.
 */
export async function presentedToken(
  token: string,
  trust: Trust,
  tokenType: string = ACCESS_TOKEN_TYPE,
): Promise<PresentedToken | undefined> {
  const possession = provenElsewhere()
  try {
    const found = await identify({ position: 'subject', token, tokenType }, { ...trust, possession, met: new Map() })
    if (found.ours === undefined) return undefined
    return { token: found, ours: found.ours, usage: possession.demandsProof() ? 'DPoP' : 'Bearer' }
  } catch (error) {
    if (error instanceof Refusal && !AWAY.has(error.reason)) return undefined
    throw error
  }
}

/** What says nothing of the token. */
const AWAY: ReadonlySet<Reason> = new Set<Reason>(['record_unavailable', 'keys_unavailable', 'snapshot_unavailable'])

/** The holder proves the key of its token to whoever asks here, and not to us: the key counts as proven, and may be blocked. */
function provenElsewhere(): Possession & { demandsProof(): boolean } {
  const keys: string[] = []
  let byProof = false
  return {
    ...NOTHING_PROVEN,
    keys,
    confirm(claims) {
      const { jkt, jwk, certificate } = readConfirmation(claims) ?? {}
      byProof = jkt !== undefined
      for (const key of [jkt, jwk?.key.thumbprint, certificate]) if (key !== undefined) keys.push(key)
    },
    demandsProof: () => byProof,
  }
}
