import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')

/** Files of one test, gone when its file is done. */
export class Files {
  readonly #directory = mkdtempSync(join(tmpdir(), 'cambist-client-'))

  constructor() {
    afterAll(() => rmSync(this.#directory, { recursive: true, force: true }))
  }

  write(name: string, text: string): string {
    const path = join(this.#directory, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
}

export interface Ended {
  readonly code: number | null
  /** Without the line feed at its end. */
  readonly output: string
  readonly errors: string
}

/** Runs a command with this environment and no other but PATH. */
export function run(
  command: string,
  args: readonly string[],
  { env = {}, input = '' }: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env: { PATH: process.env['PATH'], ...env } })
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output: output.replace(/\n$/, ''), errors }))
    child.stdin.end(input)
  })
}

/** Runs the program of a page as a process of its own: what Node reads at its start, such as authorities, is in its environment. */
export const runProgram = (program: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  run(process.execPath, ['--input-type=module', '-'], { env, input: program })

/** A text of a page with what stands in this test in place of what stands on the page. Throws where the page has no such text. */
export function insteadOf(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((replaced, [shown, real]) => {
    if (!replaced.includes(shown)) throw new Error(`the page does not say ${shown}`)
    return replaced.replaceAll(shown, real)
  }, text)
}

/** Whether a command is on this machine. */
export const isThere = (command: string): boolean => spawnSync(command, ['--version']).error === undefined
