import { createHash } from 'node:crypto'
import { z } from 'zod'
import { algorithms } from '../../lib/algorithms.ts'
import { readJws, type UnverifiedJws } from '../../lib/jws.ts'
import { Refusal } from '../../refusal.ts'
import type { CredentialKind } from '../contract.ts'
import {
  actorsOf,
  audiencesOf,
  checkAudience,
  checkedAlgorithm,
  checkedKeyId,
  checkedTimes,
  checkedTokenId,
  checkHeader,
  checkType,
  mayActOf,
  normalType,
  requiredText,
} from '../jwt-checks.ts'

/** What a TrustedIssuer of this kind says beside what all say. */
const settings = z.strictObject({
  issuer: z.string().min(1).max(1024),
  algorithms: z
    .array(z.string().refine((name) => algorithms.has(name), 'is not an algorithm that Cambist verifies'))
    .min(1)
    .default(['RS256', 'ES256'])
    .transform((names) => new Set(names)),
  typ: z
    .array(z.string())
    .min(1)
    .default(['', 'JWT'])
    .transform((names) => new Set(names.map(normalType))),
})

export type JwtSettings = z.output<typeof settings>

export const ID_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:id_token'
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** A signed JWT of an issuer with its own name in `iss`: Kubernetes, CI systems, clouds, any OpenID provider; and a registered client's assertion. */
export const jwt: CredentialKind<JwtSettings, UnverifiedJws> = {
  name: 'jwt',
  summary:
    'A JWT that its issuer signs and names itself in, such as a Kubernetes service-account token or a CI job token.',
  format: 'jwt',
  tokenTypes: [JWT_TYPE, ID_TOKEN_TYPE, CLIENT_ASSERTION_TYPE],
  settings,

  authority: ({ issuer }) => issuer,

  read(token) {
    const jws = readJws(token)
    if (jws === undefined)
      throw new Refusal('token_malformed', 'not a compact JWS with a JSON header and payload in canonical base64url')
    return jws
  },

  locate: ({ claims }) => ({ authority: requiredText(claims, 'iss'), audiences: audiencesOf(claims) }),

  async verify({ header, claims, signingInput, signature }, issuer, { now, accepted, keys }) {
    const name = checkedAlgorithm(header, issuer.settings.algorithms)
    const algorithm = algorithms.get(name)
    checkHeader(header)
    checkType(header, issuer.settings.typ)
    const expiresAt = checkedTimes(claims, issuer, now)
    const audiences = audiencesOf(claims)
    checkAudience(audiences, accepted.audiences, accepted.several)
    const pending = keys.find(issuer, checkedKeyId(header), name)
    const key = pending instanceof Promise ? await pending : pending
    if (
      algorithm === undefined ||
      (algorithm.signatureBytes !== undefined && signature.length !== algorithm.signatureBytes) ||
      !algorithm.verify(key.key, Buffer.from(signingInput), signature)
    ) {
      throw new Refusal('signature_invalid', `the signature does not verify with key ${key.kid ?? key.thumbprint}`)
    }
    const authority = requiredText(claims, 'iss')
    return {
      authority,
      claims,
      header,
      uri: undefined,
      audiences,
      expiresAt,
      // Of the signed part: an ECDSA signature has two spellings, what it signs has one.
      useId:
        claims['jti'] === undefined
          ? `sha256:${createHash('sha256').update(signingInput).digest('base64url')}`
          : checkedTokenId(claims),
      keyProven: false,
      actors: actorsOf(claims, authority),
      mayAct: mayActOf(claims),
    }
  },
}
