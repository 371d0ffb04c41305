/**
 * policy/ owns what is allowed: the written form of rules, their compiled form, and the pure decision. It sees verified
 * facts only (T3) and knows neither the credential nor the token behind them. How documents combine is interfaces.md,
 * "How they are read".
 */
import type { Grant } from '../clients/contract.ts'
import type { ActorChain, MayAct } from '../identity/actor.ts'
import type { Principal } from '../identity/principal.ts'
import type { Json } from '../lib/json.ts'
import type { Reason } from '../refusal.ts'
import type { AuthorizationDetails } from '../targets/authorization-details.ts'
import type { Target, TokenProfile } from '../targets/contract.ts'

/** Everything the evaluator sees of one request: verified values only. Enough to judge again (I6), so it is what the record keeps. */
export interface Facts {
  readonly grant: Grant
  readonly client: {
    /** Names of the clients that the caller is, in order: one when it authenticated as a registered client. */
    readonly candidates: readonly string[]
    /** The request's `client_id`: only this one may permit, while a forbid on any candidate still denies. */
    readonly named?: string
    /** How it proved it: a client authentication method, or `subject_token` / `actor_token` where it was found from that. */
    readonly authentication: string
    readonly principal: Principal
  }
  readonly subject: Principal
  /** Who acts for the subject on this request; absent when client and subject are the same principal. */
  readonly actor?: Principal
  /** Actors that the subject token already names, current one first. */
  readonly actors: ActorChain
  /** The subject token's `may_act`, and the `iss` of that token, which a missing `iss` in it means. */
  readonly mayAct?: {
    readonly members: MayAct
    readonly issuer: string
    /** The `iss` of the acting party's own credential; absent: known only where its document is the subject's too. */
    readonly actorIssuer?: string
  }
  /** Audiences of the subject token where it is ours; absent for foreign ones (interfaces.md, "Narrowing"). */
  readonly subjectAudiences?: readonly string[]
  /** The client that it was issued to. */
  readonly subjectClient?: string
  /** It is ours and bound to a key, and the request does not prove that key (TE-74). */
  readonly subjectUnproven?: boolean
  /** The one client that may bring the subject's credential, where that is made out to one (IJ-32). */
  readonly madeFor?: string
  /** Scopes that the subject's credential conveys, where it says: nothing beyond them (IC-52). */
  readonly conveys?: readonly string[]
  /** The only resources that it is good for, where it says (IJ-33). */
  readonly onlyResources?: readonly string[]
  /** Audiences of a foreign token that was issued to a client of ours and not to us: the ids of that client at its issuer (TE-72). */
  readonly issuedTo?: readonly string[]
  /** Clients that the request has passed before this one, in order: what `visited('x')` asks. */
  readonly path?: readonly string[]
  /** `audience` and `resource` values as asked. */
  readonly audiences: readonly string[]
  readonly resources: readonly string[]
  /** Scopes asked for; [] when the request names none. */
  readonly scopes: readonly string[]
  /** `authorization_details` as asked; absent when the request has none. */
  readonly authorizationDetails?: AuthorizationDetails
  /** Those that the subject token holds, where it is ours, or that a grant conveys; absent: none, and no word of any. */
  readonly subjectDetails?: AuthorizationDetails
  /** `requested_token_type` as asked. */
  readonly tokenType?: string
  /** The proof of possession presented on this request. */
  readonly binding: 'none' | 'dpop' | 'mtls'
  /** The format of the subject's credential (`jwt`, `x509`, …), for the change class `format`. */
  readonly format: string
  /** Seconds since the epoch. */
  readonly time: number
}

export const changeClasses = ['format', 'scope', 'identity', 'authority', 'unbind', 'lifetime'] as const
export type ChangeClass = (typeof changeClasses)[number]

/** What each class is, for those who read that a rule does not list it. */
export const CHANGE_MEANS: Readonly<Record<ChangeClass, string>> = {
  format: 'the token would be of another format than the credential',
  scope: 'the token would have scopes or authorization details that the credential does not hold',
  identity: 'the token would name its subject otherwise than the credential',
  authority: 'the token would be ours, and the credential is of another issuer',
  unbind: 'the credential is bound to a key, and the token would be good for whoever has it',
  lifetime: 'the token would live longer than the credential',
}

interface Judged {
  /** The client that the decision is about; absent when none could be settled on. */
  readonly client?: string
  /** Deciding rules: the permits that carry a grant, or the forbids that deny. */
  readonly rules: readonly string[]
  /** Shadow rules that would have matched: recorded, without effect. */
  readonly shadow: readonly { readonly rule: string; readonly outcome: 'permit' | 'forbid' }[]
  readonly changes: readonly ChangeClass[]
  /** Conditions that failed while being judged: `rule NAME: message`. */
  readonly errors: readonly string[]
}

export interface Permission extends Judged {
  readonly permitted: true
  readonly client: string
  readonly targets: readonly Target[]
  readonly profile: TokenProfile
  readonly scopes: readonly string[]
  /** All that were asked for; [] for none. */
  readonly authorizationDetails: AuthorizationDetails
  /** The issued `sub`. */
  readonly subject: string
  /** The issued `act`, current actor first; [] for none. */
  readonly actors: ActorChain
  /** Ceiling in seconds over profile and rules; the credential's own end comes on top in tokens/mint.ts. */
  readonly lifetime: number
  readonly binding: 'none' | 'dpop' | 'mtls'
}

export interface Denial extends Judged {
  readonly permitted: false
  readonly reason: Reason
  /** A sentence for the administrator; never leaves but through the record. */
  readonly detail: string
}

export type Decision = Permission | Denial

/** Values that were looked at, by the names that conditions have for them; null: there was none. */
export type Seen = Readonly<Record<string, Json>>

/** What of a rule stopped it. */
export interface Failing {
  /** Where in the rule's document: `spec.subject.match.namespace`. */
  readonly path: string
  /** Completes "rule NAME does not match, because …". */
  readonly why: string
  readonly saw: Seen
}

/** What a permit demands of the request beside matching it. */
export interface Demand {
  readonly path: string
  /** One of these is demanded. */
  readonly demands: readonly string[]
  readonly saw: Seen
  readonly met: boolean
}

/** One rule, put to one client at one target. */
export interface TracedRule {
  readonly rule: string
  readonly effect: 'permit' | 'forbid'
  readonly mode: 'enforce' | 'shadow'
  readonly disabled: boolean
  /** Whether it takes part in the decision, or would if it were not in shadow. */
  readonly matched: boolean
  /** Of the scopes in question, those that it grants; in a forbid, those that it takes away. */
  readonly scopes: readonly string[]
  /** The first thing that keeps it from granting, or from forbidding, all that is asked; absent where nothing does. */
  readonly failing?: Failing
  readonly demands: readonly Demand[]
}

/** What every rule that speaks of one client at one target says to the request. */
export interface TracedCase {
  readonly client: string
  /** Absent where the request means no target that there is. */
  readonly target?: string
  /** Why this client gets nothing here, whatever the rules say. */
  readonly stopped?: { readonly reason: Reason; readonly detail: string }
  /** The scopes asked for, or else those that the target gives by default. */
  readonly scopes: readonly string[]
  readonly changes: readonly ChangeClass[]
  /** Those that name the client (or all) and the target (or all), by name. */
  readonly rules: readonly TracedRule[]
  /** How many others there are. */
  readonly others: number
}

/** The rule that came nearest to permitting what was asked. */
export interface NearestRule extends TracedRule {
  readonly client: string
  readonly target: string
}

/** Why a request is decided as it is: evaluate()'s own decision as JSON, and beside it what each rule said. */
export interface Explanation {
  readonly permitted: boolean
  /** Of a denial. */
  readonly reason?: Reason
  /** What a person understands of it. */
  readonly sentence: string
  readonly client?: string
  readonly rules: readonly string[]
  readonly shadow: Judged['shadow']
  readonly changes: readonly ChangeClass[]
  readonly errors: readonly string[]
  /** Of a permit. */
  readonly granted?: {
    readonly targets: readonly string[]
    readonly scopes: readonly string[]
    readonly authorizationDetails?: AuthorizationDetails
    /** The name of the token's kind. */
    readonly token: string
    readonly tokenType: string
    readonly subject: string
    readonly actors: ActorChain
    /** Seconds, as a ceiling: the credentials' own ends come on top. */
    readonly lifetime: number
    readonly binding: Permission['binding']
  }
  /** Of a denial, where some enforced permit speaks of the client and the target. */
  readonly nearest?: NearestRule
  readonly trace: readonly TracedCase[]
}
