import { parseDuration } from '../lib/duration.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { parseMoment } from '../lib/moment.ts'

/** Milliseconds since the epoch of a moment, or of a duration before now. Adds to `faults` where it is neither. */
export function momentOf(written: string | undefined, path: string, now: number, faults: Fault[]): number | undefined {
  if (written === undefined) return undefined
  const back = parseDuration(written)
  if (back !== undefined) return now - back * 1000
  // In a query a plus sign is a space, and the offset of a moment has one.
  const at = parseMoment(written.replace(' ', '+'))
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
  const at = ahead === undefined ? parseMoment(written) : now + ahead * 1000
  if (at !== undefined && at > now) return at
  faults.push({
    path,
    message: `${JSON.stringify(written.slice(0, 64))} is ${at === undefined ? 'neither a moment such as 2026-11-24T12:00:00Z nor a duration such as 24h' : 'in the past'}; leave it out where there is no end`,
  })
  return undefined
}

/** The time between two moments as they are written; `until` is now where it is not. Throws Faults. */
export function periodOf(
  { since, until }: { readonly since: string; readonly until?: string | undefined },
  now: number,
): { readonly since: number; readonly until: number } {
  const faults: Fault[] = []
  const from = momentOf(since, 'since', now, faults)
  const to = momentOf(until, 'until', now, faults) ?? now
  if (from !== undefined && faults.length === 0 && from >= to)
    faults.push({ path: 'since', message: 'is no earlier than until: there is no time between them' })
  if (from === undefined || faults.length > 0) throw new Faults(faults)
  return { since: from, until: to }
}
