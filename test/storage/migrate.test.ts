import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Block } from '../../src/blocks/contract.ts'
import { newId } from '../../src/lib/ids.ts'
import { Secret } from '../../src/lib/secret.ts'
import type { DatabaseAddress } from '../../src/storage/address.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { projectEntities } from '../../src/storage/entity-projection.ts'
import { openLedger } from '../../src/storage/ledger.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { testDatabase } from '../harness/database.ts'
import { sampleRecord } from '../harness/records.ts'

const OWN = new URL('../../migrations/', import.meta.url)

async function copyOfMigrations(): Promise<{ url: URL; write(name: string, sql: string): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'cambist-migrations-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  await cp(OWN, directory, { recursive: true })
  return { url: pathToFileURL(`${directory}/`), write: (name, sql) => writeFile(join(directory, name), sql) }
}

describe('migrations', () => {
  it('are applied once, by however many processes at once, and tell their progress', async () => {
    const database = await testDatabase('empty')
    const said: string[] = []
    const results = await Promise.all(
      [1, 2, 3, 4].map(() => migrate(database.address, { onProgress: (sentence) => said.push(sentence) })),
    )
    const applied = results.flat()
    expect(applied.filter((name) => name === '000001_ledger_and_state.sql')).toHaveLength(1)
    expect(new Set(applied).size).toBe(applied.length)
    expect(said.filter((sentence) => sentence === 'Applied 000001_ledger_and_state.sql.')).toHaveLength(1)
    expect(await migrate(database.address)).toEqual([])
    expect(await database.query('SELECT version::int FROM cambist.state')).toEqual([{ version: 0 }])
  })

  it('refuse a file that was changed after it was applied', async () => {
    const database = await testDatabase()
    const files = await copyOfMigrations()
    await files.write('000001_ledger_and_state.sql', 'SELECT 1')
    await expect(migrate(database.address, { directory: files.url })).rejects.toThrow(
      'The migration 000001_ledger_and_state.sql was changed after it had been applied to this database: restore the file, and put the change into a new migration.',
    )
  })

  it('let an older program work on a newer schema, unless a migration says that it breaks older ones', async () => {
    const database = await testDatabase()
    const files = await copyOfMigrations()
    await files.write('900001_more.sql', 'CREATE TABLE cambist.more ()')
    expect(await migrate(database.address, { directory: files.url })).toEqual(['900001_more.sql'])
    expect(await migrate(database.address)).toEqual([])

    await files.write('900002_less.sql', '-- cambist: breaking\nDROP TABLE cambist.more')
    expect(await migrate(database.address, { directory: files.url })).toEqual(['900002_less.sql'])
    await expect(migrate(database.address)).rejects.toThrow(
      'The database was migrated by a newer Cambist (900002_less.sql) in a way that this one cannot work with: run the newer version.',
    )
  })

  it('take a signing key of a program that knows of no uses for one of those that were there before: for /jwks', async () => {
    const database = await testDatabase()
    await database.query(`INSERT INTO cambist.signing_keys (kid, algorithm, public_jwk, backend, wrapped, created_at, active_at)
      VALUES ('old', 'ES256', '{}', 'local', '', 0, 0)`)
    const { states, close } = await openDatabase({ address: database.address })
    onTestFinished(close)
    expect((await states.load()).keys).toMatchObject([{ kid: 'old', use: 'sig' }])
  })

  it('leave nothing of a file that fails', async () => {
    const database = await testDatabase()
    const files = await copyOfMigrations()
    await files.write('900001_broken.sql', 'CREATE TABLE cambist.half (); SELECT nonsense')
    await expect(migrate(database.address, { directory: files.url })).rejects.toThrow(
      'The migration 900001_broken.sql failed and was rolled back: column "nonsense" does not exist',
    )
    expect(await database.query(`SELECT to_regclass('cambist.half') AS half`)).toEqual([{ half: null }])
  })

  it('give the role of the application no right to change the record', async ({ skip }) => {
    const database = await testDatabase()
    const [role] = await database.query<{ rolsuper: boolean }>(
      'SELECT rolsuper FROM pg_roles WHERE rolname = current_user',
    )
    skip(role?.rolsuper === true, 'the role of TEST_DATABASE_URL is a superuser, whom no right binds')
    await expect(database.query('DELETE FROM cambist.records')).rejects.toThrow('permission denied for table records')
    await expect(database.query(`UPDATE cambist.records SET reason = ''`)).rejects.toThrow(
      'permission denied for table records',
    )
    await expect(database.query('TRUNCATE cambist.records')).rejects.toThrow('permission denied for table records')
  })

  it('give a role that owns nothing what a server needs, and no more', async () => {
    const database = await testDatabase()
    const role = `app "${randomBytes(4).toString('hex')}`
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    const quoted = client.escapeIdentifier(role)
    onTestFinished(async () => {
      await client.query(`RESET ROLE; DROP OWNED BY ${quoted}; DROP ROLE ${quoted}`)
      await client.end()
    })
    await client.query(`CREATE ROLE ${quoted} LOGIN`)
    await client.query(`GRANT ${quoted} TO CURRENT_USER`)
    await migrate(database.address, { applicationRole: role })
    // A server that runs as this role finds nothing to do, and needs no right to look.
    const asRole = `${database.url}?options=${encodeURIComponent(`-c role=${role.replaceAll(' ', '\\ ')}`)}`
    expect(await migrate(new Secret(asRole))).toEqual([])
    await client.query(`SET ROLE ${quoted}`)

    const committed = await client.query('SELECT state_version FROM cambist.commit_records_1($1, NULL)', ['{}'])
    expect(committed.rows).toEqual([{ state_version: '0' }])
    await keepsARegister(new Secret(asRole))
    for (const allowed of [
      'SELECT FROM cambist.records',
      'UPDATE cambist.state SET version = version',
      'DELETE FROM cambist.one_use_marks',
      'DELETE FROM cambist.signing_keys',
      `SELECT nextval('cambist.status_blocks')`,
      'SELECT last_value, is_called FROM cambist.status_blocks',
      `INSERT INTO cambist.revisions (version, author, message, changes) VALUES (1000, '', '', '[]')`,
      `INSERT INTO cambist.administrator_actions (id, at, administrator, action, about)
       VALUES (gen_random_uuid(), now(), '', '', '{}')`,
    ]) {
      await client.query(allowed)
    }
    for (const forbidden of [
      'UPDATE cambist.records SET detail = detail',
      'UPDATE cambist.entity_changes SET author = author',
      'DELETE FROM cambist.entities',
      'DELETE FROM cambist.records',
      'DELETE FROM cambist.revisions',
      `SELECT setval('cambist.status_blocks', 1)`,
      'DELETE FROM cambist.administrator_actions',
      `UPDATE cambist.administrator_actions SET about = '{}'`,
      'UPDATE cambist.document_history SET document = NULL',
      'DELETE FROM cambist.migrations',
      'CREATE TABLE cambist.own ()',
    ]) {
      await expect(client.query(forbidden), forbidden).rejects.toThrow('permission denied')
    }
  })
})

/** Blocks somebody, makes the register of what is on the record, and notes something in it. */
async function keepsARegister(address: DatabaseAddress): Promise<void> {
  const [database, ledger] = await Promise.all([openDatabase({ address }), openLedger({ address })])
  onTestFinished(async () => {
    await Promise.all([database.close(), ledger.close()])
  })
  const id = sampleRecord().subject?.id ?? ''
  const record = sampleRecord()
  expect(await ledger.commit({ record, marks: [] })).toEqual({ outcome: 'committed' })
  expect(await projectEntities(database.pool)).toBe(1)
  const said = { at: 0, author: 'ada', labels: { team: 'shop' }, notes: [] }
  expect(await database.entities.change(id, said)).toBe('changed')
  const block: Block = {
    ...{ id: newId(), what: 'subject', value: id, issuer: '', reason: 'r', author: 'ada', at: 0, until: undefined },
  }
  const nothing = { author: 'ada', message: '', put: [], delete: [], putKeys: [], changes: [] }
  await database.states.change(() => ({ ...nothing, putBlocks: [block] }))
  expect(await database.entities.get(id, 0)).toMatchObject({ blockedBy: block.id, labels: { team: 'shop' } })
  await database.states.change(() => ({ ...nothing, removeBlocks: [block.id] }))
  const search = { texts: [], direct: { column: 'subject', value: id }, meant: () => false } as const
  expect(await database.records.liveLineages(search, record.at)).toMatchObject([{ lineage: record.id, tokens: 1 }])
}
