import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import type { Keyring } from '../../../src/keys/contract.ts'
import type { Revocable, Revocation } from '../../../src/tokens/revocations.ts'
import type { RevokedStatus } from '../../../src/tokens/revoked-statuses.ts'
import { StatusLists } from '../../../src/tokens/status-lists.ts'
import { TestClock } from '../../harness/cambist.ts'
import { readStatusList } from '../../harness/status-list.ts'
import { decode } from '../../harness/tokens.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keyring: Keyring = {
  stored: [],
  publicKeysOf: () => ({ keys: [] }),
  published: { keys: [] },
  bundled: { keys: [] },
  signer: (_, algorithm) => ({
    ...{ kid: 'one', algorithm },
    sign: (data) => sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  }),
}

/** Lists over a record and a database that a test writes. */
function world(deadlineMs = 10_000) {
  const clock = new TestClock()
  const state = {
    revocations: [] as readonly Revocation[],
    keyring,
    taken: 1,
    searches: [] as string[][],
    questions: 0,
    troubles: [] as unknown[],
    /** What a search finds, by the value of the revocation. */
    record: {} as Record<string, readonly RevokedStatus[]>,
    search: async () => {},
  }
  const lists = new StatusLists({
    ...{ issuer: 'https://cambist.example', clock, deadlineMs },
    snapshots: { current: () => state, newest: async () => state },
    blocks: {
      async taken() {
        state.questions++
        return state.taken
      },
    },
    search: {
      async revokedStatuses(revocations, _, found) {
        state.searches.push(revocations.map(({ value }) => value))
        await state.search()
        for (const { value } of revocations) found(state.record[value] ?? [])
      },
    },
    onTrouble: (error) => state.troubles.push(error),
  })
  const revoke = (what: Revocable, value: string, ...indexes: number[]) => {
    const [at, until] = [clock.seconds(), clock.seconds() + 300]
    state.record[value] = indexes.map((index) => ({ list: 0, index, until }))
    state.revocations = [...state.revocations, { what, value, at, until: at + 86_400, reason: '', author: '' }]
  }
  const revoked = async (index: number) => {
    const answer = await lists.get('0')
    const { status_list: list } = decode(answer?.token ?? '').claims as { status_list: Record<string, unknown> }
    return readStatusList(list).at(index) === 1
  }
  return { clock, state, lists, revoke, revoked }
}

describe('status lists of a process', () => {
  it('ask the record once for each revocation, and for several at once', async () => {
    const { clock, state, revoke, revoked } = world()
    revoke('jti', 'a', 1)
    revoke('lineage', 'b', 2, 3)
    expect([await revoked(1), await revoked(2), await revoked(4)]).toEqual([true, true, false])
    revoke('jti', 'c', 4)
    expect(await revoked(4)).toBe(true)
    clock.advance(60)
    expect(await revoked(3)).toBe(true)
    expect(state.searches).toEqual([['a', 'b'], ['c']])
  })

  it('look for the tokens of a client once more, when none can come that its revocation means', async () => {
    const { clock, state, revoke, revoked } = world()
    revoke('client', 'checkout', 1)
    expect(await revoked(1)).toBe(true)
    state.record['checkout'] = [
      ...(state.record['checkout'] ?? []),
      { list: 0, index: 2, until: clock.seconds() + 300 },
    ]
    clock.advance(9)
    expect(await revoked(2)).toBe(false)
    clock.advance(2)
    expect(await revoked(2)).toBe(true)
    clock.advance(100)
    await revoked(1)
    expect(state.searches).toEqual([['checkout'], ['checkout']])
  })

  it('look again for what is revoked again, later', async () => {
    const { clock, state, revoke, revoked } = world()
    revoke('client', 'checkout', 1)
    await revoked(1)
    clock.advance(20)
    await revoked(1)
    const [again] = state.revocations
    state.revocations = again === undefined ? [] : [{ ...again, at: clock.seconds() }]
    state.record['checkout'] = [{ list: 0, index: 5, until: clock.seconds() + 300 }]
    expect([await revoked(5), await revoked(1)]).toEqual([true, true])
    expect(state.searches).toHaveLength(3)
  })

  it('have nothing more to say of a list when the last of its revoked tokens has expired', async () => {
    const { clock, revoke, revoked } = world()
    revoke('jti', 'a', 1)
    expect(await revoked(1)).toBe(true)
    clock.advance(300)
    expect(await revoked(1)).toBe(true)
    clock.advance(31)
    expect(await revoked(1)).toBe(false)
  })

  it('are not served while a committed revocation has not been looked for, beyond a deadline', async () => {
    const { state, lists, revoke, revoked } = world(20)
    const { promise, resolve } = Promise.withResolvers<void>()
    state.search = () => promise
    revoke('jti', 'a', 1)
    await expect(lists.get('0')).rejects.toMatchObject({ reason: 'record_unavailable', retryAfter: 5 })
    // Whoever comes back waits for the search that is under way.
    await expect(lists.get('0')).rejects.toMatchObject({ reason: 'record_unavailable', retryAfter: 5 })
    expect(state.searches).toHaveLength(1)
    resolve()
    await vi.waitFor(async () => expect(await revoked(1)).toBe(true), 10_000)
    expect(state.searches).toHaveLength(1)
  })

  it('say what is found while they are made in the next that is made', async () => {
    const { state, lists, revoke, revoked } = world()
    state.taken = 512
    revoke('jti', 'a', 1)
    let other: Promise<unknown> | undefined
    state.keyring = {
      ...keyring,
      signer(use, algorithm, now) {
        // The first list is about to be compressed, and is in nobody's hands while it is.
        process.nextTick(() => {
          state.keyring = keyring
          revoke('jti', 'b', 2)
          other = lists.get('1')
        })
        return keyring.signer(use, algorithm, now)
      },
    }
    expect(await revoked(1)).toBe(true)
    await other
    expect(await revoked(2)).toBe(true)
  })

  it('are refused where the record cannot be searched, and looked for again by who asks next', async () => {
    const { state, lists, revoke, revoked } = world()
    revoke('jti', 'a', 1)
    state.search = () => Promise.reject(new Error('the database is away'))
    await expect(lists.get('0')).rejects.toMatchObject({ reason: 'record_unavailable', retryAfter: 1 })
    expect(state.troubles).toEqual([new Error('the database is away')])
    state.search = async () => {}
    expect(await revoked(1)).toBe(true)
  })

  it('are signed once for all who ask at one moment', async () => {
    const { lists } = world()
    const answers = await Promise.all(Array.from({ length: 10 }, () => lists.get('0')))
    expect(new Set(answers.map((answer) => answer?.token)).size).toBe(1)
  })

  it('begin where a block of theirs was taken, which is asked for until it is known', async () => {
    const { state, lists } = world()
    state.taken = 0
    expect(await lists.get('0')).toBeUndefined()
    state.taken = 256
    expect([await lists.get('0'), await lists.get('1')]).toEqual([expect.anything(), undefined])
    state.taken = 257
    expect(await lists.get('1')).toBeDefined()
    const { questions } = state
    await lists.get('1')
    await lists.get('0')
    expect(state.questions).toBe(questions)
  })

  it('ask the database one question at a time, however many lists strangers name', async () => {
    const { state, lists } = world()
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, id) => lists.get(String(id + 1))))
    expect(answers.every((answer) => answer === undefined)).toBe(true)
    expect(state.questions).toBeLessThanOrEqual(2)
  })

  it('keep what was asked for last, however many there are', async () => {
    const { state, lists } = world()
    state.taken = 256 * 200
    const first = await lists.get('0')
    for (let id = 1; id <= 63; id++) await lists.get(String(id))
    expect(await lists.get('0')).toBe(first)
    await lists.get('64')
    expect(await lists.get('0')).not.toBe(first)
  })

  it('end when the key that signed them has left, a day after the last target asked for one', async () => {
    const { state, lists } = world()
    state.keyring = { ...keyring, signer: () => undefined }
    expect(await lists.get('0')).toBeUndefined()
  })

  it('go wrong with no clock that steps back', async () => {
    const { clock, lists } = world()
    const first = await lists.get('0')
    clock.advance(-3600)
    const second = await lists.get('0')
    expect(Number(decode(first?.token ?? '').claims['iat']) - Number(decode(second?.token ?? '').claims['iat'])).toBe(
      3600,
    )
  })
})
