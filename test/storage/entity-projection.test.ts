import { expect, it, onTestFinished, vi } from 'vitest'
import { openDatabase } from '../../src/storage/database.ts'
import { projectEntities, startProjecting } from '../../src/storage/entity-projection.ts'
import { openLedger } from '../../src/storage/ledger.ts'
import { testDatabase } from '../harness/database.ts'
import { sampleRecord } from '../harness/records.ts'

async function open() {
  const { address, query } = await testDatabase()
  const [database, ledger] = await Promise.all([openDatabase({ address }), openLedger({ address })])
  onTestFinished(async () => {
    await Promise.all([database.close(), ledger.close()])
  })
  const id = 'wimse://ours.example/prod/a'
  const write = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () =>
        ledger.commit({
          record: sampleRecord({ facts: null, subject: { issuer: 'prod', id, kind: 'jwt', instance: '' } }),
          marks: [],
        }),
      ),
    )
  return { database, query, write, granted: async () => (await database.entities.get(id, 0))?.granted ?? 0 }
}

it('follows the record in rounds until it is stopped, and tells its troubles', async () => {
  const { database, query, write, granted } = await open()
  const troubles: unknown[] = []
  const following = startProjecting(database, { intervalMs: 5, onTrouble: (error) => troubles.push(error) })
  await write(3)
  await vi.waitFor(async () => expect(await granted()).toBe(3), 5000)
  await query('ALTER TABLE cambist.entity_records RENAME TO away')
  await write(1)
  await vi.waitFor(() => expect(troubles.length).toBeGreaterThan(0), 5000)
  // What failed left nothing behind, and is read once when it can be.
  await query('ALTER TABLE cambist.away RENAME TO entity_records')
  await vi.waitFor(async () => expect(await granted()).toBe(4), 5000)
  await following.stop()
})

it('takes what is more than a batch, and each record once, also while it is written', async () => {
  const { database, write, granted } = await open()
  const writing = (async () => {
    for (let round = 0; round < 10; round++) await write(70)
  })()
  let read = 0
  for (let round = 0; round < 5; round++) read += await projectEntities(database.pool)
  await writing
  read += await projectEntities(database.pool)
  expect(read).toBe(700)
  expect(await granted()).toBe(700)
})
