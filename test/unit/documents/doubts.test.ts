import { describe, expect, it } from 'vitest'
import { type Applying, type ApplyOptions, apply, applyIntent } from '../../../src/documents/apply.ts'
import type { Document } from '../../../src/documents/contract.ts'
import type { JudgeTraffic, Traffic } from '../../../src/documents/doubts.ts'
import { ConfirmationNeeded, VersionConflict } from '../../../src/documents/objections.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { base, changed, compiler, document, ISSUER, newKeys, rejection, whole } from './world.ts'

const author = { author: 'alice', message: '' }
const corporate = document('TrustedIssuer', 'corporate', {
  ...{ preset: 'oidc', issuer: 'https://login.corporate.example', keys: { discovery: true } },
  ...{ audiences: [ISSUER], uses: ['administrator'] },
})
const administrator = (name: string, role: string, more: object = {}) =>
  document('Administrator', name, { issuer: 'corporate', condition: `assertion.sub == '${name}'`, role, ...more })
const approval = document('Approval', 'two', {})

const lost = (denied: number, looked: number): Traffic => ({
  looked,
  denied,
  groups: [{ client: 'checkout', targets: ['orders'], count: denied, examples: ['record-1'] }],
})

async function start(documents: readonly Document[], judgeTraffic?: JudgeTraffic) {
  const store = new MemoryStateStore()
  const applying: Applying = { store, compiler: compiler(), newKeys }
  await apply(applying, documents, author)
  return { store, applying: judgeTraffic === undefined ? applying : { ...applying, judgeTraffic } }
}

const remove = (applying: Applying, one: Document, options: Partial<ApplyOptions> = {}) =>
  applyIntent(
    applying,
    { documents: [], delete: [{ kind: one.kind, name: one.metadata.name }] },
    { ...author, ...options },
  )

const doubtsIn = async (promise: Promise<unknown>) => {
  const error = await rejection(promise)
  expect(error).toBeInstanceOf(ConfirmationNeeded)
  return (error as ConfirmationNeeded).doubts
}

describe('a lock-out', () => {
  const ada = administrator('ada', 'admin')
  const bob = administrator('bob', 'editor')
  const people = [corporate, ada, bob]

  it.each<[string, readonly Document[], string]>([
    [
      'everybody',
      [changed(ada, { disabled: true }), changed(bob, { disabled: true })],
      'no Administrator document would work any more (now: ada, bob)',
    ],
    [
      'everybody, by their issuer',
      [changed(corporate, { disabled: true })],
      'no Administrator document would work any more (now: ada, bob)',
    ],
    [
      'every admin',
      [changed(ada, { role: 'editor' })],
      'no Administrator document of the role admin would work any more (now: ada)',
    ],
  ])('of %s is asked about, and done when meant', async (_, documents, message) => {
    const { store, applying } = await start([...whole, ...people])
    expect(await doubtsIn(apply(applying, documents, author))).toEqual([
      { what: 'lock-out', message: `${message}, and only the bootstrap token would be left` },
    ])
    expect(store.version).toBe(1)
    const dry = await apply(applying, documents, { ...author, dryRun: true })
    expect(dry.warnings).toContainEqual(
      expect.objectContaining({ path: 'confirm', message: expect.stringContaining(message) }),
    )
    expect((await apply(applying, documents, { ...author, confirmed: true })).version).toBe(2)
  })

  it('is none while one works, or where none did', async () => {
    const { applying } = await start([...whole, ...people, administrator('eve', 'admin')])
    await remove(applying, ada)
    await remove(applying, bob)
    const { applying: without } = await start([...whole, corporate, changed(ada, { disabled: true })])
    expect((await remove(without, ada)).version).toBe(2)
  })
})

describe('approval that nobody can give', () => {
  it('is asked about: not even it could be taken back', async () => {
    const { applying } = await start(whole)
    expect(await doubtsIn(apply(applying, [approval], author))).toMatchObject([{ what: 'no-approver' }])
    const { applying: viewed } = await start([...whole, corporate, administrator('ada', 'editor')])
    expect(await doubtsIn(apply(viewed, [approval], author))).toMatchObject([{ what: 'no-approver' }])
    const { applying: sound } = await start([...whole, corporate, administrator('ada', 'admin')])
    expect((await apply(sound, [approval], author)).version).toBe(2)
    expect((await apply(viewed, [changed(approval, { disabled: true })], author)).version).toBe(2)
  })
})

describe('denials of what was granted', () => {
  const forbid = document('Policy', 'stop', { effect: 'forbid', clients: ['checkout'] })

  it('are asked about beyond a twentieth, where there are ten or more', async () => {
    let traffic = lost(11, 200)
    const { store, applying } = await start(whole, async () => traffic)
    const doubts = await doubtsIn(apply(applying, [forbid], author))
    expect(doubts).toEqual([
      {
        what: 'denials',
        message:
          'it would deny 11 of 200 exchanges that were granted in the last 7 days (6 %), 11 of them of client checkout at orders',
        ...traffic,
      },
    ])
    expect(store.version).toBe(1)
    expect((await apply(applying, [forbid], { ...author, dryRun: true })).warnings.at(-1)?.message).toContain(
      '11 of 200',
    )
    traffic = lost(10, 200)
    expect((await apply(applying, [forbid], author)).version).toBe(2)
    traffic = lost(9, 9)
    expect((await remove(applying, forbid)).version).toBe(3)
    traffic = lost(0, 0)
    expect((await apply(applying, [forbid], author)).version).toBe(4)
  })

  it('are not looked for where nothing can be denied, or the author has said yes', async () => {
    let judged = 0
    const { applying } = await start(whole, async () => {
      judged++
      return lost(0, 0)
    })
    await apply(applying, whole, author)
    await apply(
      applying,
      [
        document('Target', 'billing', { audience: 'https://billing.example' }),
        document('Policy', 'more', { clients: ['checkout'], targets: ['billing'] }),
        corporate,
        administrator('ada', 'admin'),
      ],
      author,
    )
    await apply(applying, [administrator('ada', 'viewer')], { ...author, confirmed: true })
    await apply(applying, [changed(base.policy, { lifetime: '1m' })], { ...author, confirmed: true })
    expect(judged).toBe(0)
    await apply(applying, [changed(base.policy, { lifetime: '2m' })], author)
    await apply(applying, [document('Client', 'other', { workloads: [{ issuer: 'prod', ids: ['x'] }] })], author)
    await apply(applying, [forbid], author)
    await remove(applying, base.policy)
    expect(judged).toBe(4)
  })

  it('are judged again where the documents have moved meanwhile, without the lock', async () => {
    let between = 2
    const judgedVersions: number[] = []
    const { store, applying } = await start(whole, async () => {
      judgedVersions.push(store.version)
      // Another writer, who would wait for ever were the lock held here.
      if (between-- > 0) await apply({ store, compiler: compiler(), newKeys }, [policyFor(`${between}`)], author)
      return lost(0, 100)
    })
    expect((await apply(applying, [forbid], author)).version).toBe(4)
    expect(judgedVersions).toEqual([1, 2, 3])
    expect((await store.load()).documents.filter(({ kind }) => kind === 'Policy')).toHaveLength(4)
  })

  it('end in a conflict where they never stop moving', async () => {
    let other = 0
    const { store, applying } = await start(whole, async () => {
      await apply({ store, compiler: compiler(), newKeys }, [policyFor(`${other++}`)], author)
      return lost(0, 100)
    })
    expect(await rejection(apply(applying, [forbid], author))).toBeInstanceOf(VersionConflict)
    expect((await store.load()).documents.some(({ metadata }) => metadata.name === 'stop')).toBe(false)
  })
})

const policyFor = (name: string) => document('Policy', `other-${name}`, { clients: ['checkout'], targets: ['orders'] })
