import type { ClientBase } from 'pg'
import type { Block } from '../blocks/contract.ts'
import type { StateChange } from '../documents/contract.ts'

interface BlockRow {
  id: string
  what: Block['what']
  value: string
  issuer: string
  reason: string
  author: string
  at: string
  until: string | null
}

export async function readBlocks(client: ClientBase): Promise<readonly Block[]> {
  const { rows } = await client.query<BlockRow>(
    'SELECT id, what, value, issuer, reason, author, at, until FROM cambist.blocks ORDER BY id',
  )
  return rows.map((row) => ({
    ...row,
    at: Number(row.at),
    until: row.until === null ? undefined : Number(row.until),
  }))
}

/** A block is never changed: another one is another row. */
export async function writeBlocks(
  client: ClientBase,
  { putBlocks = [], removeBlocks = [] }: StateChange,
): Promise<void> {
  if (removeBlocks.length > 0)
    await client.query('DELETE FROM cambist.blocks WHERE id = ANY ($1::uuid[])', [[...removeBlocks]])
  if (putBlocks.length === 0) return
  await client.query(
    `INSERT INTO cambist.blocks (id, what, value, issuer, reason, author, at, until)
     SELECT b.* FROM json_to_recordset($1) AS b (id uuid, what text, value text, issuer text, reason text, author text,
       at bigint, until bigint)`,
    [JSON.stringify(putBlocks)],
  )
}
