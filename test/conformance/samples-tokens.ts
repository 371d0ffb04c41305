import { randomUUID } from 'node:crypto'
import { compileClient } from '../../src/clients/client.ts'
import { type AnyCredentialKind, REFERENCE_PREFIX, type VerifyTools } from '../../src/credentials/contract.ts'
import { clientAttestation } from '../../src/credentials/kinds/client-attestation.ts'
import { ownAccessToken } from '../../src/credentials/kinds/own-access-token.ts'
import { ownOpaqueToken } from '../../src/credentials/kinds/own-opaque-token.ts'
import { ownTransactionToken } from '../../src/credentials/kinds/own-transaction-token.ts'
import { spiffeJwtSvid } from '../../src/credentials/kinds/spiffe-jwt-svid.ts'
import { wit } from '../../src/credentials/kinds/wit.ts'
import { ownIssuers } from '../../src/credentials/own-issuer.ts'
import { issuerOfClient } from '../../src/credentials/registered-client.ts'
import { hashOf } from '../../src/lib/ids.ts'
import type { JsonObject } from '../../src/lib/json.ts'
import { readJwks, type VerificationKey } from '../../src/lib/jwk.ts'
import { newOpaqueText } from '../../src/lib/opaque-text.ts'
import type { Reason } from '../../src/refusal.ts'
import type { TrustedIssuer } from '../../src/trust/contract.ts'
import { compileTrustedIssuer } from '../../src/trust/trusted-issuer.ts'
import { attestation, attestationPop, wpt } from '../harness/proofs.ts'
import { type Claims, hmacToken, SigningKey } from '../harness/tokens.ts'
import { verifyTools } from '../harness/verify-tools.ts'
import { TrustDomain } from '../harness/workload.ts'
import type { CredentialSample } from './credential-kind.ts'

const NOW = 1_800_000_000
const US = 'https://cambist.example'

/** Samples of the kinds that are JWTs of SPIFFE, WIMSE, an attester and ours; each with the issuer as its document is compiled. */
export const tokenSamples: Readonly<Record<string, () => CredentialSample>> = {
  [spiffeJwtSvid.name]: svidSample,
  [wit.name]: witSample,
  [clientAttestation.name]: attestationSample,
  [ownAccessToken.name]: ownSample,
  [ownOpaqueToken.name]: opaqueSample,
  [ownTransactionToken.name]: ownTransactionSample,
}

const prod = new TrustDomain(() => NOW)
const holder = new SigningKey('ES256')
const evil = new SigningKey('ES256')
const issuer = new SigningKey('ES256')

function trusted(kind: AnyCredentialKind, audiences: object): TrustedIssuer {
  const spec = {
    credential: kind.name,
    trustDomain: prod.name,
    keys: { bundle: { inline: prod.bundle } },
    ...audiences,
  }
  return compileTrustedIssuer('prod', spec, { kinds: [kind], ourIssuer: US })
}

function inlineKeys({ keys }: TrustedIssuer): readonly VerificationKey[] {
  if (keys.from !== 'inline') throw new Error('the sample has its keys inline')
  return keys.keys
}

/** What anybody makes of a token of a known key who does not hold it. `typ` is that of the kind. */
export function tampered(token: string, claims: Claims, signer: SigningKey, typ: string): CredentialSample['tampered'] {
  const [header = '', payload = ''] = token.split('.')
  const other = signer.sign({ ...claims, jti: 'another' }, { typ }).split('.')
  const headed = (different: Claims, key = signer) => key.sign(claims, { typ, ...different })
  const cases: readonly (readonly [string, string, Reason])[] = [
    ['other claims under its signature', `${header}.${other[1]}.${token.split('.')[2]}`, 'signature_invalid'],
    ['the signature of another', `${header}.${payload}.${other[2]}`, 'signature_invalid'],
    ['a short signature', `${header}.${payload}.AAAA`, 'signature_invalid'],
    ['another key under its name', headed({ kid: signer.kid }, evil), 'signature_invalid'],
    ['an unknown key', headed({}, evil), 'key_unknown'],
    ['another algorithm', headed({ alg: 'ES384' }), 'key_unknown'],
    ['no algorithm', headed({ alg: 'none' }), 'algorithm_refused'],
    ['a secret for a key', hmacToken({ alg: 'HS256', kid: signer.kid, typ }, claims, 'x'), 'algorithm_refused'],
    ['another type', headed({ typ: 'dpop+jwt' }), 'token_type_mismatch'],
    ['a key of its own', headed({ jwk: evil.jwk }), 'token_malformed'],
    ['no end', signer.sign({ ...claims, exp: undefined }, { typ }), 'claim_missing'],
  ]
  return cases.map(([what, made, reason]) => [what, made, [reason]] as const)
}

function svidSample(): CredentialSample {
  const token = prod.svid('svc', [US])
  const found = trusted(spiffeJwtSvid, { audiences: [US] })
  const claims = { sub: prod.id('svc'), aud: [US], exp: NOW + 300 }
  return {
    token,
    issuer: found,
    tools: verifyTools({ now: NOW, keys: inlineKeys(found) }),
    expected: { uri: prod.id('svc'), keyProven: false, audiences: [US], expiresAt: NOW + 300, mayAct: undefined },
    tampered: [
      ...tampered(token, claims, prod.svidKey, 'JWT'),
      ['the key of another use', prod.witKey.sign(claims, { typ: 'JWT' }), ['key_unknown']],
      ['an audience beside us', prod.svid('svc', [US, 'https://other.example']), ['audience_several']],
      ['the id of its trust domain', prod.svid('svc', US, { sub: 'spiffe://prod.example' }), ['claim_malformed']],
    ],
  }
}

function witSample(): CredentialSample {
  const token = prod.wit('svc', holder)
  const found = trusted(wit, {})
  const claims = { sub: prod.id('svc'), exp: NOW + 300, cnf: { jwk: { ...holder.jwk, use: undefined } } }
  const proof = wpt(holder, { token, audience: `${US}/token`, body: '', now: NOW }, { cambist_bh: '' })
  return {
    token,
    issuer: found,
    tools: proving(found, { workloadProof: proof, workloadIdentityToken: token }, token),
    expected: { uri: prod.id('svc'), keyProven: true, expiresAt: NOW + 3600, mayAct: undefined },
    tampered: [
      ...tampered(token, claims, prod.witKey, 'wit+jwt'),
      ['the key of another use', prod.svidKey.sign(claims, { typ: 'wit+jwt' }), ['key_unknown']],
      ['an audience', prod.wit('svc', holder, { aud: US }), ['claim_malformed']],
      ['another holder than has proven', prod.wit('svc', evil), ['proof_invalid']],
      ['another token of the holder than is proven', prod.wit('svc', holder), ['proof_invalid']],
    ],
  }
}

function attestationSample(): CredentialSample {
  const client = compileClient('wallet', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [issuer.jwk] } },
  })
  const found = issuerOfClient(client, US)
  if (found === undefined) throw new Error('the client is its own issuer')
  const token = attestation(issuer, holder, { client: 'wallet', now: NOW })
  const claims = { sub: 'wallet', exp: NOW + 300, cnf: { jwk: { ...holder.jwk, use: undefined } } }
  const proof = attestationPop(holder, { issuer: US, now: NOW })
  return {
    token,
    issuer: found,
    tools: proving(found, { clientAttestation: token, clientAttestationProof: proof }, token),
    expected: { uri: undefined, expiresAt: NOW + 3600, authentication: 'attest_jwt_client_auth', mayAct: undefined },
    tampered: [
      ...tampered(token, claims, issuer, 'oauth-client-attestation+jwt'),
      ['no key', attestation(issuer, holder, { client: 'wallet', now: NOW }, { cnf: undefined }), ['claim_missing']],
      [
        'another attestation than is proven',
        attestation(issuer, evil, { client: 'wallet', now: NOW }),
        ['confirmation_unproven'],
      ],
    ],
  }
}

const ownClaims = () => ({
  iss: US,
  sub: 'wimse://cambist.example/cluster/x',
  aud: 'https://orders.example',
  client_id: 'checkout',
  scope: 'orders:read',
  iat: NOW,
  exp: NOW + 300,
  jti: randomUUID(),
  cambist_lineage: randomUUID(),
  cambist_path: ['checkout'],
})

/** What a token of ours with these claims says, in whatever form it comes. */
const ownFactsOf = (claims: ReturnType<typeof ownClaims>): CredentialSample['expected'] => ({
  uri: claims.sub,
  useId: claims.jti,
  keyProven: false,
  audiences: ['https://orders.example'],
  expiresAt: NOW + 300,
  mayAct: undefined,
  scopes: ['orders:read'],
  ours: {
    id: claims.jti,
    client: 'checkout',
    issuedAt: NOW,
    lineage: claims.cambist_lineage,
    path: ['checkout'],
  },
})

function ownSample(): CredentialSample {
  const claims = ownClaims()
  const changed = (changes: Claims) => issuer.sign({ ...claims, ...changes }, { typ: 'at+jwt' })
  const token = changed({})
  return {
    token,
    issuer: ownIssuer('access-token', issuer),
    tools: verifyTools({ now: NOW, keys: readJwks({ keys: [issuer.jwk] }).keys }),
    expected: ownFactsOf(claims),
    tampered: [
      ...tampered(token, claims, issuer, 'at+jwt'),
      ['no client', changed({ client_id: undefined }), ['claim_missing']],
      ['no jti', changed({ jti: undefined }), ['claim_missing']],
      ['no lineage', changed({ cambist_lineage: undefined }), ['claim_missing']],
      ['no path', changed({ cambist_path: undefined }), ['claim_malformed']],
      ['a path of something else', changed({ cambist_path: ['checkout', 7] }), ['claim_malformed']],
      ['an end that is past, if only just', changed({ exp: NOW }), ['expired']],
    ],
  }
}

function ownTransactionSample(): CredentialSample {
  const claims = {
    iss: US,
    sub: 'wimse://cambist.example/cluster/x',
    aud: 'cambist.example',
    txn: randomUUID(),
    scope: 'orders.place',
    req_wl: 'spiffe://cambist.example/gateway',
    tctx: { order: 'A-1' },
    iat: NOW,
    exp: NOW + 60,
    jti: randomUUID(),
    cambist_lineage: randomUUID(),
    cambist_path: ['web', 'gateway'],
  }
  const changed = (changes: Claims) => issuer.sign({ ...claims, ...changes }, { typ: 'txntoken+jwt' })
  return {
    token: changed({}),
    issuer: ownIssuer('transaction-token', issuer),
    tools: verifyTools({ now: NOW, keys: readJwks({ keys: [issuer.jwk] }).keys }),
    expected: {
      uri: claims.sub,
      useId: claims.jti,
      keyProven: false,
      audiences: ['cambist.example'],
      expiresAt: NOW + 60,
      mayAct: undefined,
      scopes: ['orders.place'],
      ours: {
        id: claims.jti,
        client: 'gateway',
        issuedAt: NOW,
        lineage: claims.cambist_lineage,
        path: ['web', 'gateway'],
        transaction: { id: claims.txn, tctx: { order: 'A-1' }, rctx: undefined },
      },
    },
    tampered: [
      ...tampered(changed({}), claims, issuer, 'txntoken+jwt'),
      ['the type of an access token', issuer.sign(claims, { typ: 'at+jwt' }), ['token_type_mismatch']],
      ['no transaction', changed({ txn: undefined }), ['claim_missing']],
      ['no lineage', changed({ cambist_lineage: undefined }), ['claim_missing']],
      ['no path', changed({ cambist_path: undefined }), ['claim_malformed']],
      ['several audiences', changed({ aud: ['cambist.example', 'other.example'] }), ['claim_malformed']],
      ['details that are no object', changed({ tctx: 'A-1' }), ['claim_malformed']],
      ['an end that is past, if only just', changed({ exp: NOW }), ['expired']],
    ],
  }
}

/** Tools of a request that carries the credential and proves its key. */
const proving = (found: TrustedIssuer, carried: object, token: string): VerifyTools =>
  verifyTools({ now: NOW, keys: inlineKeys(found), carried, token })

/** The issuer of our own tokens of a kind, which signs with the key. */
function ownIssuer(kind: string, { jwk }: SigningKey): TrustedIssuer {
  const found = ownIssuers(US, { publicKeysOf: () => ({ keys: [jwk] }) }).find(({ credential }) => credential === kind)
  if (found === undefined) throw new Error(`there are no tokens of ours of kind ${kind}`)
  return found
}

/** A token that means nothing by itself: what it stands for is told by its hash. */
function opaqueSample(): CredentialSample {
  const claims = ownClaims()
  const [token, endless, unnamed] = [0, 1, 2].map(() => newOpaqueText(REFERENCE_PREFIX)) as [string, string, string]
  const known = new Map<string, JsonObject>([
    [hashOf(token), claims],
    [hashOf(endless), { ...claims, exp: null }],
    [hashOf(unnamed), { ...claims, client_id: '' }],
  ])
  return {
    token,
    issuer: ownIssuer('opaque', issuer),
    tools: verifyTools({ now: NOW, keys: [], references: { claimsOf: (hash) => known.get(hash) } }),
    expected: ownFactsOf(claims),
    tampered: [
      ['one that nobody was given', newOpaqueText(REFERENCE_PREFIX), ['token_unknown']],
      ['one that stands for what has no end', endless, ['claim_malformed']],
      ['one that stands for what was issued to nobody', unnamed, ['claim_malformed']],
    ],
  }
}
