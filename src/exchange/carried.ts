import { hash } from 'node:crypto'
import type { Carried } from '../credentials/contract.ts'
import type { SignedMessage } from '../lib/message-signature.ts'
import { Refusal } from '../refusal.ts'

/** The head of a request, as a door has it: header fields by lower-case name, and all of them in turn as they came. */
export interface Head {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>> & {
    readonly authorization?: string | undefined
  }
  /** Names and values by turns. */
  readonly rawHeaders: readonly string[]
}

/** RFC 9110 §11.2. A field that came twice is joined with a comma by Node, and so is none. */
const TOKEN68 = /^[A-Za-z0-9._~+/-]+=*$/

/**
 * What a request carries beside its form, taken out of its header fields: each at most once, in its newest spelling, none
 * of it verified. Throws Refusal `authentication_scheme` for an Authorization that nobody offers, `proof_invalid` and
 * `dpop_invalid` for fields that cannot be read.
 */
export function carriedOf(message: Head, body: Buffer, certificate: readonly Buffer[] | undefined): Carried {
  const { headers } = message
  const bodyDigest: Carried['bodyDigest'] = (algorithm) => hash(algorithm, body, 'base64url')
  if (headers['workload-proof-token'] !== undefined)
    throw new Refusal(
      'proof_invalid',
      'Workload-Proof-Token is of an older draft; the proof stands in Authorization: WPT',
    )
  const clientAttestation = single(message, 'oauth-client-attestation', 'proof_invalid')
  const clientAttestationProof = single(message, 'oauth-client-attestation-pop', 'proof_invalid')
  if (clientAttestationProof !== undefined && clientAttestation === undefined)
    throw new Refusal('proof_invalid', 'OAuth-Client-Attestation-PoP came without OAuth-Client-Attestation')
  return {
    certificate,
    workloadIdentityToken: single(message, 'workload-identity-token', 'proof_invalid'),
    workloadProof: workloadProofOf(message),
    message: headers['signature-input'] === undefined ? undefined : signedMessage(message),
    clientAttestation,
    clientAttestationProof,
    dpop: single(message, 'dpop', 'dpop_invalid'),
    transactionToken: single(message, 'txn-token', 'proof_invalid'),
    bodyDigest,
  }
}

function single({ headers }: Head, name: string, reason: 'proof_invalid' | 'dpop_invalid'): string | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !TOKEN68.test(value))
    throw new Refusal(reason, `the header field ${name} is not one token`)
  return value
}

/** `Authorization: WPT …`, once (W-40). Node keeps the first of several and says nothing of the others. */
function workloadProofOf({ headers, rawHeaders }: Head): string | undefined {
  const { authorization } = headers
  if (authorization === undefined) return undefined
  const [, proof] = /^wpt(?= |$) *(.*)$/i.exec(authorization) ?? []
  if (proof === undefined) {
    throw new Refusal(
      'authentication_scheme',
      'the request came with an Authorization header of another scheme than WPT, and no other is offered',
    )
  }
  const lines = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'authorization')
  if (lines.length !== 1 || !TOKEN68.test(proof))
    throw new Refusal('proof_invalid', 'Authorization is not one field with one token after WPT')
  return proof
}

/** The request as a message signature sees it (RFC 9421 §2): the target as sent, and fields as they came. */
function signedMessage({ method = '', url = '', rawHeaders }: Head): SignedMessage {
  const mark = url.indexOf('?')
  return {
    method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '?' : url.slice(mark),
    field(name) {
      const values: string[] = []
      for (let at = 0; at < rawHeaders.length; at += 2)
        if (rawHeaders[at]?.toLowerCase() === name) values.push((rawHeaders[at + 1] ?? '').trim())
      return values.length === 0 ? undefined : values.join(', ')
    },
  }
}
