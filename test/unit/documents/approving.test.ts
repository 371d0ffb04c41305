import { describe, expect, it } from 'vitest'
import { type Applying, apply, applyIntent } from '../../../src/documents/apply.ts'
import { type Approver, approve, withdraw } from '../../../src/documents/approving.ts'
import { documentHash, written } from '../../../src/documents/canonical.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { ApprovalRefused, ConfirmationNeeded, PendingDecided } from '../../../src/documents/objections.ts'
import type { PendingChange } from '../../../src/documents/pending.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { base, changed, compiler, document, faultsOf, newKeys, rejection, whole } from './world.ts'

const ada = { author: 'ada', principal: 'wimse://x/corporate/ada', message: 'because' }
const bob: Approver = { name: 'bob', principal: 'wimse://x/corporate/bob', bootstrap: false }
const eve: Approver = { name: 'eve', principal: 'wimse://x/corporate/eve', bootstrap: false }
const bootstrap: Approver = { name: 'bootstrap', principal: 'bootstrap', bootstrap: true }
const approval = (spec: object = {}) => document('Approval', 'two', spec)
const another = document('TrustedIssuer', 'other', {
  ...{ preset: 'oidc', issuer: 'https://login.other.example', keys: { discovery: true } },
  audiences: ['https://cambist.other.example'],
})

async function start(documents: readonly Document[] = [...whole, approval()]) {
  const store = new MemoryStateStore()
  const applying: Applying = { store, compiler: compiler(), newKeys }
  await apply(applying, documents, { ...ada, confirmed: true })
  return { store, applying }
}

async function propose(applying: Applying, ...documents: readonly Document[]): Promise<PendingChange> {
  const { pending } = await apply(applying, documents, ada)
  const found = await applying.store.pending.get(pending?.id ?? '')
  if (found === undefined) throw new Error('nothing was proposed')
  return found
}

describe('what takes two people', () => {
  it.each<[string, readonly Document[], readonly Document[]]>([
    ['a trusted issuer', [approval()], [another]],
    ['the approval itself', [approval()], [approval({ disabled: true })]],
    ['a kind that is named', [approval({ kinds: ['Policy'] })], [changed(base.policy, { lifetime: '1m' })]],
    ['anything beside one of them', [approval()], [another, changed(base.policy, { lifetime: '1m' })]],
    [
      'what one of several names',
      [approval(), document('Approval', 'more', { kinds: ['Target'] })],
      [changed(base.target, { scopes: ['orders:read'] })],
    ],
  ])('is %s', async (_, approvals, documents) => {
    const { store, applying } = await start([...whole, ...approvals])
    const before = await store.load()
    const outcome = await apply(applying, documents, ada)
    expect(outcome).toMatchObject({ version: 1, pending: { id: expect.any(String) } })
    expect(await store.load()).toEqual(before)
    const dry = await apply(applying, documents, { ...ada, dryRun: true })
    expect(dry.warnings).toContainEqual(expect.objectContaining({ kind: 'Approval', path: 'spec.kinds' }))
    expect(await store.pending.list(10)).toHaveLength(1)
  })

  it.each<[string, readonly Document[], readonly Document[]]>([
    ['no kind that is named', [approval({ kinds: ['Target'] })], [changed(base.policy, { lifetime: '1m' })]],
    ['what is equal', [approval()], [base.issuer, changed(base.policy, { lifetime: '1m' })]],
    ['anything while it is disabled', [approval({ disabled: true })], [another]],
  ])('is not %s', async (_, approvals, documents) => {
    const { applying } = await start([...whole, ...approvals])
    expect(await apply(applying, documents, ada)).not.toHaveProperty('pending')
  })

  it('is what a deletion, a prune or a rollback changes, too', async () => {
    const { store, applying } = await start([...whole, approval(), another])
    const before = await store.load()
    for (const intent of [
      { documents: [], delete: [{ kind: 'TrustedIssuer', name: 'other' }] },
      { documents: before.documents.filter(({ kind }) => kind !== 'Approval').map(written), whole: true },
    ])
      expect(await applyIntent(applying, intent, ada)).toHaveProperty('pending')
    expect(await store.load()).toEqual(before)
  })

  it('is named by kinds that there are', () => {
    const faults = faultsOf(() => compiler().compile([...whole, approval({ kinds: ['Policys'] })]))
    expect(faults).toEqual([
      {
        kind: 'Approval',
        name: 'two',
        path: 'spec.kinds',
        message: 'there is no kind "Policys"; did you mean Policy?',
      },
    ])
  })
})

describe('approving', () => {
  it('puts in force what was proposed, in its author’s name, with the hashes of what it changed', async () => {
    const { store, applying } = await start()
    const updated = changed(base.issuer, { maxAge: '10m' })
    const pending = await propose(applying, another, updated)
    expect(await approve(applying, pending, bob, false)).toMatchObject({ version: 2 })
    expect(await store.history(1)).toEqual([
      {
        version: 2,
        at: expect.any(Number),
        author: 'ada',
        message: 'because',
        approvedBy: 'bob',
        changes: [
          { kind: 'TrustedIssuer', name: 'other', action: 'created', after: documentHash(another) },
          {
            ...{ kind: 'TrustedIssuer', name: 'prod', action: 'updated' },
            ...{ before: documentHash(base.issuer), after: documentHash(updated) },
          },
        ],
      },
    ])
    expect(await store.pending.get(pending.id)).toMatchObject({ state: 'approved', decidedBy: 'bob', version: 2 })
  })

  it('is refused to its author by whatever name, and to the bootstrap token', async () => {
    const { store, applying } = await start()
    const pending = await propose(applying, another)
    const [own, nobody] = [
      await rejection(approve(applying, pending, { ...bob, principal: ada.principal }, true)),
      await rejection(approve(applying, pending, bootstrap, true)),
    ]
    expect([own, nobody]).toEqual([expect.any(ApprovalRefused), expect.any(ApprovalRefused)])
    expect(nobody.message).toContain('Administrator document')
    expect([store.version, (await store.pending.get(pending.id))?.state]).toEqual([1, 'open'])
  })

  it('happens once, of two at the same time too', async () => {
    const { store, applying } = await start()
    const pending = await propose(applying, another)
    const results = await Promise.allSettled([
      approve(applying, pending, bob, false),
      approve(applying, pending, eve, false),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(store.version).toBe(2)
    expect(await store.pending.get(pending.id)).toMatchObject({ state: 'approved', decidedBy: 'bob' })
    const again = await rejection(approve(applying, await found(applying, pending), eve, false))
    expect(again.message).toBe(`the change ${pending.id} is approved already`)
    expect(results[1]).toMatchObject({ reason: new PendingDecided(pending.id, 'approved') })
  })

  it('does not do something else than what was proposed', async () => {
    const { store, applying } = await start()
    const pending = await propose(
      applying,
      changed(base.issuer, { maxAge: '10m' }),
      changed(base.policy, { lifetime: '1m' }),
    )
    await apply(applying, [changed(base.policy, { lifetime: '2m' })], ada)
    const error = await rejection(approve(applying, pending, bob, false))
    expect([error, error.message]).toEqual([expect.any(PendingDecided), expect.stringContaining('propose it again')])
    expect([store.version, (await store.pending.get(pending.id))?.state]).toEqual([2, 'stale'])
  })

  it('does what was proposed though other documents have changed', async () => {
    const { store, applying } = await start()
    const pending = await propose(applying, another)
    await apply(applying, [changed(base.policy, { lifetime: '2m' })], ada)
    expect((await approve(applying, pending, bob, false)).version).toBe(3)
    expect((await store.load()).documents).toHaveLength(6)
  })

  it('finds stale what has been done by another way', async () => {
    const { applying } = await start()
    const [pending, same] = [await propose(applying, another), await propose(applying, another)]
    await approve(applying, same, bob, false)
    expect((await rejection(approve(applying, pending, eve, false))).message).toContain('propose it again')
  })

  it('finds fault with a reference that has gone meanwhile, and leaves the change open', async () => {
    const { store, applying } = await start([...whole, approval({ kinds: ['Policy'] })])
    const target = document('Target', 'billing', { audience: 'https://billing.example' })
    await apply(applying, [target], ada)
    const pending = await propose(
      applying,
      document('Policy', 'bills', { clients: ['checkout'], targets: ['billing'] }),
    )
    await applyIntent(applying, { documents: [], delete: [{ kind: 'Target', name: 'billing' }] }, ada)
    expect((await rejection(approve(applying, pending, bob, false))).message).toContain('there is no Target "billing"')
    expect((await store.pending.get(pending.id))?.state).toBe('open')
    await apply(applying, [target], ada)
    expect((await approve(applying, pending, bob, false)).version).toBe(5)
  })

  it('asks again about what has come into doubt, but not about what the author has confirmed', async () => {
    const { store, applying } = await start([...whole, approval({ kinds: ['Policy'] })])
    const forbid = document('Policy', 'stop', { effect: 'forbid', clients: ['checkout'] })
    const doubted = { ...applying, judgeTraffic: async () => ({ looked: 10, denied: 10, groups: [] }) }
    const pending = await propose(applying, forbid)
    expect(await rejection(approve(doubted, pending, bob, false))).toBeInstanceOf(ConfirmationNeeded)
    expect((await approve(doubted, pending, bob, true)).version).toBe(2)
    expect(
      await rejection(apply(doubted, [changed(forbid, { clients: ['checkout'], targets: ['orders'] })], ada)),
    ).toBeInstanceOf(ConfirmationNeeded)
    const outcome = await apply(doubted, [changed(forbid, { targets: ['orders'] })], { ...ada, confirmed: true })
    const confirmed = await store.pending.get(outcome.pending?.id ?? '')
    expect(confirmed?.confirmed).toBe(true)
    if (confirmed !== undefined) expect((await approve(doubted, confirmed, bob, false)).version).toBe(3)
  })
})

describe('withdrawing', () => {
  it('ends a change, once', async () => {
    const { store, applying } = await start()
    const pending = await propose(applying, another)
    await withdraw(applying, pending, 'ada')
    expect(await store.pending.get(pending.id)).toMatchObject({ state: 'withdrawn', decidedBy: 'ada' })
    expect((await rejection(withdraw(applying, pending, 'ada'))).message).toContain('withdrawn already')
    expect((await rejection(approve(applying, pending, bob, false))).message).toContain('withdrawn already')
    expect(store.version).toBe(1)
  })
})

const found = async ({ store }: Applying, { id }: PendingChange): Promise<PendingChange> => {
  const pending = await store.pending.get(id)
  if (pending === undefined) throw new Error(`there is no change ${id}`)
  return pending
}
