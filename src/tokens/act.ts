import type { ActorChain } from '../identity/actor.ts'

/** `act` with the current actor outermost (TE-40, TE-41): identity claims only. */
export function actOf(actors: ActorChain): Record<string, unknown> | undefined {
  let act: Record<string, unknown> | undefined
  for (const { sub, iss } of actors.toReversed()) {
    act = { ...(iss === undefined ? {} : { iss }), sub, ...(act === undefined ? {} : { act }) }
  }
  return act
}
