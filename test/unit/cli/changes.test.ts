import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { exportYaml } from '../../../src/documents/canonical.ts'
import type { Document } from '../../../src/documents/contract.ts'
import type { Traffic } from '../../../src/documents/doubts.ts'
import { open, RECORD_ID, TOKEN, type World } from '../admin/world.ts'
import { base, changed, document, whole } from '../documents/world.ts'

const directory = mkdtempSync(join(tmpdir(), 'cambist-cli-changes-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const file = (name: string, ...documents: readonly Document[]): string => {
  const path = join(directory, name)
  writeFileSync(path, exportYaml(documents))
  return path
}
const tokenFile = join(directory, 'admin-token')
writeFileSync(tokenFile, `${TOKEN}\n`)
const MAIN = join(import.meta.dirname, '../../../src/start.js')

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

const cambist = (world: World, ...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const env = { CAMBIST_ADMIN_URL: world.url, CAMBIST_ADMIN_TOKEN_FILE: tokenFile }
    execFile(process.execPath, [MAIN, ...args], { cwd: directory, env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })

const all = file('all.yaml', ...whole)
const lifetime = file('lifetime.yaml', changed(base.policy, { lifetime: '2m' }))

describe('history and rollback', () => {
  it('show what changed, field by field, and put it back', async () => {
    const world = await open()
    await cambist(world, 'apply', '-f', all, '--message', 'first')
    await cambist(world, 'apply', '-f', lifetime, '--message', 'shorter')
    const listed = await cambist(world, 'history')
    expect(listed.out).toMatch(
      /^VERSION +AT +AUTHOR +CHANGES +MESSAGE\n2 .* bootstrap +1 updated +shorter\n1 .* 4 created +first\n$/,
    )
    expect((await cambist(world, 'history', '--limit', '1')).err).toMatch(/^There are older ones: add --cursor \S+\n$/)
    const shown = await cambist(world, 'history', '2')
    expect(shown.out).toMatch(/^version {2}2\n/)
    expect(shown.out).toContain('updated Policy checkout-reads-orders\n  + spec.lifetime: "2m"\n')
    const asJson = JSON.parse((await cambist(world, 'history', '2', '--output', 'json')).out)
    expect(asJson.documents[0].after.spec.lifetime).toBe('2m')
    expect(await cambist(world, 'history', '9')).toMatchObject({ code: 1, err: expect.stringContaining('no version') })

    const dry = await cambist(world, 'rollback', '1', '--dry-run')
    expect([dry.code, dry.err]).toEqual([0, 'Nothing was changed; 1 of 1 documents would be. Version 2 is in force.\n'])
    const back = await cambist(world, 'rollback', '1', '--message', 'too short')
    expect(back.out).toMatch(/^ACTION +KIND +NAME\nupdated +Policy +checkout-reads-orders\n$/)
    expect([back.code, back.err]).toEqual([0, 'Version 3 is in force.\n'])
    expect(await world.states.history(1)).toMatchObject([{ message: 'too short' }])
    const same = await cambist(world, 'rollback', '1')
    expect([same.code, same.out, same.err]).toEqual([0, '', 'Nothing to change: version 3 stays in force.\n'])
    expect(JSON.parse((await cambist(world, 'rollback', '1', '--output', 'json')).out)).toMatchObject({ version: 3 })
    expect((await cambist(world, 'rollback', 'x')).code).toBe(2)
  })
})

describe('--yes', () => {
  it('is asked for with the numbers, and says yes', async () => {
    const group = { client: 'checkout', targets: ['orders'], count: 18, examples: [RECORD_ID] }
    const traffic: Traffic = { looked: 20, denied: 18, groups: [group] }
    const world = await open({ judgeTraffic: async () => traffic })
    await cambist(world, 'apply', '-f', all, '--yes')
    await cambist(world, 'apply', '-f', lifetime, '--yes')
    const asked = await cambist(world, 'rollback', '1')
    expect(asked).toEqual({
      code: 1,
      out: '',
      err: `it would deny 18 of 20 exchanges that were granted in the last 7 days (90 %), 18 of them of client checkout at orders.\n  18 of client checkout at orders, such as ${RECORD_ID}\nNothing was changed. Add --yes where this is meant.\n`,
    })
    expect(world.states.version).toBe(2)
    expect((await cambist(world, 'rollback', '1', '--yes')).code).toBe(0)
    expect((await cambist(world, 'apply', '-f', lifetime)).err).toContain('Add --yes')
    expect((await cambist(world, 'apply', '-f', lifetime, '--dry-run')).err).toContain('asks for confirmation')
  })
})

describe('changes', () => {
  it('shows what waits, says that it cannot be approved by the bootstrap token, and withdraws it', async () => {
    const world = await open()
    await cambist(world, 'apply', '-f', all)
    await cambist(world, 'apply', '-f', file('two.yaml', document('Approval', 'two', { kinds: ['Policy'] })), '--yes')
    const { code, out, err } = await cambist(world, 'apply', '-f', lifetime, '--message', 'shorter')
    expect([code, out]).toEqual([0, expect.stringContaining('updated')])
    const [, id = ''] = /cambist changes approve (\S+)\n$/.exec(err) ?? []
    expect(err).toMatch(/^Nothing is in force yet: this waits for another administrator\. Version 2 stays in force/)
    expect((await cambist(world, 'changes')).out).toMatch(
      new RegExp(
        `^AT +STATE +AUTHOR +CHANGES +MESSAGE +ID\n.* open +bootstrap +updated Policy checkout-reads-orders +shorter +${id}\n$`,
      ),
    )
    const shown = await cambist(world, 'changes', 'show', id)
    expect(shown.out).toContain('against  version 2\n')
    expect(shown.out).toContain('updated Policy checkout-reads-orders\n  + spec.lifetime: "2m"\n')
    expect(JSON.parse((await cambist(world, 'changes', 'show', id, '--output', 'json')).out)).toMatchObject({ id })
    const approved = await cambist(world, 'changes', 'approve', id)
    expect([approved.code, approved.err]).toEqual([1, expect.stringContaining('The bootstrap token cannot approve')])
    const withdrawn = await cambist(world, 'changes', 'withdraw', id)
    expect([withdrawn.code, withdrawn.err]).toEqual([0, `The change ${id} is withdrawn.\n`])
    expect((await cambist(world, 'changes', 'withdraw', id)).err).toBe(`the change ${id} is withdrawn already\n`)
    expect((await cambist(world, 'changes', 'list')).out).not.toContain(id)
    const gone = await cambist(world, 'changes', 'list', '--state', 'all', '--output', 'json')
    expect(JSON.parse(gone.out).items).toMatchObject([{ id, state: 'withdrawn', decidedBy: 'bootstrap' }])
  })
})
