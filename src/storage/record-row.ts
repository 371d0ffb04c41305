import type { ExchangeRecord } from '../audit/contract.ts'
import { isId } from '../lib/ids.ts'
import type { Facts } from '../policy/contract.ts'
import type { BinaryRows } from './binary-rows.ts'

/** A row of cambist.records as it is read: see `COLUMNS`. */
export interface RecordRow {
  readonly seq: string
  readonly at: Date
  readonly decided_at: Date
  readonly snapshot_version: string
  readonly id: string
  readonly outcome: string
  readonly reason: string
  readonly client: string
  readonly subject_issuer: string | null
  readonly subject_id: string | null
  readonly lineage: string | null
  readonly jti: string | null
  readonly token_hash: string | null
  readonly detail: string
  readonly granted: string | null
  readonly body: string
}

export const COLUMNS = [
  'seq',
  'at',
  'decided_at',
  'snapshot_version',
  'id',
  'outcome',
  'reason',
  'client',
  'subject_issuer',
  'subject_id',
  'lineage',
  'jti',
  'token_hash',
  'detail',
  'granted',
  'body',
] as const

type Requested = ExchangeRecord['requested']

/**
 * What has no column of its own. A member is left out where it is empty, or where the facts beside it say the same: this
 * text is the largest part of what an exchange writes.
 */
interface RecordBody {
  readonly grant?: string
  readonly authentication?: string
  readonly subject?: { readonly kind: string; readonly instance: string }
  readonly actors?: ExchangeRecord['actors']
  readonly requested?: Requested
  readonly rules?: ExchangeRecord['rules']
  readonly shadow?: ExchangeRecord['shadow']
  readonly changes?: ExchangeRecord['changes']
  readonly errors?: ExchangeRecord['errors']
  readonly leniencies?: ExchangeRecord['leniencies']
  readonly facts?: unknown
  readonly txn?: string
  readonly subjectTokenHash?: string
  readonly actorTokenHash?: string
  readonly clientTokenHash?: string
  readonly credentials?: readonly (readonly [position: string, issuer: string, id: string])[]
  readonly keys?: ExchangeRecord['keys']
  readonly parents?: ExchangeRecord['parents']
  readonly traceId?: string
  readonly remote?: string
  readonly durationMs: number
}

/** As much of the evaluator's facts (policy/contract.ts) as a record repeats. */
type Repeated = Partial<Pick<Facts, 'grant' | 'subject' | 'scopes' | 'audiences' | 'resources' | 'tokenType'>> & {
  readonly client?: Partial<Facts['client']>
}

const repeatedIn = (facts: unknown): Repeated =>
  typeof facts === 'object' && facts !== null ? (facts as Repeated) : {}
const filled = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list)
const said = (text: string, elsewhere?: string): string | undefined => (text === (elsewhere ?? '') ? undefined : text)

/** The parts of a record that are JSON in its row. */
export interface RecordTexts {
  readonly granted: string | undefined
  readonly body: string
}

/** @throws TypeError where the record holds what JSON, or a column, cannot. */
export function textsOf(record: ExchangeRecord): RecordTexts {
  if (!isId(record.id)) throw new TypeError('The id of the record is no UUID.')
  for (const number of [record.at, record.decidedAt, record.snapshotVersion]) {
    if (!Number.isSafeInteger(number)) throw new TypeError('A time or version of the record is no whole number.')
  }
  const { subject, requested, facts } = record
  const repeated = repeatedIn(facts)
  const known = repeated.subject?.kind === subject?.kind && repeated.subject?.instance === subject?.instance
  // The same lists, not only equal ones: the road hands the evaluator what the request asked.
  const asked =
    repeated.scopes === requested.scopes &&
    repeated.audiences === requested.audiences &&
    repeated.resources === requested.resources &&
    (repeated.tokenType ?? '') === requested.tokenType
  const body: { readonly [Name in keyof RecordBody]: RecordBody[Name] | undefined } = {
    grant: said(record.grant, repeated.grant),
    authentication: said(record.authentication, repeated.client?.authentication),
    subject: subject === null || known ? undefined : { kind: subject.kind, instance: subject.instance },
    actors: filled(record.actors),
    requested: asked ? undefined : requested,
    rules: filled(record.rules),
    shadow: filled(record.shadow),
    changes: filled(record.changes),
    errors: filled(record.errors),
    leniencies: filled(record.leniencies),
    facts: facts ?? undefined,
    txn: said(record.txn),
    subjectTokenHash: said(record.subjectTokenHash),
    actorTokenHash: said(record.actorTokenHash),
    clientTokenHash: said(record.clientTokenHash),
    credentials: filled(record.credentials)?.map(({ position, issuer, id }) => [position, issuer, id]),
    keys: filled(record.keys),
    parents: filled(record.parents),
    traceId: said(record.traceId),
    remote: said(record.remote),
    durationMs: record.durationMs,
  }
  return {
    granted: record.granted === null ? undefined : JSON.stringify(record.granted),
    body: JSON.stringify(body),
  }
}

/** Writes the record as one cambist.record_entry_1. */
export function writeEntry(rows: BinaryRows, record: ExchangeRecord, texts: RecordTexts): void {
  const { subject } = record
  rows.row(16)
  rows.timestamp(record.at)
  rows.timestamp(record.decidedAt)
  rows.int8(record.snapshotVersion)
  rows.uuid(record.id)
  rows.text(record.outcome)
  rows.text(record.reason)
  rows.text(record.client)
  rows.text(subject?.issuer)
  rows.text(subject?.id)
  rows.text(record.lineage === record.id ? undefined : record.lineage)
  rows.text(record.jti === '' ? undefined : record.jti)
  rows.text(record.tokenHash === '' ? undefined : record.tokenHash)
  rows.texts(targetNames(record))
  rows.text(record.detail)
  rows.text(texts.granted)
  rows.text(texts.body)
}

/** What the filter `target` finds: targets by name where they were granted, and what was asked for in any case. */
export function targetNames({ requested, granted }: ExchangeRecord): readonly string[] {
  return [...(granted?.targets ?? []), ...requested.audiences, ...requested.resources]
}

export function recordOf(row: RecordRow): ExchangeRecord {
  const body = JSON.parse(row.body) as RecordBody
  const repeated = repeatedIn(body.facts)
  return {
    id: row.id,
    at: row.at.getTime(),
    decidedAt: row.decided_at.getTime(),
    outcome: row.outcome as ExchangeRecord['outcome'],
    reason: row.reason as ExchangeRecord['reason'],
    detail: row.detail,
    grant: body.grant ?? repeated.grant ?? '',
    client: row.client,
    authentication: body.authentication ?? repeated.client?.authentication ?? '',
    subject:
      row.subject_id === null || row.subject_issuer === null
        ? null
        : {
            issuer: row.subject_issuer,
            id: row.subject_id,
            kind: body.subject?.kind ?? repeated.subject?.kind ?? '',
            instance: body.subject?.instance ?? repeated.subject?.instance ?? '',
          },
    actors: body.actors ?? [],
    requested: body.requested ?? {
      scopes: repeated.scopes ?? [],
      audiences: repeated.audiences ?? [],
      resources: repeated.resources ?? [],
      tokenType: repeated.tokenType ?? '',
    },
    granted: row.granted === null ? null : (JSON.parse(row.granted) as ExchangeRecord['granted']),
    rules: body.rules ?? [],
    shadow: body.shadow ?? [],
    changes: body.changes ?? [],
    errors: body.errors ?? [],
    leniencies: body.leniencies ?? [],
    snapshotVersion: Number(row.snapshot_version),
    facts: body.facts ?? null,
    jti: row.jti ?? '',
    txn: body.txn ?? '',
    tokenHash: row.token_hash ?? '',
    subjectTokenHash: body.subjectTokenHash ?? '',
    actorTokenHash: body.actorTokenHash ?? '',
    clientTokenHash: body.clientTokenHash ?? '',
    credentials: (body.credentials ?? []).map(([position, issuer, id]) => ({ position, issuer, id })),
    keys: body.keys ?? [],
    parents: body.parents ?? [],
    lineage: row.lineage ?? row.id,
    traceId: body.traceId ?? '',
    remote: body.remote ?? '',
    durationMs: body.durationMs,
  }
}
