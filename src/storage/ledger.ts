import pg from 'pg'
import type { Committed, Entry, Ledger, Mark, Spending } from '../audit/contract.ts'
import { newId } from '../lib/ids.ts'
import { Refusal, recordUnavailable } from '../refusal.ts'
import type { DatabaseAddress } from './address.ts'
import { BinaryRows } from './binary-rows.ts'
import { type Claim, claimsOf, type Item, keyed, type Row, writeClaims, writeReferences } from './claims.ts'
import { ReconnectingClient } from './reconnecting.ts'
import { textsOf, writeEntry } from './record-row.ts'

export interface LedgerOptions {
  readonly address: DatabaseAddress
  /** How long PostgreSQL may take for one batch, in milliseconds. */
  readonly statementLimitMs?: number
  /** How many entries may wait before further ones are refused as `overloaded`. */
  readonly maximumWaiting?: number
}

/** The ledger in PostgreSQL, with what an operator wants to know of it. */
export interface PostgresLedger extends Ledger {
  /** Entries that wait for their turn. */
  readonly waiting: number
  /** Whether an entry could be committed now. */
  readonly available: boolean
  /** Writes what waits, then refuses everything. */
  close(): Promise<void>
}

const BATCH = 500
const ATTEMPTS = 3
/** How much longer than PostgreSQL itself we wait for its word: a server that is stopped or cut off says nothing. */
const SILENCE_MS = 250
const COMMITTED: Committed = Object.freeze({ outcome: 'committed' })
const STATEMENT = Object.freeze({
  name: 'commit_records_2',
  text: 'SELECT state_version, taken FROM cambist.commit_records_2($1, $2)',
  rowMode: 'array' as const,
})
/** For batches in which somebody is given an opaque token; all others do without it. */
const WITH_REFERENCES = Object.freeze({
  name: 'commit_records_3',
  text: 'SELECT state_version, taken FROM cambist.commit_records_3($1, $2, $3)',
  rowMode: 'array' as const,
})

/** @throws what the first connection threw. */
export async function openLedger(options: LedgerOptions): Promise<PostgresLedger> {
  const ledger = new GroupCommit(options)
  await ledger.open()
  return ledger
}

/**
 * One writer per process: what arrives while a commit is under way goes into the next one, so that the cost of
 * durability is shared when it matters and no entry waits for company (dependencies.md §3). One batch is one round
 * trip and one transaction; what it does is written in the SQL function.
 *
 * An entry whose fate is not known — the connection broke, or nobody answered — is refused and never sent again: its
 * row may stand, its token is dropped (F6, I1).
 */
class GroupCommit implements PostgresLedger {
  readonly #connection: ReconnectingClient
  readonly #limitMs: number
  readonly #maximumWaiting: number
  readonly #rows = new BinaryRows()
  readonly #marks = new BinaryRows()
  readonly #references = new BinaryRows()
  #types = { entries: 0, marks: 0, references: 0 }
  #client: pg.Client | undefined
  #waiting: Item[] = []
  #busy = false
  #scheduled = false
  #down = true
  #closed = false
  #idle: (() => void) | undefined

  constructor(options: LedgerOptions) {
    const statementLimitMs = options.statementLimitMs ?? 1000
    this.#limitMs = statementLimitMs + SILENCE_MS
    this.#maximumWaiting = options.maximumWaiting ?? 2000
    this.#connection = new ReconnectingClient({
      address: options.address,
      role: 'ledger',
      settings: { statement_timeout: statementLimitMs },
      prepare: async (client) => {
        await demandWritable(client)
        this.#types = await findTypes(client)
      },
      onUp: (client) => {
        this.#client = client
        this.#down = false
        this.#schedule()
      },
      onDown: () => {
        this.#down = true
        this.#refuseWaiting()
      },
    })
  }

  open(): Promise<void> {
    return this.#connection.open()
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get available(): boolean {
    return this.#client !== undefined && !this.#closed && this.#waiting.length < this.#maximumWaiting
  }

  async commit(entry: Entry): Promise<Committed> {
    this.#checkRoom()
    const { record, marks } = entry
    return this.#wait({
      id: record.id,
      snapshotVersion: record.snapshotVersion,
      row: rowOf(entry),
      marks: keyed(marks),
    })
  }

  async spend({ marks, snapshotVersion }: Spending): Promise<Committed> {
    this.#checkRoom()
    return this.#wait({ id: newId(), snapshotVersion, row: undefined, marks: keyed(marks) })
  }

  /** Throws Refusal where nothing can be written now. */
  #checkRoom(): void {
    if (this.#down || this.#closed) throw recordUnavailable('The database cannot be reached.')
    if (this.#waiting.length >= this.#maximumWaiting)
      throw new Refusal('overloaded', 'Too many entries wait to be written to the record.', { retryAfter: 1 })
  }

  #wait(item: Omit<Item, 'resolve' | 'reject'>): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...item, resolve, reject })
      this.#schedule()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#client !== undefined && (this.#busy || this.#waiting.length > 0)) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
        this.#schedule()
      })
    }
    this.#refuseWaiting()
    this.#client = undefined
    await this.#connection.close()
  }

  /** All that one turn of the event loop brings goes into one batch. */
  #schedule(): void {
    if (this.#busy || this.#scheduled || this.#client === undefined || this.#waiting.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      void this.#work()
    })
  }

  async #work(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    while (this.#client !== undefined && this.#waiting.length > 0) {
      await this.#settle(this.#nextBatch(), 1)
      await turn()
    }
    this.#busy = false
    this.#idle?.()
  }

  /** The first entries that wait, but no two that claim one mark: the second is for the next batch to judge. */
  #nextBatch(): readonly Item[] {
    const batch: Item[] = []
    const later: Item[] = []
    const claimed = new Set<string>()
    for (const item of this.#waiting) {
      if (batch.length < BATCH && !item.marks.some(({ key }) => claimed.has(key))) {
        batch.push(item)
        for (const { key } of item.marks) claimed.add(key)
      } else later.push(item)
    }
    this.#waiting = later
    return batch
  }

  /** Never rejects: every entry of the batch has its answer when it is done. */
  async #settle(batch: readonly Item[], attempt: number): Promise<void> {
    const client = this.#client
    if (client === undefined) return refuse(batch, recordUnavailable('The connection to the database was lost.'))
    const claims = claimsOf(batch)
    let answer: readonly unknown[]
    try {
      answer = await this.#send(client, batch, claims)
    } catch (error) {
      return this.#fail(client, batch, attempt, error)
    }
    conclude(batch, claims, Number(answer[0]), answer[1] as readonly number[] | null)
  }

  async #send(client: pg.Client, batch: readonly Item[], claims: readonly Claim[]): Promise<readonly unknown[]> {
    const types = this.#types
    this.#rows.begin(types.entries)
    for (const { row } of batch) if (row !== undefined) writeEntry(this.#rows, row.record, row.texts)
    const marks = claims.length === 0 ? null : writeClaims(this.#marks.begin(types.marks), claims)
    const references = writeReferences(this.#references, batch, types.references)
    const values = [this.#rows.end(), marks]
    const statement =
      references === undefined ? { ...STATEMENT, values } : { ...WITH_REFERENCES, values: [...values, references] }
    const timer = setTimeout(() => this.#lose(client), this.#limitMs)
    try {
      const result = await client.query<unknown[]>(statement)
      const row = result.rows[0]
      if (row === undefined) throw new Error(`cambist.${statement.name} returned no row.`)
      return row
    } finally {
      clearTimeout(timer)
    }
  }

  /** The server is silent: the query under way fails, and what waits would fail after it. */
  #lose(client: pg.Client): void {
    this.#refuseWaiting()
    this.#replace(client)
  }

  #replace(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined
    this.#connection.replace(client)
  }

  async #fail(client: pg.Client, batch: readonly Item[], attempt: number, error: unknown): Promise<void> {
    if (!(error instanceof pg.DatabaseError)) {
      refuse(batch, recordUnavailable('The connection to the database was lost while the record was written.', error))
      return this.#replace(client)
    }
    const code = error.code ?? ''
    const conflict = code === '40001' || code === '40P01'
    // Nothing was written, and one entry may be at fault: each is tried alone, so that it hurts nobody else.
    if (batch.length > 1 && (conflict || isAboutData(code))) {
      for (const item of batch) await this.#settle([item], attempt)
      return
    }
    if (conflict && attempt < ATTEMPTS) return this.#settle(batch, attempt + 1)
    refuse(batch, recordUnavailable(`The record could not be written (SQLSTATE ${code}).`, error))
    // A server that went read-only is an old primary (F4); one that is shutting down answers nothing more.
    if (code === '25006' || code.startsWith('57P')) this.#replace(client)
  }

  #refuseWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length > 0) refuse(waiting, recordUnavailable('The database cannot be reached.'))
  }
}

function conclude(batch: readonly Item[], claims: readonly Claim[], version: number, taken: readonly number[] | null) {
  const replayed = new Map<Item, Mark>()
  for (const number of taken ?? []) {
    const claim = claims[number]
    if (claim !== undefined && !replayed.has(claim.item)) replayed.set(claim.item, claim.mark)
  }
  for (const item of batch) {
    const mark = replayed.size === 0 ? undefined : replayed.get(item)
    if (item.snapshotVersion < version) item.resolve({ outcome: 'stale', version })
    else item.resolve(mark === undefined ? COMMITTED : { outcome: 'replayed', mark })
  }
}

/** Throws Refusal where the record holds what cannot be written. */
function rowOf({ record, standsFor }: Entry): Row {
  try {
    const reference =
      standsFor === undefined ? undefined : { claims: JSON.stringify(standsFor.claims), until: standsFor.until }
    return { record, texts: textsOf(record), standsFor: reference }
  } catch (cause) {
    throw recordUnavailable('The record holds a value that cannot be written.', cause)
  }
}

function refuse(batch: readonly Item[], refusal: Refusal): void {
  for (const item of batch) item.reject(refusal)
}

/** Data exceptions, broken constraints, exceeded program limits (an identifier too long for an index). */
function isAboutData(code: string): boolean {
  return code.startsWith('22') || code.startsWith('23') || code.startsWith('54')
}

/** The rest of this turn of the event loop: what it still brings goes into the next batch, which costs as much for many as for few. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A server that takes no writes is as good as none; a row must be on disk before its token leaves (I1); one plan fits all batches. */
async function demandWritable(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ readonly: boolean }>(
    `SELECT current_setting('transaction_read_only')::boolean AS readonly,
            CASE current_setting('synchronous_commit')
              WHEN 'off' THEN set_config('synchronous_commit', 'on', false)
            END,
            set_config('plan_cache_mode', 'force_generic_plan', false)`,
  )
  if (rows[0]?.readonly !== false) throw new Error('The database is read-only.')
}

async function findTypes(
  client: pg.Client,
): Promise<{ readonly entries: number; readonly marks: number; readonly references: number }> {
  const { rows } = await client.query<{ entries: number; marks: number; references: number }>(
    `SELECT 'cambist.record_entry_1'::regtype::oid::int8::float8 AS entries,
            'cambist.record_mark_2'::regtype::oid::int8::float8 AS marks,
            'cambist.reference_token_1'::regtype::oid::int8::float8 AS references`,
  )
  if (rows[0] === undefined) throw new Error('The database does not know the types of the ledger.')
  return rows[0]
}
