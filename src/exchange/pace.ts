import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../lib/clock.ts'

/** Milliseconds at a stretch, after which whatever else the process has to do is done. */
const STRETCH_MS = 4

/**
 * Does something for every item of all batches without holding up the process that does it. Yields, after each batch, how
 * many there were; ends where the signal is aborted.
 */
export async function* paced<T>(
  batches: AsyncIterable<readonly T[]>,
  work: (item: T) => void,
  signal: AbortSignal,
  monotonic: () => number = systemClock.monotonic,
): AsyncGenerator<number> {
  let done = 0
  for await (const batch of batches) {
    // To make records of rows has taken its time, too.
    await setImmediate()
    let began = monotonic()
    for (const item of batch) {
      if (signal.aborted) return
      work(item)
      done++
      if (monotonic() - began < STRETCH_MS) continue
      await setImmediate()
      began = monotonic()
    }
    yield done
  }
}
