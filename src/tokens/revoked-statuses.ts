import { revokeAt, validStatuses } from '../lib/status-list.ts'
import { GOES_ON, nameOf, type Revocation } from './revocations.ts'
import { LIST_SIZE, type StatusIndex } from './status-indexes.ts'

/** The status of a token that counts no longer. */
export interface RevokedStatus extends StatusIndex {
  /** When the token has expired, or a little later. Seconds since the epoch. */
  readonly until: number
}

/** Finds statuses in the record. Implemented by storage/. */
export interface StatusSearch {
  /**
   * Tells those of all tokens that the revocations mean, and that have not expired, some at a time: they may be a million.
   * `now` is milliseconds since the epoch.
   */
  revokedStatuses(
    revocations: readonly Revocation[],
    now: number,
    found: (statuses: readonly RevokedStatus[]) => void,
  ): Promise<void>
}

/** The statuses of one list. */
export interface RevokedInList {
  /** Undefined where all are valid. */
  readonly bytes: Uint8Array | undefined
  /** Another number whenever something has changed. */
  readonly revision: number
}

/** Up to which moment the tokens of a revocation were looked for, and when to look again. Seconds since the epoch. */
interface Searched {
  readonly at: number
  readonly again: number
}

/**
 * Seconds after which no token comes any more that was issued up to the moment of a revocation: what is issued later within
 * its second is meant as well, and the clocks of our nodes may differ.
 */
const SETTLED_AFTER = 10
const NONE: RevokedInList = Object.freeze({ bytes: undefined, revision: 0 })

/**
 * What is revoked, by list and index. The record is asked once for each revocation, since all that it means has been issued
 * when it is committed (documents/contract.ts, StateStore); of a client or subject once more, whose tokens of the same second
 * it means too. A process that begins asks for all at once.
 */
export class RevokedStatuses {
  readonly #search: StatusSearch
  /** By the name of the revocation. */
  #known = new Map<string, Searched>()
  /** What was looked for last, and until when that is all. */
  #covered: { readonly revocations: readonly Revocation[]; readonly until: number } | undefined
  readonly #lists = new Map<number, { readonly bytes: Uint8Array; revision: number; until: number }>()
  #revision = 0
  #searching: Promise<void> = Promise.resolve()

  constructor(search: StatusSearch) {
    this.#search = search
  }

  /** Whether all that these revocations mean has been found. `now` is milliseconds since the epoch. */
  covers(revocations: readonly Revocation[], now: number): boolean {
    if (this.#covered?.revocations !== revocations || now >= this.#covered.until * 1000) {
      if (this.#unsearched(revocations, now).length > 0) return false
      this.#cover(revocations)
    }
    return true
  }

  /** Resolves when all that they mean has been found. One search at a time: what it finds, the next does not look for again. */
  find(revocations: readonly Revocation[], now: number): Promise<void> {
    const found = this.#searching.then(() => this.#find(revocations, now))
    this.#searching = found.catch(() => undefined)
    return found
  }

  in(list: number): RevokedInList {
    return this.#lists.get(list) ?? NONE
  }

  async #find(revocations: readonly Revocation[], now: number): Promise<void> {
    const unsearched = this.#unsearched(revocations, now)
    if (unsearched.length > 0) await this.#search.revokedStatuses(unsearched, now, (statuses) => this.#add(statuses))
    for (const revocation of unsearched) {
      const { what, value, at } = revocation
      this.#known.set(nameOf(what, value), { at, again: settledFrom(revocation, now) })
    }
    this.#cover(revocations)
    this.#forget(now)
  }

  #unsearched(revocations: readonly Revocation[], now: number): readonly Revocation[] {
    return revocations.filter(({ what, value, at }) => {
      const known = this.#known.get(nameOf(what, value))
      return known === undefined || known.at < at || now >= known.again * 1000
    })
  }

  /** What is in force no longer is known no longer. */
  #cover(revocations: readonly Revocation[]): void {
    const known = new Map<string, Searched>()
    let until = Number.POSITIVE_INFINITY
    for (const { what, value } of revocations) {
      const name = nameOf(what, value)
      const searched = this.#known.get(name)
      if (searched === undefined) continue
      known.set(name, searched)
      until = Math.min(until, searched.again)
    }
    this.#known = known
    this.#covered = { revocations, until }
  }

  #add(statuses: readonly RevokedStatus[]): void {
    const revision = ++this.#revision
    for (const { list, index, until } of statuses) {
      const known = this.#lists.get(list) ?? { bytes: validStatuses(LIST_SIZE), revision, until }
      revokeAt(known.bytes, index)
      known.revision = revision
      known.until = Math.max(known.until, until)
      this.#lists.set(list, known)
    }
  }

  /** A list whose last revoked token has expired says nothing more of any: expired is expired (§7.1). */
  #forget(now: number): void {
    for (const [list, { until }] of this.#lists) if (until * 1000 < now) this.#lists.delete(list)
  }
}

/** From when a further search finds what this one could not yet, in seconds since the epoch. */
const settledFrom = ({ what, at }: Revocation, now: number): number =>
  GOES_ON.has(what) && now <= (at + SETTLED_AFTER) * 1000 ? at + SETTLED_AFTER + 1 : Number.POSITIVE_INFINITY
