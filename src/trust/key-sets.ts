import { type Clock, seconds } from '../lib/clock.ts'
import type { VerificationKey } from '../lib/jwk.ts'
import { Refusal } from '../refusal.ts'
import { type BundleMemory, type FetchedBundle, FILE_PAUSE, fetchBundle, takeBundle } from './bundle-source.ts'
import { bundlesDir, type ReadBundleFile } from './bundles-dir.ts'
import type { Anchors, KeyFinder, KeyUse, TrustedIssuer } from './contract.ts'
import { FetchFailure, type FetchFailureCode } from './fetch-failure.ts'
import type { Fetch } from './guarded-fetch.ts'
import { isSame, type KeySet, keySet, replacesAll } from './key-set.ts'
import { type FetchedKeys, fetchJwks, type RemoteSource, sourceDigest, sourceUrl } from './key-source.ts'
import type { FindSecret } from './secrets-dir.ts'
import { named } from './trust-index.ts'

/**
 * What happened to the keys of an issuer: for telemetry. Exactly one of `refreshed` and `failed` per fetch; beside it
 * `replaced` where no key stayed, and `voided` where a bundle says that nothing of its domain is to be believed any more
 * (S-71), or no longer says how its own endpoint is to be known.
 */
export type KeySetEvent = { readonly issuer: string; readonly url: string } & (
  | { readonly event: 'refreshed'; readonly keys: number; readonly skipped: readonly string[] }
  | { readonly event: 'replaced' }
  | { readonly event: 'voided'; readonly message: string }
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
  readonly bundleFile?: ReadBundleFile
  /** As guardedFetch() has it. */
  readonly insecure: ReadonlySet<string>
  readonly onEvent?: (event: KeySetEvent) => void
}

/** Milliseconds between two fetches of one key set, successful or not, counted from the end of the first (interfaces.md, T7). */
const COOL_DOWN = 30_000
/** Milliseconds for a fetch with everything in it, discovery too (F8). */
const DEADLINE = 3000
/** Fetches under way in one process; more wait for their turn. */
const MAX_FETCHES = 64

/** The keys of one remote source. Only its own issuer reads it, so a slow or broken one concerns nobody else (T7). */
interface Cached {
  readonly digest: string
  readonly issuer: string
  readonly source: RemoteSource
  readonly use: KeyUse
  good: KeySet | undefined
  readonly memory: BundleMemory
  /** Whether poll() looks after it: not where its issuer is disabled. */
  polled: boolean
  /** Of the monotonic clock, as all times here: a clock that is set back must not make old keys fresh (F9). */
  freshUntil: number
  nextFetch: number
  /** The fetch under way, which every caller shares. Never rejects. */
  fetching: Promise<void> | undefined
  /** Why the last fetch failed, where it did. */
  failed: string | undefined
}

/**
 * The keys of issuers, in memory. While a set is fresh and has the key, the answer is synchronous. Afterwards the last
 * good set goes on serving for `maxStale` of its issuer, while it is fetched anew behind the road's back. The fetch of a
 * JWK Set is started only by use; bundles are looked after by poll() too. Neither is fetched sooner than the cool-down
 * allows, whatever tokens ask for.
 */
export class KeySets implements KeyFinder {
  readonly #options: KeySetsOptions
  readonly #cached = new Map<string, Cached>()
  /** Saves the digest on the road: documents are compiled once, and asked for again and again. */
  readonly #ofIssuer = new WeakMap<TrustedIssuer, Cached>()
  readonly #written = new WeakMap<WrittenSource, KeySet>()
  readonly #closing = new AbortController()
  readonly #waiting: (() => void)[] = []
  #underWay = 0

  constructor(options: KeySetsOptions) {
    this.#options = options
  }

  find(issuer: TrustedIssuer, kid: string | undefined, algorithm: string): VerificationKey | Promise<VerificationKey> {
    return this.#ask(
      issuer,
      (set) => set.pick(kid, algorithm),
      () =>
        kid === undefined
          ? `exactly one key for ${algorithm}, which a token without kid needs`
          : `key ${JSON.stringify(kid)} for ${algorithm}`,
    )
  }

  anchors(issuer: TrustedIssuer): Anchors | Promise<Anchors> {
    return this.#ask(
      issuer,
      ({ anchors }) => (anchors.certificates.length > 0 ? anchors : undefined),
      () => 'a certificate that a path could end at',
    )
  }

  /** The set as it is here, for whoever must cause no fetch: undefined where a fetch would have to bring it. */
  inMemory(issuer: TrustedIssuer): KeySet | undefined {
    const { keys } = issuer
    if (isWritten(keys)) return this.#writtenSet(keys)
    const cached = this.#cached.get(sourceDigest(issuer, keys))
    return cached === undefined ? undefined : this.#usable(cached, issuer, this.#options.clock.monotonic())
  }

  /** Fetches what is not there yet, and resolves when all have answered or failed. */
  async prefetch(issuers: Iterable<TrustedIssuer>): Promise<void> {
    const fetches: Promise<void>[] = []
    for (const issuer of issuers) {
      if (isWritten(issuer.keys) || issuer.disabled) continue
      const cached = this.#of(issuer, issuer.keys)
      if (cached.good === undefined && this.#mayFetch(cached)) fetches.push(this.#refresh(cached))
    }
    await Promise.all(fetches)
  }

  /** Fetches bundles anew that are no longer fresh, although nobody asks, so that what they take back is soon gone (S-71, S-87). Resolves when all have answered or failed. */
  async poll(): Promise<void> {
    const now = this.#options.clock.monotonic()
    const fetches: Promise<void>[] = []
    for (const cached of this.#cached.values()) {
      const { from } = cached.source
      if (
        cached.polled &&
        (from === 'bundle' || from === 'bundleFile') &&
        now >= cached.freshUntil &&
        this.#mayFetch(cached)
      )
        fetches.push(this.#refresh(cached))
    }
    await Promise.all(fetches)
  }

  /** Forgets the sets of all other issuers. */
  retain(issuers: Iterable<TrustedIssuer>): void {
    const kept = new Set<string>()
    for (const issuer of issuers) {
      if (isWritten(issuer.keys)) continue
      const cached = this.#of(issuer, issuer.keys)
      cached.polled = !issuer.disabled
      kept.add(cached.digest)
    }
    for (const digest of this.#cached.keys()) if (!kept.has(digest)) this.#cached.delete(digest)
  }

  /** Ends fetches under way; none begins afterwards. */
  close(): void {
    this.#closing.abort(new FetchFailure('closed', 'the server is stopping'))
  }

  /** What the issuer's set answers, once a fetch has been waited for that could change a missing answer. `what` names what was asked for. */
  #ask<T>(issuer: TrustedIssuer, pick: (set: KeySet) => T | undefined, what: () => string): T | Promise<T> {
    const { keys } = issuer
    if (isWritten(keys)) return pick(this.#writtenSet(keys)) ?? unknownKey(issuer, what)

    const cached = this.#of(issuer, keys)
    const now = this.#options.clock.monotonic()
    const set = this.#usable(cached, issuer, now)
    const found = set === undefined ? undefined : pick(set)
    if (found !== undefined) {
      if (now >= cached.freshUntil && this.#mayFetch(cached)) void this.#refresh(cached)
      return found
    }
    if (cached.fetching === undefined && !this.#mayFetch(cached)) return this.#last(cached, issuer, pick, what)
    return this.#refresh(cached).then(() => this.#last(cached, issuer, pick, what))
  }

  /** The answer when no fetch can change it. Throws Refusal `key_unknown` where a good set speaks, else `keys_unavailable`. */
  #last<T>(cached: Cached, issuer: TrustedIssuer, pick: (set: KeySet) => T | undefined, what: () => string): T {
    const now = this.#options.clock.monotonic()
    const set = this.#usable(cached, issuer, now)
    if (set !== undefined) return pick(set) ?? unknownKey(issuer, what, set)
    const retryAfter = Math.max(1, Math.ceil((cached.nextFetch - now) / 1000))
    const why =
      cached.good === undefined
        ? 'have not been fetched yet'
        : `are older than its maxStale of ${issuer.maxStale} s allows`
    throw new Refusal(
      'keys_unavailable',
      `the keys of ${named(issuer)} ${why}, and ${sourceUrl(cached.source)} does not give them${cached.failed === undefined ? '' : `: ${cached.failed}`}`,
      { retryAfter },
    )
  }

  #usable(cached: Cached, issuer: TrustedIssuer, now: number): KeySet | undefined {
    // That a domain is void is no less true for being old (S-71).
    if (cached.good?.names.size === 0) return cached.good
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
      use: issuer.keyUse,
      good: undefined,
      memory: {
        sequence: undefined,
        endpoint: source.from === 'bundle' && source.profile === 'https_spiffe' ? source.bootstrap : [],
      },
      polled: true,
      freshUntil: Number.NEGATIVE_INFINITY,
      nextFetch: Number.NEGATIVE_INFINITY,
      fetching: undefined,
      failed: undefined,
    }
    this.#cached.set(digest, cached)
    this.#ofIssuer.set(issuer, cached)
    return cached
  }

  #writtenSet(source: WrittenSource): KeySet {
    let set = this.#written.get(source)
    if (set === undefined) {
      set =
        source.from === 'inline'
          ? keySet(source.keys, source.anchors)
          : keySet([], source.from === 'certificates' ? source.anchors : undefined)
      this.#written.set(source, set)
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
    const before = cached.good
    try {
      const fetched = await this.#inTurn(cached)
      const ended = 'sequence' in fetched ? takeBundle(cached, fetched) : undefined
      // A set that is what it was stays the same object, and so does what is kept under it.
      const set = before !== undefined && isSame(before, fetched.set) ? before : fetched.set
      cached.good = set
      cached.freshUntil = clock.monotonic() + fetched.freshFor
      cached.failed = undefined
      onEvent?.({ event: 'refreshed', issuer, url, keys: set.names.size, skipped: fetched.skipped })
      if (ended !== undefined) onEvent?.({ event: 'voided', issuer, url, message: ended })
      else if (before !== undefined && before.names.size > 0 && replacesAll(before, set))
        onEvent?.({ event: 'replaced', issuer, url })
    } catch (error) {
      const { code, message } =
        error instanceof FetchFailure
          ? error
          : new FetchFailure('malformed', 'the fetch failed for a reason of our own')
      cached.failed = message
      onEvent?.({
        event: 'failed',
        issuer,
        url,
        code,
        message,
        hasLastGood: before !== undefined && before.names.size > 0,
      })
    } finally {
      cached.nextFetch = clock.monotonic() + (source.from === 'bundleFile' ? FILE_PAUSE : COOL_DOWN)
    }
  }

  async #inTurn({ source, use, memory }: Cached): Promise<FetchedKeys | FetchedBundle> {
    if (this.#underWay >= MAX_FETCHES) await new Promise<void>((turn) => this.#waiting.push(turn))
    else this.#underWay++
    const ending = new AbortController()
    const deadline = setTimeout(() => {
      ending.abort(new FetchFailure('deadline', `the keys were not there within ${DEADLINE} ms`))
    }, DEADLINE)
    try {
      const signal = AbortSignal.any([ending.signal, this.#closing.signal])
      const tools = { bundleFile: bundlesDir(undefined), ...this.#options, signal, now: seconds(this.#options.clock) }
      return source.from === 'bundle' || source.from === 'bundleFile'
        ? await fetchBundle(source, use, memory.endpoint, tools)
        : await fetchJwks(source, tools)
    } finally {
      clearTimeout(deadline)
      const next = this.#waiting.shift()
      if (next === undefined) this.#underWay--
      else next()
    }
  }
}

type WrittenSource = Exclude<TrustedIssuer['keys'], RemoteSource>
export const isWritten = (source: TrustedIssuer['keys']): source is WrittenSource =>
  source.from === 'inline' || source.from === 'certificates' || source.from === 'sts'

function unknownKey(issuer: TrustedIssuer, what: () => string, set?: KeySet): never {
  throw new Refusal(
    'key_unknown',
    set?.names.size === 0
      ? `the bundle of trusted issuer ${issuer.name} has no keys of use ${issuer.keyUse}: its trust domain is void until it has some (S-71)`
      : `${named(issuer)} does not have ${what()}`,
  )
}
