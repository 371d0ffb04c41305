import { workingAdministrators } from './administering.ts'
import { approvalsIn } from './approval.ts'
import type { Compiled } from './compile.ts'
import type { Document, Warning } from './contract.ts'
import type { Plan } from './plan.ts'

/** What may be a mistake that bites, so that whoever makes the change is asked first. */
export type Doubt =
  | { readonly what: 'lock-out' | 'no-approver'; readonly message: string }
  | ({ readonly what: 'denials'; readonly message: string } & Traffic)

/** How recorded exchanges that were granted would fare under other documents. */
export interface Traffic {
  /** Granted exchanges that were judged again. */
  readonly looked: number
  readonly denied: number
  /** Those that would be denied, by client and targets, the largest first, with ids of records. */
  readonly groups: readonly {
    readonly client: string
    readonly targets: readonly string[]
    readonly count: number
    readonly examples: readonly string[]
  }[]
}

/** Judges the granted exchanges of the last week by other documents, newest first, as far as time allows. Handed in: the record is judged by exchange/. */
export type JudgeTraffic = (before: Compiled, after: Compiled) => Promise<Traffic>

/** A change may deny so much of what is permitted without being asked about, and so few exchanges, of which no share says anything. */
const SHARE = 0.05
const FEW = 10

/** Doubts that the documents alone give reason for; these cost nothing. */
export function doubtsOfDocuments({ before, whole, compiled, compiledBefore }: Plan): readonly Doubt[] {
  if (compiledBefore === undefined) return []
  const doubts: Doubt[] = []
  const worked = workingAdministrators(compiledBefore)
  const work = workingAdministrators(compiled)
  const lost = work.length === 0 ? worked : worked.filter(isAdmin)
  if (lost.length > 0 && !work.some(isAdmin)) {
    const left = work.length === 0 ? 'no Administrator document' : 'no Administrator document of the role admin'
    const names = lost.map(({ name }) => name).join(', ')
    const message = `${left} would work any more (now: ${names}), and only the bootstrap token would be left`
    doubts.push({ what: 'lock-out', message })
  }
  if (approvalsIn(whole).length > 0 && !work.some(isAdmin) && (lost.length > 0 || approvalsIn(before).length === 0)) {
    doubts.push({
      what: 'no-approver',
      message:
        'changes would need approval, and nobody could give it: the bootstrap token cannot, and no Administrator document of the role admin works; not even this could be taken back',
    })
  }
  return doubts
}

const isAdmin = ({ role }: { readonly role: string }): boolean => role === 'admin'

/** Kinds whose documents do not say what an exchange may. */
const BESIDE_THE_ROAD: ReadonlySet<string> = new Set(['Administrator', 'Approval'])

/** Whether the change can deny anybody anything: what is only added to what is permitted cannot. */
export function mayDeny({ put, removed, changes }: Plan): boolean {
  const created = new Set(
    changes.filter(({ action }) => action === 'created').map(({ kind, name }) => `${kind}/${name}`),
  )
  const harmless = ({ kind, metadata: { name }, spec }: Document): boolean =>
    BESIDE_THE_ROAD.has(kind) ||
    (created.has(`${kind}/${name}`) &&
      (kind === 'TrustedIssuer' || kind === 'Target' || (kind === 'Policy' && spec['effect'] !== 'forbid')))
  return !put.every(harmless) || !removed.every(({ kind }) => BESIDE_THE_ROAD.has(kind))
}

/** The doubt about a judgement of traffic, where there is any. */
export function doubtsOfTraffic(traffic: Traffic): readonly Doubt[] {
  const { looked, denied, groups } = traffic
  if (denied < FEW || denied / looked <= SHARE) return []
  const [first] = groups
  const most =
    first === undefined ? '' : `, ${first.count} of them of client ${first.client} at ${first.targets.join(' ')}`
  const message = `it would deny ${denied} of ${looked} exchanges that were granted in the last 7 days (${Math.round((denied / looked) * 100)} %)${most}`
  return [{ what: 'denials', message, ...traffic }]
}

/** The same as warnings, for whoever only tries. */
export const doubtsAsWarnings = (doubts: readonly Doubt[]): readonly Warning[] =>
  doubts.map(({ message }) => ({ kind: '', name: '', path: 'confirm', message: `asks for confirmation: ${message}` }))
