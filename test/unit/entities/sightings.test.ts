import { describe, expect, it } from 'vitest'
import { sightingsIn } from '../../../src/entities/sightings.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import { sampleRecord } from '../../harness/records.ts'

const party = (id: string, different: Partial<Principal> = {}): Principal => ({
  ...{ id, issuer: 'prod', subject: id, kind: 'jwt', key: false, instance: '', scopes: [], attributes: {} },
  ...different,
})
const record = (at: number, facts: unknown, different: Parameters<typeof sampleRecord>[0] = {}) => ({
  place: String(at),
  record: sampleRecord({ at, facts, ...different }),
})
const facts = (subject: Principal, others: { actor?: Principal; client?: Principal } = {}) => ({
  subject,
  ...(others.actor === undefined ? {} : { actor: others.actor }),
  client: { candidates: ['checkout'], ...(others.client === undefined ? {} : { principal: others.client }) },
})

describe('sightings', () => {
  it('are of each party once, whatever it was', () => {
    const seen = sightingsIn([record(1, facts(party('s'), { actor: party('a'), client: party('a') }))])
    expect(seen.map(({ id, granted, places }) => [id, granted, places])).toEqual([
      ['s', 1, ['1']],
      ['a', 1, ['1']],
    ])
  })

  it('add up, with the newest copies first', () => {
    const [one] = sightingsIn([
      record(2, facts(party('s', { instance: 'i1' }))),
      record(1, facts(party('s', { instance: 'i2' })), { outcome: 'refused', rules: ['other'] }),
      record(3, facts(party('s', { instance: 'i1', kind: 'wit', issuer: 'next' }))),
    ])
    expect(one).toEqual({
      ...{ id: 's', issuer: 'next', kind: 'wit', first: 1, last: 3, granted: 2, refused: 1 },
      ...{ rules: ['checkout-reads-orders', 'other'], instances: ['i1', 'i2'], places: ['2', '1', '3'] },
    })
  })

  it('keep who vouched where a token of ours comes back', () => {
    const [one] = sightingsIn([
      record(1, facts(party('s'))),
      record(2, facts(party('s', { issuer: 'self', kind: 'access-token' }))),
    ])
    expect(one).toMatchObject({ issuer: 'prod', kind: 'jwt' })
    expect(sightingsIn([record(1, facts(party('s', { issuer: 'self' })))])).toMatchObject([{ issuer: 'self' }])
  })

  it('are of the subject where nothing was decided, and of nobody where nobody was verified', () => {
    const subject = { issuer: 'prod', id: 's', kind: 'jwt', instance: 'i' }
    expect(sightingsIn([record(1, null, { subject, outcome: 'refused' })])).toMatchObject([{ id: 's', refused: 1 }])
    expect(sightingsIn([record(1, null, { subject: null })])).toEqual([])
  })

  it.each([7, 'x', [], {}, { subject: 7 }, { subject: { id: 7 } }, { subject: { id: 'x' }, client: {}, actor: [] }])(
    'are not stopped by facts that another version has written: %j',
    (strange) => {
      expect(sightingsIn([record(1, strange)])).toMatchObject([{ id: sampleRecord().subject?.id }])
    },
  )

  it('hold no character that a column cannot', () => {
    expect(sightingsIn([record(1, facts(party('s', { instance: 'a\0b' })))])).toMatchObject([
      { instances: ['a\uFFFDb'] },
    ])
  })
})
