import type { Client } from '../clients/contract.ts'
import { callerOf, readInquiry } from './caller.ts'
import type { Inquiry, InquiryRoad } from './contract.ts'
import { type PresentedToken, presentedToken } from './presented-token.ts'
import { signedAnswer } from './signed-answer.ts'

/** Members of an introspection response (RFC 7662 §2.2); of a token that does not count, that and nothing else (IN-03). */
export type Introspection =
  | { readonly active: false }
  | { readonly active: true; readonly token_type: string; readonly [claim: string]: unknown }

export interface Introspected {
  readonly active: boolean
  /** The members, or a signed JWT of them (RFC 9701). */
  readonly answer: Introspection | string
}

const INACTIVE: Introspection = Object.freeze({ active: false })

/**
 * Whether a token counts, and what it says, to clients that it is for. To all others, also to the one that it was issued to,
 * it is as unknown as one that nobody was given: a client has no business with what its token says (IN-05, T37). Rejects
 * with a Refusal.
 */
export async function introspect(asked: Inquiry, signed: boolean, road: InquiryRoad): Promise<Introspected> {
  const request = readInquiry(asked, road)
  const { clients, snapshot, trust, now } = await callerOf(request, asked, road)
  const presented = await presentedToken(request.token, trust)
  const meant = presented === undefined ? undefined : clients.find((client) => isFor(presented, client))
  const issuedTo = presented === undefined ? undefined : snapshot.clients.byName(presented.ours.client)
  const introspection =
    presented === undefined || meant === undefined || issuedTo?.disabled === true ? INACTIVE : said(presented)
  if (!signed) return { active: introspection.active, answer: introspection }
  const audience = (meant ?? clients[0])?.name ?? ''
  const answer = await signedAnswer(introspection, { issuer: road.issuer, audience, keyring: snapshot.keyring, now })
  return { active: introspection.active, answer }
}

/** By the `audiences` of its document alone, as where it brings the token (T37): a service's name can be another's client by chance. */
const isFor = ({ token }: PresentedToken, { audiences }: Client): boolean =>
  token.audiences.some((audience) => audiences.includes(audience))

/** All that the token says: its claims are for whom it is for (IN-04, TE-47, CB-02, DP-16). */
function said({ token, usage }: PresentedToken): Introspection {
  const { assertion } = token.seen
  return { ...(typeof assertion === 'object' ? assertion : {}), active: true, token_type: usage }
}
