import { beforeAll } from 'vitest'
import type { Ledger } from '../../src/audit/contract.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { openLedger } from '../../src/storage/ledger.ts'
import { MemoryLedger } from '../fakes/memory-ledger.ts'
import { testDatabase } from '../harness/database.ts'
import { ledgerConformance } from './ledger.ts'

ledgerConformance('MemoryLedger', async () => {
  let version = 3
  const ledger = new MemoryLedger(() => version)
  return {
    ledgers: [ledger, ledger],
    bump: async () => ++version,
    version: async () => version,
    get: async (id) => ledger.records.find((record) => record.id === id),
  }
})

let database: Database
let ledgers: [Ledger, Ledger]

beforeAll(async () => {
  const { address } = await testDatabase()
  database = await openDatabase({ address })
  const opened = await Promise.all([openLedger({ address }), openLedger({ address })])
  ledgers = [opened[0], opened[1]]
  return async () => {
    await Promise.all(opened.map((ledger) => ledger.close()))
    await database.close()
  }
})

ledgerConformance('PostgreSQL', async () => ({
  ledgers,
  bump: async () => {
    const nothing = { author: 'test', message: '', put: [], delete: [], putKeys: [], changes: [] }
    return (await database.states.change(() => nothing)).version
  },
  version: async () => (await database.states.load()).version,
  get: (id) => database.records.get(id),
}))
