import type pg from 'pg'
import { systemClock } from '../lib/clock.ts'
import type { DatabaseAddress } from './address.ts'
import { ReconnectingClient } from './reconnecting.ts'

export interface VersionWatchOptions {
  readonly address: DatabaseAddress
  readonly pollMs: number
  /** The channel of LISTEN; a constant of ours. */
  readonly channel: string
  readonly onVersion: (version: number) => void
  /** Told of every look, also of one that finds what was known, and how many milliseconds ago it began. */
  readonly onLook: (version: number, ageMs: number) => void
}

/** How long the server may be silent before the connection counts as lost, in milliseconds. */
const SILENCE_MS = 2000

/**
 * Calls back with the version of the state: at once, and whenever it is another one than was told last. Told by
 * LISTEN/NOTIFY; a look at each new connection and every `pollMs` finds what a lost connection did not tell.
 * @throws what the first connection threw.
 */
export async function followVersion(options: VersionWatchOptions): Promise<{ close(): Promise<void> }> {
  const { address, pollMs, channel, onVersion, onLook } = options
  let told: number | undefined
  let current: pg.Client | undefined
  const tell = (version: number) => {
    if (version === told || !Number.isSafeInteger(version)) return
    told = version
    onVersion(version)
  }
  const look = async (client: pg.Client) => {
    const began = systemClock.monotonic()
    const { rows } = await client.query<{ version: string }>({ text: 'SELECT version FROM cambist.state' })
    const version = Number(rows[0]?.version)
    tell(version)
    onLook(version, systemClock.monotonic() - began)
  }
  const connection = new ReconnectingClient({
    address,
    role: 'watch',
    settings: { query_timeout: SILENCE_MS },
    prepare: async (client) => {
      client.on('notification', ({ payload }) => tell(Number(payload)))
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`)
      await look(client)
    },
    onUp: (client) => {
      current = client
    },
    onDown: () => {
      current = undefined
    },
  })
  await connection.open()
  let looking = false
  const timer = setInterval(() => {
    const client = current
    if (client === undefined || looking) return
    looking = true
    look(client)
      .catch(() => connection.replace(client))
      .finally(() => {
        looking = false
      })
  }, pollMs).unref()
  return {
    async close() {
      clearInterval(timer)
      await connection.close()
    },
  }
}
