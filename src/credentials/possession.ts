/**
 * What a request proves of keys: that its sender holds the key of its certificate, of its DPoP proof, of the credential
 * that it brings. A proof is judged once, when it is asked for, and spends its one-use mark by that (T16).
 */
import { createHash } from 'node:crypto'
import type { JsonObject } from '../lib/json.ts'
import { Refusal } from '../refusal.ts'
import type { BoundKey, Carried, Mark, Possession, ProofMethod } from './contract.ts'
import { verifyAttestationPop } from './proofs/attestation-pop.ts'
import { readConfirmation } from './proofs/confirmation.ts'
import type { AtEndpoint } from './proofs/contract.ts'
import { verifyDpop } from './proofs/dpop.ts'
import { isSignedAsWorkload, verifyHttpSignature } from './proofs/http-signature.ts'
import { verifyWpt } from './proofs/wpt.ts'

/** Who is asked, and when. `now` is seconds since the epoch. */
export interface ProvenAt {
  readonly endpoints: readonly string[]
  readonly ourIssuer: string
  readonly now: number
}

/** Reads what a request proves by itself; `onMark` hears of every proof that is spent. Throws Refusal `dpop_invalid`. */
export function possessionOf(carried: Carried, at: ProvenAt, onMark: (mark: Mark) => void): Possession {
  const { certificate, dpop } = carried
  return certificate === undefined && dpop === undefined && !hasProofs(carried)
    ? NOTHING_PROVEN
    : new ProofsOfRequest(carried, at, onMark)
}

const hasProofs = ({ workloadProof, message, clientAttestation }: Carried): boolean =>
  workloadProof !== undefined || message !== undefined || clientAttestation !== undefined

class ProofsOfRequest implements Possession {
  readonly certificate: Possession['certificate']
  readonly jkt: string | undefined
  readonly provenKey: Possession['provenKey']
  readonly keys: string[] = []
  readonly binding: Possession['binding']
  readonly confirmation: Possession['confirmation']
  readonly #carried: Carried
  readonly #at: AtEndpoint
  readonly #onMark: (mark: Mark) => void
  readonly #proven = new Map<string, ProofMethod>()
  readonly #used = new Set<ProofMethod>()

  constructor(carried: Carried, { endpoints, ourIssuer, now }: ProvenAt, onMark: (mark: Mark) => void) {
    this.#carried = carried
    this.#at = { endpoints, issuer: ourIssuer, now, bodyDigest: (hash) => carried.bodyDigest(hash) }
    this.#onMark = (mark) => onMark({ ...mark, about: mark.purpose === 'dpop' ? 'dpop' : 'proof' })
    this.certificate = carried.certificate === undefined ? undefined : certificateOf(carried.certificate)
    if (carried.dpop !== undefined) {
      const { jkt, provenKey, mark } = verifyDpop(carried.dpop, { endpoints, now, method: 'POST' })
      this.jkt = jkt
      this.provenKey = provenKey
      this.#onMark(mark)
    }
    // Never both in one token (DP-22): a proof that is made for this request says more than the connection it came on.
    this.confirmation =
      this.jkt !== undefined
        ? { jkt: this.jkt }
        : this.certificate !== undefined
          ? { 'x5t#S256': this.certificate.thumbprint }
          : undefined
    for (const proven of [this.jkt, this.certificate?.thumbprint]) if (proven !== undefined) this.keys.push(proven)
    this.binding = this.jkt !== undefined ? 'dpop' : this.certificate !== undefined ? 'mtls' : 'none'
  }

  confirm(claims: JsonObject): void {
    const demanded = readConfirmation(claims)
    if (demanded === undefined) return
    const { jwk, jkt, certificate } = demanded
    if (certificate !== undefined && certificate !== this.certificate?.thumbprint) throw unproven('its certificate')
    if (jkt !== undefined && jkt !== this.jkt) throw unproven('its DPoP key')
    if (jwk !== undefined && jwk.key.thumbprint !== this.jkt) throw unproven('the key in cnf.jwk')
  }

  prove(token: string, bound: BoundKey, subject: string): ProofMethod {
    const known = this.#proven.get(token)
    if (known !== undefined) return known
    const method = this.#judge(token, bound, subject)
    this.#proven.set(token, method)
    if (!this.keys.includes(bound.key.thumbprint)) this.keys.push(bound.key.thumbprint)
    return method
  }

  checkAllUsed(): void {
    const { workloadProof, message } = this.#carried
    if (workloadProof !== undefined && !this.#used.has('wpt'))
      throw new Refusal('proof_invalid', 'the request has a WPT, and no credential that it proves')
    if (message !== undefined && isSignedAsWorkload(message) && !this.#used.has('http-signature'))
      throw new Refusal('proof_invalid', 'the request is signed by a workload, and has no credential that this proves')
  }

  #judge(token: string, { key, algorithm }: BoundKey, subject: string): ProofMethod {
    const { workloadProof, workloadIdentityToken, message, transactionToken, dpop } = this.#carried
    const { clientAttestation, clientAttestationProof } = this.#carried
    if (token === clientAttestation) {
      if (clientAttestationProof !== undefined) {
        const of = { key, algorithm, subject }
        this.#onMark(verifyAttestationPop(clientAttestationProof, of, this.#at).mark)
        return 'attestation-pop'
      }
      // Combined mode (AB-04): the one DPoP proof of the request, by the attested key.
      if (this.jkt === key.thumbprint) return 'dpop'
      throw unproven('the attested key')
    }
    const methods: ProofMethod[] = []
    if (algorithm !== undefined) {
      const of = { token, key, algorithm }
      if (workloadProof !== undefined) {
        this.#onMark(verifyWpt(workloadProof, of, { ...this.#at, transactionToken, dpop }).mark)
        methods.push('wpt')
      }
      // A message signature covers the header field, so it proves the key of the token in that field and of no other. Beside
      // a WPT it is judged as well: a request that is signed is as it was signed, or refused (W-61).
      if (
        message !== undefined &&
        token === workloadIdentityToken &&
        (workloadProof === undefined || isSignedAsWorkload(message))
      ) {
        this.#onMark(verifyHttpSignature(message, of, this.#at).mark)
        methods.push('http-signature')
      }
    }
    for (const method of methods) this.#used.add(method)
    const [method] = methods
    if (method === undefined) throw unproven('the key in cnf.jwk')
    return method
  }
}

/** Most requests prove no key at all. */
export const NOTHING_PROVEN: Possession = Object.freeze({
  certificate: undefined,
  jkt: undefined,
  provenKey: undefined,
  keys: Object.freeze([]),
  binding: 'none',
  confirmation: undefined,
  confirm(claims: JsonObject): void {
    if (readConfirmation(claims) !== undefined) throw unproven('that key')
  },
  prove(): never {
    throw unproven('that key')
  },
  checkAllUsed() {},
})

function unproven(what: string): Refusal {
  return new Refusal(
    'confirmation_unproven',
    `the credential is bound to a key, and the request does not prove ${what}`,
  )
}

/** A connection has one certificate, however many requests come on it. */
function certificateOf(chain: readonly Buffer[]): Possession['certificate'] {
  const known = certificates.get(chain)
  if (known !== undefined) return known
  const [leaf] = chain
  if (leaf === undefined) return undefined
  const certificate = Object.freeze({ chain, thumbprint: createHash('sha256').update(leaf).digest('base64url') })
  certificates.set(chain, certificate)
  return certificate
}

const certificates = new WeakMap<readonly Buffer[], NonNullable<Possession['certificate']>>()
