/** Which process does what, and when: the database, the migrations, the doors, and the stop. */

import { type App, administration, followSchedule, openApp, openWorkloads } from './app.ts'
import type { Config } from './config/config.ts'
import { readSecrets, type Secrets } from './config/secrets.ts'
import { apply } from './documents/apply.ts'
import { firstKeys } from './documents/signing-keys.ts'
import { seconds, systemClock } from './lib/clock.ts'
import { Secret } from './lib/secret.ts'
import { type DevelopmentCluster, developmentCluster, quickstartCurl, quickstartDocuments } from './quickstart.ts'
import { type Listening, listen } from './server/listen.ts'
import { beWorker, isWorker, startWorkers, type Workers } from './server/workers.ts'
import type { DatabaseAddress } from './storage/address.ts'
import { startEmbedded } from './storage/embedded.ts'
import type { PostgresLedger } from './storage/ledger.ts'
import { migrate } from './storage/migrate.ts'
import { startSweeping } from './storage/sweep.ts'
import type { Logger } from './telemetry/logger.ts'
import { aggregateMetrics } from './telemetry/metrics.ts'

/** Told to a person at the terminal while the server starts. */
export type Say = (line: string) => void

export interface Serving {
  readonly issuer: string
  /** Resolves when it has stopped: by stop(), or with the sentence that says why it had to. */
  readonly stopped: Promise<string | undefined>
  stop(): Promise<void>
}

const GRACE_MS = 10_000
const SCHEDULE_MS = 60_000

interface OpenDatabase {
  readonly address: DatabaseAddress
  readonly created: boolean
  /** Resolves with a sentence should the embedded database end by itself. */
  readonly lost: Promise<string>
  close(): Promise<void>
}

/** The database that the configuration names, running. */
async function database(config: Config): Promise<OpenDatabase> {
  if ('url' in config.database) {
    return {
      address: new Secret(config.database.url),
      created: false,
      lost: new Promise(() => undefined),
      close: async () => undefined,
    }
  }
  const embedded = await startEmbedded({ directory: config.database.embeddedIn })
  return {
    address: embedded.connection,
    created: embedded.created,
    lost: embedded.exited.then(({ expected, message }) => (expected ? new Promise<string>(() => undefined) : message)),
    close: () => embedded.stop(),
  }
}

/** Brings the database's schema to this version, and says each step. Rejects with a sentence. */
export async function migrateDatabase(config: Config, say: Say): Promise<void> {
  const opened = await database(config)
  try {
    const applied = await migrate(opened.address, { onProgress: say })
    say(
      applied.length === 0
        ? 'The database is up to date.'
        : `Applied ${applied.length} migration${applied.length === 1 ? '' : 's'}.`,
    )
  } finally {
    await opened.close()
  }
}

/** Starts the server. Rejects with a sentence where it cannot. In a worker process it resolves never. */
export async function serve(config: Config, say: Say): Promise<Serving> {
  const secrets = readSecrets(config)
  if (isWorker()) {
    beAWorker(config, secrets)
    return new Promise(() => undefined)
  }
  const workers =
    config.workers === 1
      ? undefined
      : startWorkers(config.workers, {
          died: (pid, code, signal) => log?.error({ pid, code, signal }, 'a worker ended; another takes its place'),
        })
  let log: Logger | undefined
  let opened: OpenDatabase | undefined
  try {
    opened = await database(config)
    await migrate(opened.address, { onProgress: say })
    const app = await openApp({ config, secrets, address: opened.address })
    log = app.logger
    const cluster = config.quickstart ? await quickstart(app) : undefined
    const doors = await openDoors(app, opened.address, workers)
    if (cluster !== undefined) greet(app, cluster, say)
    else say(`Cambist issues at ${config.issuer}; administrators at ${doors.admin.url}`)
    return running(app, doors, opened)
  } catch (error) {
    await workers?.stop()
    await opened?.close()
    throw error
  }
}

interface Doors {
  readonly admin: Listening
  close(): Promise<void>
}

/** One process answers both doors; with several, workers answer workloads, and administrators keep a lane of their own. */
async function openDoors(app: App, address: DatabaseAddress, workers: Workers | undefined): Promise<Doors> {
  const { config } = app
  let workloads: { readonly listening: Listening; readonly ledger: PostgresLedger } | undefined
  const door = await administration(app, {
    listening: () => workloads !== undefined || (workers?.listening() ?? 0) > 0,
    metrics: async () => {
      const own = await app.metrics.registry.getMetricsAsJSON()
      return aggregateMetrics([own, ...((await workers?.ask('metrics')) ?? [])] as object[]).metrics()
    },
  })
  const admin = await listen({ ...config.admin.listen, tls: config.admin.tls }, door)
  if (workers === undefined) workloads = await openWorkloadsHere(app, address)
  else await workers.begin(address instanceof Secret ? undefined : address)
  return {
    admin,
    async close() {
      if (workloads !== undefined) {
        await workloads.listening.close(GRACE_MS)
        await workloads.ledger.close()
      }
      await workers?.stop()
      await admin.close(1000)
    },
  }
}

async function openWorkloadsHere(app: App, address: DatabaseAddress) {
  const { config } = app
  const { door, ledger } = await openWorkloads(app, address)
  return { listening: await listen({ ...config.listen, tls: config.tls }, door), ledger }
}

/** A worker: the workloads' door and nothing else. */
function beAWorker(config: Config, secrets: Secrets): void {
  void import('./oauth/door.ts') // while the primary opens the database
  let app: App | undefined
  let workloads: Awaited<ReturnType<typeof openWorkloadsHere>> | undefined
  beWorker({
    async begin(place) {
      const address = 'url' in config.database ? new Secret(config.database.url) : (place as DatabaseAddress)
      app = await openApp({ config, secrets, address })
      workloads = await openWorkloadsHere(app, address)
    },
    answer: async (question) => (question === 'metrics' ? app?.metrics.registry.getMetricsAsJSON() : undefined),
    async stop() {
      await workloads?.listening.close(GRACE_MS)
      await workloads?.ledger.close()
      await app?.close()
    },
  })
}

function running(app: App, doors: Doors, opened: OpenDatabase): Serving {
  const sweeping = startSweeping(app.database, { onTrouble: (error) => app.events.databaseTrouble('sweeping', error) })
  const schedule = setInterval(() => {
    sweeping
      .asLeader(() => followSchedule(app))
      .catch((error: unknown) => app.events.databaseTrouble('following the schedule of signing keys', error))
  }, SCHEDULE_MS)
  schedule.unref()

  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      clearInterval(schedule)
      await doors.close()
      await sweeping.stop()
      await app.close()
      await opened.close()
    })()
    return stopping
  }
  const stopped = new Promise<string | undefined>((resolve) => {
    void opened.lost.then(async (message) => {
      await stop().catch(() => undefined)
      resolve(message)
    })
    const asked = () => void stop().then(() => resolve(undefined))
    process.once('SIGINT', asked).once('SIGTERM', asked)
  })
  return { issuer: app.config.issuer, stopped, stop }
}

/**
 * A new database begins with the documents of examples/quickstart, and keeps up with them (another issuer, another port)
 * for as long as nobody has written documents of their own.
 */
async function quickstart(app: App): Promise<DevelopmentCluster | undefined> {
  const { clock, config, database, keys } = app
  const cluster = developmentCluster(config.dataDir)
  const history = await database.states.history(100)
  if (history.every(({ author }) => author === 'quickstart' || author === 'schedule')) {
    const { version } = await apply(
      {
        store: database.states,
        compiler: app.compiler,
        newKeys: (stored, algorithms) => firstKeys(keys, stored, algorithms, seconds(clock)),
      },
      quickstartDocuments(cluster, config.issuer),
      { author: 'quickstart', message: 'examples/quickstart' },
    )
    await app.snapshots.atLeast(version)
  }
  return app.snapshots.current().issuers.byName('development-cluster') === undefined ? undefined : cluster
}

const TOKEN_LIFETIME = 12 * 3600

function greet({ config, secrets }: App, cluster: DevelopmentCluster, say: Say): void {
  const token = cluster.token({ audience: config.issuer, now: seconds(systemClock), lifetime: TOKEN_LIFETIME })
  const { listen: at, tls } = config.admin
  say(`
Cambist is ready.

  issuer            ${config.issuer}
  keys              ${config.issuer}/jwks
  administrators    ${tls === undefined ? 'http' : 'https'}://${at.host}:${at.port}  (token in ${secrets.adminTokenFile})

A pod of the throw-away development cluster asks for a token for the orders service. Paste it:

${quickstartCurl(config.issuer, token)}

Then look at the record:      npm run cambist -- audit
And at what allowed it:       npm run cambist -- export
The guided tour:              npm run demo
`)
}
