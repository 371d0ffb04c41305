import type { Mark } from '../audit/contract.ts'
import type { Client } from '../clients/contract.ts'
import type { Snapshot } from '../documents/contract.ts'
import type { Parameters } from '../exchange/contract.ts'
import { isKnownParameter } from '../exchange/grants.ts'
import { trustOf } from '../exchange/identified.ts'
import type { Trust, Witness } from '../exchange/meeting.ts'
import { identifyClient } from '../exchange/parties.ts'
import { type CallerRequest, readCaller, readToken } from '../exchange/request.ts'
import { usedBefore } from '../exchange/used-before.ts'
import { seconds } from '../lib/clock.ts'
import { Refusal } from '../refusal.ts'
import type { Inquiry, InquiryRoad } from './contract.ts'

/** Who asks, verified, under the snapshot that the answer is given by. `now` is seconds since the epoch. */
export interface Caller {
  /** The clients that it may be: one, where it says which. */
  readonly clients: readonly Client[]
  readonly snapshot: Snapshot
  readonly trust: Trust
  readonly now: number
}

/** What is asked: parsed once. */
export interface TokenRequest extends CallerRequest {
  readonly token: string
}

/** How long ago the documents must at most have been in force: the lease of all that is answered without a commit (T41). */
const LEASE_MS = 30_000
const MAX_ATTEMPTS = 4
const TAKEN: ReadonlySet<string> = new Set([
  'token',
  'token_type_hint',
  'client_id',
  'client_assertion',
  'client_assertion_type',
])

/** Parameters that belong into the body, and never into a query (T24). */
export const isInquiryParameter = (name: string): boolean => TAKEN.has(name) || isKnownParameter(name)

/** Reads parameters, and what comes beside them. A hint of the token's type is not asked for: a wrong one must not matter (IN-01). Throws Refusal. */
export function readInquiry({ parameters, carried, refusal }: Inquiry, { events }: InquiryRoad): TokenRequest {
  if (refusal !== undefined) throw refusal
  checkTaken(parameters, events.unknownParameter)
  return { ...readCaller(parameters, carried), token: readToken(parameters) }
}

function checkTaken(parameters: Parameters, onUnknown: () => void): void {
  for (const name of parameters.keys()) {
    if (TAKEN.has(name)) continue
    if (isKnownParameter(name)) throw new Refusal('parameter_unexpected', `${name} has no meaning here`)
    onUnknown()
  }
}

/**
 * Identifies who asks, by the same pipeline as on the road of an exchange. What authenticates by something of one use has
 * it spent before anything is answered, under the documents by which it was judged. Rejects with a Refusal.
 */
export async function callerOf(request: CallerRequest, asked: Inquiry, road: InquiryRoad): Promise<Caller> {
  let snapshot = await road.snapshots.freshWithin(LEASE_MS)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const marks: Mark[] = []
    const { caller, refusal } = await identified(request, asked, snapshot, road, marks)
    const stale = await spent(marks, refusal, snapshot, road)
    if (stale !== undefined) {
      snapshot = await road.snapshots.atLeast(stale)
      continue
    }
    if (caller === undefined) throw refusal
    return caller
  }
  throw new Refusal('snapshot_unavailable', `the documents changed ${MAX_ATTEMPTS} times during one request`, {
    retryAfter: 1,
  })
}

async function identified(
  request: CallerRequest,
  { carried }: Inquiry,
  snapshot: Snapshot,
  road: InquiryRoad,
  marks: Mark[],
): Promise<{ readonly caller?: Caller; readonly refusal?: unknown }> {
  const now = seconds(road.clock)
  const trust = trustOf(road, snapshot, now)
  try {
    const { candidates, named } = await identifyClient(request, carried, snapshot, trust, witnessOf(marks, road))
    const clients = candidates.flatMap((name) => snapshot.clients.byName(name) ?? [])
    checkEnabled(clients)
    return {
      caller: {
        clients: named === undefined ? clients : clients.filter(({ name }) => name === named),
        snapshot,
        trust,
        now,
      },
    }
  } catch (refusal) {
    return { refusal }
  }
}

/** One disabled client denies, whichever is named (interfaces.md, "Client"; T22). */
function checkEnabled(clients: readonly Client[]): void {
  const disabled = clients.find((client) => client.disabled)
  if (disabled === undefined) return
  const refusal = new Refusal('client_disabled', `client ${disabled.name} is disabled`)
  refusal.about = 'caller'
  throw refusal
}

/**
 * Spends the marks of what was verified, also of who is refused; anybody can make a DPoP proof, which alone buys no write
 * (T38). Answers a newer version where there is one.
 */
async function spent(
  marks: readonly Mark[],
  refusal: unknown,
  { version }: Snapshot,
  { ledger }: InquiryRoad,
): Promise<number | undefined> {
  if (marks.length === 0 || (refusal !== undefined && marks.every(({ purpose }) => purpose === 'dpop')))
    return undefined
  const committed = await ledger.spend({ marks, snapshotVersion: version })
  if (committed.outcome === 'replayed') throw usedBefore(committed.mark)
  return committed.outcome === 'stale' ? committed.version : undefined
}

/** Nothing of an inquiry is recorded but that its marks are spent; leniencies are counted as everywhere (P-10). */
const witnessOf = (marks: Mark[], { events }: InquiryRoad): Witness => ({
  subject: () => undefined,
  actor: () => undefined,
  client: () => undefined,
  presented: () => undefined,
  proves: () => undefined,
  mark: (mark) => void marks.push(mark),
  lenient: (position, leniency) => events.lenient(`${position}: ${leniency}`),
})
