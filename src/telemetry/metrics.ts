import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** The metrics of one process. Labels are closed lists or document names, never a stranger's text (T35, I8). */
export interface Metrics {
  readonly registry: Registry
  readonly exchanges: Counter<'outcome' | 'reason' | 'grant'>
  readonly duration: Histogram<'outcome'>
  readonly leniencies: Counter<'leniency'>
  readonly uncounted: Counter<'reason'>
  readonly unknownParameters: Counter
  readonly failures: Counter
  readonly keyFetches: Counter<'issuer' | 'outcome'>
  readonly snapshotVersion: Gauge
  readonly applies: Counter
  readonly shutOut: Counter<'reason'>
  readonly inquiries: Counter<'endpoint' | 'outcome'>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'cambist_' })
  const registers = [registry]
  return {
    registry,
    exchanges: new Counter({
      name: 'cambist_exchanges_total',
      help: 'Exchanges with a row on the record, by outcome, reason and grant',
      labelNames: ['outcome', 'reason', 'grant'],
      registers,
    }),
    duration: new Histogram({
      name: 'cambist_exchange_duration_seconds',
      help: 'From the arrival of a request to its durable record',
      labelNames: ['outcome'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    leniencies: new Counter({
      name: 'cambist_leniencies_total',
      help: 'Credentials that only an explicit leniency of a document has let pass, by position and leniency',
      labelNames: ['leniency'],
      registers,
    }),
    uncounted: new Counter({
      name: 'cambist_refusals_unrecorded_total',
      help: 'Refusals of unverified callers beyond the rate that is recorded',
      labelNames: ['reason'],
      registers,
    }),
    unknownParameters: new Counter({
      name: 'cambist_unknown_parameters_total',
      help: 'Request parameters that nobody here knows',
      registers,
    }),
    failures: new Counter({ name: 'cambist_failures_total', help: 'Errors of our own', registers }),
    keyFetches: new Counter({
      name: 'cambist_key_fetches_total',
      help: 'Fetches of issuers’ keys',
      labelNames: ['issuer', 'outcome'],
      registers,
    }),
    snapshotVersion: new Gauge({
      name: 'cambist_snapshot_version',
      help: 'Version of the documents in force in this process',
      registers,
      aggregator: 'min',
    }),
    applies: new Counter({
      name: 'cambist_changes_total',
      help: 'Changes of documents or signing keys made by this process',
      registers,
    }),
    shutOut: new Counter({
      name: 'cambist_administrators_refused_total',
      help: 'Requests whose token did not open the administrators’ door, by reason',
      labelNames: ['reason'],
      registers,
    }),
    inquiries: new Counter({
      name: 'cambist_inquiries_total',
      help: 'Introspections and revocations by clients, by outcome or the reason of a refusal',
      labelNames: ['endpoint', 'outcome'],
      registers,
    }),
  }
}

export const aggregateMetrics = (parts: readonly object[]): Registry =>
  AggregatorRegistry.aggregate([...parts] as never)
