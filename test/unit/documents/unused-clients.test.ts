import { describe, expect, it } from 'vitest'
import { unusedClients } from '../../../src/documents/lint/unused-clients.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { base, changed, compiler, document, whole } from './world.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2027, 5, 1)

/** Names that are warned of, when the documents were written so many days ago and these clients were granted something since. */
async function unused(daysAgo: number, used: readonly string[], later: readonly (typeof whole)[number][] = []) {
  const time = { ...systemClock, now: () => NOW - daysAgo * DAY }
  const store = new MemoryStateStore(time)
  const put = (documents: typeof whole) =>
    store.change(() => ({ author: 'a', message: '', put: documents, delete: [], putKeys: [], changes: [] }))
  await put(whole)
  time.now = () => NOW - DAY
  if (later.length > 0) await put(later)
  const state = await store.load()
  const asked: number[] = []
  const usage = {
    clientsGrantedSince: async (since: number) => {
      asked.push(since)
      return new Set(used)
    },
  }
  const { clients } = compiler().compile(state.documents).nouns
  const found = await unusedClients(state, clients, store, usage, NOW)
  return { names: found.map(({ name }) => name), messages: found.map(({ message }) => message), asked }
}

describe('clients unused for 90 days', () => {
  it('are named with the day', async () => {
    const { names, messages, asked } = await unused(91, [])
    expect(names).toEqual(['checkout'])
    expect(messages[0]).toContain('nothing was granted to this client since 2027-03-03, 90 days ago; delete it')
    expect(asked).toEqual([NOW - 90 * DAY])
  })

  it('and not those that were granted something, are younger, or were changed since, and then nobody asks the record', async () => {
    expect((await unused(91, ['checkout'])).names).toEqual([])
    expect(await unused(89, [])).toMatchObject({ names: [], asked: [] })
    const touched = changed(base.client, { grants: ['token-exchange', 'jwt-bearer'] })
    expect(await unused(91, [], [touched])).toMatchObject({ names: [], asked: [] })
    const another = document('Client', 'new', { workloads: [{ issuer: 'prod', ids: ['x'] }] })
    expect((await unused(91, [], [another])).names).toEqual(['checkout'])
  })

  it('nor those that are disabled', async () => {
    const store = new MemoryStateStore({ ...systemClock, now: () => NOW - 91 * DAY })
    const documents = whole.map((each) => (each === base.client ? changed(each, { disabled: true }) : each))
    await store.change(() => ({ author: 'a', message: '', put: documents, delete: [], putKeys: [], changes: [] }))
    const state = await store.load()
    const { clients } = compiler().compile(state.documents).nouns
    const usage = { clientsGrantedSince: async () => new Set<string>() }
    expect(await unusedClients(state, clients, store, usage, NOW)).toEqual([])
  })
})
