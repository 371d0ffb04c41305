/**
 * Actors (RFC 8693 §4.1): who acts for the subject. The outermost is the current one and the only one that decides;
 * the ones inside inform (TE-42).
 */
export interface Actor {
  /** The actor as the token names it: canonical id of a workload, or a name at `iss`. */
  readonly sub: string
  /** Whose name that is, where it is not ours. */
  readonly iss?: string
}

/** Actors from the current one to the oldest. */
export type ActorChain = readonly Actor[]

/** What a token says about who may act for its subject (RFC 8693 §4.4): members that must all match. */
export type MayAct = Readonly<Record<string, unknown>>

/** How deep a chain may be and how long each name; deeper or longer is refused, never cut (TE-48, T20). */
export const MAX_ACTORS = 8
export const MAX_ACTOR_NAME = 1024
