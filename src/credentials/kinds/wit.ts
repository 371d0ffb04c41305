import { z } from 'zod'
import { parseWorkloadId } from '../../identity/spiffe-id.ts'
import { algorithms } from '../../lib/algorithms.ts'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { JWT_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import { CARRIED_TYPE, type CredentialKind } from '../contract.ts'
import {
  audiencesOf,
  checkedAlgorithm,
  checkedTimes,
  checkHeader,
  checkIssuerText,
  checkSignature,
  checkType,
  readToken,
  useIdOf,
} from '../jwt-checks.ts'
import { keyOfWit } from '../proofs/confirmation.ts'
import { SPIFFE_ALGORITHMS, trustDomain, workloadOf } from './spiffe-jwt-svid.ts'

const settings = z.strictObject({
  trustDomain,
  /** The same name under two schemes may be two trust domains (W-9). */
  scheme: z.enum(['spiffe', 'wimse'], 'is spiffe or wimse').default('spiffe').describe('What its ids begin with'),
})

const TYPES: ReadonlySet<string> = new Set(['wit+jwt'])
/** WIMSE takes any asymmetric algorithm; SPIFFE its nine (S, §4). */
const WIMSE_ALGORITHMS: ReadonlySet<string> = new Set(algorithms.keys())
const algorithmsOf = (scheme: 'spiffe' | 'wimse') => (scheme === 'spiffe' ? SPIFFE_ALGORITHMS : WIMSE_ALGORITHMS)

/**
 * A Workload Identity Token (draft-ietf-wimse-workload-creds-02, W-30 to W-35) or its SPIFFE profile, WIT-SVID (S-60 to
 * S-63). It names no audience, so it is nothing without a proof of its key on this very request: a WPT, a message
 * signature, or a proof of client attestation (SC-30).
 */
export const wit: CredentialKind<z.output<typeof settings>, UnverifiedJws> = {
  name: 'wit',
  summary: 'A WIMSE workload identity token or SPIFFE WIT-SVID, taken with a proof of the key that it is bound to.',
  format: 'wit',
  tokenTypes: [JWT_TYPE],
  clientTypes: new Map([
    [CARRIED_TYPE.workloadIdentityToken, 'workload_identity_token'],
    [CARRIED_TYPE.clientAttestation, 'spiffe_wit'],
  ]),
  settings,
  header: ({ scheme }) => ({ algorithms: algorithmsOf(scheme), typ: TYPES }),
  audience: 'none',
  without: ['maxAge'],
  maxAge: Number.POSITIVE_INFINITY,
  keyUse: 'wit-svid',
  sources: ['bundle', 'jwksUri', 'jwks'],

  authority: (said) => `${said.scheme}://${said.trustDomain}`,
  read: readToken,

  locate({ claims }) {
    const id = typeof claims['sub'] === 'string' ? parseWorkloadId(claims['sub']) : undefined
    if (id === undefined) return { unlocated: 'claim_malformed', detail: 'sub is no workload identifier' }
    // One with an audience is no WIT (S, §4); it is looked up as what it says it is, and meets no document of this kind.
    return { authorities: [id.origin], audiences: claims['aud'] === undefined ? [] : audiencesOf(claims) }
  },

  async verify(jws, issuer, { token, now, keys, possession }) {
    const { header, claims } = jws
    const spiffe = issuer.settings.scheme === 'spiffe'
    const allowed = algorithmsOf(issuer.settings.scheme)
    const algorithm = checkedAlgorithm(header, allowed)
    checkHeader(header)
    checkType(header, TYPES)
    if (spiffe && header['kid'] === undefined) throw new Refusal('token_malformed', 'a WIT-SVID names its key by kid')
    if (claims['aud'] !== undefined) throw new Refusal('claim_malformed', 'a workload identity token has no aud')
    checkIssuerText(claims)
    const { iat: _, ...dated } = claims // says nothing of validity (S, §4)
    const expiresAt = checkedTimes(dated, issuer, now)
    const id = workloadOf(claims, parseWorkloadId)
    const bound = keyOfWit(claims, allowed)
    const pending = checkSignature(jws, issuer, algorithm, keys)
    if (pending !== undefined) await pending
    // The combined mode is of client attestations, and leaves the algorithm of cnf.jwk open (SC-31, SC-34).
    if (possession.prove(token, bound, id.uri) === 'dpop')
      throw new Refusal('confirmation_unproven', 'a workload identity token is not proven by a DPoP proof alone')
    return {
      authority: id.origin,
      claims,
      header,
      uri: id.uri,
      audiences: [],
      expiresAt,
      useId: useIdOf(jws),
      keyProven: true,
      actors: [],
      mayAct: undefined,
    }
  },
}
