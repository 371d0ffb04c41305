import type { Client } from '../clients/contract.ts'
import { CLIENTS_ISSUER } from '../identity/principal.ts'
import { algorithms } from '../lib/algorithms.ts'
import { compileCondition, compileMapping } from '../lib/cel.ts'
import { readJwks } from '../lib/jwk.ts'
import type { KeySource, TrustedIssuer } from '../trust/contract.ts'
import { CLIENT_ASSERTION_TYPE, type JwtSettings } from './kinds/jwt.ts'

/** Seconds: a client assertion lives this long at most, so that its one-use mark need not be kept for longer (RP-03). */
const MAX_ASSERTION_LIFETIME = 300
const CLOCK_SKEW = 30
const NAMED_ONCE = compileCondition('has(assertion.jti)', ['assertion', 'header'])
const CLIENT_OF_ASSERTION = compileMapping('assertion.sub', ['assertion', 'header'])

/**
 * A registered client is the issuer of its own assertions (RFC 7523 §3, JC-01 to JC-12): trusted for the position
 * `client` alone, for our issuer alone, once. So client authentication needs no pipeline of its own.
 * Undefined where the client authenticates otherwise.
 */
export function issuerOfClient(client: Client, ourIssuer: string): TrustedIssuer<JwtSettings> | undefined {
  const { authentication } = client
  if (authentication?.method !== 'private_key_jwt') return undefined
  const until = authentication.tokenEndpointAudienceUntil
  const tokenEndpoint = `${ourIssuer.replace(/\/$/, '')}/token`
  return Object.freeze({
    name: CLIENTS_ISSUER,
    disabled: false, // a disabled client is refused by the decision, with its own name
    credential: 'jwt',
    settings: {
      issuer: client.name,
      algorithms: new Set([...algorithms.keys()]),
      typ: new Set(['', 'jwt', 'client-authentication+jwt']),
    },
    authority: client.name,
    tokenTypes: [CLIENT_ASSERTION_TYPE],
    keys: keysOf(client.name, authentication),
    keyUse: 'sig',
    maxStale: 3600,
    audiences: until === undefined ? [ourIssuer] : [ourIssuer, tokenEndpoint],
    ...(until === undefined ? {} : { audienceUntil: new Map([[tokenEndpoint, until]]) }),
    multipleAudiences: false,
    uses: new Set(['client'] as const),
    act: 'refuse',
    maxLifetime: MAX_ASSERTION_LIFETIME,
    maxAge: Number.POSITIVE_INFINITY,
    clockSkew: CLOCK_SKEW,
    singleUse: true,
    tenant: { mapping: CLIENT_OF_ASSERTION, allowed: new Set([client.name]) }, // sub = iss = client_id (JC-02)
    conditions: [NAMED_ONCE], // jti (JC-12)
    subject: CLIENT_OF_ASSERTION,
    instance: undefined,
    attributes: [],
  })
}

function keysOf(name: string, authentication: NonNullable<Client['authentication']>): KeySource {
  if (authentication.jwksUri !== undefined) return { from: 'jwksUri', url: authentication.jwksUri }
  const { keys } = readJwks(authentication.jwks)
  if (keys.length === 0) throw new Error(`client ${name} has no usable key; its document should have been refused`)
  return { from: 'inline', keys }
}
