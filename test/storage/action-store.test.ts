import { beforeAll, describe, expect, it } from 'vitest'
import type { AdministratorAction } from '../../src/audit/actions.ts'
import { newId } from '../../src/lib/ids.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'

let database: Database
let onlooker: TestDatabase

beforeAll(async () => {
  onlooker = await testDatabase()
  database = await openDatabase({ address: onlooker.address })
  return () => database.close()
})

const action = (different: Partial<AdministratorAction> = {}): AdministratorAction => ({
  id: newId(),
  at: Date.UTC(2026, 10, 24, 12),
  administrator: 'bootstrap',
  action: 'explain',
  about: { verdict: 'refused', 'ünï\u2028': [1, true, null] },
  ...different,
})

describe('actions of administrators', () => {
  it('are read as they were written, newest first, page by page', async () => {
    const written = [action({ action: 'pages' }), action({ action: 'pages' }), action({ action: 'pages' })]
    for (const each of written) await database.actions.write(each)
    const first = await database.actions.list({ action: 'pages' }, 2)
    expect(first.items).toEqual([written[2], written[1]])
    const second = await database.actions.list({ action: 'pages' }, 2, first.next ?? '')
    expect(second).toEqual({ items: [written[0]], next: null })
  })

  it('are found by who did them, and by what they did', async () => {
    const [one, other] = [action({ administrator: 'ann' }), action({ administrator: 'ann', action: 'replay' })]
    for (const each of [one, other]) await database.actions.write(each)
    expect((await database.actions.list({ administrator: 'ann' }, 9)).items).toEqual([other, one])
    expect((await database.actions.list({ administrator: 'ann', action: 'explain' }, 9)).items).toEqual([one])
    expect((await database.actions.list({ administrator: "ann' OR 1 = 1 --" }, 9)).items).toEqual([])
  })

  it('take a cursor of their own making only', async () => {
    await expect(database.actions.list({}, 1, 'here')).rejects.toThrow('This is no cursor of ours')
  })

  it('stay as they are (T29)', async ({ skip }) => {
    const [role] = await onlooker.query<{ rolsuper: boolean }>(
      'SELECT rolsuper FROM pg_roles WHERE rolname = current_user',
    )
    skip(role?.rolsuper === true, 'the role of TEST_DATABASE_URL is a superuser, whom no right binds')
    for (const change of ['DELETE FROM', 'TRUNCATE', 'UPDATE'])
      await expect(
        onlooker.query(`${change} cambist.administrator_actions${change === 'UPDATE' ? " SET action = ''" : ''}`),
      ).rejects.toThrow('permission denied for table administrator_actions')
  })
})
