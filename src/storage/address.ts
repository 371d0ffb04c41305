import type { ClientConfig } from 'pg'
import { Secret } from '../lib/secret.ts'
import type { SocketConnection } from './embedded.ts'

/** Where the database is: the text of DATABASE_URL, which may hold a password, or the socket of the embedded one. */
export type DatabaseAddress = Secret | SocketConnection

/** How long a connection may take to come about, in milliseconds. */
const CONNECT_LIMIT_MS = 1000

/** What a `pg` client or pool takes. `role` names the connection in pg_stat_activity, so that an operator can tell them apart. */
export function clientConfig(address: DatabaseAddress, role: string): ClientConfig {
  const place =
    address instanceof Secret
      ? { connectionString: address.reveal() }
      : { host: address.host, port: address.port, user: address.user, database: address.database }
  return {
    ...place,
    application_name: `cambist ${role}`,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
  }
}
