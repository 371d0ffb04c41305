import { SELF_ISSUER } from '../identity/principal.ts'
import { algorithms } from '../lib/algorithms.ts'
import { compileMapping } from '../lib/cel.ts'
import { readJwks } from '../lib/jwk.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import { ACCESS_TOKEN_TYPE, type OwnSettings } from './kinds/own-access-token.ts'

/** Seconds: no target's tokens live longer (targets/), and a token that says it does is none of ours. */
export const MAX_TOKEN_LIFETIME = 86_400
/** Seconds by which the clocks of our own nodes may differ, so that what one has just issued is not from the future for another. */
const CLOCK_SKEW = 5
const VARIABLES = ['assertion', 'header'] as const
const SUBJECT = compileMapping('assertion.sub', VARIABLES)
const CLIENT = compileMapping('assertion.client_id', VARIABLES)

/**
 * The issuer of our own tokens, once for each kind of them: all are `self` to whoever writes documents. A new kind is one
 * member here beside its file in kinds/.
 */
export const ownIssuers = (ourIssuer: string, published: unknown): readonly TrustedIssuer[] => [
  ownAccessTokens(ourIssuer, published),
]

/**
 * The issuer of our access tokens: trusted with the keys that `/jwks` publishes, for the position `subject` alone, since a
 * token of ours says for whom somebody acts, and never who asks (interfaces.md, "Client"; T18).
 */
function ownAccessTokens(ourIssuer: string, published: unknown): TrustedIssuer<OwnSettings> {
  return Object.freeze({
    name: SELF_ISSUER,
    disabled: false,
    credential: 'access-token',
    settings: { issuer: ourIssuer, algorithms: ALGORITHMS },
    authority: ourIssuer,
    lookUp: [ourIssuer],
    variables: VARIABLES,
    tokenTypes: [ACCESS_TOKEN_TYPE],
    keys: { from: 'inline', keys: readJwks(published).keys } as const,
    keyUse: 'sig',
    maxStale: 0,
    audiences: [ANY],
    multipleAudiences: true,
    uses: new Set(['subject'] as const),
    act: 'keep',
    maxLifetime: MAX_TOKEN_LIFETIME,
    maxAge: MAX_TOKEN_LIFETIME,
    clockSkew: CLOCK_SKEW,
    singleUse: false,
    firstUse: 'any',
    tenant: undefined,
    conditions: [],
    subject: SUBJECT,
    instance: undefined,
    attributes: [['client_id', CLIENT] as const],
    renameable: {},
  })
}

const ALGORITHMS: ReadonlySet<string> = new Set(algorithms.keys())
/** Its audience is a resource server: what is looked up is the issuer alone, and who may bring the token is the decision's. */
const ANY = '*'
