import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { RecordReader } from '../../../src/audit/reading.ts'
import { whole } from '../documents/world.ts'
import { ask, NOW, open } from './world.ts'

const type = 'application/json'
const failing = new Error('the database was lost')
let fails = false
const records: RecordReader = {
  list: async () => ({ items: [], next: null }),
  get: async () => undefined,
  unexpired: async () => 0,
  livingIn: async () => [],
  clientsGrantedSince: async () => new Set(),
  walk: async () => ({ atMost: 0, whole: true, batches: Readable.from([]) }),
  liveLineages: async () => {
    if (fails) throw failing
    return [{ lineage: 'l', tokens: 2, until: NOW / 1000 + 60 }]
  },
}
const world = await open({ records })
await ask(world, '/admin/v1/apply', { method: 'POST', type, body: JSON.stringify(whole) })
const block = (match: object) =>
  ask(world, '/admin/v1/blocks', { method: 'POST', type, body: JSON.stringify({ match, reason: 'stolen' }) })

describe('a block', () => {
  it('is one change, and what it takes back another, both by whoever asked', async () => {
    const { json } = await block({ client: 'checkout' })
    expect(json).toMatchObject({ revoked: 2, lineages: 1 })
    const { blocks, revocations } = await world.states.load()
    expect(blocks).toMatchObject([
      { id: json.block.id, what: 'client', value: 'checkout', author: 'bootstrap', at: NOW / 1000 },
    ])
    expect(revocations).toEqual([
      {
        ...{ what: 'lineage', value: 'l', at: NOW / 1000, until: NOW / 1000 + 60, author: 'bootstrap' },
        reason: `block ${json.block.id}: stolen`,
      },
    ])
    expect((await world.states.history(2)).map(({ message }) => message)).toEqual([
      '1 lineages with client checkout revoked: stolen',
      'client checkout blocked: stolen',
    ])
  })

  it('stands where what it takes back cannot be found, and says so', async () => {
    fails = true
    const { status, json, headers } = await block({ subject: 'spiffe://prod.example/x' })
    fails = false
    const { blocks } = await world.states.load()
    const made = blocks.find(({ what }) => what === 'subject')
    expect([status, headers['retry-after']]).toEqual([503, '1'])
    expect(json.detail).toContain(`The block is in force as ${made?.id}, but`)
    expect(world.failures).toEqual([failing])
    expect((await block({ subject: 'spiffe://prod.example/x' })).json).toMatchObject({ revoked: 2 })
  })
})
