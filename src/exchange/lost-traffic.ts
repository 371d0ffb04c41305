import type { RecordReader } from '../audit/reading.ts'
import type { JudgeTraffic, Traffic } from '../documents/doubts.ts'
import type { Clock } from '../lib/clock.ts'
import { type ChangedGroup, Replay } from './replay.ts'

const WEEK_MS = 7 * 24 * 3600 * 1000
/** Records that are looked at, and how long, whichever ends first: an apply waits for it. */
const MAX_RECORDS = 20_000
const MAX_MS = 3000
/** Read at once: some milliseconds of judging, in which nothing else can be done. */
const PAGE = 100

/** Judges what was granted in the last week by other documents, newest first. */
export function lostTraffic({
  records,
  clock,
}: {
  readonly records: Pick<RecordReader, 'list'>
  readonly clock: Clock
}): JudgeTraffic {
  return async (before, draft) => {
    const replay = new Replay({ before, draft })
    const since = clock.now() - WEEK_MS
    const until = clock.monotonic() + MAX_MS
    let cursor: string | undefined
    let left = MAX_RECORDS
    do {
      // Without filters, so that a page costs the same whatever the record holds.
      const { items, next } = await records.list({}, Math.min(PAGE, left), cursor)
      for (const record of items) if (record.outcome === 'granted' && record.at >= since) replay.judge(record)
      left -= items.length
      cursor = (items.at(-1)?.at ?? 0) < since ? undefined : (next ?? undefined)
    } while (cursor !== undefined && left > 0 && clock.monotonic() < until)
    return lostIn(replay)
  }
}

function lostIn(replay: Replay): Traffic {
  const { judged, newlyRefused, groups } = replay.summary()
  return { looked: judged, denied: newlyRefused, groups: byParties(groups.filter(isLost)) }
}

const isLost = ({ before, draft }: ChangedGroup): boolean =>
  before.verdict === 'permitted' && draft.verdict === 'refused'

const MAX_GROUPS = 20
const MAX_EXAMPLES = 5

/** The groups of a replay by client and targets alone, the largest first. */
function byParties(groups: readonly ChangedGroup[]): Traffic['groups'] {
  const together = Map.groupBy(groups, ({ client, targets }) => JSON.stringify([client, targets]))
  return [...together.values()]
    .flatMap((alike) => {
      const [first] = alike
      if (first === undefined) return []
      const { client, targets } = first
      return [
        {
          client,
          targets,
          count: alike.reduce((sum, { count }) => sum + count, 0),
          examples: alike.flatMap(({ examples }) => examples).slice(0, MAX_EXAMPLES),
        },
      ]
    })
    .sort((one, other) => other.count - one.count)
    .slice(0, MAX_GROUPS)
}
