import { beforeAll, describe, expect, it } from 'vitest'
import type { Block } from '../../src/blocks/contract.ts'
import type { Document, StateStore, StoredDocument } from '../../src/documents/contract.ts'
import { newId } from '../../src/lib/ids.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'

let database: TestDatabase
let writer: StateStore
let reader: StateStore
let third: StateStore

beforeAll(async () => {
  database = await testDatabase()
  const opened = await Promise.all([1, 2, 3].map(() => openDatabase({ address: database.address })))
  const stores = opened.map(({ states }) => states)
  if (stores[0] === undefined || stores[1] === undefined || stores[2] === undefined) throw new Error('unreachable')
  ;[writer, reader, third] = [stores[0], stores[1], stores[2]]
  return () => Promise.all(opened.map((each) => each.close()))
})

const document = (kind: string, name: string, spec: object = {}): Document => ({
  apiVersion: 'cambist/v1',
  kind,
  metadata: { name },
  spec: { ...spec },
})

const change = (put: readonly Document[], gone: readonly Document[] = []) =>
  writer.change(() => ({
    author: 'ada',
    message: '',
    put,
    delete: gone.map(({ kind, metadata: { name } }) => ({ kind, name })),
    putKeys: [],
    changes: [],
  }))

/** What one that has read before reads now; it is what one that has never read does. */
async function read(): Promise<readonly StoredDocument[]> {
  const fresh = await openDatabase({ address: database.address })
  try {
    const [known, anew] = [await reader.load(), await fresh.states.load()]
    expect(known).toEqual(anew)
    return known.documents
  } finally {
    await fresh.close()
  }
}

const names = (documents: readonly StoredDocument[]): string =>
  documents.map(({ kind, metadata }) => `${kind[0]}/${metadata.name}`).join(' ')

describe('documents read again', () => {
  it('are those of the database after every change, and the same objects where none changed them', async () => {
    expect(await read()).toEqual([])
    await change(['b', 'd', 'f'].map((name) => document('Policy', name)))
    const first = await read()
    expect(names(first)).toBe('P/b P/d P/f')

    await change([document('Policy', 'd', { lifetime: '1m' }), document('Policy', 'e'), document('Client', 'z')])
    const second = await read()
    expect(names(second)).toBe('C/z P/b P/d P/e P/f')
    expect([second[1], second[4]]).toEqual([first[0], first[2]])
    expect(second[1]).toBe(first[0])
    expect(second[4]).toBe(first[2])
    expect(second[2]?.spec).toEqual({ lifetime: '1m' })

    await change([document('Target', 'a'), document('Policy', 'g')], [document('Policy', 'b'), document('Client', 'z')])
    const third = await read()
    expect(names(third)).toBe('P/d P/e P/f P/g T/a')
    expect(third[0]).toBe(second[2])

    // Gone and there again between two reads, so that their number says nothing.
    await change([document('Policy', 'h')], [document('Policy', 'd')])
    await change([document('Policy', 'd', { lifetime: '2m' })], [document('Policy', 'e')])
    expect(names(await read())).toBe('P/d P/f P/g P/h T/a')
    expect(await read()).toBe(await reader.load().then(({ documents }) => documents))
  })

  it('stay the same objects where a change is of blocks alone, and the blocks are all read', async () => {
    const [before, { version }] = [await read(), await reader.load()]
    const block: Block = {
      ...{ id: newId(), value: 'z', issuer: '', reason: '', author: 'ada', at: 1, until: undefined },
      what: 'client',
    }
    const beside = { author: 'ada', message: '', put: [], delete: [], putKeys: [], changes: [] }
    await writer.change(() => ({ ...beside, putBlocks: [block] }))
    const blocked = await reader.load()
    expect(blocked).toMatchObject({ version: version + 1, blocks: [block] })
    for (const [index, each] of blocked.documents.entries()) expect(each).toBe(before[index])
    await writer.change(() => ({ ...beside, removeBlocks: [block.id] }))
    expect(await reader.load()).toMatchObject({ version: version + 2, blocks: [] })
    expect(await read()).toHaveLength(before.length)
  })

  it('come in pages, all of them', async () => {
    await change(Array.from({ length: 401 }, (_, at) => document('Trust', `t${String(at).padStart(3, '0')}`)))
    expect(await read()).toHaveLength(406)
    expect((await third.load()).documents).toHaveLength(406)
    await change(
      [],
      Array.from({ length: 200 }, (_, at) => document('Trust', `t${String(at).padStart(3, '0')}`)),
    )
    expect(await read()).toHaveLength(206)
  })

  it('are seen by a writer as by all others', async () => {
    await change([document('Policy', 'w')])
    const seen: string[] = []
    await third.change(({ documents }) => {
      seen.push(names(documents.filter(({ kind }) => kind === 'Policy')))
      return undefined
    })
    expect(seen).toEqual(['P/d P/f P/g P/h P/w'])
  })

  it('are all read anew where the database was put back, though its versions came again', async () => {
    const { version } = await reader.load()
    // As a restored backup has it: the version before, and then another change under the same number.
    await database.query(`DELETE FROM cambist.documents WHERE name = 'w'`)
    await database.query('DELETE FROM cambist.document_history WHERE version = $1', [version])
    await database.query('DELETE FROM cambist.revisions WHERE version = $1', [version])
    await database.query('UPDATE cambist.state SET version = version - 1')
    await change([document('Policy', 'other')])
    await change([document('Policy', 'later')])
    expect((await reader.load()).version).toBe(version + 1)
    expect(names((await read()).filter(({ kind }) => kind === 'Policy'))).toBe('P/d P/f P/g P/h P/later P/other')
  })
})
