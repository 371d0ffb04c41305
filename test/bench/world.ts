/** Everybody who takes part in the measurement: issuers with their keys, clients, and the documents that say so. */
import { createRoot, type Issued, keyPair } from '../harness/pki.ts'
import { Cluster, SigningKey } from '../harness/tokens.ts'

const document = (kind: string, name: string, spec: object) => ({
  apiVersion: 'cambist/v1',
  kind,
  metadata: { name },
  spec,
})

export const TRUST_DOMAIN = 'prod.example'
export const WORKLOAD = `spiffe://${TRUST_DOMAIN}/shop/checkout`

export interface World {
  /** Who is asked. */
  readonly issuer: string
  /** Seconds since the epoch. */
  now(): number
  /** Service accounts whose tokens are signed by ES256, so that ten thousand are soon made. */
  readonly cluster: Cluster
  readonly jwtSvids: SigningKey
  readonly wits: SigningKey
  readonly attester: SigningKey
  /** Of a registered client. */
  readonly registered: SigningKey
  /** Of a workload that proves its key. */
  readonly holder: SigningKey
  readonly svid: Issued
  readonly certificate: Issued
  readonly selfSigned: Issued
  /** Of nobody whom a document knows: a key, and no name. */
  readonly stranger: Issued
  readonly documents: readonly object[]
}

/** A world for one server. */
export async function makeWorld(issuer: string): Promise<World> {
  const now = (): number => Math.floor(Date.now() / 1000)
  const hours = { notBefore: now() - 60, notAfter: now() + 4 * 3600 }
  const cluster = new Cluster({
    issuer: 'https://kubernetes.bench.example',
    audience: issuer,
    key: new SigningKey('ES256'),
    now,
  })
  const keys = {
    jwtSvids: new SigningKey('ES256'),
    wits: new SigningKey('ES256'),
    attester: new SigningKey('ES256'),
    registered: new SigningKey('ES256'),
    holder: new SigningKey('ES256'),
  }
  const spire = await createRoot({ subject: 'CN=SPIRE', uris: [`spiffe://${TRUST_DOMAIN}`], ...hours })
  const issuing = await spire.intermediate({ subject: 'CN=SPIRE server', ...hours })
  const svid = await issuing.leaf({ subject: 'CN=checkout', uris: [WORKLOAD], ...hours })
  const authority = await createRoot({ subject: 'CN=Corporate', ...hours })
  const certificate = await authority.leaf({ subject: 'CN=checkout', ...hours })
  const selfSigned = await createRoot({
    subject: 'CN=self-signed',
    keyUsage: ['digitalSignature'],
    basicConstraints: false,
    ...hours,
  })

  const stranger = await createRoot({ subject: 'CN=stranger', basicConstraints: false, ...hours })

  const inBundle = (key: SigningKey, use: string) => ({ ...key.jwk, use })
  const bundle = {
    inline: {
      keys: [
        inBundle(keys.jwtSvids, 'jwt-svid'),
        inBundle(keys.wits, 'wit-svid'),
        {
          ...spire.publicKey.export({ format: 'jwk' }),
          use: 'x509-svid',
          x5c: [spire.der.toString('base64')],
        },
      ],
    },
  }
  const ofDomain = { trustDomain: TRUST_DOMAIN, keys: { bundle } }
  const client = (name: string, spec: object) => document('Client', name, spec)
  const documents = [
    document('TrustedIssuer', 'cluster', {
      preset: 'kubernetes',
      issuer: cluster.issuer,
      audiences: [issuer],
      keys: { jwks: cluster.jwks },
    }),
    document('TrustedIssuer', 'jwt-svids', { credential: 'spiffe-jwt-svid', audiences: [issuer], ...ofDomain }),
    document('TrustedIssuer', 'x509-svids', { credential: 'spiffe-x509-svid', maxLifetime: '12h', ...ofDomain }),
    document('TrustedIssuer', 'wits', { credential: 'wit', ...ofDomain }),
    document('TrustedIssuer', 'corporate', {
      credential: 'x509',
      maxLifetime: '12h',
      keys: { roots: authority.pem },
    }),
    client('pods', { workloads: [{ issuer: 'cluster', match: { namespace: ['shop'] } }] }),
    client('svids', {
      workloads: ['jwt-svids', 'x509-svids', 'wits'].map((name) => ({
        issuer: name,
        ids: [`spiffe://${TRUST_DOMAIN}/shop/*`],
      })),
      audiences: ['https://gateway.example'],
    }),
    client('machines', { workloads: [{ issuer: 'corporate', ids: ['checkout'] }] }),
    client('registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [keys.registered.jwk] } } }),
    client('attested', { authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [keys.attester.jwk] } } }),
    client('self-signed', {
      authentication: {
        method: 'self_signed_tls_client_auth',
        jwks: {
          keys: [{ ...selfSigned.publicKey.export({ format: 'jwk' }), x5c: [selfSigned.der.toString('base64')] }],
        },
      },
    }),
    // Tokens of ours that live as long as the measurement.
    document('Target', 'gateway', {
      audience: 'https://gateway.example',
      scopes: ['orders:read'],
      tokens: [{ kind: 'access-token', lifetime: '1h' }],
    }),
    // What a token of ours must hold to be exchanged for one of another audience.
    document('Policy', 'narrowing', {
      clients: ['svids'],
      targets: ['orders'],
      scopes: ['orders:read'],
      subject: { issuers: ['self'], scopes: ['orders:read'] },
      condition: "subject.kind != '' && request.scopes.size() < 5",
    }),
    document('Policy', 'bench', {
      clients: ['pods', 'svids', 'machines', 'registered', 'attested', 'self-signed'],
      targets: ['orders', 'gateway'],
      scopes: ['orders:read'],
      delegation: { mode: 'delegate' },
      changes: ['format', 'scope', 'authority', 'unbind'],
      condition: "subject.kind != '' && request.scopes.size() < 5",
    }),
  ]
  return { issuer, now, cluster, ...keys, svid, certificate, selfSigned, stranger, documents }
}

/** What the listeners of a server show: nobody checks it here. */
export async function serverIdentity(): Promise<{ readonly cert: string; readonly key: string }> {
  const root = await createRoot({ keys: keyPair() })
  const leaf = await root.leaf({ ips: ['127.0.0.1'] })
  return { cert: leaf.chainPem(), key: leaf.keyPem }
}
