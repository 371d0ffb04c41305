import { onTestFinished } from 'vitest'
import { openDatabase } from '../../src/storage/database.ts'
import { MemoryStateStore } from '../fakes/memory-state-store.ts'
import { testDatabase } from '../harness/database.ts'
import { stateStoreConformance } from './state-store.ts'

stateStoreConformance('MemoryStateStore', async () => {
  const store = new MemoryStateStore()
  return [store, store]
})

stateStoreConformance('PostgreSQL', async () => {
  const { address } = await testDatabase()
  // Polling is left out: what is told here is told by LISTEN/NOTIFY.
  const [one, two] = await Promise.all([
    openDatabase({ address, pollMs: 3_600_000 }),
    openDatabase({ address, pollMs: 3_600_000 }),
  ])
  onTestFinished(async () => {
    await Promise.all([one.close(), two.close()])
  })
  return [one.states, two.states]
})
