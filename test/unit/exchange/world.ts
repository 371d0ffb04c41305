import { Compiler } from '../../../src/documents/compile.ts'
import type { Document } from '../../../src/documents/contract.ts'
import type { Replayable } from '../../../src/exchange/replay.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import type { Facts } from '../../../src/policy/contract.ts'
import { base, changed, context, document, whole } from '../documents/world.ts'

export { base, changed, document, whole }

/** The documents compiled; what is given takes the place of the document of its name. */
export const judging = (...given: readonly Document[]) => {
  const others = whole.filter(
    ({ kind, metadata }) => !given.some((each) => each.kind === kind && each.metadata.name === metadata.name),
  )
  return new Compiler(context).compile([...others, ...given])
}

/** The same without some. */
export const without = (...gone: readonly Document[]) =>
  new Compiler(context).compile(whole.filter((each) => !gone.includes(each)))

export function workload(subject: string, more: Partial<Principal> = {}): Principal {
  return {
    id: `wimse://cambist.example/prod/${subject}`,
    issuer: 'prod',
    subject,
    kind: 'jwt',
    key: false,
    instance: '',
    scopes: [],
    attributes: { namespace: 'shop', serviceaccount: subject },
    ...more,
  }
}

/** checkout, for itself, asks for orders:read at orders. */
export function factsOf(more: Partial<Facts> = {}): Facts {
  return {
    grant: 'token-exchange',
    client: { candidates: ['checkout'], authentication: 'subject_token', principal: workload('checkout') },
    subject: workload('checkout'),
    actors: [],
    audiences: ['https://orders.example'],
    resources: [],
    scopes: ['orders:read'],
    binding: 'none',
    format: 'jwt',
    time: 1_800_000_000,
    ...more,
  }
}

let made = 0

/** A record of the facts that was granted. */
export function recorded(facts: Partial<Facts> = {}, more: Partial<Replayable> = {}): Replayable {
  const whole = factsOf(facts)
  return {
    id: `record-${++made}`,
    at: 1_800_000_000_000 + made,
    outcome: 'granted',
    reason: 'granted',
    client: 'checkout',
    rules: ['checkout-reads-orders'],
    granted: { scopes: whole.scopes, targets: ['orders'], tokenType: 'x', lifetime: 300, binding: 'none' },
    facts: JSON.parse(JSON.stringify(whole)),
    ...more,
  }
}

/** One that the decision refused. */
export const refused = (facts: Partial<Facts> = {}, more: Partial<Replayable> = {}): Replayable =>
  recorded(facts, { outcome: 'refused', reason: 'scope_denied', rules: [], granted: null, ...more })
