import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One process at a time may own a data directory. A lock whose owner is dead is void: kill -9 leaves no lock. */
export interface DirectoryLock {
  release(): Promise<void>
}

/** @throws Error in one sentence, naming the process that holds the directory. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'server.lock')
  const own = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const text = `${process.pid} ${startOf(process.pid)}\n`
  await writeFile(own, text, { flag: 'wx', mode: 0o600 })
  try {
    for (;;) {
      // A link is made whole or not at all, so nobody ever reads half a lock.
      if (await tryLink(own, path)) return { release: () => releaseIfOurs(path, text) }
      const holder = await readFile(path, 'utf8').catch(() => '')
      if (holder !== '' && isAlive(holder)) {
        throw new Error(
          `The data directory ${directory} is in use by the process ${holder.split(' ')[0]}: stop that server first, or choose another directory with CAMBIST_DATA_DIR.`,
        )
      }
      await removeVoid(path, holder)
    }
  } finally {
    await rm(own, { force: true })
  }
}

/** Takes a void lock away, and puts it back where in the meantime it had become somebody's. */
async function removeVoid(path: string, holder: string): Promise<void> {
  const aside = `${path}.void.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await rename(path, aside)
  } catch {
    return
  }
  if ((await readFile(aside, 'utf8')) !== holder) await tryLink(aside, path)
  await rm(aside, { force: true })
}

async function releaseIfOurs(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => '')) === text) await rm(path, { force: true })
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isAlive(holder: string): boolean {
  const [pid, start] = holder.trim().split(' ')
  const number = Number(pid)
  return Number.isSafeInteger(number) && number > 0 && isRunning(number) && startOf(number) === (start ?? '')
}

/** Whether a process of this number exists, be it ours or another user's. One that is dead but not buried does not count. */
export function isRunning(pid: number): boolean {
  const [state] = statOf(pid)
  if (state === 'Z' || state === 'X') return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When the process began, in ticks since boot, '' where the system does not say: numbers of processes come again. */
function startOf(pid: number): string {
  return statOf(pid)[19] ?? ''
}

/** What Linux says of a process, from its state on; nothing where there is no such process, or no Linux. */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
