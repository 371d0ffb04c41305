import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { developmentCluster } from '../../src/quickstart.ts'
import { type ChildServer, startChild } from '../harness/child.ts'
import { makeChain } from '../harness/client-chain.ts'
import { freePorts } from '../harness/ports.ts'
import { postTls } from '../harness/tls-client.ts'

const directories: string[] = []
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})
const newDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'cambist-processes-'))
  directories.push(directory)
  return directory
}

/** Processes whose parent is the given one, other than the database. */
const workersOf = (pid: number): number[] =>
  execFileSync('ps', ['-o', 'pid=,comm=', '--ppid', String(pid)], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => /node/i.test(line))
    .map((line) => Number.parseInt(line, 10))

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it did not come to hold within ten seconds')
}

async function exchangeAt(server: ChildServer): Promise<number> {
  const now = Math.floor(Date.now() / 1000)
  const response = await fetch(`${server.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      subject_token: developmentCluster(server.directory).token({ audience: server.issuer, now, lifetime: 600 }),
      audience: 'https://orders.example',
    }),
  })
  await response.body?.cancel()
  return response.status
}

async function started(workers: number, env: Record<string, string> = {}): Promise<ChildServer> {
  const server = await startChild({ directory: newDirectory(), workers, env })
  onTestFinished(async () => {
    server.process.kill('SIGKILL')
    await server.exited
  })
  return server
}

describe('several processes', () => {
  it('share a port, replace one that is killed, and count together', { timeout: 60_000 }, async () => {
    const server = await started(2)
    const before = workersOf(server.pid)
    expect(before.length).toBe(2)
    expect(await exchangeAt(server)).toBe(200)
    process.kill(before[0] ?? 0, 'SIGKILL')
    // The metrics of a server one of whose workers is dying are those of the rest.
    for (let tries = 0; tries < 20; tries++) expect((await fetch(`${server.admin}/metrics`)).status).toBe(200)
    await until(() => workersOf(server.pid).length === 2 && !workersOf(server.pid).includes(before[0] ?? 0))
    expect(await exchangeAt(server)).toBe(200)
    const metrics = await (await fetch(`${server.admin}/metrics`)).text()
    expect(metrics).toMatch(
      /cambist_exchanges_total\{outcome="granted",reason="granted",grant="token-exchange"\} [12]\n/,
    )
  })

  it('share the port that asks for client certificates too', { timeout: 60_000 }, async () => {
    const directory = newDirectory()
    const [material, client] = await Promise.all([makeChain(1), makeChain(2)])
    writeFileSync(join(directory, 'cert.pem'), material.pem.join(''))
    writeFileSync(join(directory, 'key.pem'), material.key)
    const [mtlsPort] = await freePorts(1)
    const mtls = `https://127.0.0.1:${mtlsPort}`
    const server = await started(2, {
      CAMBIST_TLS_CERT: join(directory, 'cert.pem'),
      CAMBIST_TLS_KEY: join(directory, 'key.pem'),
      CAMBIST_MTLS_LISTEN: `127.0.0.1:${mtlsPort}`,
      CAMBIST_MTLS_URL: mtls,
    })
    // More connections than workers, one after the other: each worker has its turn, and sees the certificate itself.
    for (let count = 0; count < 4; count++) {
      const answer = await postTls(mtls, { chain: client, lines: ['Client-Cert: :AA==:'] })
      expect([answer.status, JSON.parse(answer.body)['error']]).toEqual([400, 'invalid_request'])
      expect(answer.body).toContain('carries a client certificate in a header')
    }
    server.process.kill('SIGTERM')
    expect(await server.exited).toEqual({ code: 0, signal: null })
    await expect(postTls(mtls, { chain: client })).rejects.toThrow('ECONNREFUSED')
  })

  it('all end on SIGTERM, also when one has just died, and once more while they do', { timeout: 60_000 }, async () => {
    const server = await started(2)
    const workers = workersOf(server.pid)
    process.kill(workers[0] ?? 0, 'SIGKILL')
    await until(() => workersOf(server.pid).length < 2)
    server.process.kill('SIGTERM')
    server.process.kill('SIGTERM')
    expect(await server.exited).toEqual({ code: 0, signal: null })
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow()
  })

  it('end with their primary when that is killed', { timeout: 60_000 }, async () => {
    const server = await started(2)
    const workers = workersOf(server.pid)
    server.process.kill('SIGKILL')
    await server.exited
    await until(() =>
      workers.every((pid) => {
        try {
          process.kill(pid, 0)
          return false
        } catch {
          return true
        }
      }),
    )
  })
})

describe('a start that fails', () => {
  const serve = (env: Record<string, string>) =>
    spawnSync(process.execPath, ['src/start.js', 'serve'], {
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: process.env['PATH'] ?? '', CAMBIST_DATA_DIR: newDirectory(), CAMBIST_LOG_LEVEL: 'silent', ...env },
    })

  it.each(['1', '2'])(
    'ends with one sentence when a port is taken (%s workers)',
    { timeout: 60_000 },
    async (workers) => {
      const [port, adminPort] = await freePorts(2)
      const other = createServer().listen(port, '127.0.0.1')
      await new Promise((resolve) => other.once('listening', resolve))
      onTestFinished(() => void other.close())
      const { status, stderr } = serve({
        CAMBIST_ISSUER: `http://127.0.0.1:${port}`,
        CAMBIST_LISTEN: `127.0.0.1:${port}`,
        CAMBIST_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
        CAMBIST_WORKERS: workers,
      })
      expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}: another program listens there`)
      expect(status).toBe(1)
    },
  )

  it('ends with 78 and every fault when files of the configuration cannot be used', { timeout: 60_000 }, () => {
    const directory = newDirectory()
    writeFileSync(join(directory, 'cert.pem'), 'no certificate')
    writeFileSync(join(directory, 'key.pem'), 'no key')
    const env = {
      CAMBIST_TLS_CERT: join(directory, 'cert.pem'),
      CAMBIST_TLS_KEY: join(directory, 'key.pem'),
      CAMBIST_ADMIN_TOKEN_FILE: join(directory, 'nowhere'),
    }
    for (const verb of ['serve', 'check-config']) {
      const { status, stderr } = spawnSync(process.execPath, ['src/start.js', verb], {
        encoding: 'utf8',
        timeout: 30_000,
        env: { PATH: process.env['PATH'] ?? '', CAMBIST_DATA_DIR: directory, ...env },
      })
      expect(stderr).toContain('do not hold a certificate and its private key in PEM')
      expect(stderr).toContain('CAMBIST_ADMIN_TOKEN_FILE')
      expect(status).toBe(78)
    }
  })
})
