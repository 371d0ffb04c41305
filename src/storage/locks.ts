/**
 * The advisory locks of PostgreSQL that replicas meet at. Held by a connection or a transaction, they are gone when
 * their holder is: nothing has to be cleaned up after kill -9.
 */
const CAMBIST = 1_667_329_378

/** Two-part keys `(CAMBIST, n)`; the SQL function of the ledger spells the third out. */
export const LOCKS = Object.freeze({
  migrations: [CAMBIST, 1],
  /** One change of the state at a time. */
  writers: [CAMBIST, 2],
  /** Shared by every batch of the ledger; exclusive while a change of the state becomes visible. */
  commits: [CAMBIST, 3],
} as const)

/** First part of the keys of leadership; the second is a hash of the task's name. */
export const LEADERSHIP = CAMBIST + 1
