import { z } from 'zod'
import type { RecordWalk } from '../../audit/reading.ts'
import { DocumentFaults } from '../../documents/faults.ts'
import { readLabelSelector } from '../../documents/labels.ts'
import { propose } from '../../documents/proposal.ts'
import { MAX_DOCUMENTS, readWithPlaces } from '../../documents/read.ts'
import { MAX_DEPTH } from '../../documents/yaml.ts'
import { paced } from '../../exchange/pace.ts'
import { Replay } from '../../exchange/replay.ts'
import { Unseen } from '../../exchange/unseen.ts'
import { parseJsonObjectText } from '../../lib/json.ts'
import { readBySchema } from '../../lib/schema.ts'
import { type AdminDoor, type AnyRoute, LINES, route } from '../contract.ts'
import { periodOf } from '../moments.ts'
import { moment, noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'

const MOST = 10_000_000

const when = z
  .string({ error: ({ input }) => (input === undefined ? 'is missing; write such as 7d' : 'is a text, such as 7d') })
  .max(64, 'has more than 64 characters')

const asked = z.strictObject({
  documents: z.array(z.unknown()).max(MAX_DOCUMENTS, `has more than ${MAX_DOCUMENTS} members`),
  prune: z.string().min(1, 'is empty; write a label such as team=shop').max(300).optional(),
  since: when,
  until: when.optional(),
  limit: z.int('is a whole number').min(1, 'is 1 at least').max(MOST, `is ${MOST} at most`).default(1_000_000),
})

const judgement = z.object({
  verdict: z.enum(['permitted', 'refused']),
  reason: z.string(),
  detail: z.string(),
  client: z.string(),
  rules: z.array(z.string()),
  targets: z.array(z.string()).optional(),
  scopes: z.array(z.string()).optional(),
  lifetime: z.int().optional(),
  tokenType: z.string().optional(),
})

const replayed = z.object({
  version: z.int(),
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  complete: z.boolean(),
  judged: z.int(),
  unchanged: z.int(),
  changed: z.int(),
  newlyRefused: z.int(),
  newlyPermitted: z.int(),
  differently: z.int(),
  drifted: z.int(),
  undecided: z.object({ count: z.int(), reasons: z.record(z.string(), z.int()) }),
  groups: z.array(
    z.object({
      differs: z.array(z.string()),
      before: judgement,
      draft: judgement,
      grant: z.string(),
      client: z.string(),
      targets: z.array(z.string()),
      subjectIssuer: z.string(),
      count: z.int(),
      first: z.iso.datetime(),
      last: z.iso.datetime(),
      examples: z.array(z.string()),
    }),
  ),
  more: z.int(),
  first: z.iso.datetime().nullable(),
  last: z.iso.datetime().nullable(),
  notes: z.array(z.string()),
})

type Door = Pick<AdminDoor, 'store' | 'compiler' | 'records' | 'actions' | 'clock'>

/** `POST /admin/v1/replay`: what a draft would have made of what was asked. Reads alone: nothing is fetched, minted or marked; it is itself on record. */
export function replay(door: Door): readonly AnyRoute[] {
  return [
    route({
      method: 'post',
      path: '/admin/v1/replay',
      role: 'auditor',
      summary: `Judge the requests of a time by a draft: documents over those in force, as apply puts them. Answers which decisions would be others, in groups; of more than \`limit\` records, the newest are judged. With Accept: ${LINES}, lines {"progress": {judged, total, at}} and last {"result": …}`,
      query: noQuery,
      takes: ['application/json'],
      answers: { type: 'application/json', schema: replayed },
      async handle({ id, administrator, body, headers, signal }) {
        const replaying = await begin(door, (await body()).text)
        const { name } = administrator
        const { about } = replaying
        await door.actions.write({ id, at: door.clock.now(), administrator: name, action: 'replay', about })
        if ((headers.accept ?? '').includes(LINES)) return { lines: lines(replaying, signal) }
        for await (const _ of progress(replaying, signal));
        return { json: answerOf(replaying) }
      },
    }),
  ]
}

interface Replaying {
  readonly replay: Replay
  readonly walk: RecordWalk
  /** What the answer begins with. */
  readonly about: { readonly version: number; readonly since: string; readonly until: string }
}

async function begin({ store, compiler, records, clock }: Door, text: string): Promise<Replaying> {
  const value = parseJsonObjectText(text, { depth: MAX_DEPTH + 2 })
  if (value === undefined)
    throw new Problem(400, 'The body is not a JSON object; send such as {"documents": [DOCUMENT], "since": "7d"}.')
  const { documents, prune, limit, ...time } = readBySchema(asked, value)
  const { since, until } = periodOf(time, clock.now())
  const label = prune === undefined ? undefined : readLabelSelector(prune, 'prune')
  const reading = readWithPlaces(JSON.stringify(documents), 'application/json')
  const state = await store.load()
  const { whole, put } = await compiler.inSlices(propose(state.documents, reading.documents, label))
  const before = await compiler.compileInSlices(state.documents, { inForce: true })
  try {
    const draft = await compiler.compileInSlices(whole)
    return {
      replay: new Replay({ before, draft }, new Unseen(state.documents, put)),
      walk: await records.walk({ since, until, newest: limit }),
      about: { version: state.version, since: moment(since), until: moment(until) },
    }
  } catch (error) {
    if (error instanceof DocumentFaults) throw new DocumentFaults(error.faults.map(reading.place))
    throw error
  }
}

/** Records between two lines of progress. */
const STEP = 2000

interface Progress {
  readonly judged: number
  readonly total: number
  /** When the last of them came. */
  readonly at: string | null
}

async function* progress({ replay: judge, walk }: Replaying, signal: AbortSignal): AsyncGenerator<Progress> {
  let at: number | undefined
  let told = 0
  const judging = paced(
    walk.batches,
    (record) => {
      judge.judge(record)
      at = record.at
    },
    signal,
  )
  for await (const judged of judging) {
    if (judged - told < STEP) continue
    told = judged
    yield { judged, total: Math.max(judged, walk.atMost), at: at === undefined ? null : moment(at) }
  }
}

async function* lines(replaying: Replaying, signal: AbortSignal): AsyncGenerator<unknown> {
  for await (const each of progress(replaying, signal)) yield { progress: each }
  if (!signal.aborted) yield { result: answerOf(replaying) }
}

function answerOf({ replay: judged, walk, about }: Replaying) {
  const { groups, first, last, ...summary } = judged.summary()
  return {
    ...about,
    complete: walk.whole,
    ...summary,
    groups: groups.map((group) => ({ ...group, first: moment(group.first), last: moment(group.last) })),
    first: first === undefined ? null : moment(first),
    last: last === undefined ? null : moment(last),
  }
}
