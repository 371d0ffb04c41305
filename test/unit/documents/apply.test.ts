import { describe, expect, it } from 'vitest'
import { apply, VersionConflict, WriteRefused } from '../../../src/documents/apply.ts'
import { DocumentFaults } from '../../../src/documents/faults.ts'
import { Faults } from '../../../src/lib/fault.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { base, changed, compiler, document, newKeys, rejection, whole } from './world.ts'

const author = { author: 'alice', message: 'because' }
const { issuer, client, target, policy } = base

function store() {
  const states = new MemoryStateStore()
  return { states, applying: { store: states, compiler: compiler(), newKeys } }
}

const actions = (changes: readonly { kind: string; name: string; action: string }[]) =>
  changes.map(({ action, kind, name }) => `${action} ${kind} ${name}`)

describe('apply', () => {
  it('puts documents with the keys that they need, and writes the history', async () => {
    const { states, applying } = store()
    const applied = await apply(applying, whole, author)
    expect(applied.version).toBe(1)
    expect(actions(applied.changes)).toEqual([
      'created TrustedIssuer prod',
      'created Client checkout',
      'created Target orders',
      'created Policy checkout-reads-orders',
    ])
    const { documents, keys } = await states.load()
    expect(documents).toHaveLength(4)
    expect(keys.map(({ algorithm }) => algorithm)).toEqual(['ES256'])
    expect(await states.history(10)).toMatchObject([
      { version: 1, author: 'alice', message: 'because', changes: applied.changes },
    ])
  })

  it('changes nothing where nothing differs, not even the version', async () => {
    const { states, applying } = store()
    await apply(applying, whole, author)
    const reordered = {
      ...target,
      spec: Object.fromEntries(Object.entries(target.spec).toReversed()),
      metadata: { name: 'orders', labels: {} },
    }
    const again = await apply(applying, [policy, reordered, client, issuer], author)
    expect(again.version).toBe(1)
    expect(new Set(again.changes.map(({ action }) => action))).toEqual(new Set(['unchanged']))
    expect(await states.history(10)).toHaveLength(1)
  })

  it('puts all or nothing', async () => {
    const { states, applying } = store()
    await apply(applying, whole, author)
    const error = await rejection(
      apply(
        applying,
        [changed(target, { scopes: ['x'], defaultScopes: [] }), changed(policy, { clients: ['nobody'] })],
        author,
      ),
    )
    expect(error).toBeInstanceOf(DocumentFaults)
    expect(error.message).toContain('there is no Client "nobody"')
    const { version, documents } = await states.load()
    expect(version).toBe(1)
    expect(documents.find(({ kind }) => kind === 'Target')?.spec).toEqual(target.spec)
  })

  it('judges the whole that comes out, so that two right applies cannot make a wrong one', async () => {
    const { states, applying } = store()
    await apply(applying, [issuer, client], author)
    const named = (name: string) => document('Target', name, { audience: 'https://same.example' })
    const results = await Promise.allSettled([
      apply(applying, [named('one')], author),
      apply(applying, [named('two')], author),
    ])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect((await states.load()).documents.filter(({ kind }) => kind === 'Target')).toHaveLength(1)
  })

  it('says in a dry run what would be, faults too, and changes nothing', async () => {
    const { states, applying } = store()
    const dry = await apply(applying, whole, { ...author, dryRun: true })
    expect(dry.version).toBe(0)
    expect(dry.changes).toHaveLength(4)
    expect(await rejection(apply(applying, [policy], { ...author, dryRun: true }))).toBeInstanceOf(DocumentFaults)
    expect(states.version).toBe(0)
  })

  it('prunes what carries the label and is not given, and nothing else', async () => {
    const { applying } = store()
    const labelled = (name: string, team: string) =>
      document('Target', name, { audience: `https://${name}.example` }, { team })
    await apply(applying, [...whole, labelled('a', 'shop'), labelled('b', 'shop'), labelled('c', 'bank')], author)
    const applied = await apply(applying, [labelled('a', 'shop')], { ...author, prune: 'team=shop' })
    expect(actions(applied.changes)).toEqual(['unchanged Target a', 'deleted Target b'])
    const rest = await apply(applying, [labelled('d', 'shop')], { ...author, prune: 'team' })
    expect(actions(rest.changes)).toEqual(['deleted Target a', 'deleted Target c', 'created Target d'])
  })

  it('does not prune what another document still names', async () => {
    const { states, applying } = store()
    const labelled = { ...client, metadata: { name: 'checkout', labels: { team: 'shop' } } }
    await apply(applying, [issuer, labelled, target, policy], author)
    const error = await rejection(apply(applying, [target], { ...author, prune: 'team=shop' }))
    expect(error.message).toContain('Policy checkout-reads-orders: spec.clients[0]: there is no Client "checkout"')
    expect(states.version).toBe(1)
  })

  it('warns of an input that a later prune would not find', async () => {
    const { applying } = store()
    const { warnings } = await apply(applying, whole, { ...author, prune: 'team=shop' })
    expect(warnings).toContainEqual(
      expect.objectContaining({
        kind: 'Policy',
        path: 'metadata.labels',
        message: expect.stringContaining('team=shop'),
      }),
    )
  })

  it('warns of the input, and of others only what is news', async () => {
    const { applying } = store()
    const idle = document('Client', 'idle', { workloads: [{ issuer: 'prod', ids: ['x'] }] })
    const first = await apply(applying, [...whole, idle], author)
    expect(first.warnings.map(({ name }) => name)).toEqual(['idle'])
    const second = await apply(applying, [changed(policy, { lifetime: '2m' })], author)
    expect(second.warnings).toEqual([])
    const third = await apply(
      applying,
      [document('Policy', 'stop', { effect: 'forbid', clients: ['checkout'] })],
      author,
    )
    expect(third.warnings).toEqual([
      expect.objectContaining({
        name: 'checkout-reads-orders',
        message: expect.stringContaining('policy stop forbids'),
      }),
    ])
    expect((await apply(applying, [idle], author)).warnings.map(({ name }) => name)).toEqual(['idle'])
  })

  it('refuses a base version that is no longer in force', async () => {
    const { applying } = store()
    await apply(applying, whole, author)
    const error = await rejection(apply(applying, [changed(policy, { lifetime: '2m' })], { ...author, baseVersion: 0 }))
    expect(error).toBeInstanceOf(VersionConflict)
    expect(error.message).toContain('at version 1 and not at 0')
    expect((await apply(applying, [changed(policy, { lifetime: '2m' })], { ...author, baseVersion: 1 })).version).toBe(
      2,
    )
  })

  it('refuses what the author may not write, by what would change', async () => {
    const { states, applying } = store()
    const mayWrite = (kind: string) => kind !== 'TrustedIssuer'
    const error = await rejection(apply(applying, whole, { ...author, mayWrite }))
    expect(error).toBeInstanceOf(WriteRefused)
    expect(error.message).toContain('TrustedIssuer')
    expect(states.version).toBe(0)
    await apply(applying, whole, author)
    expect(
      (await apply(applying, [issuer, changed(policy, { lifetime: '1m' })], { ...author, mayWrite })).version,
    ).toBe(2)
  })

  it('refuses an input without documents, and a label that is none', async () => {
    const { applying } = store()
    expect((await rejection(apply(applying, [], { ...author, prune: 'team=shop' }))).message).toContain(
      'there is no document in the input',
    )
    const error = await rejection(apply(applying, whole, { ...author, prune: '=x' }))
    expect(error).toBeInstanceOf(Faults)
    expect(error.message).toBe('prune: "=x" is not a label; write one such as team or team=shop')
  })

  it('lets a secret key of a document reach no message', async () => {
    const { applying } = store()
    const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'PRIVATE-PART' }] }
    const error = await rejection(
      apply(
        applying,
        [...whole, document('Client', 'batch', { authentication: { method: 'private_key_jwt', jwks } })],
        author,
      ),
    )
    expect(error).toBeInstanceOf(DocumentFaults)
    expect(error.message).not.toContain('PRIVATE-PART')
  })
})
