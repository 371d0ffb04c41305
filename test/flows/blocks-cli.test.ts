import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../src/cli/main.ts'
import { startCambist } from '../harness/cambist.ts'

const server = await startCambist()
const { cluster, issuer: us } = server
const directory = mkdtempSync(join(tmpdir(), 'cambist-cli-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const adminTokenFile = join(directory, 'admin-token')
writeFileSync(adminTokenFile, `${server.adminToken}\n`)

const ID = `wimse://${new URL(us).hostname}/cluster/${encodeURIComponent('system:serviceaccount:shop:checkout')}`

async function cambist(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const code = await run(args, {
    environment: { adminUrl: server.admin, adminTokenFile, issuer: us, trustDomain: '' },
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

const asJson = async (...args: string[]) => JSON.parse((await cambist(...args, '--output', 'json')).out)

describe('cambist block', () => {
  it('blocks, lists and lifts', async () => {
    expect((await server.exchange()).status).toBe(200)
    const { code, out, err } = await cambist('block', 'subject', ID, '--reason', 'taken over', '--expires', '24h')
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^In force everywhere, in version \d+\. Taken back: living tokens 1, lineages 1\.\n$/),
    ])
    expect(out).toContain(`blocked  subject ${ID}\nreason   taken over\nauthor   bootstrap\n`)
    const id = /^id +(\S+)$/m.exec(out)?.[1] ?? ''
    expect((await server.exchange()).status).toBe(400)
    const listed = await cambist('block', 'list')
    expect(listed.out).toMatch(/^AT +BLOCKED +REASON +AUTHOR +UNTIL +ID\n/)
    expect(listed.out).toContain(`subject ${ID}`)
    expect(await asJson('block', 'list')).toMatchObject({ items: [{ id, match: { subject: ID } }], next: null })
    const lifted = await cambist('block', 'remove', id)
    expect([lifted.code, lifted.err]).toEqual([0, expect.stringContaining('No longer blocked')])
    expect((await server.exchange()).status).toBe(200)
    const again = await cambist('block', 'remove', id)
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('There is no block of this id')])
  })

  it.each([
    [['instance', 'uid'], { instance: 'uid' }],
    [['client', 'checkout'], { client: 'checkout' }],
    [['lineage', 'some'], { lineage: 'some' }],
    [['key', 'A'.repeat(43)], { key: 'A'.repeat(43) }],
    [['issuer', 'cluster'], { issuer: 'cluster' }],
    [['credential', '--issuer', 'cluster', '--jti', 'x'], { issuer: 'cluster', jti: 'x' }],
    [
      ['credential', '--issuer', 'cluster', '--token-hash', 'A'.repeat(43)],
      { issuer: 'cluster', tokenHash: 'A'.repeat(43) },
    ],
  ])('names what %j says', async (args, match) => {
    const { block } = await asJson('block', ...args, '--reason', 'r')
    expect(block.match).toEqual(match)
    expect((await cambist('block', 'remove', block.id, '--output', 'json')).code).toBe(0)
  })

  it.each([
    [['subject', 'x'], '--reason'],
    [['subject', '--reason', 'r'], "missing required argument 'value'"],
    [['credential', '--issuer', 'cluster', '--reason', 'r'], 'exactly one of --jti and --token-hash'],
    [['credential', '--issuer', 'cluster', '--jti', 'x', '--token-hash', 'y', '--reason', 'r'], 'exactly one of'],
    [['credential', '--jti', 'x', '--reason', 'r'], '--issuer'],
    [['everything'], "unknown command 'everything'"],
  ])('ends with 2 where it is used wrongly, and blocks nothing: %j', async (args, message) => {
    const { code, err } = await cambist('block', ...args)
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
    expect((await asJson('block', 'list')).items).toEqual([])
  })

  it('says what the server finds fault with', async () => {
    const { code, err } = await cambist('block', 'client', 'chekout', '--reason', 'r')
    expect([code, err]).toEqual([1, expect.stringContaining('did you mean checkout?')])
  })
})

describe('cambist entity', () => {
  it('lists, shows, notes and labels', async () => {
    await server.exchange({ subject_token: cluster.token() })
    await server.project()
    const listed = await cambist('entity', 'list', '--issuer', 'cluster', '--q', 'wimse://')
    expect(listed.out).toMatch(/^ID +ISSUER +FIRST SEEN +LAST SEEN +GRANTED +REFUSED +STATUS +LABELS\n/)
    expect(listed.out).toContain(ID)
    const shown = await cambist('entity', 'show', ID, '--limit', '1')
    expect(shown.out).toMatch(/^status +active$/m)
    expect(shown.out).toMatch(/^AT +OUTCOME +REASON +CLIENT +TARGETS +TOKEN \(JTI\) +RECORD$/m)
    expect(shown.err).toContain('add --cursor')
    const noted = await cambist('entity', 'note', ID, 'rebuilt\nafter the incident')
    expect([noted.code, noted.out]).toEqual([
      0,
      expect.stringMatching(/^note +\S+ bootstrap: rebuilt after the incident$/m),
    ])
    expect((await cambist('entity', 'label', ID, 'team=shop', 'a/b=c=d')).out).toMatch(/^labels +team=shop a\/b=c=d$/m)
    expect(await asJson('entity', 'label', ID, 'team-')).toMatchObject({ labels: { 'a/b': 'c=d' } })
    expect(await asJson('entity', 'list', '--label', 'a/b')).toMatchObject({ items: [{ id: ID }] })
    expect(await asJson('entity', 'show', ID)).toMatchObject({ notes: [{ text: 'rebuilt\nafter the incident' }] })
  })

  it('says what is wrong', async () => {
    for (const label of ['team', '=x', '-'])
      expect(await cambist('entity', 'label', ID, label)).toMatchObject({
        code: 2,
        err: expect.stringContaining('NAME=VALUE'),
      })
    expect(await cambist('entity', 'show', 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('has been seen'),
    })
    expect(await cambist('entity', 'list', '--status', 'gone')).toMatchObject({ code: 1 })
  })
})
