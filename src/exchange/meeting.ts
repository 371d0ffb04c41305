import type { Mark } from '../audit/contract.ts'
import type { Carried, Leniency, Possession } from '../credentials/contract.ts'
import { type Identified, identify, type Trusting } from '../credentials/identify.ts'
import { type ProvenAt, possessionOf } from '../credentials/possession.ts'
import type { Facts } from '../policy/contract.ts'
import type { Position } from '../trust/contract.ts'
import type { KnownClients } from './candidates.ts'
import type { DecidingSnapshot } from './contract.ts'
import type { DeclaredToken } from './parameters.ts'

/** Told of each party as soon as it is verified, so that a refusal further on is recorded with whom it met. */
export interface Witness {
  subject(subject: Identified): void
  actor(actor: Identified): void
  client(client: Facts['client']): void
  /** A credential that was verified, also where its party is blocked. */
  presented(party: Identified): void
  /** Thumbprints of the keys that the request proves: a list that grows while credentials are read. */
  proves(keys: readonly string[]): void
  /** A one-use mark of a credential, or of a proof, that was verified. */
  mark(mark: Mark): void
  /** A credential that only an explicit leniency has let pass. */
  lenient(position: Position, leniency: Leniency): void
}

/** The trust of a snapshot, before anything is known of what the request proves. */
export type Trust = Omit<Trusting, 'possession' | 'met'> & ProvenAt

/** A request whose parties are being met, one after the other, under one snapshot. */
export interface Meeting {
  readonly snapshot: DecidingSnapshot
  readonly possession: Possession
  readonly trusting: Trusting
  readonly known: KnownClients
  readonly witness: Witness
  identified(position: Exclude<Position, 'administrator'>, declared: DeclaredToken): Promise<Identified>
}

export function meetingOf(carried: Carried, snapshot: DecidingSnapshot, trust: Trust, witness: Witness): Meeting {
  const possession = possessionOf(carried, trust, (mark) => witness.mark(mark))
  witness.proves(possession.keys)
  const trusting: Trusting = { ...trust, possession, met: new Map(), onBlocked: (party) => toldOf(party, witness) }
  return {
    snapshot,
    possession,
    trusting,
    known: { clients: snapshot.clients, blocked: snapshot.blocked.clients(trust.now) },
    witness,
    async identified(position, declared) {
      const party = await identify({ position, ...declared }, trusting)
      toldOf(party, witness)
      for (const mark of party.marks) witness.mark(mark)
      for (const leniency of party.leniencies) witness.lenient(position, leniency)
      return party
    },
  }
}

function toldOf(party: Identified, witness: Witness): void {
  witness.presented(party)
  if (party.position === 'subject' || party.position === 'assertion') witness.subject(party)
  else if (party.position === 'actor') witness.actor(party)
}
