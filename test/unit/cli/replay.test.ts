import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { ExchangeRecord } from '../../../src/audit/contract.ts'
import type { Terminal } from '../../../src/cli/contract.ts'
import { run } from '../../../src/cli/main.ts'
import { apply } from '../../../src/documents/apply.ts'
import { exportYaml } from '../../../src/documents/canonical.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { NOW, open, record, TOKEN } from '../admin/world.ts'
import { base, changed, compiler, newKeys, whole } from '../documents/world.ts'
import { recorded, refused } from '../exchange/world.ts'

const directory = mkdtempSync(join(tmpdir(), 'cambist-cli-replay-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const tokenFile = join(directory, 'token')
writeFileSync(tokenFile, TOKEN)

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function cambist(url: string, args: readonly string[], screen = false): Promise<Ran> {
  const said = { out: '', err: '' }
  const terminal: Terminal = {
    environment: { issuer: '', trustDomain: '', adminUrl: url, adminTokenFile: tokenFile },
    out: (text) => {
      said.out += text
    },
    err: (text) => {
      said.err += text
    },
    screen,
    input: async () => '',
  }
  return { code: await run(args, terminal), ...said }
}

let files = 0
function draft(...documents: readonly Document[]): string {
  const path = join(directory, `draft-${++files}.yaml`)
  writeFileSync(path, exportYaml(documents))
  return path
}

async function over(records: readonly Partial<ExchangeRecord>[]) {
  const rows = records.map((each) => ({ ...record, ...each }) as ExchangeRecord)
  async function* batches() {
    for (let at = 0; at < rows.length; at += 100) yield rows.slice(at, at + 100)
  }
  const world = await open({
    records: {
      list: async (filter, limit, cursor) => {
        world.asked.push({ filter, limit, cursor })
        return { items: [], next: null }
      },
      get: async () => undefined,
      liveLineages: async () => [],
      livingIn: async () => [],
      clientsGrantedSince: async () => new Set(),
      unexpired: async () => 0,
      walk: async () => ({ atMost: rows.length, whole: rows.length < 5000, batches: batches() }),
    },
  })
  await apply({ store: world.states, compiler: compiler(), newKeys }, whole, { author: 'ada', message: '' })
  return world
}

const READS_NOTHING = draft(changed(base.policy, { scopes: [] }))
const WRITES_TOO = draft(changed(base.policy, { scopes: ['orders:read', 'orders:write'], lifetime: '1m' }))

describe('cambist diff --replay', () => {
  it('shows which decisions would be others, by group and in sentences', async () => {
    const asked = [
      ...Array.from({ length: 1240 }, (_, at) =>
        recorded({}, { id: `01a21323-b950-734e-8943-${String(at).padStart(12, '0')}` }),
      ),
      refused({ scopes: ['orders:write'] }, { id: 'refused-0' }),
      refused({}, { facts: null, reason: 'expired' }),
    ]
    const { url } = await over(asked)
    const denying = await cambist(url, ['diff', '-f', READS_NOTHING, '--replay', '7d'])
    expect(denying.out).toBe(
      [
        'updated Policy checkout-reads-orders',
        '  + spec.scopes: "[]"',
        '  - spec.scopes[0]: "orders:read"',
        '',
        'Of 1 241 decisions from 2026-11-17T12:00:00.000Z to 2026-11-24T12:00:00.000Z, judged by version 1 and by the draft, 1 240 would be refused, 1 stays as it is.',
        '',
        'COUNT  CHANGE   CLIENT    TARGETS  ISSUER  IN FORCE          DRAFT         EXAMPLE',
        '1 240  refused  checkout  orders   prod    orders:read 300s  scope_denied  01a21323-b950-734e-8943-000000000000',
        '',
        '1 240 exchanges of checkout at orders would be refused: no rule lets client checkout ask for orders:read at orders; rule checkout-reads-orders permits no scope.',
        '',
      ].join('\n'),
    )
    // What docs/replay.md shows.
    const page = readFileSync(join(import.meta.dirname, '../../../docs/replay.md'), 'utf8')
    expect(page).toContain(denying.out.slice(denying.out.indexOf('Of 1 241')))
    expect(denying.err).toBe(
      [
        '1 document differs from version 1.',
        'note: 1 more was refused for what no policy decides, such as an expired credential.',
        '',
      ].join('\n'),
    )
    expect(denying.code).toBe(0)
    const permitting = await cambist(url, ['diff', '-f', WRITES_TOO, '--replay', '7d'])
    expect(permitting.out).toContain(
      [
        '1 240 exchanges of checkout at orders would be permitted with another lifetime, by checkout-reads-orders.',
        '1 exchange of checkout at orders would be permitted with orders:write, by checkout-reads-orders; it was refused: no rule lets client checkout ask for orders:write at orders; rule checkout-reads-orders permits orders:read.',
      ].join('\n'),
    )
  })

  it('ends with 1 where a draft does what was not to be, and only then', async () => {
    const { url } = await over([recorded(), refused({ scopes: ['orders:write'] })])
    const code = async (file: string, ...args: string[]) =>
      (await cambist(url, ['diff', '-f', file, '--replay', '7d', ...args])).code
    expect(await code(READS_NOTHING)).toBe(0)
    expect(await code(READS_NOTHING, '--fail-on-change')).toBe(1)
    expect(await code(READS_NOTHING, '--fail-on-denial')).toBe(1)
    expect(await code(WRITES_TOO, '--fail-on-denial')).toBe(0)
    expect(await code(WRITES_TOO, '--fail-on-change')).toBe(1)
    expect(await code(draft(base.policy), '--fail-on-change', '--fail-on-denial')).toBe(0)
  })

  it('gives all of it as JSON, and nothing beside', async () => {
    const { url } = await over(Array.from({ length: 2500 }, () => recorded()))
    const { out, err } = await cambist(url, ['diff', '-f', READS_NOTHING, '--replay', '1d', '--output', 'json'])
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      changes: [{ name: 'checkout-reads-orders' }],
      replay: { judged: 2500, newlyRefused: 2500, groups: [{ count: 2500, examples: { length: 5 } }] },
    })
    expect(err).toBe('')
  })

  it('tells how far it is on a screen, and says there were more', async () => {
    const { url } = await over(Array.from({ length: 5000 }, () => recorded()))
    const { err } = await cambist(url, ['diff', '-f', draft(base.policy), '--replay', '1d'], true)
    expect(err).toContain('\r\u001b[KJudging 2 000 of 5 000 requests (40 %)\r\u001b[KJudging 4 000 of 5 000')
    expect(err).toContain(
      '\r\u001b[KNo difference from version 1.\nnote: There were more requests than are judged at once',
    )
  })

  it('says what is wrong with what is asked', async () => {
    const { url } = await over([])
    const alone = await cambist(url, ['diff', '-f', READS_NOTHING, '--fail-on-denial'])
    expect([alone.code, alone.err]).toEqual([2, expect.stringContaining('add --replay, such as --replay 7d')])
    const when = await cambist(url, ['diff', '-f', READS_NOTHING, '--replay', 'monday'])
    expect([when.code, when.err]).toEqual([1, expect.stringContaining('since: "monday" is neither a moment')])
    const nothing = await cambist(url, ['diff', '-f', READS_NOTHING, '--replay', '1h'])
    expect(nothing.out).toContain(
      'No request from 2026-11-24T11:00:00.000Z to 2026-11-24T12:00:00.000Z was decided on.',
    )
  })

  it('says that a server went away in the middle, or failed', async () => {
    const { url } = await over([])
    const replies: ((line: (text: string) => void, cut: () => void) => void)[] = [
      (line, cut) => {
        line('{"progress": {"judged": 1, "total": 2}}\n')
        cut()
      },
      (line) => line('{"problem": {"status": 503, "detail": "The database is away."}}\n'),
      (line) => line('{"progress": {"judged": 1, "total": 2}}\n'),
    ]
    const proxy = createServer(async (message, response) => {
      if (message.url === '/admin/v1/replay') {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' })
        const reply = replies.shift()
        const { promise: sent, resolve } = Promise.withResolvers<void>()
        reply?.(
          (text) => response.write(text, () => resolve()),
          () => void sent.then(() => response.destroy()),
        )
        await sent
        response.end()
        return
      }
      const parts: Buffer[] = []
      for await (const part of message) parts.push(part as Buffer)
      const answer = await fetch(`${url}${message.url}`, {
        method: message.method ?? 'GET',
        headers: {
          authorization: message.headers.authorization ?? '',
          ...(parts.length === 0 ? {} : { 'content-type': 'application/json' }),
        },
        ...(parts.length === 0 ? {} : { body: Buffer.concat(parts) }),
      })
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
      response.end(await answer.text())
    })
    await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening))
    const through = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const asked = () => cambist(through, ['diff', '-f', READS_NOTHING, '--replay', '7d'])
    expect(await asked()).toMatchObject({
      code: 1,
      err: expect.stringContaining('stopped in the middle of its answer'),
    })
    expect(await asked()).toMatchObject({ code: 1, err: expect.stringContaining('The database is away.') })
    expect(await asked()).toMatchObject({ code: 1, err: expect.stringContaining('ended before its result') })
    proxy.closeAllConnections()
    proxy.close()
  })
})

describe('rules in shadow', () => {
  it('are shown with what they would have done, and looked for in the record', async () => {
    const shadow = [{ rule: 'soon', outcome: 'permit' }]
    const world = await over([{ id: 'one', at: NOW - 1000, outcome: 'refused', reason: 'denied', shadow }])
    const { out, code } = await cambist(world.url, ['audit', 'shadow', '--since', '1d'])
    expect([code, out]).toEqual([
      0,
      'RULE  EFFECT  MATCHED  OTHERWISE  LAST                      EXAMPLES\nsoon  permit  1        1          2026-11-24T11:59:59.000Z  one\n',
    ])
    const asJson = await cambist(world.url, ['audit', 'shadow', '--output', 'json'])
    expect(JSON.parse(asJson.out)).toMatchObject({ rules: [{ rule: 'soon', otherwise: 1 }] })
    await cambist(world.url, ['audit', '--shadow', 'soon', '--since', '1d'])
    expect(world.asked.at(-1)).toMatchObject({ filter: { shadow: 'soon', since: NOW - 86_400_000 } })
    const unbounded = await cambist(world.url, ['audit', '--shadow', 'soon'])
    expect([unbounded.code, unbounded.err]).toEqual([1, expect.stringContaining('since: is missing')])
  })
})
