import { z } from 'zod'
import { SELF_ISSUER } from '../identity/principal.ts'
import {
  type AuthorizationDetail,
  type DetailValue,
  detailMemberName,
  detailTypeName,
  NO_DETAILS,
} from '../targets/authorization-details.ts'
import type { Case } from './case.ts'
import type { Facts, Failing } from './contract.ts'
import type { Policy } from './policy.ts'

/** The most that a member may be: one of these texts, these and no others in a list, a number at most, a boolean as it is. */
type Most = readonly string[] | number | boolean

/** Authorization details that a permit grants: those of the type whose members are within its limits (RFC 9396). */
export interface DetailLimit {
  readonly type: string
  readonly members: readonly (readonly [name: string, most: Most])[]
}

export const detailLimitsSchema = z
  .array(
    z.strictObject({
      type: detailTypeName.describe('The type, as requests name it'),
      members: z
        .record(
          detailMemberName,
          z.union([z.array(z.string()).min(1), z.number(), z.boolean()], {
            error: 'is a list of texts, a number that is the most, or true or false',
          }),
        )
        .optional()
        .describe(
          'Limits: the texts that may stand there, or the highest number; a member that has one may not be left out',
        ),
    }),
  )
  .min(1, 'is an empty list, which grants nothing; leave the field out')

export const compileDetailLimits = (written: z.infer<typeof detailLimitsSchema> | undefined): readonly DetailLimit[] =>
  Object.freeze((written ?? []).map(({ type, members = {} }) => ({ type, members: Object.entries(members) })))

/** Whether a permit that matches grants the detail: within its limits, and within what a token of ours holds (RA-05) or a grant conveys (IJ-33). */
export function coversDetail(rule: Policy, detail: AuthorizationDetail, { facts }: Pick<Case, 'facts'>): boolean {
  const held = isHeld(detail, facts)
  if (!held && isCapped(facts)) return false
  return (held || rule.changes.has('scope')) && rule.authorizationDetails.some((limit) => isWithin(detail, limit))
}

/** Whether nothing is granted that the subject's credential does not hold: a foreign one that says nothing of details caps none. */
const isCapped = ({ subject, subjectDetails }: Facts): boolean =>
  subject.issuer === SELF_ISSUER || subjectDetails !== undefined

/** Whether some detail is asked for that the subject's credential does not hold: the change class `scope`. */
export const widens = (facts: Facts): boolean =>
  facts.authorizationDetails?.some((detail) => !isHeld(detail, facts)) === true

/** A limit is of what stands there: what is left out could mean anything. */
const isWithin = (detail: AuthorizationDetail, { type, members }: DetailLimit): boolean =>
  detail.type === type && members.every(([name, most]) => Object.hasOwn(detail, name) && isAtMost(detail[name], most))

function isAtMost(value: DetailValue | undefined, most: Most): boolean {
  if (typeof most === 'number') return typeof value === 'number' && value <= most
  if (typeof most === 'boolean') return value === most
  if (typeof value === 'string') return most.includes(value)
  return typeof value === 'object' && value.every((text) => most.includes(text))
}

/**
 * Whether the subject's token holds a detail that says as much: every member of the one it holds stands here too, a list with no
 * more in it and everything else the same. What a number means, its target alone knows: a lower one may be another account.
 */
const isHeld = (detail: AuthorizationDetail, { subjectDetails = NO_DETAILS }: Facts): boolean =>
  subjectDetails.some((held) =>
    Object.entries(held).every(([name, value]) => Object.hasOwn(detail, name) && isNoMore(detail[name], value)),
  )

const isNoMore = (value: DetailValue | undefined, held: DetailValue): boolean =>
  typeof held === 'object' ? typeof value === 'object' && value.every((text) => held.includes(text)) : value === held

/** What keeps a permit that matches from granting all details; undefined where nothing does. */
export function detailsFailing(rule: Policy, asked: Pick<Case, 'facts'>): Failing | undefined {
  const { authorizationDetails = NO_DETAILS, subjectDetails = NO_DETAILS } = asked.facts
  const lacking = authorizationDetails.find((detail) => !coversDetail(rule, detail, asked))
  if (lacking === undefined) return undefined
  const { type } = lacking
  const saw = { 'request.authorizationDetails': [...authorizationDetails] }
  if (isCapped(asked.facts) && !isHeld(lacking, asked.facts)) {
    const why = `the subject token does not hold the authorization details of type ${type} that are asked for`
    return { path: 'spec.authorizationDetails', why, saw: { ...saw, subjectDetails: [...subjectDetails] } }
  }
  const limits = rule.authorizationDetails.filter((limit) => limit.type === type)
  if (limits.some((limit) => isWithin(lacking, limit)))
    return {
      path: 'spec.changes',
      why: 'it does not list the change scope (the token would have authorization details that the credential does not hold)',
      saw,
    }
  return {
    path: 'spec.authorizationDetails',
    why:
      limits.length === 0
        ? `it permits no authorization details of type ${type}`
        : `what is asked for of type ${type} is beyond its limits`,
    saw,
  }
}

/** Why no permit grants a detail that is asked for at a target, with the first permit that says anything of it. */
export function detailDenial(
  detail: AuthorizationDetail,
  permits: readonly Policy[],
  { client, target, facts }: Case,
): string {
  const only = { facts: { ...facts, authorizationDetails: [detail] } }
  const near = permits.find((rule) => rule.authorizationDetails.some(({ type }) => type === detail.type)) ?? permits[0]
  const why = near === undefined ? undefined : detailsFailing(near, only)
  const lead = `no rule lets client ${client} have the authorization details of type ${detail.type} that it asks for at ${target.name}`
  return near === undefined || why === undefined ? lead : `${lead}; of rule ${near.name}: ${why.why}`
}

/** Whether all that the narrow limits let pass, the wide ones do. */
export const limitsCover = (wide: readonly DetailLimit[], narrow: readonly DetailLimit[]): boolean =>
  narrow.every((one) => wide.some((other) => limitCovers(other, one)))

function limitCovers(wide: DetailLimit, narrow: DetailLimit): boolean {
  if (wide.type !== narrow.type) return false
  const limits = new Map(narrow.members)
  return wide.members.every(([name, most]) => isAtMost(limits.get(name), most))
}
