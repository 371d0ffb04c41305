import { describe, expect, it } from 'vitest'
import type { Committed, ExchangeRecord, Ledger, Mark } from '../../src/audit/contract.ts'
import { newId } from '../../src/lib/ids.ts'
import { sampleRecord } from '../harness/records.ts'

export interface LedgerUnderTest {
  /** Two ledgers of two processes over one record; the same one twice where there can be no other. */
  readonly ledgers: readonly [Ledger, Ledger]
  /** Commits a change of the state and answers the new version. */
  bump(): Promise<number>
  version(): Promise<number>
  get(id: string): Promise<ExchangeRecord | undefined>
}

const mark = (different: Partial<Mark> = {}): Mark => ({
  purpose: 'client-assertion',
  issuer: 'https://prod.example',
  id: newId(),
  until: 4_000_000_000,
  ...different,
})

/** What every ledger does, whatever it is made of (I1, I2, T10, T41). */
export function ledgerConformance(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(`${name} as a ledger`, () => {
    const current = async (under: LedgerUnderTest, different: Partial<ExchangeRecord> = {}) =>
      sampleRecord({ snapshotVersion: await under.version(), ...different })

    it('has the record when it says so, as it was given', async () => {
      const under = await open()
      const full = await current(under, { lineage: newId(), parents: [newId()], detail: 'ünï "quoted" \\ 😀' })
      const bare = await current(under, {
        outcome: 'failed',
        reason: 'internal',
        subject: null,
        granted: null,
        facts: null,
        jti: '',
        tokenHash: '',
        client: '',
      })
      for (const record of [full, bare]) {
        expect(await under.ledgers[0].commit({ record, marks: [] })).toEqual({ outcome: 'committed' })
        expect(await under.get(record.id)).toEqual(record)
      }
    })

    it('spends marks without a row, once over two processes, beside records that claim the same', async () => {
      const under = await open()
      const claimed = mark()
      const snapshotVersion = await under.version()
      const record = await current(under)
      const results = await Promise.all([
        ...Array.from({ length: 6 }, (_, at) =>
          under.ledgers[at % 2 === 0 ? 0 : 1].spend({ marks: [claimed], snapshotVersion }),
        ),
        under.ledgers[1].commit({ record, marks: [claimed] }),
      ])
      expect(results.filter(({ outcome }) => outcome === 'committed')).toHaveLength(1)
      for (const result of results.filter(({ outcome }) => outcome !== 'committed'))
        expect(result).toEqual({ outcome: 'replayed', mark: claimed })
      expect(await under.ledgers[0].spend({ marks: [mark()], snapshotVersion })).toEqual({ outcome: 'committed' })
    })

    it('spends nothing under documents that have changed', async () => {
      const under = await open()
      const claimed = mark()
      const snapshotVersion = await under.version()
      const version = await under.bump()
      expect(await under.ledgers[0].spend({ marks: [claimed], snapshotVersion })).toEqual({ outcome: 'stale', version })
      expect(await under.ledgers[1].spend({ marks: [claimed], snapshotVersion: version })).toEqual({
        outcome: 'committed',
      })
    })

    it('lets one of twenty claims of a mark win, over two processes', async () => {
      const under = await open()
      const claimed = mark()
      const records = await Promise.all(Array.from({ length: 20 }, () => current(under)))
      const results = await Promise.all(
        records.map((record, at) => under.ledgers[at % 2 === 0 ? 0 : 1].commit({ record, marks: [claimed] })),
      )
      expect(results.filter(({ outcome }) => outcome === 'committed')).toHaveLength(1)
      for (const [at, result] of results.entries()) {
        const stored = await under.get(records[at]!.id)
        if (result.outcome === 'committed') {
          expect(stored).toEqual(records[at])
          continue
        }
        expect(result).toEqual({ outcome: 'replayed', mark: claimed })
        expect(stored).toEqual({
          ...records[at],
          outcome: 'refused',
          reason: 'replayed',
          detail: 'This client-assertion has been used before.',
          granted: null,
          jti: '',
          tokenHash: '',
        })
      }
    })

    it('keeps marks of different purposes and issuers apart, however they are spelt', async () => {
      const under = await open()
      const marks = [
        mark({ purpose: 'a', issuer: 'bc', id: 'd' }),
        mark({ purpose: 'ab', issuer: 'c', id: 'd' }),
        mark({ purpose: 'a', issuer: 'b', id: 'cd' }),
        mark({ purpose: 'A', issuer: 'bc', id: 'd' }),
        mark({ purpose: 'a', issuer: 'bc', id: 'd ' }),
        mark({ purpose: 'a', issuer: 'bc', id: '' }),
      ]
      for (const one of marks) {
        const result = await under.ledgers[0].commit({ record: await current(under), marks: [one] })
        expect(result.outcome, JSON.stringify(one)).toBe('committed')
      }
    })

    it('claims all marks of an entry, also when one of them was taken', async () => {
      const under = await open()
      const [taken, free] = [mark(), mark({ purpose: 'subject-token' })]
      const commit = async (...marks: Mark[]) => under.ledgers[0].commit({ record: await current(under), marks })
      expect(await commit(taken)).toEqual({ outcome: 'committed' })
      expect(await commit(free, taken)).toEqual({ outcome: 'replayed', mark: taken })
      expect(await commit(free)).toEqual({ outcome: 'replayed', mark: free })
    })

    it('counts a mark that one entry names twice once', async () => {
      const under = await open()
      const twice = mark()
      const result = await under.ledgers[0].commit({ record: await current(under), marks: [twice, { ...twice }] })
      expect(result).toEqual({ outcome: 'committed' })
    })

    it('gives a mark with a holder to who comes first, and again to nobody else, over two processes (UC-03)', async () => {
      const under = await open()
      const first = mark({ purpose: 'first-use', holder: 'jkt:one' })
      const claims = ['jkt:one', 'jkt:two', 'jkt:three', 'x5t#S256:one'].flatMap((holder) =>
        Array.from({ length: 5 }, () => ({ ...first, holder })),
      )
      const records = await Promise.all(claims.map(() => current(under)))
      const results = await Promise.all(
        records.map((record, at) =>
          under.ledgers[at % 2 === 0 ? 0 : 1].commit({ record, marks: [claims[at] ?? first] }),
        ),
      )
      const held = new Set(claims.filter((_, at) => results[at]?.outcome === 'committed').map(({ holder }) => holder))
      expect(held.size).toBe(1)
      for (const [at, { holder }] of claims.entries()) {
        const stored = await under.get(records[at]?.id ?? '')
        if (held.has(holder)) {
          expect(results[at]).toEqual({ outcome: 'committed' })
          expect(stored).toEqual(records[at])
          continue
        }
        expect(results[at]).toEqual({ outcome: 'replayed', mark: claims[at] })
        expect(stored).toEqual({
          ...records[at],
          outcome: 'refused',
          reason: 'confirmation_unproven',
          detail: 'This credential was first used with another key.',
          granted: null,
          jti: '',
          tokenHash: '',
        })
      }
    })

    it('keeps marks with a holder and without one from standing for each other', async () => {
      const under = await open()
      const [held, bare] = [mark({ holder: 'jkt:one' }), mark()]
      const commit = async (...marks: Mark[]) => under.ledgers[0].commit({ record: await current(under), marks })
      const { holder: _, ...nobody } = held
      expect(await commit(held)).toEqual({ outcome: 'committed' })
      expect(await commit(nobody)).toEqual({ outcome: 'replayed', mark: nobody })
      expect(await commit(held)).toEqual({ outcome: 'committed' })
      expect(await commit(bare)).toEqual({ outcome: 'committed' })
      expect(await commit({ ...bare, holder: 'jkt:one' })).toMatchObject({ outcome: 'replayed' })
      expect(await commit(bare)).toEqual({ outcome: 'replayed', mark: bare })
    })

    it('claims a free mark beside a held one, and does not give it back where the held one is another’s', async () => {
      const under = await open()
      const [held, free] = [mark({ purpose: 'first-use', holder: 'jkt:one' }), mark({ purpose: 'dpop' })]
      const commit = async (...marks: Mark[]) => under.ledgers[0].commit({ record: await current(under), marks })
      expect(await commit(held, mark({ purpose: 'dpop' }))).toEqual({ outcome: 'committed' })
      const other = { ...held, holder: 'jkt:two' }
      expect(await commit(other, free)).toEqual({ outcome: 'replayed', mark: other })
      expect(await commit(free)).toEqual({ outcome: 'replayed', mark: free })
      expect(await commit(held, mark({ purpose: 'dpop' }))).toEqual({ outcome: 'committed' })
    })

    it('writes nothing of an entry that was decided under an older version', async () => {
      const under = await open()
      const claimed = mark()
      const old = await current(under)
      const version = await under.bump()
      const stale: Committed = { outcome: 'stale', version }
      expect(await under.ledgers[0].commit({ record: old, marks: [claimed] })).toEqual(stale)
      expect(await under.ledgers[1].commit({ record: old, marks: [claimed] })).toEqual(stale)
      expect(await under.get(old.id)).toBeUndefined()
      const again = { ...old, snapshotVersion: version }
      expect(await under.ledgers[0].commit({ record: again, marks: [claimed] })).toEqual({ outcome: 'committed' })
      expect(await under.get(old.id)).toEqual(again)
    })
  })
}
