import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Document } from '../../../src/documents/contract.ts'
import type { Judging } from '../../../src/exchange/rejudge.ts'
import { Replay, type Replayable, type Replayed } from '../../../src/exchange/replay.ts'
import { Unseen } from '../../../src/exchange/unseen.ts'
import { base, changed, document, judging, recorded, refused, whole, without, workload } from './world.ts'

function replay(draft: Judging, records: readonly Replayable[], before: Judging = judging()): Replayed {
  const replaying = new Replay({ before, draft })
  for (const record of records) replaying.judge(record)
  return replaying.summary()
}

const WRITE = changed(base.policy, { scopes: ['orders:read', 'orders:write'] })
const write = { scopes: ['orders:write'] }

describe('Replay', () => {
  it('tells what a draft refuses that was permitted, by group, with counts, examples and the sentence of why', () => {
    const records = Array.from({ length: 7 }, () => recorded())
    const draft = without(base.policy)
    expect(replay(draft, records)).toEqual({
      judged: 7,
      unchanged: 0,
      changed: 7,
      newlyRefused: 7,
      newlyPermitted: 0,
      differently: 0,
      drifted: 0,
      undecided: { count: 0, reasons: {} },
      groups: [
        {
          differs: ['verdict'],
          before: {
            verdict: 'permitted',
            reason: 'granted',
            detail: '',
            client: 'checkout',
            rules: ['checkout-reads-orders'],
            targets: ['orders'],
            scopes: ['orders:read'],
            lifetime: 300,
            tokenType: 'urn:ietf:params:oauth:token-type:access_token',
          },
          draft: {
            verdict: 'refused',
            reason: 'denied',
            detail: 'no rule lets client checkout ask for orders:read at orders',
            client: 'checkout',
            rules: [],
          },
          grant: 'token-exchange',
          client: 'checkout',
          targets: ['orders'],
          subjectIssuer: 'prod',
          count: 7,
          first: records[0]?.at,
          last: records[6]?.at,
          examples: records.slice(0, 5).map(({ id }) => id),
        },
      ],
      more: 0,
      first: records[0]?.at,
      last: records[6]?.at,
      notes: [],
    })
  })

  it('tells what a draft permits that was refused', () => {
    const { newlyPermitted, unchanged, groups } = replay(judging(WRITE), [refused(write), recorded()])
    expect({ newlyPermitted, unchanged }).toEqual({ newlyPermitted: 1, unchanged: 1 })
    expect(groups).toMatchObject([
      {
        before: { verdict: 'refused', reason: 'scope_denied' },
        draft: { verdict: 'permitted', scopes: ['orders:write'], rules: ['checkout-reads-orders'] },
        targets: ['orders'],
      },
    ])
  })

  it.each<[string, Document, readonly string[]]>([
    ['a shorter life', changed(base.policy, { lifetime: '1m' }), ['lifetime']],
    ['another subject', changed(base.target, { tokens: [{ kind: 'access-token', subject: "'shop'" }] }), ['subject']],
  ])('tells of %s, which is neither', (_, given, differs) => {
    const draft =
      given.kind === 'Target'
        ? [given, changed(base.policy, { changes: ['format', 'scope', 'authority', 'identity'] })]
        : [given]
    expect(replay(judging(...draft), [recorded()])).toMatchObject({ differently: 1, groups: [{ differs, count: 1 }] })
  })

  it('tells of other scopes where none was asked for', () => {
    const target = changed(base.target, { defaultScopes: ['orders:read', 'orders:write'] })
    const asked = recorded(
      { scopes: [] },
      { granted: { scopes: ['orders:read'], targets: ['orders'], tokenType: 'x', lifetime: 300, binding: 'none' } },
    )
    expect(replay(judging(WRITE, target), [asked])).toMatchObject({
      differently: 1,
      drifted: 0,
      groups: [
        {
          differs: ['scopes'],
          before: { scopes: ['orders:read'] },
          draft: { scopes: ['orders:read', 'orders:write'] },
        },
      ],
    })
  })

  it('takes two refusals, and two permissions by different rules, for the same', () => {
    const forbids = document('Policy', 'closed', { effect: 'forbid', targets: ['orders'], scopes: ['orders:write'] })
    const twin = document('Policy', 'another', base.policy.spec)
    expect(replay(judging(forbids, twin), [refused(write), recorded()])).toMatchObject({ changed: 0, unchanged: 2 })
  })

  it('decides anew who the client is, by the selectors of each side', () => {
    const [a, b] = [workload('checkout'), workload('payments')]
    const payments = document('Client', 'payments', {
      workloads: [{ issuer: 'prod', match: { serviceaccount: ['payments', 'checkout'] } }],
    })
    const asked = recorded({
      subject: b,
      client: { candidates: ['checkout'], authentication: 'subject_token', principal: b },
    })
    // Nobody is the workload now: the record is from before the documents in force.
    expect(replay(judging(), [asked])).toMatchObject({ drifted: 1, unchanged: 1 })
    const policy = changed(base.policy, { clients: ['checkout', 'payments'] })
    expect(replay(judging(payments, policy), [asked])).toMatchObject({
      newlyPermitted: 1,
      groups: [{ before: { reason: 'client_unknown' }, draft: { client: 'payments' } }],
    })
    // The same workload is two clients now, and a disabled one denies (T22).
    const disabled = changed(payments, { disabled: true })
    const own = recorded({ client: { candidates: ['checkout'], authentication: 'subject_token', principal: a } })
    expect(replay(judging(disabled), [own])).toMatchObject({
      newlyRefused: 1,
      groups: [{ draft: { reason: 'client_disabled' } }],
    })
    const named = recorded({
      client: { candidates: ['checkout'], authentication: 'subject_token', principal: b, named: 'checkout' },
      subject: b,
    })
    expect(replay(judging(payments, policy), [named]).groups).toEqual([])
  })

  it('asks a registered client how it authenticates now', () => {
    const key = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
    const registered = (authentication: object) => document('Client', 'batch', { authentication })
    const jwt = registered({ method: 'private_key_jwt', jwks: { keys: [key] } })
    const policy = changed(base.policy, { clients: ['batch'], delegation: { mode: 'delegate' } })
    const principal = workload('batch', { issuer: 'clients', id: 'wimse://cambist.example/clients/batch' })
    const asked = recorded(
      { client: { candidates: ['batch'], authentication: 'private_key_jwt', principal }, actor: principal },
      { client: 'batch' },
    )
    const before = judging(jwt, policy)
    expect(replay(before, [asked], before)).toMatchObject({ unchanged: 1, drifted: 0 })
    const attested = registered({ method: 'attest_jwt_client_auth', jwks: { keys: [key] } })
    expect(replay(judging(attested, policy), [asked], before)).toMatchObject({
      newlyRefused: 1,
      groups: [{ draft: { reason: 'client_mismatch' }, subjectIssuer: 'prod' }],
    })
    const gone = judging(changed(base.policy, { clients: ['checkout'] }))
    expect(replay(gone, [asked], before)).toMatchObject({
      newlyRefused: 1,
      groups: [{ draft: { reason: 'client_unknown' } }],
    })
  })

  it.each<[string, Document, string]>([
    ['disabled', changed(base.issuer, { disabled: true }), 'issuer_disabled'],
    ['taken for clients alone', changed(base.issuer, { uses: ['client'] }), 'position_refused'],
  ])('counts requests as refused whose issuer the draft has %s', (_, issuer, reason) => {
    expect(replay(judging(issuer), [recorded()])).toMatchObject({ newlyRefused: 1, groups: [{ draft: { reason } }] })
  })

  it('counts requests as refused whose issuer is gone, or whose actors it may not assert any more', () => {
    const draft = { ...judging(), issuers: { byName: () => undefined } }
    expect(replay(draft, [recorded()])).toMatchObject({
      newlyRefused: 1,
      groups: [{ draft: { reason: 'issuer_unknown' } }],
    })
    const keeps = judging(
      changed(base.issuer, { act: 'keep' }),
      changed(base.policy, { delegation: { mode: 'delegate' } }),
    )
    const acted = recorded({ actors: [{ sub: 'gateway' }] })
    expect(replay(judging(changed(base.policy, { delegation: { mode: 'delegate' } })), [acted], keeps)).toMatchObject({
      newlyRefused: 1,
      groups: [{ draft: { reason: 'actor_claim_refused' } }],
    })
  })

  it('leaves out what no decision was about, by its reason', () => {
    const before = refused({}, { facts: null, reason: 'expired' })
    const spent = refused({}, { reason: 'replayed' })
    const unfit = refused({}, { reason: 'token_unfit', rules: ['checkout-reads-orders'] })
    const beyond = refused({}, { reason: 'scope_denied', rules: ['checkout-reads-orders'] })
    const foreign = recorded({}, { facts: { grant: 'token-exchange', subject: {} } })
    expect(replay(without(base.policy), [before, before, spent, unfit, beyond, foreign])).toMatchObject({
      judged: 0,
      changed: 0,
      undecided: {
        count: 6,
        reasons: { expired: 2, replayed: 1, token_unfit: 1, scope_denied: 1, facts_unreadable: 1 },
      },
    })
  })

  it('judges again where the client is the subject and is recorded once', () => {
    const { facts, ...record } = recorded()
    const { client, ...others } = facts as { client: object }
    const once = { ...record, facts: { ...others, client: { ...client, principal: undefined } } }
    expect(replay(judging(), [once])).toMatchObject({ unchanged: 1, drifted: 0 })
  })

  it('says what has drifted: what the documents in force decide otherwise than it was', () => {
    const granted = recorded(write)
    const narrower = recorded(
      {},
      { granted: { scopes: [], targets: ['orders'], tokenType: 'x', lifetime: 1, binding: 'none' } },
    )
    const later = refused({})
    expect(replay(judging(), [granted, narrower, later, recorded()])).toMatchObject({ drifted: 3, unchanged: 4 })
  })

  it('keeps a thousand groups and counts the rest, however many there are', () => {
    const records = Array.from({ length: 1500 }, (_, at) => recorded({}, { client: `client-${at}` }))
    const { groups, more, newlyRefused } = replay(without(base.policy), [...records, ...records])
    expect(groups).toHaveLength(1000)
    expect(new Set(groups.map(({ count }) => count))).toEqual(new Set([2]))
    expect({ more, newlyRefused }).toEqual({ more: 1000, newlyRefused: 3000 })
  })

  it('shows the most frequent group first', () => {
    const records = [recorded({}, { client: 'a' }), recorded({}, { client: 'b' }), recorded({}, { client: 'b' })]
    expect(replay(without(base.policy), records).groups.map(({ client }) => client)).toEqual(['b', 'a'])
  })
})

describe('Replay of documents by themselves', () => {
  const names = fc.subarray(['orders:read', 'orders:write'])
  const policy = fc.record({
    scopes: names,
    effect: fc.constantFrom('permit', 'forbid'),
    mode: fc.constantFrom('enforce', 'shadow'),
  })
  const record = fc.record({ scopes: names, subject: fc.constantFrom('checkout', 'stock'), grants: fc.boolean() })

  it('changes nothing, whatever they are and were asked (I6)', () => {
    fc.assert(
      fc.property(fc.array(policy, { maxLength: 4 }), fc.array(record, { maxLength: 10 }), (policies, asked) => {
        const given = policies.map(({ scopes, effect, mode }, at) =>
          document('Policy', `rule-${at}`, {
            effect,
            mode,
            clients: ['*'],
            targets: ['orders'],
            ...(scopes.length === 0 ? {} : { scopes }),
          }),
        )
        const records = asked.map(({ scopes, subject, grants }) => {
          const principal = workload(subject)
          const client = { candidates: [subject], authentication: 'subject_token', principal }
          return (grants ? recorded : refused)({ scopes, subject: principal, client })
        })
        const [one, other] = [judging(...given), judging(...given)]
        const { changed: count, judged, unchanged, groups } = replay(one, records, other)
        expect({ count, judged, unchanged, groups }).toEqual({
          count: 0,
          judged: records.length,
          unchanged: records.length,
          groups: [],
        })
      }),
      { numRuns: 100 },
    )
  })

  it('adds up: every record is counted once', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ scopes: names, granted: fc.boolean(), lost: fc.boolean() })), (asked) => {
        const records = asked.map(({ scopes, granted, lost }) =>
          (granted ? recorded : refused)({ scopes }, lost ? { facts: null } : {}),
        )
        const result = replay(judging(WRITE), records)
        expect(result.judged + result.undecided.count).toBe(records.length)
        expect(result.unchanged + result.changed).toBe(result.judged)
        expect(result.groups.reduce((sum, { count }) => sum + count, result.more)).toBe(result.changed)
      }),
    )
  })
})

describe('what is not replayed', () => {
  const told = (put: readonly Document[], records: readonly Replayable[]) => {
    const replaying = new Replay({ before: judging(), draft: judging() }, new Unseen(whole, put))
    for (const record of records) replaying.judge(record)
    return replaying.summary().notes
  }

  it('is said where the draft reads an issuer otherwise, with how many requests that is about', () => {
    const issuer = changed(base.issuer, { attributes: { team: "assertion['team']" } })
    expect(told([issuer], [recorded(), recorded()])).toEqual([
      'The draft changes how credentials of trusted issuer prod are believed or read. They are not on the record, so 2 requests were judged with the subject and attributes that they had.',
    ])
    expect(
      told(
        [issuer],
        [
          recorded({
            subject: workload('a', { issuer: 'another' }),
            client: { candidates: [], authentication: 'x', principal: workload('a', { issuer: 'another' }) },
          }),
        ],
      ),
    ).toEqual([])
  })

  it('is said of issuers that are new', () => {
    expect(told([document('TrustedIssuer', 'fresh', {})], [recorded()])).toEqual([
      'The draft adds trusted issuer fresh. Requests with its credentials were refused before any decision and are not judged.',
    ])
  })

  it('is said of a registered client whose keys are others', () => {
    const before = document('Client', 'batch', {
      authentication: { method: 'private_key_jwt', jwksUri: 'https://a.example' },
    })
    const unseen = new Unseen(
      [before],
      [changed(before, { authentication: { method: 'private_key_jwt', jwksUri: 'https://b.example' } })],
    )
    const principal = workload('batch', { issuer: 'clients' })
    const replaying = new Replay({ before: judging(), draft: judging() }, unseen)
    replaying.judge(recorded({ client: { candidates: ['batch'], authentication: 'private_key_jwt', principal } }))
    expect(replaying.summary().notes).toEqual([
      'The draft changes how client batch authenticates. Its credentials are not on the record, so 1 request of it was judged as if it still proved it.',
    ])
  })

  it('is not said where only what can be asked again is changed', () => {
    const put = [
      changed(base.issuer, { disabled: true }),
      changed(base.client, { audiences: ['checkout'] }),
      changed(base.policy, { scopes: [] }),
    ]
    expect(told(put, [recorded()])).toEqual([])
  })
})
