import type { ClientBase } from 'pg'
import {
  API_VERSION,
  type Document,
  type Revision,
  type StateChange,
  type StoredDocument,
  type StoredState,
} from '../documents/contract.ts'
import type { StoredKey } from '../keys/contract.ts'
import type { Revocation } from '../tokens/revocations.ts'
import { readBlocks, writeBlocks } from './block-rows.ts'
import type { DocumentReader } from './document-rows.ts'
import { approvePending } from './pending-changes.ts'

interface KeyRow {
  kid: string
  use: StoredKey['use']
  algorithm: string
  public_jwk: Record<string, unknown>
  backend: string
  wrapped: string
  created_at: string
  active_at: string
  retired_at: string | null
  remove_at: string | null
}

interface RevocationRow {
  what: Revocation['what']
  value: string
  at: string
  until: string
  reason: string
  author: string
}

/** Everything, as the transaction of `client` sees it. */
export async function readState(client: ClientBase, reader: DocumentReader): Promise<StoredState> {
  const state = await client.query<{ version: string }>('SELECT version FROM cambist.state')
  const version = Number(state.rows[0]?.version)
  const documents = await reader.read(client, version)
  const keys = await client.query<KeyRow>('SELECT * FROM cambist.signing_keys ORDER BY created_at, kid COLLATE "C"')
  const revocations = await client.query<RevocationRow>(
    'SELECT what, value, at, until, reason, author FROM cambist.revocations',
  )
  const blocks = await readBlocks(client)
  return {
    version,
    documents,
    keys: keys.rows.map(keyOf),
    revocations: revocations.rows.map((row) => ({ ...row, at: Number(row.at), until: Number(row.until) })),
    blocks,
  }
}

interface PastRow {
  version: string
  document: Document
}

/** The documents as they were at a version: each as its newest row of that version or before says, unless that deleted it. */
export async function readPast(client: Pick<ClientBase, 'query'>, version: number): Promise<StoredState | undefined> {
  if (!Number.isSafeInteger(version) || version < 0) return undefined
  const { rows: present } = await client.query('SELECT FROM cambist.state WHERE version >= $1', [version])
  if (present.length === 0) return undefined
  const { rows } = await client.query<PastRow>(
    `SELECT version, document FROM (
       SELECT DISTINCT ON (kind COLLATE "C", name COLLATE "C") kind, name, version, document
       FROM cambist.document_history WHERE version <= $1
       ORDER BY kind COLLATE "C", name COLLATE "C", version DESC
     ) newest WHERE document IS NOT NULL`,
    [version],
  )
  return { version, documents: rows.map(pastDocument), keys: [], revocations: [], blocks: [] }
}

function pastDocument({ document, version }: PastRow): StoredDocument {
  const { kind, metadata, spec } = document
  return { apiVersion: API_VERSION, kind, metadata, spec, changedIn: Number(version) }
}

function keyOf(row: KeyRow): StoredKey {
  return {
    kid: row.kid,
    use: row.use,
    algorithm: row.algorithm,
    publicJwk: row.public_jwk,
    backend: row.backend,
    wrapped: row.wrapped,
    createdAt: Number(row.created_at),
    activeAt: Number(row.active_at),
    retiredAt: row.retired_at === null ? undefined : Number(row.retired_at),
    removeAt: row.remove_at === null ? undefined : Number(row.remove_at),
  }
}

/** Writes a change as that of `version`: documents, their history, keys and the revision, but not the version itself. */
export async function writeChange(client: ClientBase, change: StateChange, version: number): Promise<void> {
  const gone = change.delete.map(({ kind, name }) => ({ kind, name, document: null }))
  const put = change.put.map((document) => ({
    kind: document.kind,
    name: document.metadata.name,
    api_version: document.apiVersion,
    labels: document.metadata.labels,
    spec: document.spec,
    document,
  }))
  if (gone.length > 0) {
    await client.query(
      `DELETE FROM cambist.documents d USING json_to_recordset($1) AS g (kind text, name text)
       WHERE d.kind = g.kind AND d.name = g.name`,
      [JSON.stringify(gone)],
    )
  }
  if (put.length > 0) {
    await client.query(
      `INSERT INTO cambist.documents (kind, name, api_version, labels, spec, changed_in)
       SELECT p.kind, p.name, p.api_version, p.labels, p.spec, $2
       FROM json_to_recordset($1) AS p (kind text, name text, api_version text, labels json, spec json)
       ON CONFLICT (kind, name) DO UPDATE SET api_version = excluded.api_version, labels = excluded.labels,
         spec = excluded.spec, changed_in = excluded.changed_in`,
      [JSON.stringify(put), version],
    )
  }
  if (gone.length + put.length > 0) {
    await client.query(
      `INSERT INTO cambist.document_history (kind, name, version, document)
       SELECT h.kind, h.name, $2, h.document FROM json_to_recordset($1) AS h (kind text, name text, document json)`,
      [JSON.stringify([...gone, ...put]), version],
    )
  }
  await writeKeys(client, change)
  await writeRevocations(client, change)
  await writeBlocks(client, change)
  await approvePending(client, change, version)
  await client.query(
    'INSERT INTO cambist.revisions (version, author, message, changes, approved_by) VALUES ($1, $2, $3, $4, $5)',
    [version, change.author, change.message, JSON.stringify(change.changes), change.approves?.by ?? null],
  )
}

async function writeKeys(client: ClientBase, { putKeys, removeKeys = [] }: StateChange): Promise<void> {
  if (removeKeys.length > 0) {
    await client.query('DELETE FROM cambist.signing_keys WHERE kid = ANY ($1::text[])', [[...removeKeys]])
  }
  if (putKeys.length === 0) return
  const rows = putKeys.map((key) => ({
    kid: key.kid,
    use: key.use,
    algorithm: key.algorithm,
    public_jwk: key.publicJwk,
    backend: key.backend,
    wrapped: key.wrapped,
    created_at: key.createdAt,
    active_at: key.activeAt,
    retired_at: key.retiredAt,
    remove_at: key.removeAt,
  }))
  await client.query(
    `INSERT INTO cambist.signing_keys
       (kid, use, algorithm, public_jwk, backend, wrapped, created_at, active_at, retired_at, remove_at)
     SELECT k.* FROM json_to_recordset($1) AS k (kid text, use text, algorithm text, public_jwk json, backend text, wrapped text,
       created_at bigint, active_at bigint, retired_at bigint, remove_at bigint)
     ON CONFLICT (kid) DO UPDATE SET use = excluded.use, algorithm = excluded.algorithm, public_jwk = excluded.public_jwk,
       backend = excluded.backend, wrapped = excluded.wrapped, created_at = excluded.created_at,
       active_at = excluded.active_at, retired_at = excluded.retired_at, remove_at = excluded.remove_at`,
    [JSON.stringify(rows)],
  )
}

/** One that is said again reaches further, and never less far. */
async function writeRevocations(client: ClientBase, { putRevocations = [] }: StateChange): Promise<void> {
  if (putRevocations.length === 0) return
  await client.query(
    `INSERT INTO cambist.revocations AS known (what, value, at, until, reason, author)
     SELECT r.* FROM json_to_recordset($1) AS r (what text, value text, at bigint, until bigint, reason text, author text)
     ON CONFLICT (what, value) DO UPDATE SET at = greatest(known.at, excluded.at),
       until = greatest(known.until, excluded.until), reason = excluded.reason, author = excluded.author`,
    [JSON.stringify(putRevocations)],
  )
}

interface RevisionRow {
  version: string
  at: Date
  author: string
  message: string
  changes: Revision['changes']
  approved_by: string | null
}

/** Revisions before a version, newest first. */
export async function readRevisions(
  client: Pick<ClientBase, 'query'>,
  limit: number,
  before: number,
): Promise<readonly Revision[]> {
  const { rows } = await client.query<RevisionRow>(
    'SELECT version, at, author, message, changes, approved_by FROM cambist.revisions WHERE version < $2 ORDER BY version DESC LIMIT $1',
    [limit, before],
  )
  return rows.map(({ version, at, author, message, changes, approved_by: approvedBy }) => ({
    version: Number(version),
    at: at.getTime(),
    author,
    message,
    ...(approvedBy === null ? {} : { approvedBy }),
    changes,
  }))
}
