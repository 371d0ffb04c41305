import type { ExchangeRecord } from '../../src/audit/contract.ts'
import { hashOf, newId } from '../../src/lib/ids.ts'

/** A granted exchange as the road records it, with what a test wants to be different. */
export function sampleRecord(different: Partial<ExchangeRecord> = {}): ExchangeRecord {
  const id = newId()
  return {
    id,
    at: 1_750_000_000_123,
    decidedAt: 1_750_000_000_125,
    outcome: 'granted',
    reason: 'granted',
    detail: '',
    grant: 'token-exchange',
    client: 'checkout',
    authentication: 'workload',
    subject: {
      issuer: 'prod',
      id: 'wimse://ours.example/prod/system:sa:shop:checkout',
      kind: 'jwt',
      instance: 'pod-1',
    },
    actors: [{ sub: 'wimse://ours.example/prod/gateway', iss: 'https://ours.example' }],
    requested: { scopes: ['orders:read'], audiences: ['https://orders.example'], resources: [], tokenType: '' },
    granted: {
      scopes: ['orders:read'],
      targets: ['orders'],
      tokenType: 'access-token',
      lifetime: 300,
      binding: 'none',
    },
    rules: ['checkout-reads-orders'],
    shadow: [{ rule: 'next', outcome: 'denied' }],
    changes: ['format'],
    errors: [],
    leniencies: [],
    snapshotVersion: 0,
    facts: { grant: 'token-exchange', subject: { id: 'x', attributes: { namespace: 'shop' } } },
    jti: newId(),
    txn: '',
    tokenHash: hashOf(id),
    subjectTokenHash: hashOf(`${id} subject`),
    actorTokenHash: '',
    clientTokenHash: '',
    credentials: [],
    keys: [],
    parents: [],
    lineage: id,
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    remote: '192.0.2.7',
    durationMs: 1.25,
    ...different,
  }
}
