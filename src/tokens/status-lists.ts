import type { Keyring } from '../keys/contract.ts'
import type { Clock } from '../lib/clock.ts'
import { validStatuses, type WrittenStatusList, writeStatusList } from '../lib/status-list.ts'
import { within } from '../lib/within.ts'
import { Refusal, recordUnavailable } from '../refusal.ts'
import type { Revocation } from './revocations.ts'
import { type RevokedInList, RevokedStatuses, type StatusSearch } from './revoked-statuses.ts'
import { signedJwt } from './signed-jwt.ts'
import { BLOCK_SIZE, type IndexBlocks, LIST_SIZE, statusListUri } from './status-indexes.ts'

/** What a list is made of, of all that is in force. */
interface InForce {
  readonly keyring: Keyring
  readonly revocations: readonly Revocation[]
}

export interface StatusListsOptions {
  readonly issuer: string
  readonly clock: Clock
  readonly snapshots: {
    /** Throws Refusal `snapshot_unavailable`. */
    current(): InForce
    /** What the database has when it is asked. Rejects with Refusal `snapshot_unavailable`. */
    newest(): Promise<InForce>
  }
  readonly blocks: Pick<IndexBlocks, 'taken'>
  readonly search: StatusSearch
  /** Takes what goes wrong; whoever has asked is refused. */
  readonly onTrouble: (error: unknown) => void
  /** How long whoever asks waits for the search of what was revoked. */
  readonly deadlineMs?: number
}

/** A Status List Token (draft-ietf-oauth-status-list-20 §5.1), as it is answered with. */
export interface StatusListToken {
  readonly token: string
}

/** Seconds: how often a relying party asks again (§13.7). */
export const TTL = 60
/** Seconds: as long as one that cannot ask may go on with what it has. */
const LIFETIME = 300
/** How long a list is answered with: a node that cannot hear the database has no newer one. */
const SERVED_MS = 30_000
/** Every target can have a list, whatever its tokens are signed with: all relying parties know this one. */
export const STATUS_ALGORITHM = 'ES256'
const DEADLINE_MS = 5000
/** Lists whose last token is kept: those that tokens still live of, and somebody asks for. */
const KEPT = 64
const ID = /^(0|[1-9][0-9]{0,8})$/

interface Kept extends StatusListToken {
  /** Milliseconds since the epoch. */
  readonly signedAt: number
  readonly revision: number
  readonly written: WrittenStatusList
}

/**
 * The lists that relying parties poll, as one process answers them. A list is signed when the database has just been asked
 * for what is in force, so that it has every revocation committed before its `iat`; and for 30 s it is answered again, as long
 * as nothing is heard of what would change it. A node that cannot hear the database signs none, and answers none for longer.
 */
export class StatusLists {
  readonly #options: StatusListsOptions
  readonly #revoked: RevokedStatuses
  readonly #kept = new Map<number, Kept>()
  readonly #making = new Map<number, Promise<StatusListToken | undefined>>()
  /** Blocks that are known to be taken, and the question for more that is under way. */
  #taken = 0
  #asking: Promise<void> | undefined

  constructor(options: StatusListsOptions) {
    this.#options = options
    this.#revoked = new RevokedStatuses(options.search)
  }

  /** The list of that id; undefined where no token stands in it. Rejects with a Refusal where it cannot be made now. */
  async get(id: string): Promise<StatusListToken | undefined> {
    if (!ID.test(id)) return undefined
    const list = Number(id)
    const kept = this.#kept.get(list)
    if (kept !== undefined && this.#stands(kept, list)) return kept
    const making = this.#making.get(list) ?? this.#made(list).finally(() => this.#making.delete(list))
    this.#making.set(list, making)
    const { deadlineMs: ms = DEADLINE_MS } = this.#options
    const late = `the record was not searched for what was revoked within ${ms} ms`
    return within(making, ms, () => new Refusal('record_unavailable', late, { retryAfter: 5 }))
  }

  #stands({ signedAt, revision }: Kept, list: number): boolean {
    const { clock, snapshots } = this.#options
    const now = clock.now()
    const young = now >= signedAt && now < signedAt + SERVED_MS
    return (
      young &&
      this.#revoked.covers(snapshots.current().revocations, now) &&
      this.#revoked.in(list).revision === revision
    )
  }

  async #made(list: number): Promise<StatusListToken | undefined> {
    const { issuer, clock, snapshots } = this.#options
    if (!(await this.#begun(list))) return undefined
    // Before the question: whatever was committed until now is in its answer.
    const now = clock.now()
    const { keyring, revocations } = await snapshots.newest()
    await this.#found(revocations, now)
    const issuedAt = Math.floor(now / 1000)
    const signer = keyring.signer('sig', STATUS_ALGORITHM, issuedAt)
    // The last target has asked for no more than a day: all tokens have expired (§13.1).
    if (signer === undefined) return undefined
    // As it is now: what another search finds while this is compressed makes another revision.
    const { bytes, revision } = this.#revoked.in(list)
    const written = await this.#written(list, { bytes, revision })
    const uri = statusListUri(issuer, list)
    const times = { iat: issuedAt, exp: issuedAt + LIFETIME, ttl: TTL }
    const token = await signedJwt(
      signer,
      { typ: 'statuslist+jwt' },
      { iss: issuer, sub: uri, ...times, status_list: written },
    )
    const kept = { token, signedAt: now, revision, written }
    this.#keep(list, kept)
    return kept
  }

  async #found(revocations: readonly Revocation[], now: number): Promise<void> {
    try {
      await this.#revoked.find(revocations, now)
    } catch (cause) {
      this.#options.onTrouble(cause)
      throw recordUnavailable('the record cannot be searched for what was revoked', cause)
    }
  }

  /** Compressed once for each change of it. */
  async #written(list: number, { bytes, revision }: RevokedInList): Promise<WrittenStatusList> {
    const kept = this.#kept.get(list)
    if (kept?.revision === revision) return kept.written
    return writeStatusList(bytes ?? validStatuses(LIST_SIZE))
  }

  #keep(list: number, kept: Kept): void {
    this.#kept.delete(list)
    this.#kept.set(list, kept)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest)
  }

  /** Whether some process has indexes of the list. */
  async #begun(list: number): Promise<boolean> {
    const first = (list * LIST_SIZE) / BLOCK_SIZE
    // A question that was under way may have been answered before the list began; the one after it was not.
    for (let questions = 0; questions < 2 && this.#taken <= first; questions++) await this.#ask()
    return this.#taken > first
  }

  /** One question at a time, whatever lists strangers ask for. */
  #ask(): Promise<void> {
    this.#asking ??= this.#options.blocks
      .taken()
      .then((taken) => {
        this.#taken = taken
      })
      .catch((cause: unknown) => {
        throw recordUnavailable('the database cannot be asked which status lists there are', cause)
      })
      .finally(() => {
        this.#asking = undefined
      })
    return this.#asking
  }
}
