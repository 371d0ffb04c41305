import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from './ports.ts'

export interface ChildServer {
  readonly process: ChildProcess
  readonly pid: number
  readonly issuer: string
  readonly port: number
  readonly admin: string
  readonly directory: string
  /** Everything it has printed. */
  output(): string
  adminToken(): string
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export interface ChildOptions {
  readonly directory: string
  readonly workers?: number
  readonly env?: Record<string, string>
  readonly ports?: readonly [number, number]
}

const ROOT = join(import.meta.dirname, '..', '..')

/** Starts the server as a process of its own, as `npm start` does, and resolves when it is ready. */
export async function startChild({ directory, workers = 1, env = {}, ports }: ChildOptions): Promise<ChildServer> {
  const [port, adminPort] = ports ?? ((await freePorts(2)) as [number, number])
  const issuer = `http://127.0.0.1:${port}`
  const child = spawn(process.execPath, ['src/start.js', 'serve'], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      CAMBIST_ISSUER: issuer,
      CAMBIST_LISTEN: `127.0.0.1:${port}`,
      CAMBIST_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      CAMBIST_DATA_DIR: directory,
      CAMBIST_WORKERS: String(workers),
      CAMBIST_LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  )
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        if (/Cambist is ready|Cambist issues at/.test(output)) resolve()
      })
    }
    void exited.then(({ code, signal }) => reject(new Error(`the server ended with ${signal ?? code}:\n${output}`)))
  })
  return {
    process: child,
    pid: child.pid ?? 0,
    issuer,
    port,
    admin: `http://127.0.0.1:${adminPort}`,
    directory,
    output: () => output,
    adminToken: () => readFileSync(join(directory, 'admin-token'), 'utf8').trim(),
    exited,
  }
}
