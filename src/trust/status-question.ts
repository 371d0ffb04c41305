/** The two ways to ask an issuer about a credential: what is sent, and what the answer says. */
import { isJsonObject, type Json, type JsonObject, parseJsonObject } from '../lib/json.ts'
import type { AskedCredential, OnlineCheck, TrustedIssuer } from './contract.ts'
import { FetchFailure } from './fetch-failure.ts'
import type { FetchRequest } from './guarded-fetch.ts'

/** What an issuer says of a credential: yes, perhaps only until then (seconds since the epoch), or why not. */
export type Answer = { readonly good: true; readonly until?: number } | { readonly good: false; readonly why: string }

interface Protocol {
  ask(issuer: TrustedIssuer, token: string): Pick<FetchRequest, 'body' | 'contentType' | 'statuses'>
  /** Throws FetchFailure `malformed` where the answer is none. */
  answer(said: JsonObject, issuer: TrustedIssuer, credential: AskedCredential): Answer
}

const REVIEW = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' } as const

/** Kubernetes (K-2): only authenticated, and for one of the audiences that were asked, is a yes. */
const tokenReview: Protocol = {
  ask: ({ audiences }, token) => ({
    contentType: 'application/json',
    body: JSON.stringify({ ...REVIEW, spec: { token, audiences } }),
    statuses: [200, 201],
  }),
  answer({ apiVersion, kind, status }, { audiences }, { subject }) {
    if (apiVersion !== REVIEW.apiVersion || kind !== REVIEW.kind || !isJsonObject(status))
      throw new FetchFailure('malformed', 'the answer is no TokenReview of authentication.k8s.io/v1 with a status')
    // A refusal has the status 201 as well, and does not say `authenticated` at all.
    if (status['authenticated'] !== true) return no('it is not authenticated')
    const meant = status['audiences']
    // Without audiences the token would be good for the API server itself, which is not us.
    if (!Array.isArray(meant) || !meant.some((one: Json) => typeof one === 'string' && audiences.includes(one)))
      return no('it is not good for an audience of ours')
    const user = status['user']
    if (subject !== undefined && (!isJsonObject(user) || user['username'] !== subject))
      return no('it is of another user than its sub')
    return { good: true }
  },
}

/** RFC 7662: only `active: true` is a yes, for as long as the answer's own `exp`. */
const introspection: Protocol = {
  ask: (_issuer, token) => ({
    contentType: 'application/x-www-form-urlencoded',
    body: new URLSearchParams({ token }).toString(),
  }),
  answer({ active, sub, exp }, _issuer, { subject }) {
    if (typeof active !== 'boolean') throw new FetchFailure('malformed', 'the answer does not say active')
    if (!active) return no('it is not active')
    if (subject !== undefined && sub !== undefined && sub !== subject) return no('it is of another sub')
    if (exp !== undefined && typeof exp !== 'number')
      throw new FetchFailure('malformed', 'the answer has an exp that is no number')
    return exp === undefined ? { good: true } : { good: true, until: exp }
  },
}

const PROTOCOLS: Readonly<Record<OnlineCheck['protocol'], Protocol>> = { tokenReview, introspection }

export const question = (check: OnlineCheck, issuer: TrustedIssuer, token: string) =>
  PROTOCOLS[check.protocol].ask(issuer, token)

/** Reads an answer. Throws FetchFailure `malformed`, whose message quotes nothing of it. */
export function answerIn(body: Buffer, check: OnlineCheck, issuer: TrustedIssuer, credential: AskedCredential): Answer {
  const said = parseJsonObject(body)
  if (said === undefined) throw new FetchFailure('malformed', 'the answer is not one sound JSON object')
  return PROTOCOLS[check.protocol].answer(said, issuer, credential)
}

const no = (why: string): Answer => ({ good: false, why })
