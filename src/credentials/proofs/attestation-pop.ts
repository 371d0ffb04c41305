import { checkHeader, shown } from '../jwt-checks.ts'
import type { ProofOf, Proven } from './contract.ts'
import { checkedAge, checkSignature, judged, markId, readProof, refuse, soleAudience } from './signed-proof.ts'

/** The attestation whose key is proven. */
export interface AttestationOf extends Pick<ProofOf, 'key'> {
  /** The `alg` of its `cnf.jwk`, which a WIT must have (SC-31); undefined: any that the key is fit for. */
  readonly algorithm: string | undefined
  /** Its `sub`: the only `iss` that a proof of the older form may still name (SC-33). */
  readonly subject?: string
}

/**
 * Verifies the proof beside a client attestation or a WIT-SVID, `OAuth-Client-Attestation-PoP`
 * (draft-ietf-oauth-attestation-based-client-auth-11 §5.1 and §7.2; AB-03, AB-07, SC-33). Challenges are not handed out,
 * so `challenge` says nothing to us. Throws Refusal `proof_invalid`.
 */
export const verifyAttestationPop = (
  pop: string,
  of: AttestationOf,
  at: { readonly issuer: string /** Seconds since the epoch. */; readonly now: number },
): Proven =>
  judged('proof_invalid', 'attestation proof', () => {
    const { header, claims, signingInput, signature } = readProof(pop, 'oauth-client-attestation-pop+jwt', at.now)
    const algorithm = header['alg']
    if (typeof algorithm !== 'string' || algorithm !== (of.algorithm ?? algorithm))
      refuse(`alg ${shown(algorithm)} is not the ${of.algorithm} of cnf.jwk`)
    checkHeader(header)
    checkSignature(of.key, algorithm, signingInput, signature)
    const audience = soleAudience(claims)
    if (audience !== at.issuer) refuse(`audience ${shown(audience)} is not our issuer`)
    if (claims['iss'] !== undefined && claims['iss'] !== of.subject)
      refuse(`iss ${shown(claims['iss'])} is not the subject of the attestation`)
    const until = checkedAge(claims, at.now)
    return { mark: { purpose: 'attestation-pop', issuer: of.key.thumbprint, id: markId(claims), until } }
  })
