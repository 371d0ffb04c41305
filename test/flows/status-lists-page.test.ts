import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { readDocuments } from '../../src/documents/read.ts'
import { baseDocuments, startCambist, TestClock } from '../harness/cambist.ts'
import { decode } from '../harness/tokens.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/status-lists.md'), 'utf8')
const shown = (language: string): string => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? ''

// The relying party lives in a process of its own, with the system's clock.
const server = await startCambist({ clock: new TestClock(Date.now()) })
const sample = shown('js').replace("'https://cambist.example'", JSON.stringify(server.issuer))

const [target] = readDocuments(shown('yaml'), 'application/yaml')
await server.apply(...baseDocuments(server.cluster).filter((each) => !('kind' in each && each.kind === 'Target')), {
  ...target,
  spec: { ...target?.spec, scopes: ['orders:read', 'orders:write'], defaultScopes: ['orders:read'] },
})

/** Runs the sample of the page with some more lines; answers what these print. */
async function run(lines: string): Promise<unknown> {
  const program = `${sample}\n${lines}`
  const done = await promisify(execFile)('node', ['--input-type=module', '-e', program], { cwd: root })
  return JSON.parse(done.stdout)
}

it('docs/status-lists.md: a service verifies a token of the target on the page, until it is revoked', async () => {
  const issue = async () => String((await server.exchange()).body['access_token'])
  const [token, other] = [await issue(), await issue()]
  expect(Object.keys(JSON.parse(shown('json')).status.status_list)).toEqual(
    Object.keys((decode(token).claims as { status: { status_list: object } }).status.status_list),
  )
  const outcomes = (...tokens: string[]) =>
    run(`const outcome = (one) => verified(one).then(({ jti }) => jti, ({ message }) => message)
      console.log(JSON.stringify([${tokens.map((one) => `await outcome('${one}')`).join(', ')}]))`)
  const [id, otherId] = [decode(token).claims['jti'], decode(other).claims['jti']]
  expect(await outcomes(token, other)).toEqual([id, otherId])
  await server.adminSend('POST', '/admin/v1/revocations', { jti: id, reason: 'stolen' })
  const changed = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`
  expect(await outcomes(token, other, changed)).toEqual([
    'the token was revoked',
    otherId,
    'signature verification failed',
  ])
})

it('docs/status-lists.md: it goes on with the list that it has while none can be had, and not beyond its end', async () => {
  const token = String((await server.exchange()).body['access_token'])
  expect(
    await run(`
      const [real, began] = [globalThis.fetch, Date.now()]
      let [passed, fetched] = [0, 0]
      Date.now = () => began + passed * 1000
      const away = () => Promise.reject(new Error('away'))
      globalThis.fetch = (...asked) => { if (String(asked[0]).includes('/status-lists/')) fetched++; return real(...asked) }
      const outcomes = []
      const attempt = () => statusList(list).then(() => outcomes.push(fetched), ({ message }) => outcomes.push(message))
      await verified('${token}')
      const [list] = lists.keys()
      await attempt()
      passed = 59
      await attempt()
      passed = 61
      await attempt()
      globalThis.fetch = away
      passed = 200
      await attempt()
      passed = 301
      await attempt()
      console.log(JSON.stringify(outcomes))
    `),
  ).toEqual([1, 1, 2, 2, 'away'])
})
