import { Refusal } from '../refusal.ts'
import { MAX_PATH } from '../tokens/claims.ts'
import type { Parties } from './parties.ts'

/** Where an exchange stands in a chain of exchanges (interfaces.md, "The record"). */
export interface Descent {
  /** The id of the first record of the chain; the exchange's own where it begins one. */
  readonly lineage: string
  /** Clients that the request has passed before this one, in order. */
  readonly path: readonly string[]
  /** Records that minted the tokens it is made from, where they were ours. */
  readonly parents: readonly string[]
}

/** A token of ours says of itself from where it comes; any other begins a chain. Throws Refusal `delegation_denied` where the chain is at its end. */
export function descentOf({ subject: { ours } }: Pick<Parties, 'subject'>, id: string): Descent {
  if (ours === undefined) return { lineage: id, path: NONE, parents: NONE }
  if (ours.path.length >= MAX_PATH) throw atItsEnd(ours.path.length)
  return { lineage: ours.lineage, path: ours.path, parents: [ours.id] }
}

const NONE: readonly string[] = Object.freeze([])

function atItsEnd(passed: number): Refusal {
  const refusal = new Refusal('delegation_denied', `the token has passed ${passed} clients, and passes to no other`)
  refusal.about = 'subject'
  return refusal
}
