import type { Client } from '../../clients/contract.ts'
import type { Revision, StateStore, StoredState, Warning } from '../contract.ts'

/** A client that had nothing for so long is probably nobody's any more, and one more way in (T22). */
export const UNUSED_DAYS = 90
const DAY_MS = 86_400_000
const PAGE = 500

export interface Usage {
  /** Names of the clients that were granted something at this moment or later; milliseconds since the epoch. */
  clientsGrantedSince(since: number): Promise<ReadonlySet<string>>
}

/** Clients whose documents have stood as they are for 90 days without anything being granted to them. `now` is milliseconds since the epoch. */
export async function unusedClients(
  { documents }: StoredState,
  clients: ReadonlyMap<string, Client>,
  store: Pick<StateStore, 'history'>,
  usage: Usage,
  now: number,
): Promise<readonly Warning[]> {
  const since = now - UNUSED_DAYS * DAY_MS
  const version = await versionBefore(store, since)
  const old = documents.filter(
    ({ kind, metadata, changedIn }) =>
      kind === 'Client' && changedIn <= version && clients.get(metadata.name)?.disabled === false,
  )
  if (old.length === 0) return []
  const used = await usage.clientsGrantedSince(since)
  const day = new Date(since).toISOString().slice(0, 10)
  return old
    .filter(({ metadata }) => !used.has(metadata.name))
    .map(({ kind, metadata: { name } }) => ({
      kind,
      name,
      path: '',
      message: `nothing was granted to this client since ${day}, ${UNUSED_DAYS} days ago; delete it, or say disabled: true until somebody misses it`,
    }))
}

/** The last version that was in force before a moment; 0 where there was none. */
async function versionBefore(store: Pick<StateStore, 'history'>, moment: number): Promise<number> {
  let before: number | undefined
  for (;;) {
    const page: readonly Revision[] = await store.history(PAGE, before)
    const found = page.find(({ at }) => at < moment)
    if (found !== undefined) return found.version
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return 0
    before = last.version
  }
}
