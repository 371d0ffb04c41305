import {
  componentOf,
  type SignedMessage,
  signatureBase,
  signatureTagged,
  stringOf,
} from '../../lib/message-signature.ts'
import { type ItemParameters, parseDictionary } from '../../lib/structured-fields.ts'
import { isName, shown } from '../jwt-checks.ts'
import type { AtEndpoint, ProofOf, Proven } from './contract.ts'
import { CLOCK_SKEW, checkSignature, isOneOf, judged, MAX_LIFETIME, refuse, shortId } from './signed-proof.ts'

/** What marks a signature as this proof, under whatever label it stands (W-56). */
export const SIGNATURE_TAG = 'wimse-workload-to-workload'

/** Every token request has a body, so what describes and binds it is always demanded (W-50, W-51, W-53). */
const DEMANDED = ['@method', '@path', '@query', 'content-type', 'content-digest'] as const
/** `dpop` is ours: who could put another there on the way would have the token that is issued bound to a key of their own. */
const DEMANDED_IF_PRESENT = ['authorization', 'txn-token', 'workload-identity-token', 'dpop'] as const

/** Whether the request says that it is signed so; others on the way may sign for their own ends. */
export const isSignedAsWorkload = (message: SignedMessage): boolean =>
  [...(parseDictionary(message.field('signature-input') ?? '') ?? [])].some(
    ([, { parameters }]) => stringOf(parameters, 'tag') === SIGNATURE_TAG,
  )

/**
 * Verifies the HTTP message signature of a workload (draft-ietf-wimse-http-signature-07, a profile of RFC 9421, W-50 to
 * W-61). Throws Refusal `proof_invalid`.
 */
export const verifyHttpSignature = (message: SignedMessage, of: ProofOf, at: AtEndpoint): Proven =>
  judged('proof_invalid', 'HTTP message signature', () => {
    const found = signatureTagged(message, SIGNATURE_TAG)
    if ('fault' in found) refuse(found.fault)
    const { parameters } = found.input
    const base = signatureBase(found.input, (component) => {
      if (component === '@authority') refuse('@authority is covered, which proxies rewrite: the recipient is wimse-aud')
      return componentOf(message, component)
    })
    if ('fault' in base) refuse(base.fault)
    for (const name of DEMANDED) if (!base.covered.has(name)) refuse(`${name} is not covered`)
    for (const name of DEMANDED_IF_PRESENT) {
      if (message.field(name) !== undefined && !base.covered.has(name)) refuse(`${name} came and is not covered`)
    }
    const credential = message.field('workload-identity-token')
    if (credential !== undefined && credential !== of.token) refuse('the request is signed with another credential')
    const until = checkedWindow(parameters, at.now)
    checkParameters(parameters, at)
    const nonce = stringOf(parameters, 'nonce')
    if (!isName(nonce)) refuse('nonce is missing')
    checkSignature(of.key, of.algorithm, base.text, found.signature)
    checkContentDigest(message, at)
    return { mark: { purpose: 'http-signature', issuer: of.key.thumbprint, id: shortId(nonce), until } }
  })

function checkParameters(parameters: ItemParameters, at: AtEndpoint): void {
  for (const name of ['keyid', 'alg']) {
    if (parameters.has(name)) refuse(`${name} is a parameter, and key and algorithm come from the credential (W-55)`)
  }
  const audience = stringOf(parameters, 'wimse-aud')
  if (audience === undefined) refuse('wimse-aud is missing')
  if (!isOneOf(audience, [...at.endpoints, at.issuer])) refuse(`wimse-aud ${shown(audience)} is not this endpoint`)
  const response = parameters.get('wimse-sign-response')
  if (response !== undefined && !(response.type === 'boolean' && !response.value))
    refuse('wimse-sign-response demands a signed response, and responses are not signed here (W-59)')
}

/** `created` and `expires` (W-54): the last second at which the signature could be accepted. */
function checkedWindow(parameters: ItemParameters, now: number): number {
  const created = secondsOf(parameters, 'created')
  const expires = secondsOf(parameters, 'expires')
  if (created > now + CLOCK_SKEW) refuse(`created ${created - now} s in the future`)
  if (expires <= created) refuse('expires before it is created')
  if (expires - created > MAX_LIFETIME) refuse(`lives ${expires - created} s, at most ${MAX_LIFETIME} s are taken`)
  if (expires + CLOCK_SKEW <= now) refuse(`expired ${now - expires} s ago`)
  return expires + CLOCK_SKEW
}

function secondsOf(parameters: ItemParameters, name: string): number {
  const parameter = parameters.get(name)
  return parameter?.type === 'integer' && parameter.value >= 0
    ? parameter.value
    : refuse(`${name} is not a number of seconds since 1970`)
}

const HASHES = [
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
] as const

/** The digest of the body is computed again (W-53). Algorithms that are not known or weak prove nothing (RFC 9530 §5). */
function checkContentDigest(message: SignedMessage, at: AtEndpoint): void {
  const digests = parseDictionary(message.field('content-digest') ?? '')
  if (digests === undefined) refuse('content-digest is not a structured dictionary (RFC 8941)')
  let known = false
  for (const [name, hash] of HASHES) {
    const digest = digests.get(name)
    if (digest === undefined) continue
    if (digest.kind !== 'item' || digest.bare.type !== 'bytes') refuse(`the ${name} of content-digest is not bytes`)
    if (digest.bare.value.toString('base64url') !== at.bodyDigest(hash))
      refuse(`content-digest ${name} is not that of the body`)
    known = true
  }
  if (!known) refuse('content-digest has neither sha-256 nor sha-512')
}
