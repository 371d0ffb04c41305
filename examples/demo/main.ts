/**
 * npm run demo: the guided tour. Each capability once, for real, against a server that it starts and stops: what is asked,
 * what comes back, and why. Ends with 0 only if every step behaved.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { developmentCluster } from '../../src/quickstart.ts'
import { bold, code, decoded, dim, fact, good, json, say, step, title } from './page.ts'

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const ORDERS = 'https://orders.example'

const directory = mkdtempSync(join(tmpdir(), 'cambist-demo-'))
const [port, adminPort] = await freePorts()
const issuer = `http://127.0.0.1:${port}`
const admin = `http://127.0.0.1:${adminPort}/admin/v1`

const server = spawn(process.execPath, ['src/start.js', 'serve'], {
  env: {
    ...process.env,
    CAMBIST_ISSUER: issuer,
    CAMBIST_LISTEN: `127.0.0.1:${port}`,
    CAMBIST_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    CAMBIST_DATA_DIR: directory,
    CAMBIST_WORKERS: '1',
    CAMBIST_LOG_LEVEL: 'warn',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})

/** A step that does not behave ends the tour. */
function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`this step did not behave: ${what}`)
}

/** What of a row the tour shows. */
const SHOWN = [
  'id',
  'outcome',
  'reason',
  'client',
  'subject',
  'requested',
  'granted',
  'rules',
  'tokenHash',
  'subjectTokenHash',
  'snapshotVersion',
]

interface TokenAnswer {
  readonly status: number
  readonly id: string
  readonly body: Record<string, string | number>
}

async function ask(form: Record<string, string>): Promise<TokenAnswer> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: TOKEN_EXCHANGE, subject_token_type: JWT, ...form }),
  })
  return {
    status: response.status,
    id: response.headers.get('Cambist-Request-Id') ?? '',
    body: (await response.json()) as TokenAnswer['body'],
  }
}

async function record(id: string): Promise<Record<string, unknown>> {
  const token = readFileSync(join(directory, 'admin-token'), 'utf8').trim()
  const response = await fetch(`${admin}/audit/${id}`, { headers: { Authorization: `Bearer ${token}` } })
  expect(response.ok, `the record of ${id} could not be read`)
  return (await response.json()) as Record<string, unknown>
}

async function tour(): Promise<void> {
  const cluster = developmentCluster(directory)
  const now = () => Math.floor(Date.now() / 1000)
  const podToken = (audience = issuer, lifetime = 3600) => cluster.token({ audience, now: now(), lifetime })

  title('Cambist: a Kubernetes token in, a scoped access token out')
  say('A pod of the service account checkout must call the orders service. It holds nothing but the')
  say('token that Kubernetes mounted for it. No secret was registered, and no pod was either.')

  step('What comes in', 'the pod’s projected service-account token')
  const subjectToken = podToken()
  say(decoded(subjectToken))
  say(
    fact('It is meant for us', `aud is ${issuer}`),
    fact('It is no key to orders', 'the orders service would refuse it: wrong audience, wrong issuer'),
  )

  step('What allows it', 'four documents, from examples/quickstart, kept in PostgreSQL')
  for (const name of ['trusted-issuer', 'client', 'target', 'policy']) {
    const text = readFileSync(`examples/quickstart/${name}.yaml`, 'utf8')
    // As they are applied at the first start: with the audience and the keys of this machine.
    say(
      code(
        text
          .replace(/ {2}keys:\n[\s\S]*/, '  keys: { jwks: … }\n')
          .replace('http://127.0.0.1:8400', issuer)
          .trimEnd(),
      ),
      '',
    )
  }

  step('The exchange', `POST ${issuer}/token`)
  say(
    dim(`grant_type=${TOKEN_EXCHANGE}`),
    dim(`subject_token_type=${JWT}`),
    dim('subject_token=…'),
    dim(`audience=${ORDERS}`),
    dim('scope=orders:read'),
    '',
  )
  const granted = await ask({ subject_token: subjectToken, audience: ORDERS, scope: 'orders:read' })
  expect(granted.status === 200, `the exchange answered ${granted.status} ${JSON.stringify(granted.body)}`)
  say(json({ ...granted.body, access_token: `${String(granted.body['access_token']).slice(0, 24)}…` }))

  step('What goes out', 'an RFC 9068 access token')
  const accessToken = String(granted.body['access_token'])
  say(decoded(accessToken))

  step('What the orders service does', 'jose verifies it from /jwks: signature, issuer, audience, type, expiry')
  const jwks = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const { payload, protectedHeader } = await jwtVerify(accessToken, jwks, { issuer, audience: ORDERS, typ: 'at+jwt' })
  expect(
    payload['scope'] === 'orders:read' && protectedHeader.alg === 'ES256',
    'the token does not say what was granted',
  )
  say(good(`verified with key ${protectedHeader.kid}`))
  say(
    fact('who', String(payload.sub)),
    fact('through which client', String(payload['client_id'])),
    fact('may', String(payload['scope'])),
    fact('for', `${(payload.exp ?? 0) - (payload.iat ?? 0)} seconds`),
  )

  const refusals: {
    readonly name: string
    readonly why: string
    readonly reason: string
    readonly error: string
    readonly form: Record<string, string>
  }[] = [
    {
      name: 'More than the policy says',
      why: 'the same pod asks to write orders',
      reason: 'scope_denied',
      error: 'invalid_scope',
      form: { subject_token: podToken(), audience: ORDERS, scope: 'orders:write' },
    },
    {
      name: 'A token meant for somebody else',
      why: 'whoever was sent the pod’s token for the API server tries it here',
      reason: 'audience_mismatch',
      error: 'invalid_request',
      form: { subject_token: podToken('https://kubernetes.default.svc'), audience: ORDERS },
    },
    {
      name: 'A neighbour that no document names',
      why: 'a pod of the service account reports, same cluster, same namespace',
      reason: 'client_unknown',
      error: 'invalid_client',
      form: {
        subject_token: cluster.token({ audience: issuer, now: now(), lifetime: 3600, serviceAccount: 'reports' }),
        audience: ORDERS,
      },
    },
  ]
  const asked: TokenAnswer[] = [granted]
  step('Three refusals', 'the caller reads what to do; the administrator reads why')
  for (const { name, why, form, reason, error } of refusals) {
    const answer = await ask(form)
    const row = await record(answer.id)
    say(bold(name), dim(why), json(answer.body), fact('on the record', `${row['reason']}: ${row['detail']}`), '')
    expect(
      answer.body['error'] === error && row['reason'] === reason,
      `${name}: ${answer.body['error']}, ${row['reason']}`,
    )
    asked.push(answer)
  }

  step('The record', 'one row for each of them, written before the answer left; hashes, never tokens')
  for (const { id } of asked) {
    const row = await record(id)
    expect(!JSON.stringify(row).includes(accessToken.split('.')[2] ?? ''), 'the record holds a token')
    say(json(Object.fromEntries(SHOWN.map((name) => [name, row[name]]))), '')
  }
  say(good('Every step behaved.'))
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()]
  await Promise.all(servers.map((one) => new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))))
  const [first = 0, second = 0] = servers.map((one) => (one.address() as { port: number }).port)
  await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))))
  return [first, second]
}

async function ready(): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let seen = ''
    server.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.includes('Cambist is ready')) resolve()
    })
    server.once('exit', (exit) => reject(new Error(`the server ended with ${exit} before it was ready\n${seen}`)))
  })
}

try {
  await ready()
  await tour()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
} finally {
  if (server.exitCode === null) {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGTERM')
    await ended
  }
  rmSync(directory, { recursive: true, force: true })
}
