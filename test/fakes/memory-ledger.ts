import type { Committed, Entry, ExchangeRecord, Ledger, Mark, Spending } from '../../src/audit/contract.ts'

/** The ledger in memory: test/conformance holds it to what the one in PostgreSQL does. */
export class MemoryLedger implements Ledger {
  /** In the order in which they were written. */
  readonly records: ExchangeRecord[] = []
  /** With who holds them, where somebody does. */
  readonly #marks = new Map<string, string | undefined>()
  readonly #version: () => number

  /** `version` is that of the state, below which an entry is stale. */
  constructor(version: () => number = () => 0) {
    this.#version = version
  }

  async commit({ record, marks }: Entry): Promise<Committed> {
    const version = this.#version()
    if (record.snapshotVersion < version) return { outcome: 'stale', version }
    const taken = this.#claim(marks)
    if (taken === undefined) {
      this.records.push(record)
      return { outcome: 'committed' }
    }
    const held = taken.purpose === 'first-use'
    const refused = {
      outcome: 'refused',
      reason: held ? 'confirmation_unproven' : 'replayed',
      detail: held ? 'This credential was first used with another key.' : `This ${taken.purpose} has been used before.`,
      granted: null,
      jti: '',
      tokenHash: '',
    } as const
    this.records.push({ ...record, ...refused })
    return { outcome: 'replayed', mark: taken }
  }

  async spend({ marks, snapshotVersion }: Spending): Promise<Committed> {
    const version = this.#version()
    if (snapshotVersion < version) return { outcome: 'stale', version }
    const taken = this.#claim(marks)
    return taken === undefined ? { outcome: 'committed' } : { outcome: 'replayed', mark: taken }
  }

  /** Answers one that somebody else has. */
  #claim(marks: readonly Mark[]): Mark | undefined {
    const byKey = new Map(marks.map((mark) => [JSON.stringify([mark.purpose, mark.issuer, mark.id]), mark]))
    let taken: Mark | undefined
    for (const [key, mark] of byKey) {
      if (!this.#marks.has(key)) this.#marks.set(key, mark.holder)
      else if (mark.holder === undefined || this.#marks.get(key) !== mark.holder) taken ??= mark
    }
    return taken
  }
}
