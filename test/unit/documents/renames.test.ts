import { describe, expect, it } from 'vitest'
import { type Applying, apply } from '../../../src/documents/apply.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { base, changed, compiler, document, newKeys, rejection, whole } from './world.ts'

const author = { author: 'alice', message: '' }
const labels = { team: 'shop' }
const labelled = (one: Document, name = one.metadata.name): Document => ({ ...one, metadata: { name, labels } })

async function start(documents: readonly Document[] = whole.map((each) => labelled(each))): Promise<Applying> {
  const applying = { store: new MemoryStateStore(), compiler: compiler(), newKeys }
  await apply(applying, documents, author)
  return applying
}

const RENAMED = [
  labelled(base.issuer, 'production'),
  labelled(changed(base.client, { workloads: [{ issuer: 'production', match: { serviceaccount: ['checkout'] } }] })),
  labelled(base.target),
  labelled(base.policy),
]

describe('a rename', () => {
  it.each([
    ['in the order of the road', RENAMED],
    ['the other way round', RENAMED.toReversed()],
  ])('works %s, and says what does not follow', async (_, documents) => {
    const { version, changes, warnings } = await apply(await start(), documents, { ...author, prune: 'team=shop' })
    expect(version).toBe(2)
    expect(changes.filter(({ action }) => action !== 'unchanged')).toEqual([
      { kind: 'TrustedIssuer', name: 'prod', action: 'deleted' },
      { kind: 'TrustedIssuer', name: 'production', action: 'created', renamedFrom: 'prod' },
      { kind: 'Client', name: 'checkout', action: 'updated' },
    ])
    expect(warnings).toContainEqual({
      kind: 'TrustedIssuer',
      name: 'production',
      path: 'metadata.name',
      message: expect.stringMatching(/^was prod: .*wimse:\/\/…\/production\/….*used once or first/),
    })
  })

  it('of a client says what goes on meaning the old name', async () => {
    const documents = [
      labelled(base.issuer),
      labelled(base.client, 'till'),
      labelled(base.target),
      labelled(changed(base.policy, { clients: ['till'] })),
    ]
    const { warnings } = await apply(await start(), documents, { ...author, prune: 'team' })
    expect(warnings.map(({ name, message }) => `${name} ${message}`)).toEqual([
      expect.stringMatching(/^till was checkout: .*client_id.*may_act.*visited\('checkout'\).*blocks and revocations/),
    ])
  })

  it('leaves no reference behind', async () => {
    const applying = await start()
    const error = await rejection(
      apply(applying, [labelled(base.issuer, 'production'), ...whole.slice(1).map((each) => labelled(each))], {
        ...author,
        prune: 'team',
      }),
    )
    expect(error.message).toBe(
      'Client checkout: spec.workloads[0].issuer: there is no TrustedIssuer "prod" any more after this change, which deletes it; change or delete this document first or together with it',
    )
    expect((await applying.store.load()).version).toBe(1)
  })

  it('is not guessed at where two documents say the same, or what it says has changed', async () => {
    const idle = (name: string) => labelled(document('Client', name, { workloads: [{ issuer: 'prod', ids: ['x'] }] }))
    const applying = await start([...whole, idle('one'), idle('two')])
    const two = await apply(applying, [idle('three')], { ...author, prune: 'team' })
    expect(two.changes).toContainEqual({ kind: 'Client', name: 'three', action: 'created' })
    const other = changed(idle('four'), { audiences: ['x'] })
    const changes = (await apply(applying, [other], { ...author, prune: 'team' })).changes
    expect(changes).toContainEqual({ kind: 'Client', name: 'four', action: 'created' })
  })
})
