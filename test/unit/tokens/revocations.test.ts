import { describe, expect, it } from 'vitest'
import type { OwnToken } from '../../../src/credentials/contract.ts'
import { type Revocable, type Revocation, revocable, revokedBy } from '../../../src/tokens/revocations.ts'

const AT = 1_800_000_000
const token: OwnToken = { id: 'jti-1', client: 'checkout', issuedAt: AT, lineage: 'lineage-1', path: ['checkout'] }
const names: Readonly<Record<Revocable, string>> = {
  jti: 'jti-1',
  tokenHash: 'hash-1',
  lineage: 'lineage-1',
  client: 'checkout',
  subject: 'spiffe://prod.example/x',
}
const revocation = (what: Revocable, value: string): Revocation => ({
  ...{ what, value, at: AT, until: AT + 86_400, reason: 'stolen', author: 'ada' },
})
const judge = (revocations: readonly Revocation[], issuedAt = AT) =>
  revokedBy(revocations)({ ...token, issuedAt }, names.tokenHash, names.subject)

describe('revocations', () => {
  it.each(revocable)('by %s meet what has exactly that, and say why', (what) => {
    expect(judge([revocation(what, names[what])])).toBe(`the tokens of ${what} ${names[what]} were revoked: stolen`)
    expect(judge([revocation(what, `${names[what]}x`)])).toBeUndefined()
    for (const other of revocable.filter((one) => one !== what))
      expect(judge([revocation(other, names[what])])).toBeUndefined()
  })

  it('of a client or subject leave what is issued afterwards, to the second', () => {
    for (const what of ['client', 'subject'] as const) {
      expect(judge([revocation(what, names[what])], AT + 1)).toBeUndefined()
      expect(judge([revocation(what, names[what])], AT - 86_400)).toBeDefined()
    }
  })

  it('of one token or a whole lineage ask no clock: that of the node which issued it may be ahead', () => {
    for (const what of ['jti', 'tokenHash', 'lineage'] as const)
      expect(judge([revocation(what, names[what])], AT + 5)).toBeDefined()
  })

  it('are found among many, and are none where there are none', () => {
    const many = Array.from({ length: 1000 }, (_, n) => revocation('jti', `jti-${n + 2}`))
    expect(judge(many)).toBeUndefined()
    expect(judge([...many, revocation('lineage', 'lineage-1')])).toContain('lineage')
    expect(judge([])).toBeUndefined()
  })
})
