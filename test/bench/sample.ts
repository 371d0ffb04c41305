import { connections, median, type Place, percentile } from './load.ts'
import { treeCpu } from './processes.ts'

/** What one exchange took in one window. */
export interface Sample {
  /** Microseconds of CPU. */
  readonly node: number
  readonly postgres: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly count: number
}

export interface Window {
  /** Whose CPU is counted, with everything below it. */
  readonly pid: number
  readonly place: Place
  readonly connections: number
  readonly milliseconds: number
  /** Sent before the window, so that connections and what is kept for them are there. */
  readonly first: readonly Buffer[]
  readonly requests: readonly Buffer[]
  /** Each request once; the window ends with the last. */
  readonly once?: boolean
}

/** One window. Rejects where any request was not answered by a token. */
export async function sample(window: Window): Promise<Sample> {
  const { pid, place, milliseconds, first, requests, once = false } = window
  const open = await connections(place, window.connections)
  try {
    const warm = await open.run({ milliseconds, requests: first, once: true })
    const before = treeCpu(pid)
    const measured = await open.run({ milliseconds, requests, once })
    const after = treeCpu(pid)
    for (const { refused, count, refusal } of [warm, measured]) {
      if (refused > 0) throw new Error(`${refused} of ${count} requests were not answered with 200: ${refusal}`)
    }
    return {
      node: (after.node - before.node) / measured.count,
      postgres: (after.postgres - before.postgres) / measured.count,
      perSecond: measured.count / measured.seconds,
      p50: percentile(measured.latencies, 0.5),
      p95: percentile(measured.latencies, 0.95),
      p99: percentile(measured.latencies, 0.99),
      count: measured.count,
    }
  } finally {
    open.close()
  }
}

export interface Ratio {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Of samples of the same rounds: the machine may have other things to do, but hardly between two windows. */
export function ratioOf(ones: readonly number[], others: readonly number[]): Ratio {
  const ratios = ones.map((one, round) => one / (others[round] ?? Number.NaN))
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) }
}

export const written = ({ median: middle, least, most }: Ratio): string =>
  `${middle.toFixed(2)} [${least.toFixed(2)}..${most.toFixed(2)}]`

export const medianOf = (samples: readonly Sample[], pick: (one: Sample) => number): number => median(samples.map(pick))
