import { compileSelector, type Selector } from '../identity/selector.ts'
import { parseWorkloadId } from '../identity/spiffe-id.ts'
import { type Condition, compileCondition } from '../lib/cel.ts'
import { parseDuration } from '../lib/duration.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { readBySchema } from '../lib/schema.ts'
import type { Binding } from '../targets/contract.ts'
import { compileDetailLimits, type DetailLimit } from './authorization-details.ts'
import { POLICY_VARIABLES } from './case.ts'
import { type Clause, conditionsOf } from './clauses.ts'
import type { ChangeClass } from './contract.ts'
import { empty, policySchema, type proofsOfPossession, type WrittenPolicy } from './policy-schema.ts'

/** Which subjects or actors a rule is about; an absent member does not restrict. */
export interface Party extends Selector {
  readonly issuers: ReadonlySet<string> | undefined
  /** What a token of ours must hold (interfaces.md, "Narrowing"); undefined: the rule says nothing of it. */
  readonly scopes: readonly string[] | undefined
  /** Whether a token of ours that is bound to a key comes with a proof of it alone, or from whom it was meant for as well (TE-74). */
  readonly proofOfPossession: (typeof proofsOfPossession)[number]
  readonly condition: Condition | undefined
}

/** What a Policy document says. A set that is undefined does not restrict. */
export interface RuleFields {
  readonly name: string
  readonly effect: 'permit' | 'forbid'
  readonly mode: 'enforce' | 'shadow'
  readonly disabled: boolean
  readonly clients: ReadonlySet<string> | undefined
  readonly targets: ReadonlySet<string> | undefined
  readonly subject: Party | undefined
  readonly actor: Party | undefined
  readonly grants: ReadonlySet<string> | undefined
  /** In a permit what may be granted, in a forbid what may not; undefined: none, and all. */
  readonly scopes: ReadonlySet<string> | undefined
  /** What may be granted of authorization details; [] for none. */
  readonly authorizationDetails: readonly DetailLimit[]
  /** Names of token kinds. */
  readonly tokenTypes: ReadonlySet<string> | undefined
  /** Seconds. */
  readonly lifetime: number | undefined
  readonly binding: Binding
  /** Empty: any will do. */
  readonly authentication: ReadonlySet<string>
  readonly delegation: {
    readonly mode: 'none' | 'delegate' | 'impersonate'
    readonly maxDepth: number
    readonly requireMayAct: boolean
  }
  readonly changes: ReadonlySet<ChangeClass>
  readonly condition: Condition | undefined
}

/** A Policy document, compiled. */
export interface Policy extends RuleFields {
  /** Its own, its subject's and its actor's, in the order in which they are asked. */
  readonly conditions: readonly Clause[]
}

export const DEFAULT_DEPTH = 3
const DEFAULT_CHANGES = ['format', 'scope', 'authority'] as const

/** A Policy document, compiled and frozen. Throws Faults with every one. */
export function compilePolicy(policyName: string, spec: unknown): Policy {
  const written = readBySchema(policySchema, spec, 'spec')
  const faults: Fault[] = []
  const effect = written.effect ?? 'permit'
  if (effect === 'permit') permitFaults(written, faults)
  else forbidFaults(written, faults)
  const rule: RuleFields = {
    name: policyName,
    effect,
    mode: written.mode ?? 'enforce',
    disabled: written.disabled ?? false,
    clients: namedOrAll(written.clients, 'spec.clients', faults),
    targets: namedOrAll(written.targets, 'spec.targets', faults),
    subject: compileParty(written.subject, 'spec.subject', faults),
    actor: compileParty(written.actor, 'spec.actor', faults),
    grants: optionalSet(written.grants),
    scopes: optionalSet(written.scopes),
    authorizationDetails: compileDetailLimits(written.authorizationDetails),
    tokenTypes: optionalSet(written.tokenTypes),
    lifetime: written.lifetime === undefined ? undefined : parseDuration(written.lifetime),
    binding: written.binding ?? 'none',
    authentication: new Set(written.authentication ?? []),
    delegation: Object.freeze({
      mode: written.delegation?.mode ?? 'none',
      maxDepth: written.delegation?.maxDepth ?? DEFAULT_DEPTH,
      requireMayAct: written.delegation?.requireMayAct ?? false,
    }),
    changes: new Set(written.changes ?? DEFAULT_CHANGES),
    condition: compileWritten(written.condition, 'spec.condition', faults),
  }
  if (faults.length > 0) throw new Faults(faults)
  return Object.freeze({ ...rule, conditions: conditionsOf(rule) })
}

function permitFaults(written: WrittenPolicy, faults: Fault[]): void {
  for (const field of ['clients', 'targets'] as const) {
    if (written[field] === undefined)
      faults.push({ path: `spec.${field}`, message: `a permit names its ${field}; ['*'] means all of them` })
  }
}

/** A forbid says when, never how: it has nothing to put a ceiling on. */
function forbidFaults(written: WrittenPolicy, faults: Fault[]): void {
  for (const field of ['lifetime', 'binding', 'authentication', 'delegation', 'changes'] as const) {
    if (written[field] !== undefined)
      faults.push({
        path: `spec.${field}`,
        message: `a forbid has no \`${field}\`: it says what must not be; put limits into the permits`,
      })
  }
  if (written.subject?.proofOfPossession !== undefined)
    faults.push({
      path: 'spec.subject.proofOfPossession',
      message: 'a forbid has no `proofOfPossession`: it denies what it matches, proven or not; leave it out',
    })
  if (written.authorizationDetails !== undefined)
    faults.push({
      path: 'spec.authorizationDetails',
      message:
        'a forbid has no `authorizationDetails`: say in a `condition` what request.authorizationDetails must not have',
    })
  if (written.scopes?.length === 0) faults.push({ path: 'spec.scopes', message: empty })
}

function namedOrAll(
  names: readonly string[] | undefined,
  path: string,
  faults: Fault[],
): ReadonlySet<string> | undefined {
  if (names === undefined) return undefined
  if (!names.includes('*')) return new Set(names)
  if (names.length > 1) faults.push({ path, message: '* means all, so it stands alone' })
  return undefined
}

const optionalSet = (members: readonly string[] | undefined): ReadonlySet<string> | undefined =>
  members === undefined ? undefined : new Set(members)

/** SPIFFE and WIMSE ids are unique over all issuers; any other subject is unique within its issuer alone. */
const GLOBAL_ID = /^(?:spiffe|wimse):\/\/[^/*]+(?:\/|$)/

function compileParty(written: WrittenPolicy['subject'], path: string, faults: Fault[]): Party | undefined {
  if (written === undefined) return undefined
  if (written.issuers === undefined) checkGlobal(written.ids ?? [], `${path}.ids`, faults)
  return Object.freeze({
    ...compileSelector(written, path, faults),
    issuers: optionalSet(written.issuers),
    scopes: written.scopes,
    proofOfPossession: written.proofOfPossession ?? 'required',
    condition: compileWritten(written.condition, `${path}.condition`, faults),
  })
}

/** An id that no workload can ever have is a mistake: in a permit nobody is meant by it, and in a forbid everybody gets by (T15). */
function checkGlobal(ids: readonly string[], path: string, faults: Fault[]): void {
  if (ids.some((id) => !GLOBAL_ID.test(id))) {
    faults.push({
      path,
      message:
        'two issuers may name two workloads alike; name the `issuers` beside the ids, or use SPIFFE or WIMSE ids only',
    })
    return
  }
  for (const [index, id] of ids.entries()) {
    if (parseWorkloadId(id.replace(/\*\*?/g, 'x')) === undefined)
      faults.push({
        path: `${path}[${index}]`,
        message: `${JSON.stringify(id.slice(0, 120))} can be the id of no workload; write a SPIFFE or WIMSE id as its trust domain gives it, such as spiffe://prod.example/checkout`,
      })
  }
}

function compileWritten(source: string | undefined, path: string, faults: Fault[]): Condition | undefined {
  if (source === undefined) return undefined
  try {
    return compileCondition(source, POLICY_VARIABLES)
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    faults.push(...error.faults.map(({ message }) => ({ path, message })))
    return undefined
  }
}
