/**
 * One endpoint receives about a dozen kinds of JWT (assertions.md §6). Declared type, `typ`, algorithm, key, claims and
 * position must all fit: the whole product is generated, and what is accepted is what docs/credentials.md shows, nothing
 * more and nothing less (reliability-goals B3, T2, T9, KX-01, TE-30 to TE-32).
 */
import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { formats } from '../../src/app.ts'
import { NO_BLOCKS } from '../../src/blocks/block-index.ts'
import { CARRIED_TYPE, JWT_BEARER_GRANT, type Possession } from '../../src/credentials/contract.ts'
import { identify, type Trusting } from '../../src/credentials/identify.ts'
import { credentialKinds } from '../../src/credentials/look-up.ts'
import { ownIssuers } from '../../src/credentials/own-issuer.ts'
import { Compiler } from '../../src/documents/compile.ts'
import { algorithms } from '../../src/lib/algorithms.ts'
import { Refusal } from '../../src/refusal.ts'
import { keySet } from '../../src/trust/key-set.ts'
import { written } from '../harness/documentation.ts'
import { type Claims, SigningKey, segment } from '../harness/tokens.ts'
import { context, document } from '../unit/documents/world.ts'

const US = context.ourIssuer
const NOW = 1_800_000_000
const KID = 'the-key'

// The product.

const ALGORITHMS = [...algorithms.keys(), 'none', 'HS256', 'HS384', 'HS512']
const KEYS = ['RSA-2048', 'P-256', 'P-384', 'P-521', 'Ed25519', 'oct'] as const
type KeyKind = (typeof KEYS)[number]
const TYPS = [
  ...[undefined, 'JWT', 'JOSE', 'at+jwt', 'client-authentication+jwt', 'wit+jwt', 'wpt+jwt', 'dpop+jwt'],
  ...[
    'oauth-client-attestation+jwt',
    'secevent+jwt',
    'txntoken+jwt',
    'cambist-authorization-grant+jwt',
    'oauth-id-jag+jwt',
  ],
  ...['application/Jwt', 'application/WIT+jwt'],
]
const TYPES = [
  'urn:ietf:params:oauth:token-type:jwt',
  'urn:ietf:params:oauth:token-type:id_token',
  'urn:ietf:params:oauth:token-type:access_token',
  'urn:ietf:params:oauth:token-type:txn_token',
  'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
  CARRIED_TYPE.workloadIdentityToken,
  CARRIED_TYPE.clientAttestation,
  JWT_BEARER_GRANT,
]
const POSITIONS = ['client', 'subject', 'actor', 'assertion'] as const
type Position = (typeof POSITIONS)[number]

const holder = new SigningKey('ES256')
const cnf = { jwk: { ...holder.publicKey.export({ format: 'jwk' }), alg: 'ES256' } }
const dated = { iat: NOW, exp: NOW + 60, jti: 'one' }

/** Claims as each sort of JWT has them, and the row of the documentation that such a JWT is of: kind and whose word makes its issuer trusted. */
const PROFILES: Readonly<Record<string, { readonly row: string; readonly claims: Claims }>> = {
  'service account': {
    row: '`jwt` a `TrustedIssuer`',
    claims: { ...dated, iss: 'https://cluster.example', sub: 'system:serviceaccount:shop:checkout', aud: [US] },
  },
  'client assertion': {
    row: '`jwt` a `Client` with `private_key_jwt`',
    claims: { ...dated, iss: 'registered', sub: 'registered', aud: US },
  },
  'JWT-SVID': {
    row: '`spiffe-jwt-svid` a `TrustedIssuer`',
    claims: { ...dated, iss: 'https://spire.example', sub: 'spiffe://prod.example/checkout', aud: [US] },
  },
  'WIT-SVID': {
    row: '`wit` a `TrustedIssuer`',
    claims: { ...dated, sub: 'spiffe://prod.example/checkout', cnf },
  },
  WIT: {
    row: '`wit`, `scheme: wimse` a `TrustedIssuer`',
    claims: { ...dated, sub: 'wimse://prod.example/checkout', cnf },
  },
  'client attestation': {
    row: '`client-attestation` a `Client` with `attest_jwt_client_auth`',
    claims: { ...dated, sub: 'attested', cnf },
  },
  'authorization grant': {
    row: '`authorization-grant` a `TrustedIssuer`',
    claims: { ...dated, iss: 'https://as.peer.example', sub: 'job-7', aud: US, client_id: 'registered' },
  },
  'ID-JAG': {
    row: '`id-jag` a `TrustedIssuer`',
    claims: { ...dated, iss: 'https://idp.example', sub: 'johndoe', aud: US, client_id: 'registered' },
  },
  'access token': {
    row: '`access-token` Cambist itself',
    claims: {
      ...{ ...dated, iss: US, sub: 'spiffe://cambist.example/w/x/y', aud: 'https://orders.example', scope: 'x' },
      ...{ client_id: 'checkout', cambist_lineage: 'one', cambist_path: ['checkout'] },
    },
  },
  'transaction token': {
    row: '`transaction-token` Cambist itself',
    claims: {
      ...{ ...dated, iss: US, sub: 'spiffe://cambist.example/w/x/y', aud: 'cambist.example', scope: 'x', txn: 'one' },
      ...{ req_wl: 'spiffe://prod.example/x', cambist_lineage: 'one', cambist_path: ['checkout'] },
    },
  },
}

// Keys, and trust in each of them.

interface Pair {
  readonly sign: KeyObject
  readonly public: KeyObject | undefined
}

const pairs: Readonly<Record<KeyKind, Pair>> = {
  'RSA-2048': paired(generateKeyPairSync('rsa', { modulusLength: 2048 })),
  'P-256': paired(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  'P-384': paired(generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  'P-521': paired(generateKeyPairSync('ec', { namedCurve: 'P-521' })),
  Ed25519: paired(generateKeyPairSync('ed25519')),
  oct: { sign: createSecretKey(Buffer.alloc(64, 7)), public: undefined },
}

function paired({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): Pair {
  return { sign: privateKey, public: publicKey }
}

/** Everybody is trusted at once, with the one key: only what a JWT says can tell them apart. */
function documentsWith(jwk: Claims) {
  const bundle = (use: string) => ({ bundle: { inline: { keys: [{ ...jwk, use }] } } })
  const jwks = { keys: [jwk] }
  return [
    document('TrustedIssuer', 'cluster', {
      ...{ credential: 'jwt', issuer: 'https://cluster.example', audiences: [US], keys: { jwks } },
    }),
    document('TrustedIssuer', 'svids', {
      ...{ credential: 'spiffe-jwt-svid', trustDomain: 'prod.example', audiences: [US], keys: bundle('jwt-svid') },
    }),
    document('TrustedIssuer', 'wit-svids', {
      ...{ credential: 'wit', trustDomain: 'prod.example', keys: bundle('wit-svid') },
    }),
    document('TrustedIssuer', 'wits', {
      ...{ credential: 'wit', trustDomain: 'prod.example', scheme: 'wimse', keys: { jwks } },
    }),
    document('TrustedIssuer', 'peer', {
      ...{ credential: 'authorization-grant', issuer: 'https://as.peer.example', audiences: [US], keys: { jwks } },
    }),
    document('TrustedIssuer', 'idp', {
      ...{ credential: 'id-jag', issuer: 'https://idp.example', audiences: [US], keys: { jwks } },
    }),
    document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks } }),
    document('Client', 'attested', { authentication: { method: 'attest_jwt_client_auth', jwks } }),
  ]
}

const compiler = new Compiler({ ...context, credentialKinds: formats.credentialKinds })
const kinds = credentialKinds(formats.credentialKinds)

/** Proves every key that is asked for, so that no JWT is refused for want of a proof. */
const proven: Possession = {
  certificate: undefined,
  jkt: undefined,
  provenKey: undefined,
  keys: [],
  binding: 'none',
  confirmation: undefined,
  confirm() {},
  prove: () => 'attestation-pop',
  checkAllUsed() {},
}

function trusting(kind: KeyKind): Trusting {
  // A secret cannot be trusted (below): what it signs comes under the name of a key that is.
  const { public: key = pairs['RSA-2048'].public } = pairs[kind]
  const jwk = { ...key?.export({ format: 'jwk' }), kid: KID }
  const { issuers } = compiler.compile(documentsWith(jwk), {
    own: ownIssuers(US, { publicKeysOf: () => ({ keys: [jwk] }) }),
  })
  return {
    kinds,
    issuers,
    keys: {
      find(issuer, kid, algorithm) {
        const found = issuer.keys.from === 'inline' ? keySet(issuer.keys.keys).pick(kid, algorithm) : undefined
        if (found === undefined) throw new Refusal('key_unknown', 'no such key')
        return found
      },
      anchors: () => {
        throw new Refusal('key_unknown', 'there are no certificates here')
      },
    },
    references: { claimsOf: () => undefined },
    source: {
      async present() {
        throw new Refusal('status_unavailable', 'nobody is asked here')
      },
    },
    status: { check() {} },
    revoked: () => undefined,
    blocked: NO_BLOCKS,
    possession: proven,
    met: new Map(),
    ourIssuer: US,
    trustDomain: 'cambist.example',
    now: NOW,
  }
}

/** What a key signs by itself, for headers that name an algorithm it is not for. */
const NATURAL: Readonly<Record<Exclude<KeyKind, 'oct'>, string>> = {
  ...{ 'RSA-2048': 'RS256', 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', Ed25519: 'EdDSA' },
}
/** RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2. */
const FIT: Readonly<Record<KeyKind, readonly string[]>> = {
  'RSA-2048': ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA', 'Ed25519'],
  oct: [],
}

/** A JWT that is signed as its header says, or as well as its key can. */
function signed(algorithm: string, kind: KeyKind, typ: string | undefined, claims: Claims): string {
  const input = `${segment({ alg: algorithm, kid: KID, typ })}.${segment(claims)}`
  const { sign, public: publicKey } = pairs[kind]
  if (algorithm === 'none') return `${input}.`
  if (algorithm.startsWith('HS') || publicKey === undefined) {
    // The public key as the secret, as a server would have it that mistakes one for the other (T2).
    const secret = publicKey?.export({ type: 'spki', format: 'pem' }) ?? sign
    const hash = algorithm.startsWith('HS') ? `sha${algorithm.slice(2)}` : 'sha256'
    return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`
  }
  const able = FIT[kind].includes(algorithm) ? algorithm : NATURAL[kind as Exclude<KeyKind, 'oct'>]
  return `${input}.${algorithms.get(able)?.sign(sign, Buffer.from(input)).toString('base64url')}`
}

// What the documentation says.

interface Row {
  readonly position: Position
  readonly type: string
  /** As PROFILES names it. */
  readonly row: string
  readonly typ: readonly string[]
  readonly algorithms: readonly string[]
}

/** A table as a reader has it. */
function rowsOf(name: string): readonly Row[] {
  const [, , ...lines] = (written('docs/credentials.md', name) ?? '').split('\n').filter((line) => line.startsWith('|'))
  return lines.map((line) => {
    const [, place = '', credential = '', trustedBy = '', typ = '', algorithms = ''] = line
      .split('|')
      .map((cell) => cell.trim())
    return {
      ...placeOf(place),
      row: `${credential} ${trustedBy}`,
      typ: namesOf(typ),
      algorithms: namesOf(algorithms),
    }
  })
}

const namesOf = (cell: string): readonly string[] => (cell === '–' ? [] : cell.replaceAll('`', '').split(', '))

function placeOf(text: string): { position: Position; type: string } {
  const [, parameter, type = ''] =
    /^`(client_assertion|subject_token|actor_token|assertion)` of (?:type|grant) `(\S+)`$/.exec(text) ?? []
  if (parameter !== undefined) return { position: parameter.split('_')[0] as Position, type }
  const carried: Readonly<Record<string, string>> = {
    'header `Workload-Identity-Token`': CARRIED_TYPE.workloadIdentityToken,
    'header `OAuth-Client-Attestation`': CARRIED_TYPE.clientAttestation,
    'client certificate of the connection': CARRIED_TYPE.certificate,
  }
  const place = carried[text]
  if (place === undefined) throw new Error(`no such place: ${text}`)
  return { position: 'client', type: place }
}

const documented = [...rowsOf('clients'), ...rowsOf('tokens')]

/** `typ` as the documentation spells it (JV-07). */
const spelt = (typ: string | undefined): string => typ?.toLowerCase().replace('application/', '') ?? 'absent'

type Case = readonly [
  algorithm: string,
  key: KeyKind,
  typ: string | undefined,
  profile: string,
  position: Position,
  type: string,
]

/** The cases that a table accepts. */
function expected(rows: readonly Row[]): ReadonlySet<string> {
  const names = new Set<string>()
  const profileOf = new Map(Object.entries(PROFILES).map(([profile, { row }]) => [row, profile]))
  for (const row of rows) {
    const profile = profileOf.get(row.row)
    if (profile === undefined) continue
    for (const key of KEYS) {
      for (const algorithm of row.algorithms.filter((name) => FIT[key].includes(name))) {
        for (const typ of TYPS.filter((one) => row.typ.includes(spelt(one))))
          names.add(nameOf([algorithm, key, typ, profile, row.position, row.type]))
      }
    }
  }
  return names
}

const nameOf = ([algorithm, key, typ, profile, position, type]: Case): string =>
  `${profile} by ${algorithm} with ${key}, typ ${typ ?? 'absent'}, as ${position} of type ${type}`

/** What is in one set and not in the other. */
const difference = (one: ReadonlySet<string>, other: ReadonlySet<string>) => ({
  more: [...one.difference(other)],
  less: [...other.difference(one)],
})

let tried = 0
/** The cases that are accepted; all others were refused by a Refusal. */
async function acceptedCases(): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for (const key of KEYS) {
    const trust = trusting(key)
    for (const [profile, { claims }] of Object.entries(PROFILES)) {
      for (const algorithm of ALGORITHMS) {
        for (const typ of TYPS) {
          const token = signed(algorithm, key, typ, claims)
          for (const position of POSITIONS) {
            for (const tokenType of TYPES) {
              tried++
              try {
                await identify({ position, tokenType, token }, trust)
                names.add(nameOf([algorithm, key, typ, profile, position, tokenType]))
              } catch (error) {
                if (!(error instanceof Refusal) || error.reason === 'internal') throw error
              }
            }
          }
        }
      }
    }
  }
  return names
}

describe('the accepted set', async () => {
  const accepted = await acceptedCases()

  it('is of the whole product', () => {
    expect([ALGORITHMS.length, KEYS.length, TYPS.length - 2, TYPES.length]).toEqual([15, 6, 13, 9])
    expect(tried).toBe(15 * 6 * TYPS.length * 9 * POSITIONS.length * Object.keys(PROFILES).length)
    expect(accepted.size).toBeGreaterThan(200)
  })

  it('is the table of the documentation, nothing more and nothing less', () => {
    expect(difference(accepted, expected(documented))).toEqual({ more: [], less: [] })
  })

  it('has every row of the table that is of a JWT, and the table has a row of every profile', () => {
    const rows = new Set(Object.values(PROFILES).map(({ row }) => row))
    const jwts = documented.filter(({ algorithms }) => algorithms.length > 0)
    expect(new Set(jwts.map(({ row }) => row))).toEqual(rows)
    for (const row of jwts) {
      const [first] = expected([row])
      expect(accepted).toContain(first)
    }
  })

  it('is of no key that is a secret, and of no algorithm that is none', () => {
    expect([...accepted].filter((name) => / by (none|HS\d+) | with oct/.test(name))).toEqual([])
    const secret = { kty: 'oct', kid: KID, alg: 'HS256', k: Buffer.alloc(64, 7).toString('base64url') }
    for (const one of documentsWith(secret)) expect(() => compiler.compile([one])).toThrow(/spec\.|keys/)
  })

  it('is compared so that a row, a typ or an algorithm more or less is noticed', () => {
    const jwts = documented.filter(({ algorithms }) => algorithms.length > 0)
    let changes = 0
    for (const row of jwts) {
      const others = documented.filter((other) => other !== row)
      const notices = (...rows: readonly Row[]) => {
        changes++
        const { more, less } = difference(accepted, expected([...others, ...rows]))
        expect(more.length + less.length).toBeGreaterThan(0)
      }
      notices()
      for (const typ of row.typ) notices({ ...row, typ: row.typ.filter((one) => one !== typ) })
      for (const name of row.algorithms) notices({ ...row, algorithms: row.algorithms.filter((one) => one !== name) })
      for (const typ of TYPS.map(spelt).filter((one) => !row.typ.includes(one)))
        notices({ ...row, typ: [...row.typ, typ] })
      for (const name of [...algorithms.keys()].filter((one) => !row.algorithms.includes(one)))
        notices({ ...row, algorithms: [...row.algorithms, name] })
      for (const type of TYPES.filter(
        (one) =>
          one !== row.type && !others.some((o) => o.row === row.row && o.position === row.position && o.type === one),
      ))
        notices(row, { ...row, type })
    }
    expect(changes).toBeGreaterThan(300)
  })
})
