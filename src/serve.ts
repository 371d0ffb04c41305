/** Which process does what, and when: the database, the migrations, the doors, and the stop. */

import { type App, administration, followSchedule, newKeys, openApp, openWorkloads, workloadsListeners } from './app.ts'
import type { Config } from './config/config.ts'
import { readSecrets, type Secrets } from './config/secrets.ts'
import { apply } from './documents/apply.ts'
import type { StateStore } from './documents/contract.ts'
import { seconds, systemClock } from './lib/clock.ts'
import { Secret } from './lib/secret.ts'
import { type DevelopmentCluster, developmentCluster, quickstartCurl, quickstartDocuments } from './quickstart.ts'
import { type Listening, listen } from './server/listen.ts'
import { beWorker, isWorker, startWorkers, type Workers } from './server/workers.ts'
import type { DatabaseAddress } from './storage/address.ts'
import { startEmbedded } from './storage/embedded.ts'
import { startProjecting } from './storage/entity-projection.ts'
import { migrate } from './storage/migrate.ts'
import { startSweeping } from './storage/sweep.ts'
import { createLogger, type Logger } from './telemetry/logger.ts'
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
  /** Resolves with a sentence should the embedded database end by itself. */
  readonly lost: Promise<string>
  close(): Promise<void>
}

/** The database that the configuration names, running. */
async function database(config: Config): Promise<OpenDatabase> {
  if ('url' in config.database) {
    return {
      address: new Secret(config.database.url),
      lost: new Promise(() => undefined),
      close: async () => undefined,
    }
  }
  const embedded = await startEmbedded({ directory: config.database.embeddedIn })
  return {
    address: embedded.connection,
    lost: embedded.exited.then(({ expected, message }) => (expected ? new Promise<string>(() => undefined) : message)),
    close: () => embedded.stop(),
  }
}

/** Brings the database's schema to this version, and says each step; gives the role what a server needs. Rejects with a sentence. */
export async function migrateDatabase(config: Config, say: Say, applicationRole?: string): Promise<void> {
  const opened = await database(config)
  try {
    const applied = await migrate(opened.address, {
      onProgress: say,
      ...(applicationRole === undefined ? {} : { applicationRole }),
    })
    say(
      applied.length === 0
        ? 'The database is up to date.'
        : `Applied ${applied.length} migration${applied.length === 1 ? '' : 's'}.`,
    )
  } finally {
    await opened.close()
  }
}

/** Starts the server. Rejects with a sentence where it cannot, with nothing left running. In a worker process it resolves never. */
export async function serve(config: Config, say: Say): Promise<Serving> {
  const secrets = readSecrets(config)
  if (isWorker()) {
    beAWorker(config, secrets)
    return new Promise(() => undefined)
  }
  // What is opened is closed in the opposite order, by a stop and by a start that fails.
  const opened = new AsyncDisposableStack()
  try {
    const starting = database(config)
    opened.defer(async () => (await starting.catch(() => undefined))?.close())
    const logger = createLogger(config.logLevel, 'cambist')
    const workers = config.workers === 1 ? undefined : opened.adopt(processes(config, logger), (pool) => pool.stop())
    const { address, lost } = await starting
    await migrate(address, { onProgress: say })
    const app = opened.adopt(await openApp({ config, secrets, address, logger }), (one) => one.close())
    const cluster = config.quickstart ? await quickstart(app) : undefined
    const admin = await openDoors(app, address, workers, opened)
    followTime(app, opened)
    if (cluster !== undefined) greet(app, cluster, say)
    else say(`Cambist issues at ${config.issuer}; administrators at ${admin.url}`)
    return running(config, opened, lost)
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

const processes = (config: Config, logger: Logger): Workers =>
  startWorkers(config.workers, {
    died: (pid, code, signal) => logger.error({ pid, code, signal }, 'a worker ended; another takes its place'),
    failed: (error) =>
      logger.error(
        { why: error instanceof Error ? error.message : String(error) },
        'a worker cannot begin; the next try follows',
      ),
  })

/** One process answers both doors; with several, workers answer workloads, and administrators keep a lane of their own. */
async function openDoors(
  app: App,
  address: DatabaseAddress,
  workers: Workers | undefined,
  opened: AsyncDisposableStack,
): Promise<Listening> {
  const { config, metrics, secrets } = app
  let workloadsHere = false
  const door = await administration(app, {
    listening: () => workloadsHere || (workers?.listening() ?? 0) > 0,
    metrics: async () => {
      const own = await metrics.registry.getMetricsAsJSON()
      return aggregateMetrics([own, ...((await workers?.ask('metrics')) ?? [])] as object[]).metrics()
    },
  })
  const admin = opened.adopt(await listen({ ...config.admin.listen, tls: secrets.adminTls }, door), (one) =>
    one.close(1000),
  )
  if (workers !== undefined) await workers.begin(address instanceof Secret ? undefined : address)
  else {
    opened.adopt(await openWorkloadsHere(app, address), (one) => one.close())
    workloadsHere = true
  }
  return admin
}

/** The workloads' door in this process, with the ledger that it writes to. */
async function openWorkloadsHere(app: App, address: DatabaseAddress): Promise<{ close(): Promise<void> }> {
  const { config, secrets } = app
  const opened = new AsyncDisposableStack()
  try {
    const { door, ledger } = await openWorkloads(app, address)
    opened.defer(() => ledger.close())
    const listening: Listening[] = []
    opened.defer(async () => void (await Promise.all(listening.map((one) => one.close(GRACE_MS)))))
    for (const options of workloadsListeners(config, secrets.tls))
      if (options) listening.push(await listen(options, door))
    return { close: () => opened.disposeAsync() }
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

/** A worker: the workloads' door and nothing else. */
function beAWorker(config: Config, secrets: Secrets): void {
  void import('./oauth/door.ts') // while the primary opens the database
  const opened = new AsyncDisposableStack()
  let app: App | undefined
  beWorker({
    async begin(place) {
      const address = 'url' in config.database ? new Secret(config.database.url) : (place as DatabaseAddress)
      app = opened.adopt(await openApp({ config, secrets, address }), (one) => one.close())
      opened.adopt(await openWorkloadsHere(app, address), (one) => one.close())
    },
    answer: async (question) => (question === 'metrics' ? app?.metrics.registry.getMetricsAsJSON() : undefined),
    stop: () => opened.disposeAsync(),
  })
}

/** What is due with time: expired marks go, the register of entities and the signing keys follow; in one process of all replicas. */
function followTime(app: App, opened: AsyncDisposableStack): void {
  const { database, events } = app
  const sweeping = opened.adopt(
    startSweeping(database, { onTrouble: (error) => events.databaseTrouble('sweeping', error) }),
    (one) => one.stop(),
  )
  opened.adopt(
    startProjecting(database, { onTrouble: (error) => events.databaseTrouble('following the record', error) }),
    (one) => one.stop(),
  )
  const schedule = setInterval(() => {
    sweeping
      .asLeader(() => followSchedule(app))
      .catch((error: unknown) => events.databaseTrouble('following the schedule of signing keys', error))
  }, SCHEDULE_MS)
  schedule.unref()
  opened.defer(() => clearInterval(schedule))
}

function running(config: Config, opened: AsyncDisposableStack, lost: Promise<string>): Serving {
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= opened.disposeAsync()
    return stopping
  }
  const stopped = new Promise<string | undefined>((resolve, reject) => {
    const end = (why: string | undefined) => void stop().then(() => resolve(why), reject)
    void lost.then(end)
    // For as long as it takes: a second Ctrl-C does not cut off what the first lets finish.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end(undefined))
  })
  return { issuer: config.issuer, stopped, stop }
}

/**
 * A new database begins with the documents of examples/quickstart, and keeps up with them (another issuer, another port)
 * for as long as nobody has written documents of their own.
 */
async function quickstart(app: App): Promise<DevelopmentCluster | undefined> {
  const { config, database } = app
  const cluster = developmentCluster(config.dataDir)
  if (await isUntouched(database.states)) {
    const { version } = await apply(
      { store: database.states, compiler: app.compiler, newKeys: newKeys(app) },
      quickstartDocuments(cluster, config.issuer),
      { author: 'quickstart', message: 'examples/quickstart' },
    )
    await app.snapshots.atLeast(version)
  }
  return app.snapshots.current().issuers.byName('development-cluster') === undefined ? undefined : cluster
}

/** Whether nobody but this program has ever changed anything. */
async function isUntouched(states: StateStore): Promise<boolean> {
  const OURS = new Set(['quickstart', 'schedule'])
  for (let before: number | undefined; ; ) {
    const page = await states.history(500, before)
    if (!page.every(({ author }) => OURS.has(author))) return false
    before = page.at(-1)?.version
    if (page.length < 500) return true
  }
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
