import { compileClient } from '../../../src/clients/client.ts'
import { clientIndex } from '../../../src/clients/client-index.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import type { Decision, Facts } from '../../../src/policy/contract.ts'
import { evaluate, type Rules } from '../../../src/policy/evaluate.ts'
import { policyIndex } from '../../../src/policy/index-policies.ts'
import { compilePolicy } from '../../../src/policy/policy.ts'
import { compileTarget } from '../../../src/targets/target.ts'
import { targetIndex } from '../../../src/targets/target-index.ts'
import { accessToken } from '../../../src/tokens/kinds/access-token.ts'
import { jwtSvid } from '../../../src/tokens/kinds/jwt-svid.ts'
import { wit } from '../../../src/tokens/kinds/wit.ts'

type Specs = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export interface World {
  readonly clients?: Specs
  readonly targets?: Specs
  readonly policies?: Specs
}

/** A second kind beside the access token, so that targets can offer two; and two that are not bound in every way. */
export const grantKind = {
  ...accessToken,
  name: 'authorization-grant',
  tokenType: 'urn:ietf:params:oauth:token-type:jwt',
}
export const tokenKinds = [accessToken, grantKind, jwtSvid, wit]

const CLIENTS: Specs = {
  checkout: { workloads: [{ issuer: 'prod', ids: ['checkout'] }] },
  stock: { workloads: [{ issuer: 'prod', ids: ['stock'] }] },
}
const TARGETS: Specs = {
  orders: {
    audience: 'https://orders.example',
    resources: ['https://orders.example/api'],
    scopes: ['orders:read', 'orders:write'],
    defaultScopes: ['orders:read', 'orders:write'],
  },
  billing: { audiences: ['https://billing.example', 'billing'], scopes: ['orders:read', 'pay'] },
}

const clientsOf = (specs: Specs) => clientIndex(Object.entries(specs).map(([name, spec]) => compileClient(name, spec)))
const targetsOf = (specs: Specs) =>
  targetIndex(Object.entries(specs).map(([name, spec]) => compileTarget(name, spec, tokenKinds)))
const USUAL = { clients: clientsOf(CLIENTS), targets: targetsOf(TARGETS) }

/** Documents compiled; what a test does not say is a checkout and a stock client, an orders and a billing target. */
export function rulesOf({ clients, targets, policies = {} }: World): Rules {
  return {
    clients: clients === undefined ? USUAL.clients : clientsOf({ ...CLIENTS, ...clients }),
    targets: targets === undefined ? USUAL.targets : targetsOf({ ...TARGETS, ...targets }),
    policies: policyIndex(Object.entries(policies).map(([name, spec]) => compilePolicy(name, spec))),
  }
}

export function workload(subject: string, more: Partial<Principal> = {}): Principal {
  return {
    id: `wimse://cambist.example/${more.issuer ?? 'prod'}/${subject}`,
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

/** checkout acts for a user. */
export function onBehalf(more: Partial<Facts> = {}): Facts {
  return factsOf({ subject: workload('alice', { issuer: 'people' }), actor: workload('checkout'), ...more })
}

/** The decision in short: what is granted, or the reason. */
export function verdict(world: World, facts: Facts): string {
  const decision = evaluate(facts, rulesOf(world))
  return decision.permitted ? `permitted ${decision.scopes.join(' ')}`.trim() : decision.reason
}

export const decide = (world: World, facts: Facts): Decision => evaluate(facts, rulesOf(world))

export const READ = { clients: ['checkout'], targets: ['orders'], scopes: ['orders:read'] }
