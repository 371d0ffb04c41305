/**
 * What the standards of issuance demand of a server (MUST), each in few words, with the reason where it does not apply to
 * this one. Which tests hold it is found in the tests: a name of a test or of a group that cites the id, in a test that
 * speaks to a started server or runs an unmodified client. docs/conformance.md is made from this.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Demand {
  readonly id: string
  readonly demands: string
  /** Why it does not apply. */
  readonly not?: string
}

export interface Chapter {
  readonly title: string
  readonly demands: readonly Demand[]
}

const chapter = (
  title: string,
  ...rows: readonly (readonly [id: string, demands: string, not?: string])[]
): Chapter => ({
  title,
  demands: rows.map(([id, demands, not]) => ({ id, demands, ...(not === undefined ? {} : { not }) })),
})

const RECEIVER = 'A duty of whoever receives the token. This server issues it; docs and samples show the check.'
const PROXY = 'Of the proxy. The recipes in docs say how, and tests hold each to it.'
const NO_CODE = 'Of refresh tokens, which no workload gets here.'
const NO_CIMD =
  'Clients are documents of an administrator, by a name that is no URL; nothing is fetched because a client_id names it.'
const NO_METADATA = 'This server protects no resource of its own, so it publishes no protected resource metadata.'

export const chapters: readonly Chapter[] = [
  chapter(
    'Access tokens, introspection, revocation, metadata (RFC 9068, 8707, 9396, 7662, 9701, 7009, 8414, 9728, 9700, 8725bis)',
    ['AT-01', 'JWT access tokens say typ at+jwt and are signed'],
    ['AT-02', 'They have iss, exp, aud, sub, client_id, iat and jti'],
    ['AT-07', 'aud is what the request named as its resource, or a default, and never empty'],
    ['AT-08', 'No token for resources that could misread each other’s scopes'],
    ['AT-09', 'A resource server checks typ, iss, aud, signature and exp'],
    ['AT-10', 'No other JWT passes for an access token, and none for another'],
    ['RI-01', 'resource is an absolute URI without fragment; what it does not mean is invalid_target'],
    ['RA-01', 'Authorization details are a list of objects, each with its type'],
    ['RA-02', 'Unknown or malformed authorization details are invalid_authorization_details'],
    ['RA-03', 'What was granted of them stands in the answer, the token and the introspection'],
    ['IN-01', 'Introspection takes POST of a form with token; a wrong hint does not matter'],
    ['IN-02', 'Whoever asks is authenticated, or gets 401'],
    ['IN-03', 'Whatever is not active for the caller is {"active":false} and nothing more'],
    ['IN-06', 'No GET, and nothing is cached'],
    ['JI-02', 'A JWT answer says typ token-introspection+jwt, iss, aud, iat and token_introspection'],
    ['JI-04', 'It is made for the authenticated resource server, and inactive for any other'],
    ['RV-01', 'Revocation takes POST of token from an authenticated client, for its own tokens'],
    ['RV-02', 'An unknown token is answered like a revoked one'],
    ['MD-01', 'The issuer is an https URL without query and fragment, the same in every place'],
    ['MD-02', 'Metadata stands at the well-known path of the issuer'],
    ['MD-03', 'Metadata names token_endpoint, jwks_uri and response_types_supported'],
    ['MD-04', 'Metadata names grants and authentication methods, and no other is taken'],
    ['MD-05', 'It lists algorithms of assertions, without none'],
    ['PR-01', 'Protected resource metadata names its resource', NO_METADATA],
    ['PR-02', 'It stands at its well-known path', NO_METADATA],
    ['PR-03', 'A client discards one that names another resource', NO_METADATA],
    ['BC-02', 'Refresh tokens of public clients are bound or rotated', NO_CODE],
    ['BC-03', 'No password grant'],
    ['BC-06', 'Security headers of a proxy are taken from that proxy alone'],
    ['BC-07', 'No client has an id that is somebody’s sub'],
    ['JB-01', 'Algorithms by allow-list; a key serves one algorithm'],
    ['JB-03', 'What is encrypted is not what is signed: JWS only'],
    ['JB-04', 'Keys belong to the issuer that the token names'],
    ['JB-05', 'The audience is there and is checked'],
    ['JB-06', 'No key is fetched because a token names it, nor from a private address'],
    ['JB-08', 'Each kind of JWT has rules that exclude the others'],
    ['JB-10', 'A token is letters, digits, - _ and . only'],
  ),
  chapter(
    'Assertions (RFC 7521, 7523, 10070)',
    ['AF-01', 'An assertion names issuer, subject, audience and its end'],
    ['AF-02', 'Refused: for somebody else, expired, unsigned, of an untrusted issuer'],
    ['AF-06', 'client_assertion with its type; client_id, where sent, is the same client'],
    ['AF-07', 'One way of client authentication a request'],
    ['JG-01', 'The grant is jwt-bearer with one JWT in assertion'],
    ['JG-02', 'iss is there and compared exactly'],
    ['JG-03', 'sub is there'],
    ['JG-04', 'aud is this server: its issuer, or its token endpoint where the document says so'],
    ['JG-05', 'exp is there and ahead, and not too far'],
    ['JG-07', 'It is signed by its issuer'],
    ['JG-08', 'Anything wrong is invalid_grant'],
    ['JG-10', 'Other kinds of JWT are no grant'],
    ['JC-01', 'A client authenticates by one JWT of the registered type'],
    ['JC-02', 'sub, and iss of a client’s own assertion, are the client'],
    ['JC-03', 'aud is our issuer alone'],
    ['JC-04', 'Compared character by character'],
    ['JC-05', 'This server has an issuer identifier, which is that audience'],
    ['JC-07', 'The same audience at introspection and revocation (there are no pushed requests)'],
    ['JC-08', 'The type client-authentication+jwt is taken'],
    ['JC-09', 'No SAML for client authentication'],
    ['JC-10', 'Anything wrong is invalid_client'],
    ['JC-12', 'jti and exp are demanded of a client’s own assertion'],
    ['JC-13', 'Metadata lists its algorithms'],
    ['RP-01', 'A grant of a transaction is taken once'],
    ['RP-06', 'jti of a WIT-SVID is not used against replay'],
    ['KX-01', 'What is taken in one place is taken in no other'],
    ['JV-01', 'Three canonical segments, within a length'],
    ['JV-02', 'alg by allow-list, fit for the key, never none, never a MAC'],
    ['JV-03', 'No key from the header; unknown crit refused; kid is data'],
    ['JV-04', 'Keys by issuer and kid'],
    ['JV-05', 'Dates are numbers; exp is demanded; little skew'],
    ['JV-06', 'aud, sub and iss have their types; no claim twice'],
    ['JV-07', 'typ is compared as a media type'],
  ),
  chapter(
    'Binding (RFC 8705, 9440, 9449, client attestation)',
    ['MT-01', 'A client that authenticates by TLS sends client_id, and its certificate is checked'],
    ['MT-02', 'A chain to the client’s own authority, and one name'],
    ['MT-03', 'Exactly one name is registered, and compared by its kind'],
    ['MT-04', 'A self-signed certificate is the registered one'],
    ['MT-05', 'Anything wrong is invalid_client'],
    ['CB-01', 'cnf has x5t#S256 of the certificate'],
    ['CB-02', 'Introspection has the same'],
    ['CB-04', 'Whoever takes the token compares it with the connection, as this server does with a subject token'],
    ['CB-07', 'mtls_endpoint_aliases names where certificates are asked for'],
    ['HC-03', 'A proxy overwrites the header fields of certificates', PROXY],
    ['HC-04', 'In requests only, and once'],
    ['HC-05', 'Taken from a trusted proxy alone, refused from anybody else'],
    ['HC-06', 'Read strictly'],
    ['XF-04', 'XFCC: one element, of the trusted proxy'],
    ['XF-05', 'XFCC: the certificate itself, and no proxy’s word for its names'],
    ['XF-06', 'XFCC: quotes and escapes are read'],
    ['HP-02', 'HAProxy deletes the field before it sets it', PROXY],
    ['DP-01', 'A proof has its type, a public key, jti, htm, htu and iat'],
    ['DP-02', 'One proof, well-formed, fresh, for this method and URL, by its own key'],
    ['DP-04', 'cnf has jkt, the key’s thumbprint'],
    ['DP-05', 'ath hashes the access token that a proof comes with'],
    ['DP-10', 'A good proof binds and answers DPoP, a bad one is invalid_dpop_proof'],
    ['DP-12', 'Where binding is demanded, a request without proof is refused'],
    ['DP-13', 'A demanded nonce: use_dpop_nonce with a DPoP-Nonce'],
    ['DP-14', 'Refresh tokens of public clients are bound', NO_CODE],
    [
      'DP-20',
      'A resource server takes Authorization: DPoP with a proof',
      'No resource here takes DPoP authorization: introspection and revocation authenticate clients.',
    ],
    ['DP-21', 'A bound token is no bearer token'],
    ['AB-01', 'An attestation has its type, sub, exp and the key in cnf.jwk'],
    ['AB-02', 'It comes in one header field'],
    ['AB-03', 'Its proof is for our issuer, fresh, by that key'],
    ['AB-05', 'A PoP where one comes, else the DPoP proof by the same key'],
    ['AB-06', 'Signed by the client’s attester, and client_id is its sub'],
    ['AB-07', 'The proof’s audience, age and key are checked'],
    ['AB-11', 'Refresh tokens are bound to the instance', NO_CODE],
  ),
  chapter(
    'Across domains (identity chaining, ID-JAG, client ID metadata)',
    ['IC-01', 'The request for a grant names the other server'],
    ['IC-03', 'An unknown or unwanted one is invalid_target'],
    ['IC-05', 'aud of the grant is that server alone'],
    ['IC-07', 'The grant has iss, sub, aud and exp'],
    ['IC-20', 'It is redeemed by the jwt-bearer grant'],
    ['IC-21', 'Its audience is this server'],
    ['IC-22', 'A subject that cannot be told is refused, by invalid_grant'],
    ['IJ-01', 'An ID-JAG says typ oauth-id-jag+jwt'],
    ['IJ-02', 'It has iss, sub, aud, client_id, jti, exp and iat'],
    ['IJ-04', 'Its sub is unique at its issuer'],
    ['IJ-10', 'It is asked for by its type, with the audience of the other server'],
    ['IJ-11', 'Of an ID token (a refresh token and SAML are not taken here)'],
    ['IJ-12', 'The ID token is for the client that brings it'],
    ['IJ-14', 'Granted resource and scope stand in it'],
    ['IJ-15', 'The answer says its type and N_A'],
    ['IJ-17', 'Its issuer makes no access token of it'],
    ['IJ-30', 'The client authenticates where it redeems it'],
    ['IJ-31', 'typ, and this server as its one audience'],
    ['IJ-32', 'client_id is the client that brings it'],
    ['IJ-33', 'Its resource, scope and details bound what is granted'],
    ['IJ-34', 'sub_id establishes no trust'],
    ['CM-01', 'A client_id that is an https URL', NO_CIMD],
    ['CM-02', 'Its document names itself', NO_CIMD],
    ['CM-03', 'It has no secrets', NO_CIMD],
    ['CM-05', 'Errors are not cached', NO_CIMD],
    ['CM-06', 'Metadata announces it', NO_CIMD],
    ['CM-07', 'private_key_jwt is demanded where it says so', NO_CIMD],
    ['CM-08', 'Nothing is fetched from special addresses', NO_CIMD],
  ),
  chapter(
    'Transaction tokens, and their chaining profile',
    ['TX-01', 'A transaction token is a signed JWT of typ txntoken+jwt'],
    ['TX-02', 'It has aud, iat, exp, txn, sub, scope and req_wl'],
    ['TX-03', 'It never holds the token that was presented'],
    ['TX-05', 'It lives for minutes, and an expired token makes none'],
    ['TX-10', 'It is asked for by token exchange'],
    ['TX-11', 'Six parameters are demanded'],
    ['TX-13', 'No refresh token for a subject'],
    [
      'TX-14',
      'A self-signed subject token has iss, sub, aud, iat and exp',
      'Its type is not taken: who signs for others is a trusted issuer, and its JWTs are verified like all others.',
    ],
    ['TX-15', 'An unsigned subject has a sub', 'Its type is not taken: it would let a workload name any user.'],
    ['TX-16', 'The workload is authenticated'],
    ['TX-20', 'And may have this token'],
    ['TX-21', 'The subject token is verified'],
    ['TX-22', 'The server sets iat, aud, exp, txn, sub and req_wl'],
    ['TX-23', 'Its scope is no more than the subject token’s; unknown is nothing'],
    [
      'TX-25',
      'One logical service a trust domain',
      'All nodes of one database, issuer and key set are one; a second installation for the same trust domain is the operator’s to avoid.',
    ],
    ['TX-30', 'The answer says its type and N_A, and has no refresh token'],
    ['TX-40', 'It travels in the header field Txn-Token', RECEIVER],
    ['TX-41', 'Whoever receives it checks signature, aud and exp'],
    ['TX-42', 'It is no authentication and no access token'],
    ['TX-44', 'Nothing logs it whole'],
    ['TX-51', 'A replacement has the same txn, sub and aud, and widens nothing'],
    ['TX-53', 'The call chain of replacements is kept'],
    ['TC-01', 'A grant is asked for with audience, the other server'],
    ['TC-02', 'The transaction token is good and is of this domain'],
    ['TC-03', 'No agreement with that server is an error'],
    ['TC-04', 'The answer says jwt and N_A'],
    ['TC-05', 'The grant says typ txn-chain+jwt, and iss, sub, aud, iat, exp, jti'],
    ['TC-06', 'Its scope is what both allow; nothing of the inside leaves'],
    ['TC-07', 'The other server checks it, once'],
  ),
]

const ROOT = join(import.meta.dirname, '..', '..')
/** Tests that speak to a server as its callers do. */
const BLACK_BOX = 'test/{rfc,flows,attacks,clients,corpora}/**/*.test.ts'
/** Comments hold nothing. */
const COMMENT = /^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm
/** Names of tests, of groups, and of the cases of a table. */
const TEXT = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g

/** Files of tests by the ids that names in them cite. */
function citations(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const file of globSync(BLACK_BOX, { cwd: ROOT }).sort()) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    // Line by line: an apostrophe in one must not hide what stands in the next.
    const lines = text.replace(COMMENT, '').split('\n')
    const texts = lines.flatMap((line) => line.match(TEXT) ?? [])
    for (const id of new Set(texts.flatMap((each) => each.match(/\b[A-Z]{2}-\d{2}\b/g) ?? [])))
      found.set(id, [...(found.get(id) ?? []), file])
  }
  return found
}

/** Ids that neither a test cites nor a reason excuses. */
export function unheld(): readonly string[] {
  const cited = citations()
  return chapters
    .flatMap(({ demands }) => demands)
    .flatMap(({ id, not }) => (not === undefined && !cited.has(id) ? [id] : []))
}

const MOST = 3

export function conformance(): string {
  const cited = citations()
  const heldBy = (id: string): string => {
    const files = cited.get(id) ?? []
    const links = files.slice(0, MOST).map((file) => `[${file.replace(/^test\/|\.test\.ts$/g, '')}](../${file})`)
    return [...links, ...(files.length > MOST ? [`and ${files.length - MOST} more`] : [])].join(', ')
  }
  return chapters
    .map(({ title, demands }) =>
      [
        `## ${title}\n`,
        '| Id | It demands | Held by |',
        '| --- | --- | --- |',
        ...demands.map(
          ({ id, demands: what, not }) =>
            `| ${id} | ${what} | ${not === undefined ? heldBy(id) : `Does not apply. ${not}`} |`,
        ),
      ].join('\n'),
    )
    .join('\n\n')
}
