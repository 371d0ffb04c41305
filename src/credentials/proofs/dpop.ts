import { isJsonObject, type JsonObject } from '../../lib/json.ts'
import type { VerificationKey } from '../../lib/jwk.ts'
import { checkHeader, requiredText, shown } from '../jwt-checks.ts'
import type { AtEndpoint, Proven } from './contract.ts'
import { readProvenKey } from './proven-key.ts'
import { checkedAge, checkSignature, judged, markId, readProof, refuse } from './signed-proof.ts'

/** The endpoint, and the method by which it is asked. */
export interface DpopAt extends Pick<AtEndpoint, 'endpoints' | 'now'> {
  readonly method: 'POST'
}

/** A DPoP proof that holds. */
export interface ProvenDpop extends Proven {
  /** RFC 7638 thumbprint of the key (DP-04). */
  readonly jkt: string
  /** The key as the proof brings it, and what it is signed with. */
  readonly provenKey: { readonly jwk: JsonObject; readonly algorithm: string }
}

/**
 * Verifies a DPoP proof as a token endpoint does (RFC 9449 §4.3, DP-01 to DP-06). No access token is presented here and
 * no nonce is handed out, so `ath` and `nonce` say nothing to us. Throws Refusal `dpop_invalid`.
 */
export const verifyDpop = (proof: string, at: DpopAt): ProvenDpop =>
  judged('dpop_invalid', 'DPoP proof', () => {
    const { header, claims, signingInput, signature } = readProof(proof, 'dpop+jwt', at.now)
    const { key, jwk } = keyIn(header)
    const algorithm = header['alg']
    if (typeof algorithm !== 'string') refuse(`alg is ${shown(algorithm)}`)
    checkSignature(key, algorithm, signingInput, signature)
    if (claims['htm'] !== at.method) refuse(`htm ${shown(claims['htm'])} is not ${at.method}`)
    const url = normalUrl(requiredText(claims, 'htu'))
    if (url === undefined || !at.endpoints.some((endpoint) => normalUrl(endpoint) === url))
      refuse(`htu ${shown(claims['htu'])} is not this endpoint`)
    const until = checkedAge(claims, at.now)
    return {
      jkt: key.thumbprint,
      provenKey: { jwk, algorithm },
      mark: { purpose: 'dpop', issuer: key.thumbprint, id: markId(claims), until },
    }
  })

/** The one JWT that may bring its own key: it says only that the sender holds it (T5). */
function keyIn({ jwk, ...others }: JsonObject): { readonly key: VerificationKey; readonly jwk: JsonObject } {
  checkHeader(others)
  const reading = readProvenKey(jwk)
  if ('fault' in reading) refuse(`the key in its header ${reading.fault}`)
  return isJsonObject(jwk) ? { key: reading.key, jwk } : refuse('the key in its header is no object')
}

const URL_PARTS = /^(https?):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{0,5}))?(\/[^?#]*)?(?:[?#].*)?$/is
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/**
 * A URL in the one spelling of its scheme (DP-03): case of scheme and host, default port, empty path; query and fragment
 * are left out. Its path is compared as it is written: what decodes could be made to meet (T15).
 */
function normalUrl(url: string): string | undefined {
  const parts = URL_PARTS.exec(url)
  if (parts === null) return undefined
  const [, scheme = '', host = '', port = '', path = '/'] = parts
  const protocol = scheme.toLowerCase()
  return `${protocol}://${host.toLowerCase()}:${Number(port || DEFAULT_PORTS[protocol])}${path}`
}
