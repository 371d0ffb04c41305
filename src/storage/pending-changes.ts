import type { ClientBase } from 'pg'
import type { AuditedChange, StateChange } from '../documents/contract.ts'
import type { Intent } from '../documents/intent.ts'
import { PendingDecided } from '../documents/objections.ts'
import type { PendingChange, PendingChanges, PendingState, Proposed } from '../documents/pending.ts'
import { isId } from '../lib/ids.ts'

type Queryable = Pick<ClientBase, 'query'>

interface PendingRow {
  id: string
  at: Date
  author: string
  principal: string
  message: string
  base_version: string
  intent: Intent
  changes: readonly AuditedChange[]
  confirmed: boolean
  state: PendingState
  decided_by: string | null
  decided_at: Date | null
  version: string | null
}

/** Changes that wait for a second person, in PostgreSQL. */
export class PostgresPendingChanges implements PendingChanges {
  readonly #client: Queryable

  constructor(client: Queryable) {
    this.#client = client
  }

  async propose(pending: Proposed): Promise<void> {
    const { id, author, principal, message, baseVersion, intent, changes, confirmed } = pending
    await this.#client.query(
      `INSERT INTO cambist.pending_changes (id, author, principal, message, base_version, intent, changes, confirmed)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [id, author, principal, message, baseVersion, JSON.stringify(intent), JSON.stringify(changes), confirmed],
    )
  }

  async get(id: string): Promise<PendingChange | undefined> {
    if (!isId(id)) return undefined
    const { rows } = await this.#client.query<PendingRow>('SELECT * FROM cambist.pending_changes WHERE id = $1', [id])
    return rows[0] === undefined ? undefined : pendingOf(rows[0])
  }

  async list(limit: number, state?: PendingState, before?: string): Promise<readonly PendingChange[]> {
    const { rows } = await this.#client.query<PendingRow>(
      `SELECT * FROM cambist.pending_changes
       WHERE ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR id < $3)
       ORDER BY id DESC LIMIT $1`,
      [limit, state ?? null, before ?? null],
    )
    return rows.map(pendingOf)
  }

  async close(id: string, state: 'withdrawn' | 'stale', by: string): Promise<boolean> {
    return decided(this.#client, id, state, by, null)
  }
}

/** Marks the pending change that a change approves, in its transaction. Throws PendingDecided where it is open no longer. */
export async function approvePending(client: Queryable, { approves }: StateChange, version: number): Promise<void> {
  if (approves === undefined) return
  const { id, by } = approves
  if (!(await decided(client, id, 'approved', by, version))) throw new PendingDecided(id, 'decided')
}

async function decided(client: Queryable, id: string, state: PendingState, by: string, version: number | null) {
  const { rowCount } = await client.query(
    `UPDATE cambist.pending_changes SET state = $2, decided_by = $3, decided_at = clock_timestamp(), version = $4
     WHERE id = $1 AND state = 'open'`,
    [id, state, by, version],
  )
  return rowCount === 1
}

function pendingOf(row: PendingRow): PendingChange {
  const { id, author, principal, message, intent, changes, confirmed, state } = row
  return {
    id,
    at: row.at.getTime(),
    author,
    principal,
    message,
    baseVersion: Number(row.base_version),
    intent,
    changes,
    confirmed,
    state,
    ...(row.decided_by === null ? {} : { decidedBy: row.decided_by }),
    ...(row.decided_at === null ? {} : { decidedAt: row.decided_at.getTime() }),
    ...(row.version === null ? {} : { version: Number(row.version) }),
  }
}
