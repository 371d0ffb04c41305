import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { clientConfig, type DatabaseAddress } from './address.ts'

export interface ReconnectingOptions {
  readonly address: DatabaseAddress
  /** Names the connection in pg_stat_activity. */
  readonly role: string
  /** Further settings of the connection. */
  readonly settings?: pg.ClientConfig
  /** Makes a new connection ready for use; what it throws counts as a failed attempt. */
  readonly prepare: (client: pg.Client) => Promise<void>
  /** A connection is there. */
  readonly onUp: (client: pg.Client) => void
  /** An attempt has failed and the next one waits: nothing can be done for now. */
  readonly onDown: () => void
}

/** Of one attempt, from the first packet to the end of `prepare`. */
const ATTEMPT_LIMIT_MS = 2000
/** How long the other side may take over a good-bye. */
const FAREWELL_MS = 1000
const FIRST_DELAY_MS = 50
const LAST_DELAY_MS = 2000

/**
 * One connection that is always there again: at once after a loss, then after growing, scattered delays, so that a
 * thousand replicas do not come back in one instant (F1, L7).
 */
export class ReconnectingClient {
  readonly #options: ReconnectingOptions
  #client: pg.Client | undefined
  #timer: NodeJS.Timeout | undefined
  #delay = FIRST_DELAY_MS
  #closed = false

  constructor(options: ReconnectingOptions) {
    this.#options = options
  }

  /** The first attempt. @throws what the connection or `prepare` threw; no further attempt is made then. */
  async open(): Promise<void> {
    try {
      await this.#connect()
    } catch (error) {
      this.#closed = true
      throw error
    }
  }

  /** Gives `client` up, whatever it is doing, and connects anew. A client that was given up already is ignored. */
  replace(client: pg.Client): void {
    if (this.#client !== client) return
    this.#client = undefined
    abandon(client)
    if (!this.#closed) this.#try()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) await Promise.race([client.end(), delay(FAREWELL_MS, undefined, { ref: false })])
  }

  #try(): void {
    this.#connect().catch(() => {
      if (this.#closed) return
      this.#options.onDown()
      // Half of the delay is fixed and half is drawn.
      this.#timer = setTimeout(() => this.#try(), this.#delay * (0.5 + Math.random() / 2))
      this.#delay = Math.min(this.#delay * 2, LAST_DELAY_MS)
    })
  }

  async #connect(): Promise<void> {
    const { address, role, settings } = this.#options
    const client = new pg.Client({ ...clientConfig(address, role), ...settings })
    client.on('error', () => this.replace(client))
    client.on('end', () => this.replace(client))
    const timer = setTimeout(() => abandon(client), ATTEMPT_LIMIT_MS)
    try {
      await client.connect()
      await this.#options.prepare(client)
    } catch (error) {
      abandon(client)
      throw error
    } finally {
      clearTimeout(timer)
    }
    if (this.#closed) return abandon(client)
    this.#client = client
    this.#delay = FIRST_DELAY_MS
    this.#options.onUp(client)
  }
}

/** Ends a connection without waiting for the other side, which may be gone. */
function abandon(client: pg.Client): void {
  client.end().catch(() => {})
}
