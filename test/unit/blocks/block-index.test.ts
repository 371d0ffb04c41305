import { describe, expect, it } from 'vitest'
import { blockIndex, NO_BLOCKS } from '../../../src/blocks/block-index.ts'
import { type Block, type Blockable, blockable, type Named } from '../../../src/blocks/contract.ts'
import { blockedBecause } from '../../../src/blocks/sentence.ts'

const NOW = 1_800_000_000
let asked = 0
/** Somebody who has a name of every kind. */
const everything: Named = {
  subjects: ['subject-0', 'subject-1'],
  actors: [{ sub: 'actor-0' }, { sub: 'actor-1', iss: 'https://idp.example' }],
  instances: ['', 'instance-1'],
  issuers: ['issuer-1'],
  clients: ['client-0', 'client-1'],
  keys: ['key-0', 'key-1'],
  lineages: ['lineage-1'],
  credentials: [
    { issuer: 'prod', id: 'jti-0', hashes: () => [] },
    {
      issuer: 'issuer-1',
      id: 'jti-1',
      hashes() {
        asked++
        return ['tokenHash-0', 'tokenHash-1']
      },
    },
  ],
}
const ofCredential = (what: Blockable) => what === 'jti' || what === 'tokenHash'
const block = (what: Blockable, different: Partial<Block> = {}): Block => ({
  ...{ id: `block-of-${what}`, what, value: `${what}-1`, issuer: ofCredential(what) ? 'issuer-1' : '' },
  ...{ reason: 'stolen', author: 'ada', at: NOW, until: undefined },
  ...different,
})
const meeting = (blocks: readonly Block[], now = NOW) => blockIndex(blocks).meeting(everything, now)?.id

describe('blocks', () => {
  it.each(blockable)('by %s meet what has exactly that name, in that place', (what) => {
    expect(meeting([block(what)])).toBe(`block-of-${what}`)
    expect(meeting([block(what, { value: `${what}-1x` })])).toBeUndefined()
    for (const other of blockable)
      if (other !== what && ofCredential(other) === ofCredential(what))
        expect(meeting([block(other, { value: `${what}-1` })])).toBeUndefined()
  })

  it('of a credential mean one of that issuer', () => {
    for (const what of ['jti', 'tokenHash'] as const) expect(meeting([block(what, { issuer: 'prod' })])).toBeUndefined()
    expect(meeting([block('jti', { issuer: 'prod', value: 'jti-0' })])).toBe('block-of-jti')
    expect(meeting([block('issuer', { value: 'prod' })])).toBeUndefined()
  })

  it('of a subject meet any actor, by its own name or by what its issuer calls it', () => {
    for (const value of ['actor-0', 'actor-1']) expect(meeting([block('subject', { value })])).toBe('block-of-subject')
    const named = blockIndex([block('subject', { value: 'wimse://us/idp/x' })], () => ({
      sub: 'actor-1',
      iss: 'https://idp.example',
    }))
    expect(named.meeting(everything, NOW)?.id).toBe('block-of-subject')
    expect(named.texts()).toEqual(['wimse://us/idp/x', 'actor-1'])
    for (const wrong of [
      { sub: 'actor-1', iss: 'https://other.example' },
      { sub: 'actor-0', iss: 'https://idp.example' },
    ])
      expect(blockIndex([block('subject', { value: 'y' })], () => wrong).meeting(everything, NOW)).toBeUndefined()
  })

  it('end at their moment, and of several the one counts that lasts longest, in whatever order', () => {
    const [short, long] = [
      block('key', { id: 'short', until: NOW + 10 }),
      block('key', { id: 'long', until: NOW + 20 }),
    ]
    for (const blocks of [
      [short, long],
      [long, short],
    ]) {
      expect([0, 9, 10, 19, 20].map((after) => meeting(blocks, NOW + after))).toEqual([
        'long',
        'long',
        'long',
        'long',
        undefined,
      ])
      expect(meeting([...blocks, block('key', { id: 'ever' })], NOW + 1e9)).toBe('ever')
    }
    expect([9, 10].map((after) => meeting([short], NOW + after))).toEqual(['short', undefined])
  })

  it('name the clients that are out, for as long as they are', () => {
    const blocks = blockIndex([
      block('client'),
      block('client', { id: 'b', value: 'other', until: NOW + 1 }),
      block('key'),
    ])
    expect([...blocks.clients(NOW)]).toEqual(['client-1', 'other'])
    expect([...blocks.clients(NOW + 1)]).toEqual(['client-1'])
    expect(blocks.client('other', NOW)?.id).toBe('b')
    expect(blocks.client('other', NOW + 1)).toBeUndefined()
    expect(blocks.client('key-1', NOW)).toBeUndefined()
  })

  it('do not ask for hashes where none names one', () => {
    asked = 0
    expect(meeting([block('jti', { value: 'x' })])).toBeUndefined()
    expect(asked).toBe(0)
    expect(meeting([block('tokenHash', { value: 'x' })])).toBeUndefined()
    expect(asked).toBe(1)
  })

  it('can be asked about one alone', () => {
    const blocks = blockIndex([block('key'), block('client')])
    expect(blocks.only('block-of-client').meeting(everything, NOW)?.id).toBe('block-of-client')
    expect(blocks.only('none')).toBe(NO_BLOCKS)
    expect([NO_BLOCKS.none, blocks.none]).toEqual([true, false])
    expect(NO_BLOCKS.meeting(everything, NOW)).toBeUndefined()
  })

  it('say whom they mean and why', () => {
    expect(blockedBecause(block('key'))).toBe('key key-1 is blocked by block-of-key: stolen')
    expect(blockedBecause(block('jti'))).toBe(
      'credential jti jti-1 of issuer issuer-1 is blocked by block-of-jti: stolen',
    )
  })
})
