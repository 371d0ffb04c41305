import { z } from 'zod'
import { lineageOf } from '../../audit/lineage.ts'
import type { Document, Snapshot } from '../../documents/contract.ts'
import { draftSnapshot } from '../../documents/draft.ts'
import { readDocuments } from '../../documents/read.ts'
import { type Explained, explainFacts, explainRequest, explainStated, explainUnder } from '../../exchange/explain.ts'
import type { RoadToDecision } from '../../exchange/identified.ts'
import { decidedFacts, differencesFrom, recordedDecision } from '../../exchange/recorded.ts'
import type { Judging } from '../../exchange/rejudge.ts'
import { type WrittenFacts, writtenFactsSchema } from '../../exchange/written-facts.ts'
import { seconds } from '../../lib/clock.ts'
import { Faults } from '../../lib/fault.ts'
import { isId } from '../../lib/ids.ts'
import { parseJson } from '../../lib/json.ts'
import { readBySchema } from '../../lib/schema.ts'
import type { Unasked } from '../../trust/without-network.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { askedRequest, type WrittenRequest, writtenRequest } from '../explained-request.ts'
import {
  type ExplanationAnswer,
  explanationAnswer,
  explanationSchema,
  type LineageAnswer,
  type RecordAnswer,
  type RequestAnswer,
} from '../explanation.ts'
import { moment, noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'

type Explaining = Pick<
  AdminDoor,
  'store' | 'records' | 'actions' | 'compiler' | 'snapshots' | 'road' | 'roadWithoutNetwork'
>
type Draft = readonly Document[] | undefined

/** How deep documents nest, within the body that they stand in. */
const DEPTH = 70
/** Documents of a draft that the record of the call names. */
const MOST_NAMED = 100

const written = z.strictObject({
  ...writtenRequest.partial().shape,
  facts: writtenFactsSchema.optional(),
  audit: z.string('is the id of a record').max(64, 'is not the id of a record').optional(),
  documents: z.array(z.unknown(), 'is a list of documents').optional(),
})

/** `POST /admin/v1/explain`: why a request is, was, or would be decided as it is. Mints nothing, marks nothing, and is itself on record. */
export function explain(door: Explaining): readonly AnyRoute[] {
  return [
    route({
      method: 'post',
      path: '/admin/v1/explain',
      role: 'auditor',
      summary:
        'Explain one of a token request (parameters, headers, certificate), facts, or a recorded exchange (audit); with documents, by that draft over what is in force',
      query: noQuery,
      takes: ['application/json'],
      answers: { type: 'application/json', schema: explanationSchema },
      async handle({ id, administrator, body }) {
        const { documents, ...said } = readBySchema(written, jsonOf((await body()).text))
        const question = questionIn(said)
        // As apply reads them, so that a draft has the faults here that it would have there.
        const draft = documents === undefined ? undefined : readDocuments(JSON.stringify(documents), 'application/json')
        const answer = await answerTo(question, draft, id, door)
        const { name } = administrator
        const about = aboutOf(question, draft, answer)
        await door.actions.write({ id, at: door.road.clock.now(), administrator: name, action: 'explain', about })
        return { json: answer }
      },
    }),
  ]
}

type Question =
  | { readonly by: 'parameters'; readonly request: WrittenRequest }
  | { readonly by: 'facts'; readonly facts: WrittenFacts }
  | { readonly by: 'audit'; readonly id: string }

function questionIn({ parameters, headers, certificate, facts, audit }: z.output<typeof written>): Question {
  const questions: Question[] = []
  if (parameters !== undefined) questions.push({ by: 'parameters', request: { parameters, headers, certificate } })
  if (facts !== undefined) questions.push({ by: 'facts', facts })
  if (audit !== undefined) questions.push({ by: 'audit', id: audit })
  const [question, another] = questions
  if (question === undefined || another !== undefined) {
    const asked = questions.length === 0 ? 'nothing' : questions.map(({ by }) => by).join(' and ')
    const message = `asks about ${asked}; write exactly one of parameters, facts and audit`
    throw new Faults([{ path: '', message }])
  }
  const stray = Object.entries({ headers, certificate }).find(([, value]) => value !== undefined)
  if (question.by !== 'parameters' && stray !== undefined)
    throw new Faults([{ path: stray[0], message: `is of a request, and ${question.by} is none; leave it out` }])
  return question
}

function answerTo(question: Question, draft: Draft, id: string, door: Explaining): Promise<ExplanationAnswer> {
  switch (question.by) {
    case 'parameters':
      return ofRequest(question.request, draft, id, door)
    case 'facts':
      return ofFacts(question.facts, draft, door)
    case 'audit':
      return ofRecord(question.id, draft, door)
  }
}

async function ofRequest(request: WrittenRequest, draft: Draft, id: string, door: Explaining): Promise<RequestAnswer> {
  const unasked: Unasked[] = []
  const { snapshot, road } = await judgingBy(draft, door, (what) => void unasked.push(what))
  const explained = await explainRequest(askedRequest(request, id, road.clock), snapshot, road)
  const { met, marks, lifetime = null } = explained
  const { ours, ...who } = met
  return {
    ...explanationAnswer(explained, snapshot.version, draft !== undefined),
    ...who,
    lifetime,
    marks: marks.map(({ purpose, issuer, id: named }) => ({ purpose, issuer, id: named })),
    unasked,
    ...(ours === undefined ? {} : { lineage: await chainOf(door, ours.lineage, ours.id, ours.path) }),
  }
}

async function ofFacts(stated: WrittenFacts, draft: Draft, door: Explaining): Promise<ExplanationAnswer> {
  const { snapshot, road } = await judgingBy(draft, door)
  const { credentialKinds: kinds, trustDomain, clock } = road
  const explained = explainStated(stated, { snapshot, kinds, trustDomain, now: seconds(clock) }, 'facts')
  return explanationAnswer(explained, snapshot.version, draft !== undefined)
}

async function ofRecord(id: string, draft: Draft, door: Explaining): Promise<RecordAnswer> {
  const record = isId(id) ? await door.records.get(id) : undefined
  if (record === undefined)
    throw new Problem(404, 'There is no record of this id. It is the Cambist-Request-Id of an answer at /token.')
  const { verdict = null, ...rest } = recordedDecision(record)
  const recorded = { verdict, ...rest }
  const facts = decidedFacts(record)
  const [maker] = record.parents
  const chain = maker === undefined ? {} : { lineage: await chainOf(door, record.lineage, maker, facts?.path ?? []) }
  if (facts === undefined) {
    const { reason, detail, snapshotVersion: version } = record
    const sentence = `nothing was decided: the request was refused before, by ${reason}${detail === '' ? '' : `: ${detail}`}`
    const nothing = { decision: null, nearest: null, trace: null, facts: null, replayed: null, same: null } as const
    return {
      ...{ verdict: 'refused', stage: 'undecided', reason, sentence, version, draft: false },
      ...nothing,
      ...{ recorded, differences: [] },
      ...chain,
    }
  }
  const { explained, version } = await judgedAgain(facts, record.snapshotVersion, draft, door)
  const differences = differencesFrom(recordedDecision(record), explained)
  const answer = explanationAnswer(explained, version, draft !== undefined)
  const { client = '', rules = [] } = answer.decision ?? {}
  return {
    ...answer,
    recorded,
    replayed: { verdict: answer.verdict, reason: answer.reason, client, rules },
    same: differences.length === 0,
    differences,
    ...chain,
  }
}

/** By the documents of then, which have to say the same (I6); or by a draft, which may believe somebody else. */
async function judgedAgain(
  facts: NonNullable<ReturnType<typeof decidedFacts>>,
  version: number,
  draft: Draft,
  door: Explaining,
): Promise<{ readonly explained: Explained; readonly version: number }> {
  if (draft === undefined) return { explained: explainFacts(facts, await asOf(version, door)), version }
  const { snapshot } = await judgingBy(draft, door)
  return { explained: explainUnder(facts, snapshot), version: snapshot.version }
}

/** The documents in force, or a draft over them, with the road that goes with each. */
async function judgingBy(
  draft: Draft,
  door: Explaining,
  onUnasked: (what: Unasked) => void = () => undefined,
): Promise<{ readonly snapshot: Snapshot; readonly road: RoadToDecision }> {
  const { compiler, road, snapshots, store } = door
  if (draft === undefined) return { snapshot: snapshots.current(), road }
  const state = await store.load()
  const snapshot = await draftSnapshot(compiler, await snapshots.atLeast(state.version), state, draft, road.issuer)
  return { snapshot, road: door.roadWithoutNetwork(onUnasked) }
}

/** The documents as they were, compiled by what this server knows of documents now. */
async function asOf(version: number, { store, compiler }: Explaining): Promise<Judging> {
  const state = await store.at(version)
  if (state === undefined)
    throw new Problem(409, `The record was decided by the documents of version ${version}, which are not kept here.`)
  try {
    return await compiler.compileInSlices(state.documents, { inForce: true })
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    const [first] = error.faults
    throw new Problem(
      409,
      `The record was decided by the documents of version ${version}, which this server cannot read any more: ${first?.message}`,
    )
  }
}

async function chainOf(
  { records }: Explaining,
  id: string,
  maker: string,
  path: readonly string[],
): Promise<LineageAnswer> {
  const found = await lineageOf(records, { lineage: id, maker, path })
  return { ...found, exchanges: found.exchanges.map((each) => ({ ...each, at: moment(each.at) })) }
}

/** What is on record of the call: names and hashes, never what was sent (I8). */
function aboutOf(question: Question, draft: Draft, answer: ExplanationAnswer): Readonly<Record<string, unknown>> {
  const { verdict, stage, reason, version, decision } = answer
  const named = draft?.slice(0, MOST_NAMED).map(({ kind, metadata }) => `${kind}/${metadata.name}`)
  return {
    by: question.by,
    ...(question.by === 'audit' ? { audit: question.id } : {}),
    ...{ verdict, stage, reason, version },
    ...(decision?.client === undefined ? {} : { client: decision.client }),
    ...('subjectTokenHash' in answer ? { subjectTokenHash: answer.subjectTokenHash } : {}),
    ...(named === undefined ? {} : { draft: named }),
  }
}

function jsonOf(text: string): unknown {
  const value = parseJson(text, { depth: DEPTH })
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new Problem(
    400,
    'The body is not a JSON object; send such as {"audit": "ID"}, {"facts": {…}} or {"parameters": {"grant_type": …}}.',
  )
}
