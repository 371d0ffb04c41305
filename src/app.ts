/**
 * Composition by hand, in road order: the only file that joins interfaces, registers and implementations. What runs when,
 * and in which process, is serve.ts.
 */
import type { RequestListener } from 'node:http'
import type { AdministratorTrust } from './admin/contract.ts'
import type { Config } from './config/config.ts'
import type { Secrets } from './config/secrets.ts'
import { dpopNonces } from './credentials/dpop-nonces.ts'
import * as credentialKindRegister from './credentials/kinds/index.ts'
import { type CredentialKinds, credentialKinds } from './credentials/look-up.ts'
import type { Applying } from './documents/apply.ts'
import { Compiler } from './documents/compile.ts'
import type { CompileContext, Formats, Snapshot } from './documents/contract.ts'
import * as documentKindRegister from './documents/kinds/index.ts'
import { firstKeys, keyRolesOf, rotateKeys } from './documents/signing-keys.ts'
import { Snapshots } from './documents/snapshots.ts'
import type { Road } from './exchange/contract.ts'
import { lostTraffic } from './exchange/lost-traffic.ts'
import * as backendRegister from './keys/backends/index.ts'
import type { KeyChoice, KeyRole } from './keys/contract.ts'
import { derivedKeys } from './keys/derived.ts'
import { Keys } from './keys/keyring.ts'
import { keyEncryption } from './keys/wrapping.ts'
import { type Clock, seconds, systemClock } from './lib/clock.ts'
import { RateByKey, sourceOf } from './lib/rate.ts'
import { endpoints, urlsOf } from './oauth/endpoints.ts'
import { Refusal } from './refusal.ts'
import type { ListenOptions } from './server/listen.ts'
import type { DatabaseAddress } from './storage/address.ts'
import { type Database, openDatabase } from './storage/database.ts'
import { openLedger, type PostgresLedger } from './storage/ledger.ts'
import { createEvents, type Events } from './telemetry/events.ts'
import { createLogger, type Logger } from './telemetry/logger.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import * as tokenKindRegister from './tokens/kinds/index.ts'
import { tokenKinds } from './tokens/mint.ts'
import { StatusIndexes } from './tokens/status-indexes.ts'
import { StatusLists } from './tokens/status-lists.ts'
import { bundlesDir } from './trust/bundles-dir.ts'
import { PlatformService } from './trust/credential-source.ts'
import { guardedFetch, type Resolve } from './trust/guarded-fetch.ts'
import { KeySets } from './trust/key-sets.ts'
import { OnlineChecks } from './trust/online-checks.ts'
import { secretsDir } from './trust/secrets-dir.ts'
import { withoutNetwork } from './trust/without-network.ts'

/** The registers, joined here and handed in everywhere. Tests add to them. */
export const formats: Formats = {
  credentialKinds: Object.values(credentialKindRegister),
  tokenKinds: Object.values(tokenKindRegister),
}
export const documentKinds = Object.values(documentKindRegister)

export interface AppOptions {
  readonly config: Config
  readonly secrets: Secrets
  readonly address: DatabaseAddress
  readonly clock?: Clock
  readonly logger?: Logger
  readonly formats?: Formats
  /** How names are resolved on the way out, for tests. */
  readonly resolve?: Resolve
  /** Milliseconds between two looks at the version of the documents, beneath LISTEN/NOTIFY. */
  readonly pollMs?: number
  /** Milliseconds between two looks at which SPIFFE bundles are due; a bundle says itself how often it is. */
  readonly bundlePollMs?: number
}

/** What both doors stand on. */
export interface App {
  readonly config: Config
  readonly secrets: Secrets
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly events: Events
  readonly database: Database
  readonly keys: Keys
  readonly keySets: KeySets
  readonly onlineChecks: OnlineChecks
  readonly platformService: PlatformService
  readonly compiler: Compiler
  readonly snapshots: Snapshots
  readonly formats: Formats
  close(): Promise<void>
}

/** Opens the database, loads the documents and follows them. Rejects where the database cannot be had. */
export async function openApp(options: AppOptions): Promise<App> {
  const { config, secrets, address, clock = systemClock, resolve, bundlePollMs = 5000 } = options
  const joined = options.formats ?? formats
  const logger = options.logger ?? createLogger(config.logLevel, 'cambist')
  const metrics = createMetrics()
  const events = createEvents(logger, metrics)

  const fetch = guardedFetch({ insecure: config.insecureFetch, ...(resolve === undefined ? {} : { resolve }) })
  const secret = secretsDir(config.secretsDir)
  const keySets = new KeySets({
    fetch,
    clock,
    secret,
    bundleFile: bundlesDir(config.bundlesDir),
    insecure: config.insecureFetch,
    onEvent: (event) => {
      if (event.event === 'refreshed') events.keysFetched(event.issuer)
      else if (event.event === 'failed')
        events.keysFailed(event.issuer, `${event.code}: ${event.message}`, event.hasLastGood)
      else if (event.event === 'voided') events.keysVoided(event.issuer, event.message)
      else events.keysReplaced(event.issuer)
    },
  })
  const polling = setInterval(() => void keySets.poll(), bundlePollMs).unref()
  const unanswered = (failure: { issuer: string; code: string; message: string }) =>
    events.statusUnanswered(failure.issuer, `${failure.code}: ${failure.message}`)
  const onlineChecks = new OnlineChecks({ fetch, clock, secret, onFailure: unanswered })
  const platformService = new PlatformService({ fetch, clock, onFailure: unanswered })
  const keys = new Keys(Object.values(backendRegister), keyEncryption(secrets.keyEncryptionKeys))
  const compiler = new Compiler(compileContext(config, joined, keys))
  const database = await openDatabase({ address, ...(options.pollMs === undefined ? {} : { pollMs: options.pollMs }) })
  const inForce = (snapshot: Snapshot) => {
    events.snapshotInForce(snapshot.version)
    keySets.retain(snapshot.issuers.all())
    void keySets.prefetch(snapshot.issuers.all())
  }
  const trouble = (error: unknown) => events.databaseTrouble('loading documents', error)
  const told = { inForce, refused: events.snapshotRefused, trouble }
  const snapshots = new Snapshots(database.states, compiler, told, { clock })
  await snapshots.start()
  return {
    config,
    secrets,
    clock,
    logger,
    metrics,
    events,
    database,
    keys,
    keySets,
    onlineChecks,
    platformService,
    compiler,
    snapshots,
    formats: joined,
    async close() {
      clearInterval(polling)
      keySets.close()
      onlineChecks.close()
      platformService.close()
      await snapshots.close()
      await database.close()
    },
  }
}

/** What documents are compiled under in a server. */
const compileContext = (config: Config, joined: Formats, keys: Keys): CompileContext => ({
  ...joined,
  ourIssuer: config.issuer,
  adminAudience: config.admin.audience,
  ourTrustDomain: config.trustDomain,
  insecureFetch: config.insecureFetch,
  openKeys: (stored) => keys.open(stored),
})

/** The workloads' door with the road behind it. */
export async function openWorkloads(
  app: App,
  address: DatabaseAddress,
): Promise<{ door: RequestListener; ledger: PostgresLedger }> {
  // Each door is loaded by the process that opens it: the engine alone takes a third of a second.
  const { workloadsDoor } = await import('./oauth/door.ts')
  const { config, clock, database, events, snapshots } = app
  const ledger = await openLedger({ address })
  const unverified = new RateByKey(clock, { perSecond: 5, burst: 50, keys: 10_000 })
  const road: Road = {
    ...roadToDecision(app),
    snapshots,
    ledger,
    statuses: new StatusIndexes(database.statusBlocks),
    admitsUnverified: (remote) => unverified.admits(sourceOf(remote)),
    events,
  }
  const { hosts, clientCertificates: certificates, entraTenant, issuer } = config
  const { statusBlocks: blocks, statusSearch: search } = database
  const onTrouble = (error: unknown) => events.databaseTrouble('looking for what was revoked', error)
  const statusLists = new StatusLists({ issuer, clock, snapshots, blocks, search, onTrouble })
  const introspection = { ...road, events, snapshots, endpoints: endpointsOf(config, 'introspection_endpoint') }
  const revocations = new RateByKey(clock, { perSecond: 10, burst: 100, keys: 10_000 })
  const revocation = {
    ...introspection,
    endpoints: endpointsOf(config, 'revocation_endpoint'),
    store: database.states,
    records: database.records,
    admitsRevocation: (client: string) => revocations.admits(client),
  }
  const doors = { road, introspection, revocation, statusLists, hosts, certificates, entraTenant }
  return { door: await workloadsDoor({ ...doors, onFailure: events.failed }), ledger }
}

/** As much of the road as is the same for a request and for its explanation. */
const roadToDecision = ({ config, secrets, clock, ...app }: App) => ({
  issuer: config.issuer,
  endpoints: endpointsOf(config, 'token_endpoint'),
  // Of our issuer alone, also where another deployment has the same keys.
  nonces: dpopNonces(derivedKeys(secrets.keyEncryptionKeys, `dpop nonce of ${config.issuer}`), {
    required: config.dpopNonce === 'required',
  }),
  trustDomain: config.trustDomain,
  clock,
  keys: app.keySets,
  source: app.platformService,
  status: app.onlineChecks,
  references: app.database.references,
  credentialKinds: credentialKinds(app.formats.credentialKinds),
  tokenKinds: tokenKinds(app.formats.tokenKinds),
})

/** Our own URLs of one place where clients come, which proofs of possession are made for. */
const endpointsOf = ({ issuer, clientCertificates: { url } }: Config, name: keyof typeof endpoints) =>
  urlsOf(endpoints[name], { issuer, mtlsUrl: url })

/** Where the workloads' door is listened at: one place, and one more that asks for client certificates where it is configured. */
export function workloadsListeners(
  { listen, clientCertificates }: Config,
  tls: Secrets['tls'],
): readonly [ListenOptions, ListenOptions?] {
  const { listen: asking, header } = clientCertificates
  const plain = { ...listen, tls, ...(header === undefined ? {} : { headerBytes: WITH_CERTIFICATES }) }
  return asking === undefined ? [plain] : [plain, { ...asking, tls, clientCertificates: true }]
}

/** Bytes of a request's head in which a proxy hands on the largest chain that is taken, percent-encoded, and its leaf once more (HC-06). */
const WITH_CERTIFICATES = 160 * 1024

export interface AdministrationOptions {
  /** Prometheus text of the whole server. */
  metrics(): Promise<string>
  /** Whether the workloads' door is open. */
  listening(): boolean
}

export async function administration(
  app: App,
  { metrics, listening }: AdministrationOptions,
): Promise<RequestListener> {
  const { adminDoor } = await import('./admin/door.ts')
  const { clock, config, database, snapshots } = app
  const kinds = credentialKinds(app.formats.credentialKinds)
  const shutOut = new RateByKey(clock, { perSecond: 1, burst: 20, keys: 10_000 })
  // What is only explained counts nowhere.
  const road = { ...roadToDecision(app), events: { unknownParameter: () => undefined } }
  return adminDoor({
    store: database.states,
    records: database.records,
    entities: database.entities,
    actions: database.actions,
    compiler: app.compiler,
    snapshots,
    documentKinds,
    formats: app.formats,
    newKeys: newKeys(app),
    judgeTraffic: lostTraffic({ records: database.records, clock }),
    keys: {
      list: () => snapshots.current().keyring.stored,
      rotate: (author, choice) => rotate(app, author, choice),
    },
    road,
    roadWithoutNetwork: (onUnasked) => ({ ...road, ...withoutNetwork(app.keySets, onUnasked) }),
    metrics,
    ready: async () => {
      const checks = { database: await database.ping(), documents: inForce(app), workloads: listening() }
      return { ready: checks.database && checks.documents && checks.workloads, checks }
    },
    clock,
    adminToken: app.secrets.adminToken,
    trust: {
      current: () => administratorTrust(app, kinds, snapshots.current()),
      newerThan: async (version) => {
        const newest = await database.states.currentVersion().catch(unreachable)
        return newest === version ? undefined : administratorTrust(app, kinds, await snapshots.atLeast(newest))
      },
    },
    hosts: config.admin.hosts,
    events: {
      changed: app.events.changed,
      failed: app.events.failed,
      shutOut: (id, remote, { reason, detail }) =>
        app.events.shutOut(reason, shutOut.admits(sourceOf(remote)) ? { id, detail } : undefined),
    },
  })
}

function unreachable(cause: unknown): never {
  throw new Refusal('snapshot_unavailable', 'the version of the documents in force cannot be asked for', {
    retryAfter: 1,
    cause,
  })
}

/** The trust of the documents of a snapshot, for administrators' tokens: the same pipeline as on the road, with the audience of their own door. */
function administratorTrust(app: App, kinds: CredentialKinds, snapshot: Snapshot): AdministratorTrust {
  const { config, keySets, platformService, onlineChecks, database, clock } = app
  const { version, issuers, administrators, revoked, blocked } = snapshot
  return {
    version,
    kinds,
    issuers,
    administrators,
    keys: keySets,
    source: platformService,
    status: onlineChecks,
    references: database.references,
    revoked,
    blocked,
    ourIssuer: config.issuer,
    adminAudience: config.admin.audience,
    trustDomain: config.trustDomain,
    now: seconds(clock),
  }
}

function inForce({ snapshots }: App): boolean {
  try {
    snapshots.current()
    return true
  } catch {
    return false
  }
}

/** The signing keys that documents make necessary. */
export const newKeys =
  ({ keys, clock, formats: { tokenKinds: kinds } }: App): Applying['newKeys'] =>
  (stored, targets) =>
    firstKeys(keys, stored, keyRolesOf(targets, kinds), seconds(clock))

/** What the targets in force sign with. */
const keyRoles = ({ snapshots, formats: { tokenKinds: kinds } }: App): readonly KeyRole[] =>
  keyRolesOf(snapshots.current().targets, kinds)

/** Successors at once for the keys that are chosen; published by this process when it answers. */
async function rotate(app: App, author: string, { use, algorithm }: KeyChoice) {
  const { version, made } = await rotateKeys(app.database.states, app.keys, {
    wanted: keyRoles(app),
    now: seconds(app.clock),
    author,
    early: (role) => (use ?? role.use) === role.use && (algorithm ?? role.algorithm) === role.algorithm,
  })
  await app.snapshots.atLeast(version)
  return made
}

/** What the schedule of the signing keys asks for now. */
export async function followSchedule(app: App): Promise<void> {
  const { version, made } = await rotateKeys(app.database.states, app.keys, {
    wanted: keyRoles(app),
    now: seconds(app.clock),
    author: 'schedule',
  })
  for (const key of made) app.events.changed(version, 'schedule', `new ${key.algorithm} signing key ${key.kid}`)
}
