import { z } from 'zod'
import { algorithms } from '../../lib/algorithms.ts'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { Refusal } from '../../refusal.ts'
import { CARRIED_TYPE, type CredentialKind } from '../contract.ts'
import {
  checkedAlgorithm,
  checkedTimes,
  checkHeader,
  checkIssuerText,
  checkSignature,
  checkType,
  readToken,
  requiredText,
  shown,
  useIdOf,
} from '../jwt-checks.ts'
import { confirmedKey } from '../proofs/confirmation.ts'

const settings = z.strictObject({ client: z.string() })

const ALGORITHMS: ReadonlySet<string> = new Set(algorithms.keys())
const TYPES: ReadonlySet<string> = new Set(['oauth-client-attestation+jwt'])

/**
 * A client attestation (draft-ietf-oauth-attestation-based-client-auth-11; AB-01 to AB-07): the attester says which key an
 * instance of the client holds, and the instance proves it. Its issuers are the registered clients, each with the keys of
 * its attester (AB-12).
 */
export const clientAttestation: CredentialKind<z.output<typeof settings>, UnverifiedJws> = {
  name: 'client-attestation',
  summary: 'A client attestation with a proof of the attested key, for clients that are registered by their attester.',
  format: 'jwt',
  tokenTypes: [],
  clientTypes: new Map([[CARRIED_TYPE.clientAttestation, 'attest_jwt_client_auth']]),
  settings,
  header: () => ({ algorithms: ALGORITHMS, typ: TYPES }),
  audience: 'none',
  builtIn: true,

  authority: ({ client }) => client,
  read: readToken,

  locate: ({ claims }) => ({ authorities: [requiredText(claims, 'sub')], audiences: [] }),

  async verify(jws, issuer, { token, now, keys, possession }) {
    const { header, claims } = jws
    const algorithm = checkedAlgorithm(header, ALGORITHMS)
    checkHeader(header)
    checkType(header, TYPES)
    const expiresAt = checkedTimes(claims, issuer, now)
    checkIssuerText(claims)
    const authority = requiredText(claims, 'sub')
    const bound = confirmedKey(claims)
    const pending = checkSignature(jws, issuer, algorithm, keys)
    if (pending !== undefined) await pending
    const method = possession.prove(token, bound, authority)
    if (method !== 'attestation-pop' && method !== 'dpop')
      throw new Refusal('confirmation_unproven', `an attestation is not proven by ${shown(method)}`)
    return {
      authority,
      claims,
      header,
      uri: undefined,
      audiences: [],
      expiresAt,
      useId: useIdOf(jws),
      keyProven: true,
      actors: [],
      mayAct: undefined,
      authentication: method === 'dpop' ? 'attest_jwt_client_auth_dpop' : 'attest_jwt_client_auth',
    }
  },
}
