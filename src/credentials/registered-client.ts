import type { Client, ClientAuthentication } from '../clients/contract.ts'
import { CLIENTS_ISSUER } from '../identity/principal.ts'
import { algorithms } from '../lib/algorithms.ts'
import { compileCondition, compileMapping } from '../lib/cel.ts'
import { readJwks } from '../lib/jwk.ts'
import type { KeySource, TrustedIssuer } from '../trust/contract.ts'
import { CARRIED_TYPE } from './contract.ts'
import { CLIENT_ASSERTION_TYPE } from './kinds/jwt.ts'
import { pinned } from './kinds/x509.ts'

/** Seconds: a client assertion lives this long at most, so that its one-use mark need not be kept for longer (RP-03). */
const MAX_ASSERTION_LIFETIME = 300
/** Seconds: an attestation is used again and again until it ends (AB-06). */
const MAX_ATTESTATION_LIFETIME = 86_400
const CLOCK_SKEW = 30
const JWT_VARIABLES = ['assertion', 'header'] as const
const NAMED_ONCE = compileCondition('has(assertion.jti)', JWT_VARIABLES)
const CLIENT_OF_ASSERTION = compileMapping('assertion.sub', JWT_VARIABLES)

/**
 * A registered client with keys of its own is the issuer of its own credentials, trusted for the position `client` alone:
 * of its assertions, for our issuer alone, once (RFC 7523 §3, JC-01 to JC-12); of its self-made certificates (MT-04). An
 * attester is one for each client that it attests (AB-06, AB-12). So client authentication needs no pipeline of its own.
 * Undefined where a trusted issuer vouches for the client.
 */
export function issuerOfClient(client: Client, ourIssuer: string): TrustedIssuer | undefined {
  const { authentication, name } = client
  switch (authentication?.method) {
    case 'private_key_jwt': {
      const until = authentication.tokenEndpointAudienceUntil
      const tokenEndpoint = `${ourIssuer.replace(/\/$/, '')}/token`
      return Object.freeze({
        ...common(name),
        credential: 'jwt',
        settings: {
          issuer: name,
          algorithms: new Set([...algorithms.keys()]),
          typ: new Set(['', 'jwt', 'client-authentication+jwt']),
        },
        tokenTypes: [CLIENT_ASSERTION_TYPE],
        keys: keysOf(name, authentication),
        audiences: until === undefined ? [ourIssuer] : [ourIssuer, tokenEndpoint],
        ...(until === undefined ? {} : { audienceUntil: new Map([[tokenEndpoint, until]]) }),
        maxLifetime: MAX_ASSERTION_LIFETIME,
        singleUse: true,
        tenant: { mapping: CLIENT_OF_ASSERTION, allowed: new Set([name]) }, // sub = iss = client_id (JC-02)
        conditions: [NAMED_ONCE], // jti (JC-12)
        subject: CLIENT_OF_ASSERTION,
      })
    }
    case 'attest_jwt_client_auth':
      return Object.freeze({
        ...common(name),
        credential: 'client-attestation',
        settings: { client: name },
        tokenTypes: [CARRIED_TYPE.clientAttestation],
        keys: keysOf(name, authentication),
        maxLifetime: MAX_ATTESTATION_LIFETIME,
        subject: CLIENT_OF_ASSERTION,
      })
    case 'self_signed_tls_client_auth':
      return Object.freeze({
        ...common(name),
        credential: 'x509',
        settings: {},
        variables: ['certificate'],
        tokenTypes: [CARRIED_TYPE.certificate],
        keyUse: 'x509-svid',
        ...pinned(authentication.certificates),
        maxLifetime: Number.POSITIVE_INFINITY,
        subject: compileMapping(JSON.stringify(name), ['certificate']),
      })
    default:
      return undefined
  }
}

/** What all issuers that are clients say alike. */
const common = (name: string) =>
  ({
    name: CLIENTS_ISSUER,
    disabled: false, // a disabled client is refused by the decision, with its own name
    authority: name,
    lookUp: [name],
    variables: JWT_VARIABLES,
    keyUse: 'sig',
    maxStale: 3600,
    audiences: [],
    multipleAudiences: false,
    uses: new Set(['client'] as const),
    act: 'refuse',
    maxAge: Number.POSITIVE_INFINITY,
    clockSkew: CLOCK_SKEW,
    singleUse: false,
    firstUse: 'any',
    tenant: undefined,
    conditions: [],
    instance: undefined,
    attributes: [],
  }) as const

function keysOf(
  name: string,
  authentication: Extract<ClientAuthentication, { readonly jwks?: unknown; readonly jwksUri?: string }>,
): KeySource {
  if (authentication.jwksUri !== undefined) return { from: 'jwksUri', url: authentication.jwksUri }
  const { keys } = readJwks(authentication.jwks)
  if (keys.length === 0) throw new Error(`client ${name} has no usable key; its document should have been refused`)
  return { from: 'inline', keys }
}
