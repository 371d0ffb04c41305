import { SELF_ISSUER } from '../identity/principal.ts'
import type { Keyring } from '../keys/contract.ts'
import { algorithms } from '../lib/algorithms.ts'
import { compileMapping, type Mapping } from '../lib/cel.ts'
import { readJwks, type VerificationKey } from '../lib/jwk.ts'
import { MAX_TOKEN_LIFETIME } from '../targets/contract.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import { REFERENCE_PREFIX } from './contract.ts'
import { ownAccessToken } from './kinds/own-access-token.ts'
import { ownOpaqueToken } from './kinds/own-opaque-token.ts'
import { ownTransactionToken } from './kinds/own-transaction-token.ts'
import type { OwnSettings, OwnTokenKind } from './own-token.ts'

/** Seconds by which the clocks of our own nodes may differ, so that what one has just issued is not from the future for another. */
const CLOCK_SKEW = 5
const VARIABLES = ['assertion', 'header'] as const
const SUBJECT = compileMapping('assertion.sub', VARIABLES)
const CLIENT = compileMapping('assertion.client_id', VARIABLES)
const LAST_OF_PATH = compileMapping('assertion.cambist_path[assertion.cambist_path.size() - 1]', VARIABLES)

/**
 * The issuer of our own tokens, once for each kind of them: all are `self` to whoever writes documents. A new kind is one
 * member here beside its file in kinds/.
 */
export function ownIssuers(ourIssuer: string, keyring: Pick<Keyring, 'publicKeysOf'>): readonly TrustedIssuer[] {
  const { keys } = readJwks(keyring.publicKeysOf('sig'))
  return [
    ownTokens(ownAccessToken, CLIENT, ourIssuer, keys),
    ownOpaqueTokens(ourIssuer, keys),
    ownTokens(ownTransactionToken, LAST_OF_PATH, ourIssuer, readJwks(keyring.publicKeysOf('txn')).keys),
  ]
}

/**
 * The issuer of our tokens of a kind: trusted with the keys that sign that kind and no other, so that one that is lost
 * makes nothing else (T39); for the position `subject` alone, since a token of ours says for whom somebody acts, and never
 * who asks (interfaces.md, "Client"; T18). `client` is how conditions see to whom it was issued.
 */
function ownTokens(
  kind: OwnTokenKind,
  client: Mapping,
  ourIssuer: string,
  keys: readonly VerificationKey[],
): TrustedIssuer<OwnSettings> {
  return Object.freeze({
    name: SELF_ISSUER,
    disabled: false,
    credential: kind.name,
    settings: { issuer: ourIssuer, algorithms: ALGORITHMS },
    authority: ourIssuer,
    lookUp: [ourIssuer],
    variables: VARIABLES,
    tokenTypes: kind.tokenTypes,
    keys: { from: 'inline', keys } as const,
    keyUse: 'sig',
    maxStale: 0,
    audiences: [ANY],
    multipleAudiences: true,
    uses: new Set(['subject'] as const),
    act: 'keep',
    maxLifetime: MAX_TOKEN_LIFETIME, // one that says it lives longer is none of ours
    maxAge: MAX_TOKEN_LIFETIME,
    clockSkew: CLOCK_SKEW,
    singleUse: false,
    firstUse: 'any',
    tenant: undefined,
    conditions: [],
    subject: SUBJECT,
    instance: undefined,
    attributes: [['client_id', client] as const],
    renameable: {},
  })
}

/** The same of our opaque tokens: trusted by what is kept with the record of their exchanges, and by no key. */
const ownOpaqueTokens = (ourIssuer: string, keys: readonly VerificationKey[]): TrustedIssuer<unknown> =>
  Object.freeze({
    ...ownTokens(ownAccessToken, CLIENT, ourIssuer, keys),
    credential: ownOpaqueToken.name,
    settings: {},
    lookUp: [REFERENCE_PREFIX],
  })

const ALGORITHMS: ReadonlySet<string> = new Set(algorithms.keys())
/** Its audience is a resource server: what is looked up is the issuer alone, and who may bring the token is the decision's. */
const ANY = '*'
