import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../../src/cli/main.ts'
import { exportYaml } from '../../../src/documents/canonical.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { developmentCluster, quickstartDocuments } from '../../../src/quickstart.ts'
import { policyTestsPage } from '../../harness/policy-tests-page.ts'
import { Cluster, SigningKey } from '../../harness/tokens.ts'
import { base, changed, document, ISSUER } from '../documents/world.ts'

const directory = mkdtempSync(join(tmpdir(), 'cambist-tests-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function cambist(...args: readonly string[]): Promise<Ran> {
  let [out, err] = ['', '']
  const code = await run(args, {
    // No server is there, and none is asked.
    environment: { issuer: ISSUER, trustDomain: '', adminUrl: 'http://127.0.0.1:1', adminTokenFile: 'nowhere' },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    input: async () => '',
  })
  return { code, out, err }
}

const till = new SigningKey('ES256')
/** The base, of which every issuer's keys would have to be fetched, with more of what a sample can meet. */
const documents: readonly Document[] = [
  ...Object.values(base),
  document('TrustedIssuer', 'cloud', {
    credential: 'jwt',
    issuer: 'https://cloud.example',
    keys: { discovery: true },
    audiences: [ISSUER],
    tenant: 'assertion.tid',
    tenants: ['ours'],
    maxLifetime: '1h',
    subject: 'assertion.sub',
  }),
  document('TrustedIssuer', 'mesh', {
    credential: 'wit',
    trustDomain: 'mesh.example',
    keys: { jwks: { keys: [till.jwk] } },
  }),
  document('Client', 'job', { workloads: [{ issuer: 'cloud', ids: ['job'] }] }),
  document('Client', 'till', { authentication: { method: 'private_key_jwt', jwks: { keys: [till.jwk] } } }),
  document('Policy', 'job-reads-orders', {
    clients: ['job'],
    targets: ['orders'],
    scopes: ['orders:read'],
    lifetime: '2m',
  }),
  document('Policy', 'till-acts', {
    clients: ['till'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
  document('Policy', 'night', { mode: 'shadow', effect: 'forbid', clients: ['job'] }),
  document('Policy', 'asleep', { disabled: true, clients: ['job'], targets: ['orders'], scopes: ['orders:write'] }),
]

let folders = 0
function folder(files: Readonly<Record<string, string>>, with_: readonly Document[] = documents): string {
  const path = join(directory, String(++folders))
  mkdirSync(path)
  if (with_.length > 0) writeFileSync(join(path, 'all.yaml'), exportYaml(with_))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

const cases = (...each: readonly object[]): string => JSON.stringify({ cases: each })
const NOW = 1_795_000_000
const job = (claims: object = {}, more: object = {}) => ({
  subject_token: { issuer: 'cloud', claims: { sub: 'job', tid: 'ours', ...claims } },
  audience: 'https://orders.example',
  time: NOW,
  ...more,
})
const refused = (reason: string) => ({ verdict: 'refused', reason })
const PERMITTED = { verdict: 'permitted' }

/** Runs one case, and answers what the command says of it. */
async function tested(
  each: object,
  ...more: readonly Document[]
): Promise<{ code: number; result: ReturnType<typeof JSON.parse> }> {
  const path = folder({ 'a.test.yaml': cases({ name: 'it', ...each }) }, [...documents, ...more])
  const { code, out, err } = await cambist('test', '-f', path, '--output', 'json')
  if (out === '') throw new Error(err)
  return { code, result: JSON.parse(out).cases[0] }
}

describe('cambist test', () => {
  it('runs the cases of the quickstart', async () => {
    const path = join(import.meta.dirname, '../../../examples/quickstart')
    const { code, out, err } = await cambist('test', '-f', path, '--issuer', 'http://127.0.0.1:8400')
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/\n3 cases: 3 passed, 0 failed\.\n1 of 1 rule covered \(100 %\)\.\n$/)
  })

  it('prints what docs/policy-tests.md shows', async () => {
    const page = policyTestsPage()
    const printed = async (text: string) => {
      const path = folder({ 'shop.yaml': text, 'orders.test.yaml': page.cases }, [])
      const { out, code } = await cambist('test', '-f', path, '--issuer', 'https://sts.shop.example')
      return [out.replace(path, 'shop'), code]
    }
    expect(await printed(page.documents)).toEqual([page.passing, 0])
    const other = page.documents.replace('scopes: [orders:read]\n', 'scopes: [orders:write]\n')
    expect(await printed(other)).toEqual([page.failing, 1])
  })

  it('says of a case that fails what was expected, what came, and why', async () => {
    const path = folder({
      'a.test.yaml': [
        'cases:',
        '  - name: reads',
        '    request: { subject_token: { issuer: cloud, claims: { sub: job, tid: ours } }, audience: https://orders.example }',
        '    expect: { verdict: permitted, scopes: [orders:read], rules: [job-reads-orders], client: job, lifetime: 2m }',
        '  - name: writes',
        '    request: { subject_token: { issuer: cloud, claims: { sub: job, tid: ours } }, audience: https://orders.example, scope: orders:write }',
        '    expect: { verdict: permitted, scopes: [orders:write] }',
      ].join('\n'),
    })
    const { code, out } = await cambist('test', '-f', path)
    expect(code).toBe(1)
    expect(out).toBe(
      [
        join(path, 'a.test.yaml'),
        '✓ reads',
        '✗ writes (line 5)',
        '    verdict: expected permitted, got refused',
        '    no rule lets client job ask for orders:write at orders; rule job-reads-orders permits orders:read',
        '',
        '2 cases: 1 passed, 1 failed.',
        '2 of 4 rules covered (50 %).',
        'No case is decided by: checkout-reads-orders, till-acts.',
        '',
      ].join('\n'),
    )
  })

  it.each([
    ['scopes', { scopes: ['orders:write'] }, 'orders:write', 'orders:read'],
    ['rule', { rule: 'till-acts' }, 'till-acts', 'job-reads-orders'],
    ['rules', { rules: ['job-reads-orders', 'till-acts'] }, 'job-reads-orders, till-acts', 'job-reads-orders'],
    ['client', { client: 'till' }, 'till', 'job'],
    ['subject', { subject: 'job' }, 'job', 'wimse://cambist.example/cloud/job'],
    ['actors', { actors: ['a'] }, 'a', 'none'],
    ['lifetime', { lifetime: '3m' }, '3m', '2m'],
    ['changes', { changes: [] }, 'none', 'authority, scope'],
    ['shadow', { shadow: [] }, 'none', 'night'],
  ])('fails where it is not the expected %s', async (what, expected, wanted, got) => {
    const { code, result } = await tested({ request: job(), expect: { ...PERMITTED, ...expected } })
    expect([code, result.misses]).toEqual([1, [{ what, expected: wanted, got }]])
  })

  it.each([
    ['reason', { reason: 'denied' }, 'denied', 'scope_denied'],
    ['verdict', PERMITTED, 'permitted', 'refused'],
  ])('fails where it is not the expected %s of a refusal', async (what, expected, wanted, got) => {
    const { result } = await tested({
      request: job({}, { scope: 'orders:write' }),
      expect: { verdict: 'refused', ...expected },
    })
    expect(result.misses).toEqual([{ what, expected: wanted, got }])
  })
})

describe('the quickstart', () => {
  it('begins without its cases, which are no documents', () => {
    const cluster = developmentCluster(folder({}, []))
    const kinds = quickstartDocuments(cluster, ISSUER).map(({ kind }) => kind)
    expect(kinds.sort()).toEqual(['Client', 'Policy', 'Target', 'TrustedIssuer'])
  })
})

describe('a sample token', () => {
  it.each([
    ['another audience', job({ aud: 'https://other.example' }), 'audience_mismatch', 'subject'],
    ['another tenant', job({ tid: 'theirs' }), 'tenant_refused', 'subject'],
    ['no tenant', job({ tid: null }), 'tenant_refused', 'subject'],
    ['too long a life', job({ exp: NOW + 7200 }), 'too_long_lived', 'subject'],
    ['an end that is over', job({ iat: NOW - 1000, exp: NOW - 900 }), 'expired', 'subject'],
    ['no end', job({ exp: null }), 'claim_missing', 'subject'],
    ['no subject', job({ sub: null }), 'subject_unmapped', 'subject'],
    ['another issuer in it', job({ iss: 'https://evil.example' }), 'issuer_unknown', 'subject'],
    ['the name of another issuer of ours in it', job({ iss: 'https://oidc.prod.example' }), 'key_unknown', 'subject'],
    ['a sub that no client has', job({ sub: 'other' }), 'client_unknown', 'client'],
    ['a target that is none', job({}, { audience: 'https://nowhere.example' }), 'target_unknown', 'decision'],
    ['a parameter that is malformed', job({}, { resource: 'x' }), 'target_unknown', 'request'],
    ['a name of somebody else', job({}, { client_id: 'till' }), 'client_mismatch', 'client'],
    [
      'an algorithm that is none',
      { ...job(), subject_token: { issuer: 'cloud', claims: { sub: 'job' }, header: { alg: 'none' } } },
      'algorithm_refused',
      'subject',
    ],
  ])('with %s is refused as on the road', async (_, request, reason, stage) => {
    const { code, result } = await tested({ request, expect: refused(reason) })
    expect(result).toMatchObject({ verdict: 'refused', reason, stage, passed: true })
    expect(code).toBe(0)
  })

  it('says what a transaction is about, which its target must take', async () => {
    const buying = [
      document('Target', 'domain', {
        audience: 'cambist.example',
        scopes: ['buy'],
        tokens: [{ kind: 'transaction-token', tctx: { type: 'object', properties: { item: { type: 'string' } } } }],
      }),
      document('Policy', 'job-buys', { clients: ['job'], targets: ['domain'], scopes: ['buy'] }),
    ]
    const asked = (request_details: object) =>
      job(
        {},
        {
          ...{ audience: 'cambist.example', scope: 'buy', request_details },
          requested_token_type: 'urn:ietf:params:oauth:token-type:txn_token',
        },
      )
    const good = await tested({ request: asked({ item: 'book' }), expect: PERMITTED }, ...buying)
    expect(good.result.misses).toEqual([])
    const { result } = await tested({ request: asked({ item: 7 }), expect: refused('token_unfit') }, ...buying)
    expect(result).toMatchObject({ stage: 'token', passed: true })
  })

  it('ends when its credential does, though the rules would let it live longer', async () => {
    const { result } = await tested({
      request: job({ iat: NOW, exp: NOW + 60 }),
      expect: { ...PERMITTED, lifetime: '1m' },
    })
    expect(result.misses).toEqual([])
  })

  it('is of a registered client, and of our own issuer, too', async () => {
    const { result } = await tested({
      request: { ...job(), client_assertion: { client: 'till' } },
      expect: { ...PERMITTED, client: 'till', rule: 'till-acts', actors: ['wimse://cambist.example/clients/till'] },
    })
    expect(result.misses).toEqual([])
    const own = await tested({
      request: {
        subject_token: {
          issuer: 'self',
          claims: { sub: 'x:user', client_id: 'job', aud: 'https://orders.example', scope: 'orders:read' },
        },
        client_assertion: { client: 'till' },
        audience: 'https://orders.example',
      },
      expect: refused('audience_mismatch'),
    })
    expect(own.result).toMatchObject({ passed: true, stage: 'decision' })
  })

  it('is of any grant, each with what it takes', async () => {
    const asked = { audience: 'https://orders.example', time: NOW }
    const assertion = { issuer: 'cloud', claims: { sub: 'job', tid: 'ours' } }
    expect((await tested({ request: { assertion, ...asked }, expect: refused('grant_not_allowed') })).code).toBe(0)
    const wrong = { ...assertion, header: { typ: 'at+jwt' } }
    expect(
      (await tested({ request: { assertion: wrong, ...asked }, expect: refused('token_type_mismatch') })).code,
    ).toBe(0)
    const itself = { grant_type: 'client_credentials', client_assertion: { client: 'till' }, ...asked }
    expect((await tested({ request: itself, expect: refused('grant_not_allowed') })).code).toBe(0)
    const { client_assertion: _, ...nobody } = itself
    expect((await tested({ request: nobody, expect: refused('client_required') })).code).toBe(0)
    const details = [{ type: 'payment', amount: 7 }]
    expect(
      (await tested({ request: job({}, { authorization_details: details }), expect: refused('details_unknown') })).code,
    ).toBe(0)
    for (const request of [asked, { ...job(), assertion }]) {
      const path = folder({ 'a.test.yaml': cases({ name: 'it', request, expect: PERMITTED }) })
      const { code, err } = await cambist('test', '-f', path)
      expect([code, err]).toEqual([
        expect.any(Number),
        expect.stringContaining('exactly one of subject_token and assertion'),
      ])
      expect(code).not.toBe(0)
    }
  })

  it('can be a token of the platform, at the time when it was good', async () => {
    const cluster = new Cluster({ issuer: 'https://oidc.prod.example', audience: ISSUER, now: () => 1_700_000_000 })
    const request = { subject_token: cluster.token(), audience: 'https://orders.example' }
    const { result } = await tested({
      request,
      expect: { ...PERMITTED, client: 'checkout', rule: 'checkout-reads-orders' },
    })
    expect(result.misses).toEqual([])
    const later = await tested({ request: { ...request, time: 1_700_900_000 }, expect: refused('expired') })
    expect(later.result.misses).toEqual([])
    const stranger = new Cluster({ issuer: 'https://evil.example', audience: ISSUER, now: () => 1_700_000_000 })
    const unknown = await tested({
      request: { ...request, subject_token: stranger.token() },
      expect: refused('issuer_unknown'),
    })
    expect(unknown.result.misses).toEqual([])
  })

  it.each([
    [{ issuer: 'clod', claims: {} }, 'subject_token.issuer: there is no TrustedIssuer "clod"; did you mean cloud?'],
    [{ client: 'job' }, 'subject_token.client: there is no Client "job" with keys of its own'],
    [
      { issuer: 'mesh' },
      'subject_token: a credential wit comes with a proof of its key, which a sample does not have; write facts instead',
    ],
  ])('that nobody can sign is a fault: %j', async (sample, message) => {
    const path = folder({
      'a.test.yaml': cases({ name: 'it', request: { ...job(), subject_token: sample }, expect: PERMITTED }),
    })
    const { code, out } = await cambist('test', '-f', path)
    expect(code).toBe(1)
    expect(out).toContain(`\n✗ it (line 1)\n    ${join(path, 'a.test.yaml')}:1: cases[0].request.${message}`)
  })

  it('says of facts what the documents do not have, with its line', async () => {
    const text =
      'cases:\n  - name: it\n    facts:\n      subject: { issuer: clod, subject: job }\n    expect: { verdict: refused }\n'
    const path = folder({ 'a.test.yaml': text })
    const { code, out } = await cambist('test', '-f', path)
    expect(code).toBe(1)
    expect(out).toContain(
      `    ${join(path, 'a.test.yaml')}:4: cases[0].facts.subject.issuer: there is no TrustedIssuer "clod"; did you mean cloud?\n`,
    )
  })
})

describe('a file of cases', () => {
  const good = { name: 'it', request: job(), expect: PERMITTED }
  it.each([
    ['cases:\n  - name: it\n    fact: {}\n', 3, 'cases[0].fact: there is no field `fact` here; did you mean `facts`?'],
    ['case: []\n', 1, 'case: there is no field `case` here; did you mean `cases`?'],
    ['cases: []\n', 1, 'cases: has no case'],
    ['# nothing\n', undefined, 'says nothing'],
    ['cases: [\n', 2, 'this is not YAML'],
    ['cases: &a []\n', 1, 'cases: anchors (&) and aliases (*) are not read'],
    [
      cases({ ...good, facts: { subject: { issuer: 'a', subject: 'b' } } }),
      1,
      'cases[0]: says what is asked by exactly one of facts and request',
    ],
    [cases({ name: 'it', expect: PERMITTED }), 1, 'cases[0]: says what is asked by exactly one of facts and request'],
    [cases(good, good), 1, 'cases[1].name: is the name of cases[0] already'],
    [cases({ ...good, expect: { verdict: 'maybe' } }), 1, 'cases[0].expect.verdict: is permitted or refused'],
    [
      cases({ ...good, expect: { ...PERMITTED, scope: [] } }),
      1,
      'cases[0].expect.scope: there is no field `scope` here; did you mean `scopes`?',
    ],
    [
      cases({ ...good, expect: { ...PERMITTED, reason: 'denied' } }),
      1,
      'cases[0].expect.reason: is nothing that a request has that is permitted',
    ],
    [
      cases({ ...good, expect: { verdict: 'refused', lifetime: '5m' } }),
      1,
      'cases[0].expect.lifetime: is nothing that a request has that is refused',
    ],
    [
      cases({ ...good, expect: refused('denyed') }),
      1,
      'cases[0].expect.reason: is no reason for a refusal; docs/errors.md lists them',
    ],
    [
      cases({ ...good, expect: { ...PERMITTED, lifetime: '5 min' } }),
      1,
      'cases[0].expect.lifetime: is a duration such as 90s, 5m or 1h',
    ],
    [
      cases({ ...good, request: { ...job(), scopes: 'a' } }),
      1,
      'cases[0].request.scopes: there is no field `scopes` here; did you mean `scope`?',
    ],
    [
      cases({ ...good, request: { ...job(), subject_token: 'secret' } }),
      1,
      'cases[0].request.subject_token: is not a compact token',
    ],
    [
      cases({ ...good, request: { ...job(), subject_token: { issuer: 'cloud', claim: {} } } }),
      1,
      'cases[0].request.subject_token',
    ],
    [
      cases({ ...good, request: { ...job(), subject_token: { claims: {} } } }),
      1,
      'cases[0].request.subject_token: names who signs it by exactly one of issuer',
    ],
  ])('that is malformed is refused with file and line, and nothing runs: %s', async (text, line, message) => {
    const path = folder({ 'a.test.yaml': text })
    const { code, out, err } = await cambist('test', '-f', path)
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain(`${join(path, 'a.test.yaml')}${line === undefined ? '' : `:${line}`}: ${message}`)
  })

  it('may lie in a folder of its own, or be named', async () => {
    const path = folder({ 'tests/a.test.yaml': cases(good), 'tests/b.test.yml': cases(good) })
    const both = await cambist('test', '-f', path, '-f', join(path, 'tests'))
    expect([both.code, both.out]).toEqual([0, expect.stringContaining('2 cases: 2 passed')])
    const one = await cambist('test', '-f', join(path, 'all.yaml'), join(path, 'tests/b.test.yml'))
    expect([one.code, one.out]).toEqual([0, expect.stringContaining('1 case: 1 passed')])
  })

  it('is missed where there is none, and misses documents where there are none', async () => {
    const path = folder({})
    expect(await cambist('test', '-f', path)).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        `There is no case: no file in ${path} ends in .test.yaml. Write one beside the documents`,
      ),
    })
    const alone = folder({ 'a.test.yaml': cases(good) }, [])
    expect(await cambist('test', '-f', alone)).toMatchObject({
      code: 2,
      err: expect.stringContaining('There are cases and no documents'),
    })
    expect(await cambist('test')).toMatchObject({
      code: 2,
      err: expect.stringContaining("required option '-f, --file"),
    })
  })

  it('is read by no command that reads documents', async () => {
    const path = folder({ 'a.test.yaml': cases(good) })
    const { code, err } = await cambist('lint', '-f', path)
    const all = expect.stringContaining(`${documents.length} documents: 0 faults`)
    expect([code, err]).toEqual([0, all])
    const test = join(path, 'a.test.yaml')
    expect(await cambist('lint', '-f', join(path, 'all.yaml'), test)).toMatchObject({ code: 0, err: all })
    expect(await cambist('lint', '-f', test)).toMatchObject({
      code: 1,
      err: `There are policy tests and no documents in ${test}; cambist test runs them.\n`,
    })
  })

  it('does not run by documents with faults, which are named', async () => {
    const path = folder(
      { 'a.test.yaml': cases(good) },
      [...Object.values(base), changed(base.policy, { targets: ['x'] })].slice(1, 5),
    )
    const { code, out, err } = await cambist('test', '-f', path)
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain(`${join(path, 'all.yaml')}:`)
  })
})

describe('coverage', () => {
  const reads = { name: 'reads', request: job(), expect: PERMITTED }
  it('counts rules that decide, and rules in shadow that match, but none that is disabled', async () => {
    const path = folder({ 'a.test.yaml': cases(reads) })
    const { out } = await cambist('test', '-f', path, '--output', 'json')
    expect(JSON.parse(out).coverage).toEqual({
      rules: [
        { rule: 'checkout-reads-orders', effect: 'permit', mode: 'enforce', cases: 0, matched: 0 },
        { rule: 'job-reads-orders', effect: 'permit', mode: 'enforce', cases: 1, matched: 1 },
        { rule: 'night', effect: 'forbid', mode: 'shadow', cases: 1, matched: 1 },
        { rule: 'till-acts', effect: 'permit', mode: 'enforce', cases: 0, matched: 0 },
      ],
      covered: 2,
      percent: 50,
    })
  })

  it('ends with 1 where it is less than is asked for', async () => {
    const path = folder({ 'a.test.yaml': cases(reads) })
    expect(await cambist('test', '-f', path, '--coverage-min', '50')).toMatchObject({ code: 0, err: '' })
    expect(await cambist('test', '-f', path, '--coverage-min', '51')).toMatchObject({
      code: 1,
      err: 'The cases cover 50 % of the rules, and --coverage-min asks for 51 %.\n',
    })
    expect(await cambist('test', '-f', path, '--coverage-min', '101')).toMatchObject({ code: 2 })
  })

  it('names a rule in shadow that matches nowhere apart from those that are enforced', async () => {
    const path = folder({
      'a.test.yaml': cases({ ...reads, request: job({ sub: 'x' }), expect: refused('client_unknown') }),
    })
    expect((await cambist('test', '-f', path)).out).toContain(
      'No case is decided by: checkout-reads-orders, job-reads-orders, till-acts.\nIn no case matches, in shadow: night.\n',
    )
  })
})

describe('JUnit', () => {
  const hostile = `<a href="x">&'\u0007]]>`
  it('is XML whatever the names say, with the counts and the reasons', async () => {
    const path = folder({
      'a.test.yaml': cases(
        { name: 'reads', request: job(), expect: PERMITTED },
        { name: hostile, request: job({}, { scope: 'orders:write' }), expect: { ...PERMITTED, scopes: [hostile] } },
        { name: 'nobody', request: { ...job(), subject_token: { issuer: 'clod' } }, expect: PERMITTED },
      ),
      'b.test.yaml': cases({ name: 'reads', request: job(), expect: PERMITTED }),
    })
    const report = join(path, 'report.xml')
    expect((await cambist('test', '-f', path, '--junit', report)).code).toBe(1)
    const xml = readFileSync(report, 'utf8')
    const root = parsedXml(xml)
    expect(root).toMatchObject({ name: 'testsuites', attributes: { tests: '4', failures: '1', errors: '1' } })
    expect(root.children.map(({ attributes }) => [attributes['tests'], attributes['failures']])).toEqual([
      ['3', '1'],
      ['1', '0'],
    ])
    const [reads, fails, errs] = root.children[0]?.children ?? []
    expect(reads).toMatchObject({ name: 'testcase', attributes: { name: 'reads', line: '1' }, children: [] })
    expect(fails?.attributes['name']).toBe(hostile.replace('\u0007', '�'))
    expect(fails?.children[0]).toMatchObject({ name: 'failure', attributes: { type: 'expectation' } })
    expect(fails?.children[0]?.text).toContain('no rule lets client job ask for orders:write at orders')
    expect(errs?.children[0]).toMatchObject({ name: 'error', attributes: { type: 'fault' } })
    expect(xml).not.toContain('eyJ')
  })

  it('says where it cannot be written', async () => {
    const path = folder({ 'a.test.yaml': cases({ name: 'reads', request: job(), expect: PERMITTED }) })
    const file = join(path, 'none', 'report.xml')
    expect(await cambist('test', '-f', path, '--junit', file)).toMatchObject({
      code: 1,
      err: `${file} cannot be written (ENOENT).\n`,
    })
  })
})

interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Element[]
  text: string
}

/** As much of XML as JUnit is, read strictly: throws where it is not well-formed. */
function parsedXml(xml: string): Element {
  const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
  if (!xml.startsWith(declaration)) throw new Error('no declaration')
  const open: Element[] = [{ name: '', attributes: {}, children: [], text: '' }]
  const tag =
    /<(\/?)([a-z]+)((?: [a-z]+="[^"<&]*(?:&(?:amp|lt|gt|quot|apos);[^"<&]*)*")*)(\/?)>|([^<&>]|&(?:amp|lt|gt|quot|apos);)/uy
  const rest = xml.slice(declaration.length)
  while (tag.lastIndex < rest.length) {
    const at = tag.lastIndex
    const match = tag.exec(rest)
    if (match === null) throw new Error(`not well-formed at ${rest.slice(at, at + 40)}`)
    const [, closing, name = '', attributes = '', empty, text = ''] = match
    const inner = open.at(-1)
    if (inner === undefined) throw new Error('no element is open')
    if (name === '') inner.text += unescaped(text)
    else if (closing === '/') {
      if (open.pop()?.name !== name) throw new Error(`${name} is closed and was not open`)
    } else {
      const pairs = [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
        key,
        unescaped(value),
      ])
      const element = { name, attributes: Object.fromEntries(pairs), children: [], text: '' }
      inner.children.push(element)
      if (empty !== '/') open.push(element)
    }
  }
  const [root] = open
  const [only] = root?.children ?? []
  if (open.length !== 1 || only === undefined || root?.children.length !== 1) throw new Error('not one element')
  return only
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const unescaped = (text: string): string => text.replace(/&([a-z]+);/g, (_, name: string) => ENTITIES[name] ?? '')
