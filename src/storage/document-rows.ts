import type { ClientBase, QueryResultRow } from 'pg'
import { API_VERSION, type StoredDocument } from '../documents/contract.ts'

/** The documents of a version, in the order of kind and name, and the mark of that version in the history of this database. */
interface Known {
  readonly version: number
  readonly mark: string
  readonly documents: readonly StoredDocument[]
}

interface DocumentRow {
  kind: string
  name: string
  labels: Record<string, string> | null
  spec: Record<string, unknown>
  changed_in: string
}

/** Rows that are read at once: a driver parses what has come without giving way. */
const PAGE = 200
const COLUMNS = 'kind, name, labels, spec, changed_in'
const ORDER = 'kind COLLATE "C", name COLLATE "C"'

/**
 * Reads documents, and of those that it has read before only the difference, where the history is still the one that it
 * knows: a database that was put back to an older state can give its versions again.
 */
export class DocumentReader {
  #known: Known | undefined

  /** The documents of `version`, which is the one that the transaction of `client` sees. */
  async read(client: ClientBase, version: number): Promise<readonly StoredDocument[]> {
    const known = this.#known
    const mark = await markOf(client, version)
    if (known?.version === version && known.mark === mark) return known.documents
    const goesOn =
      known !== undefined && known.version <= version && (await markOf(client, known.version)) === known.mark
    const documents = goesOn ? await readDifference(client, known) : await readAll(client)
    this.#known = { version, mark, documents }
    return documents
  }
}

/** No two revisions have one: it is the moment at which each was written, and by whom. */
async function markOf(client: ClientBase, version: number): Promise<string> {
  const { rows } = await client.query<{ mark: string }>(
    `SELECT extract(epoch FROM at)::text || ' ' || author AS mark FROM cambist.revisions WHERE version = $1`,
    [version],
  )
  return rows[0]?.mark ?? ''
}

const readAll = (client: ClientBase): Promise<readonly StoredDocument[]> =>
  readPages(client, `SELECT ${COLUMNS} FROM cambist.documents ORDER BY ${ORDER}`, documentOf)

async function readDifference(client: ClientBase, known: Known): Promise<readonly StoredDocument[]> {
  const changed = await readPages(
    client,
    `SELECT ${COLUMNS} FROM cambist.documents WHERE changed_in > ${known.version} ORDER BY ${ORDER}`,
    documentOf,
  )
  const documents = merged(known.documents, changed)
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM cambist.documents')
  // What is there is known or has changed. So as many are the same, and more are too many by those that were deleted.
  if (documents.length === Number(rows[0]?.count)) return documents
  const keyed = `SELECT kind || '/' || name AS key FROM cambist.documents`
  const present = new Set(await readPages(client, keyed, ({ key }: { key: string }) => key))
  return documents.filter(({ kind, metadata }) => present.has(`${kind}/${metadata.name}`))
}

/** What a query without parameters answers, page by page. */
async function readPages<Row extends QueryResultRow, Item>(
  client: ClientBase,
  query: string,
  read: (row: Row) => Item,
): Promise<readonly Item[]> {
  const all: Item[] = []
  await client.query(`DECLARE pages NO SCROLL CURSOR FOR ${query}`)
  for (;;) {
    const { rows } = await client.query<Row>(`FETCH ${PAGE} FROM pages`)
    all.push(...rows.map(read))
    if (rows.length < PAGE) break
  }
  await client.query('CLOSE pages')
  return all
}

function documentOf(row: DocumentRow): StoredDocument {
  return {
    apiVersion: API_VERSION,
    kind: row.kind,
    metadata: row.labels === null ? { name: row.name } : { name: row.name, labels: row.labels },
    spec: row.spec,
    changedIn: Number(row.changed_in),
  }
}

/** Both in order, and so is what comes out; of two that are one document the newer stays. */
function merged(older: readonly StoredDocument[], newer: readonly StoredDocument[]): readonly StoredDocument[] {
  const parts: (readonly StoredDocument[])[] = []
  let at = 0
  for (const document of newer) {
    const place = placeOf(document, older, at)
    parts.push(older.slice(at, place), [document])
    const other = older[place]
    at = other !== undefined && compare(other, document) === 0 ? place + 1 : place
  }
  return [...parts, older.slice(at)].flat()
}

/** Where the first is, from a place on, that does not come before the document. */
function placeOf(document: StoredDocument, documents: readonly StoredDocument[], from: number): number {
  let [low, high] = [from, documents.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = documents[middle]
    if (other !== undefined && compare(other, document) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function compare(one: StoredDocument, other: StoredDocument): number {
  const [mine, theirs] = one.kind === other.kind ? [one.metadata.name, other.metadata.name] : [one.kind, other.kind]
  return mine < theirs ? -1 : mine > theirs ? 1 : 0
}
