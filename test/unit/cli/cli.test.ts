import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as commands from '../../../src/cli/commands/index.ts'
import { exportYaml } from '../../../src/documents/canonical.ts'
import { readDocuments } from '../../../src/documents/read.ts'
import { open, RECORD_ID, TOKEN } from '../admin/world.ts'
import { base, changed, document, whole } from '../documents/world.ts'

const directory = mkdtempSync(join(tmpdir(), 'cambist-cli-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}
const tokenFile = file('admin-token', `${TOKEN}\n`)
const world = await open()

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

const MAIN = join(import.meta.dirname, '../../../src/start.js')

/** The command line as a shell runs it, with nothing in its environment but what is given. */
function cambist(
  args: readonly string[],
  { env = {}, input = '', cwd = directory }: { env?: Record<string, string>; input?: string; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { cwd, env: { CAMBIST_ADMIN_URL: world.url, CAMBIST_ADMIN_TOKEN_FILE: tokenFile, ...env } },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
    child.stdin?.end(input)
  })
}

describe('usage', () => {
  it.each(Object.values(commands).map(({ name }) => name))('%s explains itself with examples', async (name) => {
    const { code, out, err } = await cambist([name, '--help'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain(`Usage: cambist ${name}`)
    expect(out).toContain('Examples:\n')
  })

  it.each([
    [[], 'Usage: cambist'],
    [['aply'], "unknown command 'aply'"],
    [['apply'], "required option '-f, --file <path...>' not specified"],
    [['apply', '-f', 'x', '--base-version', 'one'], 'It is a whole number.'],
    [['export', '--output', 'xml'], 'Allowed choices are table, json'],
    [['export', 'extra'], 'too many arguments'],
    [['exchange'], 'exactly one of --subject-token-file, --assertion-file and --client-credentials'],
    [['exchange', '--client-credentials', '--assertion-file', 'x'], 'exactly one of'],
    [['audit', 'show'], "missing required argument 'id'"],
  ])('ends with 2 where it is used wrongly: %j', async (args, message) => {
    const { code, out, err } = await cambist(args)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toContain(message)
  })

  it('ends with 0 after help', async () => {
    const { code, out } = await cambist(['--help'])
    expect(code).toBe(0)
    expect(out).toContain('Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 78 configuration.')
  })
})

describe('configuration', () => {
  it('shows what the configuration comes to, without the password of the database', async () => {
    const env = {
      DATABASE_URL: 'postgres://cambist:hunter2@db.example/cambist?sslmode=require',
      CAMBIST_KEY_ENCRYPTION_KEY_FILES: file('kek', Buffer.alloc(32, 1).toString('base64url')),
      CAMBIST_ISUER: 'x',
    }
    const { code, out, err } = await cambist(['check-config'], { env })
    expect(code).toBe(0)
    expect(out).toMatch(
      /^DATABASE_URL +postgresq?l?:\/\/db\.example\/cambist$|^DATABASE_URL +postgres:\/\/db\.example\/cambist$/m,
    )
    expect(out).not.toContain('hunter2')
    expect(err).toContain('CAMBIST_ISUER is not a variable of Cambist; did you mean CAMBIST_ISSUER?')
    const asJson = await cambist(['check-config', '--output', 'json'], { env })
    expect(JSON.parse(asJson.out).settings.CAMBIST_ISSUER).toBe('http://127.0.0.1:8400')
  })

  it.each(['check-config', 'migrate', 'serve'])(
    '%s says all that is wrong with it, and ends with 78',
    async (command) => {
      const { code, err } = await cambist([command], {
        env: { CAMBIST_ISSUER: 'http://sts.example', CAMBIST_LISTEN: 'here' },
      })
      expect(code).toBe(78)
      expect(err).toContain('CAMBIST_ISSUER: "http://sts.example" must begin with https://')
      expect(err).toContain('CAMBIST_LISTEN: "here" is not an address')
      expect(err).not.toMatch(/\n +at /)
    },
  )

  it('says where the token is looked for, and what the door’s address is', async () => {
    const missing = await cambist(['export'], { env: { CAMBIST_ADMIN_TOKEN_FILE: 'nowhere' } })
    expect([missing.code, missing.err]).toEqual([
      78,
      expect.stringContaining('cannot be read from nowhere (ENOENT). Name its file in CAMBIST_ADMIN_TOKEN_FILE'),
    ])
    const url = await cambist(['export'], { env: { CAMBIST_ADMIN_URL: 'ftp://x' } })
    expect([url.code, url.err]).toEqual([78, expect.stringContaining('CAMBIST_ADMIN_URL is "ftp://x"')])
    const closed = await cambist(['export'], { env: { CAMBIST_ADMIN_URL: 'http://127.0.0.1:1' } })
    expect([closed.code, closed.err]).toEqual([
      1,
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:1 cannot be reached \(.+\)\. Is the server running there\?/),
    ])
  })

  it('says that a token is wrong without showing it', async () => {
    const wrong = file('wrong-token', `${TOKEN}-wrong`)
    const { code, err } = await cambist(['export'], { env: { CAMBIST_ADMIN_TOKEN_FILE: wrong } })
    expect([code, err]).toEqual([1, expect.stringContaining('This is not an administrator’s token')])
    expect(err).not.toContain(TOKEN)
  })

  it('sends the token nowhere that the door’s address points on to', async () => {
    const seen: (string | undefined)[] = []
    const elsewhere = createServer((message, response) => {
      seen.push(message.headers.authorization)
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
    const to = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
    const pointing = createServer((_, response) => response.writeHead(307, { location: to }).end()).listen(
      0,
      '127.0.0.1',
    )
    await once(pointing, 'listening')
    const { code } = await cambist(['export'], {
      env: { CAMBIST_ADMIN_URL: `http://127.0.0.1:${(pointing.address() as AddressInfo).port}` },
    })
    elsewhere.close()
    pointing.close()
    expect([code, seen]).toEqual([1, []])
  })
})

describe('documents', () => {
  it('applies a folder, shows the difference of a change, and exports it', async () => {
    const folder = join(directory, 'team')
    mkdirSync(folder)
    for (const [name, each] of Object.entries(base)) writeFileSync(join(folder, `${name}.yaml`), exportYaml([each]))
    writeFileSync(join(folder, 'README.md'), 'not a document')
    writeFileSync(join(folder, 'policy.test.yaml'), 'cases: []')

    const dry = await cambist(['apply', '-f', folder, '--dry-run'])
    expect([dry.code, dry.err]).toEqual([0, 'Nothing was changed; 4 of 4 documents would be. Version 0 is in force.\n'])
    const applied = await cambist(['apply', '-f', folder, '--message', 'first'])
    expect(applied.out).toBe(
      [
        'ACTION   KIND           NAME',
        'created  TrustedIssuer  prod',
        'created  Client         checkout',
        'created  Target         orders',
        'created  Policy         checkout-reads-orders',
        '',
      ].join('\n'),
    )
    expect([applied.code, applied.err]).toEqual([0, 'Version 1 is in force.\n'])
    expect(await world.states.history(1)).toMatchObject([{ message: 'first', author: 'bootstrap' }])

    const again = await cambist(['apply', '-f', folder, '--output', 'json'])
    expect(JSON.parse(again.out)).toMatchObject({ version: 1, changes: [{ action: 'unchanged' }, {}, {}, {}] })

    const policy = file(
      'policy.json',
      JSON.stringify(changed(base.policy, { scopes: ['orders:read', 'orders:write'], lifetime: '2m' })),
    )
    const shown = await cambist(['diff', '-f', policy])
    expect(shown.out).toBe(
      'updated Policy checkout-reads-orders\n  + spec.lifetime: "2m"\n  + spec.scopes[1]: "orders:write"\n',
    )
    expect([shown.code, shown.err]).toEqual([0, '1 document differs from version 1.\n'])
    const diff = JSON.parse((await cambist(['diff', '-f', policy, '--output', 'json'])).out)
    expect(diff.changes[0].differences).toContainEqual({ path: 'spec.lifetime', after: '2m' })
    expect((await cambist(['diff', '-f', folder])).err).toBe('No difference from version 1.\n')

    const stale = await cambist(['apply', '-f', policy, '--base-version', '0'])
    expect([stale.code, stale.err]).toEqual([1, expect.stringContaining('the documents are at version 1 and not at 0')])

    const exported = await cambist(['export'])
    expect(readDocuments(exported.out, 'application/yaml')).toEqual(whole)
    expect(JSON.parse((await cambist(['export', '--output', 'json'])).out)).toEqual(whole)
    const piped = await cambist(['apply', '-f', '-'], { input: exported.out })
    expect([piped.code, piped.err]).toEqual([0, 'Nothing to change: version 1 stays in force.\n'])
  })

  it('names file and line of what the server finds fault with', async () => {
    const good = file('good.yaml', exportYaml([document('Target', 'billing', { audience: 'https://billing.example' })]))
    const bad = file(
      'bad.yaml',
      `${exportYaml([base.client])}---\n${exportYaml([changed(base.policy, { targets: ['order'] })])}`,
    )
    const { code, out, err } = await cambist(['apply', '-f', good, bad])
    expect([code, out]).toEqual([1, ''])
    expect(err).toBe(
      `${bad}:24: Policy checkout-reads-orders: spec.targets[0]: there is no Target "order"; did you mean orders?\n`,
    )
  })

  it('finds fault with files before it asks a server', async () => {
    const one = file('one.yaml', 'kind: Policy\nkind: Policy\n')
    const env = { CAMBIST_ADMIN_URL: 'http://127.0.0.1:1' }
    expect(await cambist(['apply', '-f', one], { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining(`${one}:2: document 1: kind: is there twice`),
    })
    expect(await cambist(['apply', '-f', join(directory, 'missing.yaml')], { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining('missing.yaml cannot be read (ENOENT).'),
    })
    const twice = [file('a.yaml', exportYaml([base.target])), file('b.yaml', exportYaml([base.target]))]
    expect(await cambist(['apply', '-f', ...twice], { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining(`there is a Target orders in ${twice[0]} already`),
    })
  })

  it('lints without a server: faults end with 1, warnings with 0', async () => {
    const env = { CAMBIST_ADMIN_URL: 'http://127.0.0.1:1', CAMBIST_ADMIN_TOKEN_FILE: 'nowhere' }
    const all = file(
      'all.yaml',
      exportYaml([...whole, document('Client', 'idle', { workloads: [{ issuer: 'prod', ids: ['x'] }] })]),
    )
    const doubtful = await cambist(['lint', '-f', all], { env })
    expect(doubtful).toMatchObject({ code: 0, out: '', err: expect.stringContaining(`warning: ${all}:`) })
    expect(doubtful.err).toContain('Client idle: this client may do nothing')
    expect(doubtful.err).toMatch(/5 documents: 0 faults, 1 warning\.\n$/)
    const alone = file('alone.yaml', exportYaml([base.policy]))
    const faulty = await cambist(['lint', '-f', alone, '--output', 'json'], { env })
    expect(faulty.code).toBe(1)
    expect(JSON.parse(faulty.out).faults).toHaveLength(2)
    const broken = await cambist(['lint', '-f', file('broken.yaml', 'a: [')], { env })
    expect(broken).toMatchObject({
      code: 1,
      err: expect.stringContaining('broken.yaml:1: document 1: this is not YAML'),
    })
  })

  it('lints the documents in force where none are given', async () => {
    const applied = file('in-force.yaml', exportYaml([...whole, document('Target', 'lonely', { audience: 'lonely' })]))
    expect((await cambist(['apply', '-f', applied])).code).toBe(0)
    const { code, out, err } = await cambist(['lint'])
    expect([code, out]).toEqual([0, ''])
    expect(err).toContain('warning: Target lonely: nobody can have a token for this target')
    expect(JSON.parse((await cambist(['lint', '--output', 'json'])).out)).toMatchObject({
      faults: [],
      warnings: expect.arrayContaining([expect.objectContaining({ kind: 'Target', name: 'lonely' })]),
    })
  })

  it('takes the quickstart documents as they are in the checkout', async () => {
    const { code, err } = await cambist(['lint', '-f', join(import.meta.dirname, '../../../examples/quickstart')])
    expect([code, err]).toEqual([0, expect.stringContaining('4 documents: 0 faults')])
  })
})

describe('the record and the keys', () => {
  it('lists exchanges and shows one', async () => {
    const listed = await cambist(['audit', '--outcome', 'refused', '--since', '24h', '--limit', '5'])
    expect(listed.code).toBe(0)
    expect(listed.out).toMatch(/^AT +OUTCOME +REASON +CLIENT +SUBJECT +TARGETS +SCOPES +ID\n/)
    expect(listed.out).toContain(
      `refused  denied  checkout  wimse://cambist.example/prod/a  https://orders.example  orders:write  ${RECORD_ID}\n`,
    )
    expect(listed.err).toBe('There are older ones: add --cursor NEXT\n')
    expect(world.asked.at(-1)).toMatchObject({ filter: { outcome: 'refused' }, limit: 5 })

    const shown = await cambist(['audit', 'show', RECORD_ID])
    expect(shown.out).toMatch(/^detail +no policy lets client checkout ask for orders:write at orders$/m)
    for (const args of [
      ['audit', 'show', RECORD_ID, '--output', 'json'],
      ['audit', '--output', 'json', 'show', RECORD_ID],
    ]) {
      expect(JSON.parse((await cambist(args)).out)).toMatchObject({ id: RECORD_ID })
    }
    const missing = await cambist(['audit', 'show', '../keys'])
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('There is no record of this id')])
    const wrong = await cambist(['audit', '--reason', 'denyed'])
    expect([wrong.code, wrong.err]).toEqual([1, 'reason: there is no reason "denyed"; did you mean denied?\n'])
  })

  it('shows keys and makes successors', async () => {
    expect((await cambist(['keys'])).out).toMatch(
      /^KID +ALGORITHM +STATE +SIGNS FROM +LEAVES\nkey-ES256 +ES256 +signing /,
    )
    const rotated = await cambist(['keys', 'rotate', '--algorithm', 'RS256'])
    expect(rotated.out).toContain('successor  RS256      published')
    expect(world.rotations).toEqual(['RS256'])
  })
})

describe('exchange', () => {
  const asked: URLSearchParams[] = []
  let answer: { status: number; body: object } = { status: 200, body: {} }
  const issuer = createServer((message, response) => {
    let text = ''
    message.on('data', (part) => {
      text += String(part)
    })
    message.on('end', () => {
      asked.push(new URLSearchParams(text))
      response
        .writeHead(answer.status, { 'content-type': 'application/json', 'cambist-request-id': RECORD_ID })
        .end(JSON.stringify(answer.body))
    })
  })
  let url = ''
  beforeAll(async () => {
    issuer.listen(0, '127.0.0.1')
    await once(issuer, 'listening')
    url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`
  })
  afterAll(() => {
    issuer.close()
  })

  it('prints the token alone', async () => {
    answer = { status: 200, body: { access_token: 'a.b.c', token_type: 'Bearer' } }
    const subject = file('subject', 's.s.s\n')
    const assertion = file('assertion', 'c.c.c')
    const args = [
      'exchange',
      '--subject-token-file',
      subject,
      '--audience',
      'https://a.example',
      '--audience',
      'https://b.example',
      '--scope',
      'x y',
      '--client-assertion-file',
      assertion,
    ]
    const { code, out, err } = await cambist([...args, '--issuer', url])
    expect([code, out, err]).toEqual([0, 'a.b.c\n', ''])
    expect(asked.at(-1)?.get('subject_token')).toBe('s.s.s')
    expect(asked.at(-1)?.getAll('audience')).toEqual(['https://a.example', 'https://b.example'])
    expect(asked.at(-1)?.get('client_assertion')).toBe('c.c.c')
    const asJson = await cambist(['exchange', '--subject-token-file', '-', '--audience', 'a', '--output', 'json'], {
      env: { CAMBIST_ISSUER: url },
      input: 'i.i.i\n',
    })
    expect(JSON.parse(asJson.out)).toMatchObject({ token_type: 'Bearer' })
    expect(asked.at(-1)?.get('subject_token')).toBe('i.i.i')
  })

  it('asks by the other grants, and with authorization details', async () => {
    answer = { status: 200, body: { access_token: 'a.b.c', token_type: 'Bearer' } }
    const args = ['exchange', '--audience', 'a', '--issuer', url, '--authorization-details', '[{"type":"x"}]']
    expect((await cambist([...args, '--assertion-file', file('grant', 'g.g.g')])).out).toBe('a.b.c\n')
    expect(Object.fromEntries(asked.at(-1) ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: 'g.g.g',
      audience: 'a',
      authorization_details: '[{"type":"x"}]',
    })
    const credential = ['--client-assertion-file', file('credential', 'c.c.c')]
    expect((await cambist([...args, '--client-credentials', ...credential])).out).toBe('a.b.c\n')
    expect(Object.fromEntries(asked.at(-1) ?? [])).toMatchObject({
      grant_type: 'client_credentials',
      client_assertion: 'c.c.c',
    })
    expect(asked.at(-1)?.has('subject_token')).toBe(false)
  })

  it('says why there is none, how to learn more, and nothing of the token', async () => {
    answer = { status: 400, body: { error: 'invalid_target', error_description: 'No such target.\u001b[31m' } }
    const { code, out, err } = await cambist([
      'exchange',
      '--subject-token-file',
      file('subject-2', 'secret.s.s'),
      '--audience',
      'a',
      '--issuer',
      url,
    ])
    expect([code, out]).toEqual([1, ''])
    expect(err).toBe(
      `invalid_target: No such target.�[31m\nAn administrator sees why with: cambist audit show ${RECORD_ID}\n`,
    )
    expect(err).not.toContain('secret')
    answer = { status: 404, body: {} }
    expect(
      (await cambist(['exchange', '--subject-token-file', file('subject-3', 's'), '--audience', 'a', '--issuer', url]))
        .err,
    ).toContain('answers 404, and not as a token endpoint does')
    expect(
      (
        await cambist([
          'exchange',
          '--subject-token-file',
          file('subject-4', ' \n'),
          '--audience',
          'a',
          '--issuer',
          url,
        ])
      ).err,
    ).toContain('There is no token in')
  })
})
