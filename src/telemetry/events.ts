import type { ExchangeEvents } from '../exchange/contract.ts'
import type { Reason } from '../refusal.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'

/** One function per business event: it counts and, where an operator should read of it, writes a line. */
export interface Events extends ExchangeEvents {
  keysFetched(issuer: string): void
  keysFailed(issuer: string, why: string, hasLastGood: boolean): void
  /** Not one key of the last good set is in the new one (T6). */
  keysReplaced(issuer: string): void
  /** An authentic bundle has no keys for us any more (S-71). */
  keysVoided(issuer: string, why: string): void
  /** An issuer could not be asked about a credential of its own. */
  statusUnanswered(issuer: string, why: string): void
  snapshotInForce(version: number): void
  snapshotRefused(version: number, why: string): void
  changed(version: number, author: string, what: string): void
  /** Somebody whom the administrators' door does not let in; `said` where a line is to say it (T38). */
  shutOut(reason: Reason, said: { readonly id: string; readonly detail: string } | undefined): void
  databaseTrouble(what: string, error: unknown): void
  /** Somebody has asked about a token, or had one taken back. `outcome` is one of a closed list (oauth/inquiry-endpoints.ts). */
  inquired(endpoint: 'introspect' | 'revoke', outcome: string): void
}

export function createEvents(logger: Logger, metrics: Metrics): Events {
  const series = exchangeSeries(metrics)
  return {
    closed(outcome, reason, grant, durationMs) {
      const { exchanges, duration } = series(outcome, reason, grant)
      exchanges.inc()
      duration.observe(durationMs / 1000)
    },
    lenient: (leniency) => metrics.leniencies.inc({ leniency }),
    uncounted: (reason) => metrics.uncounted.inc({ reason }),
    unknownParameter: () => metrics.unknownParameters.inc(),
    failed(id, error) {
      metrics.failures.inc()
      logger.error({ id, ...described(error) }, 'an exchange failed by an error of our own')
    },
    keysFetched: (issuer) => metrics.keyFetches.inc({ issuer, outcome: 'fetched' }),
    keysFailed(issuer, why, hasLastGood) {
      metrics.keyFetches.inc({ issuer, outcome: 'failed' })
      logger.warn(
        { issuer, why },
        hasLastGood
          ? 'the keys of an issuer cannot be fetched; the last good ones serve until maxStale'
          : 'the keys of an issuer cannot be fetched, and there are none; its credentials are refused until they can',
      )
    },
    keysReplaced: (issuer) => logger.warn({ issuer }, 'all keys of an issuer were replaced at once'),
    keysVoided(issuer, why) {
      metrics.keyFetches.inc({ issuer, outcome: 'voided' })
      logger.warn({ issuer, why }, 'the bundle of an issuer takes back what it said')
    },
    statusUnanswered: (issuer, why) =>
      logger.warn({ issuer, why }, 'an issuer cannot be asked about its credentials; they are refused until it can'),
    snapshotInForce(version) {
      metrics.snapshotVersion.set(version)
      logger.debug({ version }, 'documents in force')
    },
    snapshotRefused: (version, why) =>
      logger.error({ version, why }, 'these documents do not compile here; no exchange is granted until they do'),
    changed(version, author, what) {
      metrics.applies.inc()
      logger.info({ version, author, what }, 'documents or keys changed')
    },
    shutOut(reason, said) {
      metrics.shutOut.inc({ reason })
      if (said !== undefined) logger.warn({ ...said, reason }, 'a token did not open the administrators’ door')
    },
    inquired: (endpoint, outcome) => metrics.inquiries.inc({ endpoint, outcome }),
    databaseTrouble: (what, error) => logger.warn({ what, ...described(error) }, 'trouble with the database'),
  }
}

/** The series of an outcome, found once: labels are looked up by text, and there are as many of these as reasons. */
function exchangeSeries({ exchanges, duration }: Metrics) {
  const of = (outcome: string, reason: string, grant: string) => ({
    exchanges: exchanges.labels(outcome, reason, grant),
    duration: duration.labels(outcome),
  })
  const found = new Map<string, ReturnType<typeof of>>()
  return (outcome: string, reason: string, grant: string) => {
    const key = `${outcome} ${reason} ${grant}`
    const known = found.get(key) ?? of(outcome, reason, grant)
    found.set(key, known)
    return known
  }
}

/** An error as a log may show it: name, message, code, stack; never the values that were under way (I8). */
function described(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: String(error) }
  const { code } = error as NodeJS.ErrnoException
  return { error: error.name, message: error.message, ...(code === undefined ? {} : { code }), stack: error.stack }
}
