import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../src/cli/main.ts'
import { exportYaml } from '../../src/documents/canonical.ts'
import type { Document } from '../../src/documents/contract.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { policyTestsPage } from '../harness/policy-tests-page.ts'

const server = await startCambist()
const { cluster } = server
const directory = mkdtempSync(join(tmpdir(), 'cambist-explain-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let files = 0
function file(text: string, suffix = ''): string {
  const path = join(directory, `${++files}${suffix}`)
  writeFileSync(path, text)
  return path
}
const adminTokenFile = file(server.adminToken)

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function explain(...args: readonly string[]): Promise<Ran> {
  let [out, err] = ['', '']
  const code = await run(['explain', ...args], {
    environment: { adminUrl: server.admin, adminTokenFile, issuer: server.issuer, trustDomain: '' },
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

const ORDERS = 'https://orders.example'
const WRITES = document('Policy', 'checkout-writes-orders', {
  clients: ['checkout'],
  targets: ['orders'],
  scopes: ['orders:write'],
}) as Document
const facts = (scope: string, more = ''): string =>
  file(
    `client: checkout\nsubject:\n  issuer: cluster\n  subject: system:serviceaccount:shop:checkout\n  attributes:\n    namespace: shop\n    serviceaccount: checkout\n${more}audiences: [${ORDERS}]\nscopes: [${scope}]\n`,
    '.yaml',
  )

describe('cambist explain', () => {
  it('says why a request would be permitted, and never shows its token', async () => {
    const token = cluster.token()
    const args = ['--subject-token-file', file(token), '--audience', ORDERS]
    const { code, out, err } = await explain(...args)
    expect(out).toBe(
      [
        '✓ permitted',
        'rule checkout-reads-orders lets client checkout have orders:read at orders for 5m',
        '',
        'Client checkout at orders for orders:read:',
        '   RULE                   EFFECT  MODE     AT  WHY  SAW',
        '✓  checkout-reads-orders  permit  enforce',
        '',
      ].join('\n'),
    )
    expect([code, err]).toEqual([0, 'Judged by version 1.\n'])
    const whole = await explain(...args, '--output', 'json')
    expect(JSON.parse(whole.out)).toMatchObject({ verdict: 'permitted', lifetime: 300 })
    for (const part of token.split('.')) expect(whole.out + out).not.toContain(part)
  })

  it('says of a refusal which clause stops each rule, what it saw, and which rule is nearest', async () => {
    const { code, out } = await explain('--facts', facts('orders:write'))
    expect(code).toBe(0)
    expect(out).toContain('✗ refused: scope_denied\nno rule lets client checkout ask for orders:write at orders')
    expect(out).toMatch(/^[✓✗] {2}checkout-reads-orders +permit +enforce +spec\.scopes /m)
    expect(out).toMatch(
      /^Nearest to a permit: rule checkout-reads-orders for client checkout at orders, but for spec\.scopes: /m,
    )
  })

  it('prints what docs/policy-tests.md shows', async () => {
    const page = policyTestsPage()
    expect((await explain('--facts', file(page.facts, '.yaml'))).out).toBe(page.explained)
  })

  it('ends with 1 where another verdict is expected', async () => {
    const asked = ['--facts', facts('orders:write')]
    expect(await explain(...asked, '--expect', 'refused')).toMatchObject({ code: 0 })
    const other = await explain(...asked, '--expect', 'permitted')
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('It was expected to be permitted.\n') })
  })

  it('judges by a draft, which changes nothing', async () => {
    const draft = file(exportYaml([WRITES]), '.yaml')
    const { out, err } = await explain('--facts', facts('orders:write'), '-f', draft)
    expect(out).toMatch(/^✓ permitted\nrule checkout-writes-orders lets client checkout have orders:write/)
    expect(err).toBe('Judged by the draft over version 1.\n')
    expect((await explain('--facts', facts('orders:write'))).out).toMatch(/^✗ refused: scope_denied/)
  })

  it('names the file and the line of what is wrong, in facts and in drafts', async () => {
    const misspelt = facts('orders:read', '    namespce: shop\n')
    expect(await explain('--facts', misspelt)).toMatchObject({
      code: 1,
      out: '',
      err: `${misspelt}:8: subject.attributes.namespce: trusted issuer cluster maps no attribute namespce; did you mean namespace?\n`,
    })
    const unknown = file('subject: { issuer: cluster, subject: x }\nscope: [a]\n', '.yaml')
    expect((await explain('--facts', unknown)).err).toBe(
      `${unknown}:2: scope: there is no field \`scope\` here; did you mean \`scopes\`?\n`,
    )
    const draft = file(exportYaml([{ ...WRITES, spec: { ...WRITES.spec, targets: ['order'] } }]), '.yaml')
    expect((await explain('--facts', facts('orders:read'), '-f', draft)).err).toMatch(
      new RegExp(`^${draft}:\\d+: Policy checkout-writes-orders: spec\\.targets\\[0\\]: there is no Target "order"`),
    )
    const empty = file('# nothing\n', '.yaml')
    expect((await explain('--facts', empty)).err).toBe(`${empty}: says nothing\n`)
  })

  it('says at which part a request is refused before a decision', async () => {
    const expired = cluster.token({ exp: server.clock.seconds() - 900, iat: server.clock.seconds() - 1000 })
    const { out } = await explain('--subject-token-file', file(expired), '--audience', ORDERS)
    expect(out).toMatch(
      /^✗ refused: expired\nRefused before a decision, at the stage subject: subject token: expired \d+ s ago\n$/,
    )
  })

  it('sets what was recorded beside what is decided again (I6)', async () => {
    const granted = await server.exchange()
    const { out, code } = await explain(granted.id)
    expect(code).toBe(0)
    expect(out).toContain(
      [
        '          VERDICT    REASON   CLIENT    RULES',
        'recorded  permitted  granted  checkout  checkout-reads-orders',
        'replayed  permitted  granted  checkout  checkout-reads-orders',
        'The two are the same.',
      ].join('\n'),
    )
    const draft = file(exportYaml([{ ...WRITES, metadata: { name: 'checkout-reads-orders' } }]), '.yaml')
    expect((await explain(granted.id, '-f', draft)).out).toMatch(/^They differ in scopes\.$/m)
    expect(await explain('01900000-0000-7000-8000-000000000001')).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no record of this id.'),
    })
  })

  it.each([
    [[], 'name exactly one of AUDIT-ID, --subject-token-file, --assertion-file, --client-credentials and --facts'],
    [['ID', '--facts', 'x'], 'name exactly one of'],
    [['ID', '--audience', ORDERS], '--audience is of a request'],
    [['--facts', 'x', '--client-id', 'c'], '--client-id is of a request'],
    [['--facts', 'x', '--expect', 'maybe'], 'Allowed choices are permitted, refused'],
  ])('ends with 2 where it is used wrongly: %j', async (args, message) => {
    expect(await explain(...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(message) })
  })
})
