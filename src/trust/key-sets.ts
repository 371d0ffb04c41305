import type { Clock } from '../lib/clock.ts'
import type { VerificationKey } from '../lib/jwk.ts'
import { Refusal } from '../refusal.ts'
import type { KeyFinder, TrustedIssuer } from './contract.ts'
import { FetchFailure, type FetchFailureCode } from './fetch-failure.ts'
import type { Fetch } from './guarded-fetch.ts'
import { type KeySet, keySet, replacesAll } from './key-set.ts'
import { type FetchedKeys, fetchKeys, type RemoteSource, sourceDigest, sourceUrl } from './key-source.ts'
import type { FindSecret } from './secrets-dir.ts'

/** What happened to the keys of an issuer: for telemetry. Exactly one per fetch, and `replaced` beside it where no key stayed. */
export type KeySetEvent = { readonly issuer: string; readonly url: string } & (
  | { readonly event: 'refreshed'; readonly keys: number; readonly skipped: readonly string[] }
  | { readonly event: 'replaced' }
  | {
      readonly event: 'failed'
      readonly code: FetchFailureCode
      readonly message: string
      readonly hasLastGood: boolean
    }
)

export interface KeySetsOptions {
  readonly fetch: Fetch
  readonly clock: Clock
  readonly secret: FindSecret
  /** As guardedFetch() has it. */
  readonly insecure: ReadonlySet<string>
  readonly onEvent?: (event: KeySetEvent) => void
}

/** Milliseconds between two fetches of one key set, successful or not, counted from the end of the first (interfaces.md, T7). */
const COOL_DOWN = 30_000
/** Milliseconds for which a fetched set is fresh: what the server says within bounds (P-12), and where it says nothing. */
const FRESH_AT_LEAST = 60_000
const FRESH_AT_MOST = 86_400_000
const FRESH_BY_DEFAULT = 600_000
/** Milliseconds for a fetch with everything in it, discovery too (F8). */
const DEADLINE = 3000
/** Fetches under way in one process; more wait for their turn. */
const MAX_FETCHES = 64

/** The keys of one remote source. Only its own issuer reads it, so a slow or broken one concerns nobody else (T7). */
interface Cached {
  readonly digest: string
  readonly issuer: string
  readonly source: RemoteSource
  good: KeySet | undefined
  /** Of the monotonic clock, as all times here: a clock that is set back must not make old keys fresh (F9). */
  freshUntil: number
  nextFetch: number
  /** The fetch under way, which every caller shares. Never rejects. */
  fetching: Promise<void> | undefined
}

/**
 * The keys of issuers, in memory. While a set is fresh and has the key, the answer is synchronous. Afterwards the last
 * good set goes on serving for `maxStale` of its issuer, while it is fetched anew behind the road's back. A fetch is
 * started only by use, and never sooner than the cool-down allows, whatever tokens ask for.
 */
export class KeySets implements KeyFinder {
  readonly #options: KeySetsOptions
  readonly #cached = new Map<string, Cached>()
  /** Saves the digest on the road: documents are compiled once, and asked for again and again. */
  readonly #ofIssuer = new WeakMap<TrustedIssuer, Cached>()
  readonly #inline = new WeakMap<readonly VerificationKey[], KeySet>()
  readonly #closing = new AbortController()
  readonly #waiting: (() => void)[] = []
  #underWay = 0

  constructor(options: KeySetsOptions) {
    this.#options = options
  }

  find(issuer: TrustedIssuer, kid: string | undefined, algorithm: string): VerificationKey | Promise<VerificationKey> {
    const { keys } = issuer
    if (keys.from === 'inline')
      return this.#inlineSet(keys.keys).pick(kid, algorithm) ?? unknownKey(issuer, kid, algorithm)

    const cached = this.#of(issuer, keys)
    const now = this.#options.clock.monotonic()
    const key = this.#usable(cached, issuer, now)?.pick(kid, algorithm)
    if (key !== undefined) {
      if (now >= cached.freshUntil && this.#mayFetch(cached)) void this.#refresh(cached)
      return key
    }
    if (cached.fetching === undefined && !this.#mayFetch(cached)) return this.#last(cached, issuer, kid, algorithm)
    return this.#refresh(cached).then(() => this.#last(cached, issuer, kid, algorithm))
  }

  /** Fetches what is not there yet, and resolves when all have answered or failed. */
  async prefetch(issuers: Iterable<TrustedIssuer>): Promise<void> {
    const fetches: Promise<void>[] = []
    for (const issuer of issuers) {
      if (issuer.keys.from === 'inline' || issuer.disabled) continue
      const cached = this.#of(issuer, issuer.keys)
      if (cached.good === undefined && this.#mayFetch(cached)) fetches.push(this.#refresh(cached))
    }
    await Promise.all(fetches)
  }

  /** Forgets the sets of all other issuers. */
  retain(issuers: Iterable<TrustedIssuer>): void {
    const kept = new Set<string>()
    for (const issuer of issuers) if (issuer.keys.from !== 'inline') kept.add(this.#of(issuer, issuer.keys).digest)
    for (const digest of this.#cached.keys()) if (!kept.has(digest)) this.#cached.delete(digest)
  }

  /** Ends fetches under way; none begins afterwards. */
  close(): void {
    this.#closing.abort(new FetchFailure('closed', 'the server is stopping'))
  }

  /** The answer when no fetch can change it. Throws Refusal `key_unknown` where a good set speaks, else `keys_unavailable`. */
  #last(cached: Cached, issuer: TrustedIssuer, kid: string | undefined, algorithm: string): VerificationKey {
    const now = this.#options.clock.monotonic()
    const set = this.#usable(cached, issuer, now)
    if (set !== undefined) return set.pick(kid, algorithm) ?? unknownKey(issuer, kid, algorithm)
    const retryAfter = Math.max(1, Math.ceil((cached.nextFetch - now) / 1000))
    const why =
      cached.good === undefined
        ? 'have not been fetched yet'
        : `are older than its maxStale of ${issuer.maxStale} s allows`
    throw new Refusal(
      'keys_unavailable',
      `the keys of trusted issuer ${issuer.name} ${why}, and ${sourceUrl(cached.source)} does not give them`,
      { retryAfter },
    )
  }

  #usable(cached: Cached, issuer: TrustedIssuer, now: number): KeySet | undefined {
    return now < cached.freshUntil + issuer.maxStale * 1000 ? cached.good : undefined
  }

  #mayFetch(cached: Cached): boolean {
    return (
      cached.fetching === undefined &&
      this.#options.clock.monotonic() >= cached.nextFetch &&
      !this.#closing.signal.aborted
    )
  }

  #of(issuer: TrustedIssuer, source: RemoteSource): Cached {
    const known = this.#ofIssuer.get(issuer)
    if (known !== undefined && this.#cached.get(known.digest) === known) return known
    const digest = sourceDigest(issuer, source)
    const cached = this.#cached.get(digest) ?? {
      digest,
      issuer: issuer.name,
      source,
      good: undefined,
      freshUntil: Number.NEGATIVE_INFINITY,
      nextFetch: Number.NEGATIVE_INFINITY,
      fetching: undefined,
    }
    this.#cached.set(digest, cached)
    this.#ofIssuer.set(issuer, cached)
    return cached
  }

  #inlineSet(keys: readonly VerificationKey[]): KeySet {
    let set = this.#inline.get(keys)
    if (set === undefined) {
      set = keySet(keys)
      this.#inline.set(keys, set)
    }
    return set
  }

  /** The one fetch of a set: joined where it is under way, begun where it is not. Never rejects. */
  #refresh(cached: Cached): Promise<void> {
    cached.fetching ??= this.#fetched(cached).finally(() => {
      cached.fetching = undefined
    })
    return cached.fetching
  }

  async #fetched(cached: Cached): Promise<void> {
    const { clock, onEvent } = this.#options
    const { issuer, source } = cached
    const url = sourceUrl(source)
    try {
      const fetched = await this.#inTurn(source)
      const before = cached.good
      const set = keySet(fetched.keys)
      cached.good = set
      cached.freshUntil = clock.monotonic() + freshness(fetched.maxAge)
      cached.nextFetch = clock.monotonic() + COOL_DOWN
      onEvent?.({ event: 'refreshed', issuer, url, keys: set.keys.length, skipped: fetched.skipped })
      if (before !== undefined && replacesAll(before, set)) onEvent?.({ event: 'replaced', issuer, url })
    } catch (error) {
      cached.nextFetch = clock.monotonic() + COOL_DOWN
      const { code, message } =
        error instanceof FetchFailure
          ? error
          : new FetchFailure('malformed', 'the fetch failed for a reason of our own')
      onEvent?.({ event: 'failed', issuer, url, code, message, hasLastGood: cached.good !== undefined })
    }
  }

  async #inTurn(source: RemoteSource): Promise<FetchedKeys> {
    if (this.#underWay >= MAX_FETCHES) await new Promise<void>((turn) => this.#waiting.push(turn))
    else this.#underWay++
    const ending = new AbortController()
    const deadline = setTimeout(() => {
      ending.abort(new FetchFailure('deadline', `the keys were not there within ${DEADLINE} ms`))
    }, DEADLINE)
    try {
      const signal = AbortSignal.any([ending.signal, this.#closing.signal])
      return await fetchKeys(source, { ...this.#options, signal })
    } finally {
      clearTimeout(deadline)
      const next = this.#waiting.shift()
      if (next === undefined) this.#underWay--
      else next()
    }
  }
}

function freshness(maxAge: number | undefined): number {
  if (maxAge === undefined) return FRESH_BY_DEFAULT
  return Math.min(FRESH_AT_MOST, Math.max(FRESH_AT_LEAST, maxAge * 1000))
}

function unknownKey(issuer: TrustedIssuer, kid: string | undefined, algorithm: string): never {
  const asked =
    kid === undefined
      ? `exactly one key for ${algorithm}, which a token without kid needs`
      : `key ${JSON.stringify(kid)} for ${algorithm}`
  throw new Refusal('key_unknown', `trusted issuer ${issuer.name} does not have ${asked}`)
}
