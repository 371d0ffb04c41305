import type { Certificate } from '../lib/x509/contract.ts'
import { type Bundle, parseBundle } from './bundle.ts'
import type { ReadBundleFile } from './bundles-dir.ts'
import type { KeySource, KeyUse } from './contract.ts'
import { FetchFailure } from './fetch-failure.ts'
import type { Fetch } from './guarded-fetch.ts'
import { type KeySet, keySet, NO_ANCHORS } from './key-set.ts'
import { spiffeServer } from './spiffe-endpoint.ts'

export type BundleSource = Extract<KeySource, { readonly from: 'bundle' | 'bundleFile' }>

export interface BundleTools {
  readonly fetch: Fetch
  readonly bundleFile: ReadBundleFile
  /** Seconds since the epoch. */
  readonly now: number
  readonly signal: AbortSignal
}

/** The keys of one use out of a bundle. */
export interface FetchedBundle {
  /** Empty where the bundle has none of that use: its domain is void (S-71). */
  readonly set: KeySet
  readonly skipped: readonly string[]
  readonly sequence: bigint | undefined
  /** Milliseconds until it is to be fetched again. */
  readonly freshFor: number
  /** What a server of this trust domain is known by from now on. */
  readonly certificates: readonly Certificate[]
}

/** What is remembered of a bundle from one fetch to the next. */
export interface BundleMemory {
  /** The highest that was seen (S-89). */
  sequence: bigint | undefined
  /** What the server of an https_spiffe endpoint is known by (S-86). */
  endpoint: readonly Certificate[]
}

/** Milliseconds between two fetches: what the bundle asks for within bounds, and where it asks for nothing (S-87). */
const HINT_AT_LEAST = 10_000
const HINT_AT_MOST = 86_400_000
const HINT_BY_DEFAULT = 300_000
/** A file costs nothing to read, so what an administrator changes there is soon in force, whatever the bundle asks for. */
export const FILE_PAUSE = 10_000

/**
 * Fetches a bundle, or reads its file. `known`: what a server of profile https_spiffe is known by. Rejects with
 * FetchFailure: a bundle that cannot be read, or of whose keys of this use none can be, is one, and voids nothing.
 */
export async function fetchBundle(
  source: BundleSource,
  use: KeyUse,
  known: readonly Certificate[],
  tools: BundleTools,
): Promise<FetchedBundle> {
  const reading = parseBundle(await bytesOf(source, known, tools))
  const where = source.from === 'bundle' ? source.url : source.name
  if (reading.fault !== undefined) throw new FetchFailure('malformed', `the bundle at ${where} ${reading.fault}`)
  const { bundle } = reading
  const set = bundleSet(bundle, use)
  const broken = bundle.unreadable.find((one) => one.use === use)
  if (set.names.size === 0 && broken !== undefined)
    throw new FetchFailure('no_keys', `the bundle at ${where} has no readable key of use ${use}: ${broken.fault}`)
  return {
    set,
    skipped: [...bundle.ignored, ...bundle.unreadable.map(({ fault }) => fault)],
    sequence: bundle.sequence,
    freshFor: source.from === 'bundleFile' ? FILE_PAUSE : hinted(bundle.refreshHint),
    certificates: bundle.certificates,
  }
}

/**
 * Remembers what was fetched. Throws FetchFailure `sequence` where it is older than what is known, and then nothing changes.
 * Answers with a sentence where the bundle puts an end to something: to its domain (S-71), or to its own endpoint.
 */
export function takeBundle(
  {
    source,
    use,
    good,
    memory,
  }: {
    readonly source: KeySource
    readonly use: KeyUse
    readonly good: KeySet | undefined
    readonly memory: BundleMemory
  },
  { set, sequence, certificates }: FetchedBundle,
): string | undefined {
  const { sequence: known, endpoint } = memory
  if (sequence !== undefined && known !== undefined && sequence < known) {
    throw new FetchFailure(
      'sequence',
      `the bundle has spiffe_sequence ${sequence}, and ${known} is known; an older one is not taken`,
    )
  }
  memory.sequence = sequence ?? known
  const ended: string[] = []
  if (set.names.size === 0 && good?.names.size !== 0)
    ended.push(`it has no keys of use ${use}, so no credential of its trust domain is valid any more (S-71)`)
  if (source.from === 'bundle' && source.profile === 'https_spiffe' && source.selfServing) {
    memory.endpoint = certificates
    if (certificates.length === 0 && endpoint.length > 0) {
      ended.push(
        'it has no keys of use x509-svid, by which its own server could be known, so it is fetched no more until keys.bundle.inline has its present bundle',
      )
    }
  }
  return ended.length === 0 ? undefined : ended.join('; ')
}

/** What a bundle holds for one use; keys of another are not there. */
export function bundleSet(bundle: Bundle, use: KeyUse): KeySet {
  if (use === 'sig') return keySet([])
  if (use !== 'x509-svid') return keySet(bundle.keys[use])
  const { certificates } = bundle
  return keySet([], Object.freeze({ certificates, intermediates: NO_ANCHORS.intermediates }))
}

async function bytesOf(source: BundleSource, known: readonly Certificate[], tools: BundleTools): Promise<Buffer> {
  if (source.from === 'bundleFile') return await tools.bundleFile(source.name, tools.signal)
  const { body } = await tools.fetch(source.url, {
    accept: 'application/json',
    signal: tools.signal,
    ...(source.profile === 'https_spiffe'
      ? { spiffe: spiffeServer(source.endpointSpiffeId, known, tools.now) }
      : source.ca === undefined
        ? {}
        : { ca: source.ca }),
  })
  return body
}

function hinted(seconds: number | undefined): number {
  if (seconds === undefined) return HINT_BY_DEFAULT
  return Math.min(HINT_AT_MOST, Math.max(HINT_AT_LEAST, seconds * 1000))
}
