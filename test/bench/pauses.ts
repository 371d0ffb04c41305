/** How long a thread that answers requests was kept from it. */
import { openSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'

export interface Pauses {
  /** Of the work, in milliseconds. */
  readonly milliseconds: number
  /** The longest between two turns of the event loop, in milliseconds, without what other processes of the machine took of it. */
  readonly longest: number
}

/** Milliseconds that this thread could have run and others did, as Linux counts them. */
export const waited = ((): (() => number) => {
  if (process.platform !== 'linux') return () => 0
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  const bytes = Buffer.alloc(128)
  return () => Number(bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0)).split(' ')[1]) / 1e6
})()

/** Does the work, and at every turn of the event loop a little of something else, as a server does that answers requests. */
export async function pausesDuring(work: () => Promise<unknown>, request: () => void): Promise<Pauses> {
  let done = false
  let longest = 0
  const answering = async (): Promise<void> => {
    let last = performance.now() - waited()
    while (!done) {
      request()
      await setImmediate()
      const now = performance.now() - waited()
      longest = Math.max(longest, now - last)
      last = now
    }
  }
  const answered = answering()
  const begin = performance.now()
  try {
    await work()
  } finally {
    done = true
  }
  const milliseconds = performance.now() - begin
  await answered
  return { milliseconds, longest }
}
