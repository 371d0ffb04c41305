import type pg from 'pg'

/** How long its beginning is waited for, in milliseconds: a server that is stopped or cut off says nothing, and there is no statement yet that it could end itself. */
const SILENCE_MS = 1000

/**
 * Runs the work in one transaction on one connection of the pool, commits, and answers what the work answered. What it
 * throws is thrown on, with nothing written. `mode` is a constant of ours that follows BEGIN; `end` gives the statements
 * that end the transaction, the last of which commits.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  mode: string,
  work: (client: pg.PoolClient) => Promise<T>,
  end: (result: T) => string = () => 'COMMIT',
): Promise<T> {
  const client = await pool.connect()
  // The query under way fails when the connection breaks; between two queries only this event tells.
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  try {
    await begun(client, mode)
    const result = await work(client)
    await client.query(end(result))
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError
    })
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

/** Breaks a connection that is silent: the question fails by that, and nobody is given the connection again. */
async function begun(client: pg.PoolClient, mode: string): Promise<void> {
  const silent = setTimeout(() => void client.end(), SILENCE_MS)
  try {
    await client.query(`BEGIN ${mode}`)
  } finally {
    clearTimeout(silent)
  }
}
