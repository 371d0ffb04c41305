import { parseDuration } from '../lib/duration.ts'
import type { Fault } from '../lib/fault.ts'

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** Milliseconds since the epoch of a moment, or of a duration before now. */
export function momentOf(written: string | undefined, path: string, now: number, faults: Fault[]): number | undefined {
  if (written === undefined) return undefined
  const back = parseDuration(written)
  if (back !== undefined) return now - back * 1000
  // In a query a plus sign is a space, and the offset of a moment has one.
  const at = millisecondsOf(written.replace(' ', '+'))
  if (at === undefined) {
    faults.push({
      path,
      message: `${JSON.stringify(written.slice(0, 64))} is neither a moment such as 2026-11-24T12:00:00Z nor a duration back such as 24h`,
    })
    return undefined
  }
  return at
}

/** The same of a moment to come, or of a duration from now. */
export function endOf(written: string | undefined, path: string, now: number, faults: Fault[]): number | undefined {
  if (written === undefined) return undefined
  const ahead = parseDuration(written)
  const at = ahead === undefined ? millisecondsOf(written) : now + ahead * 1000
  if (at !== undefined && at > now) return at
  faults.push({
    path,
    message: `${JSON.stringify(written.slice(0, 64))} is ${at === undefined ? 'neither a moment such as 2026-11-24T12:00:00Z nor a duration such as 24h' : 'in the past'}; leave it out where there is no end`,
  })
  return undefined
}

function millisecondsOf(written: string): number | undefined {
  const at = RFC3339.test(written) ? Date.parse(written) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}
