/** Everybody in the second part of the tour: the platforms, the workload with its keys, and the documents that believe them. */
import { githubActions, gitlab } from '../../src/trust/presets/index.ts'
import { Authority, selfSigned } from './certificates.ts'
import { AwsSts, AzureMetadata, Ec2Region } from './clouds.ts'
import { IssuerKey, SampledPlatform, type Served, serve, TrustDomain } from './platforms.ts'
import { WorkloadKey } from './workload.ts'

export const ORDERS = 'https://orders.example'
export const FRAUD = 'https://fraud.example'
export const LEDGER = 'https://ledger.example'
export const SHIPPING = 'https://shipping.partner.example'
const WIMSE_ID = 'wimse://edge.example/shop/checkout'

export type World = Awaited<ReturnType<typeof createWorld>>

/** Keys, authorities and servers, all made now. `web`: the authority of the servers' certificates. */
export async function createWorld(web: Authority) {
  const server = await web.issue({ ips: ['127.0.0.1'] })
  const prod = await TrustDomain.create('prod.example')
  const edge = new IssuerKey('edge-1')
  const login = new IssuerKey('login-1')
  const corporate = await Authority.create('CN=Corporate CA,O=Example')

  const bundles = await serve(server, { '/': () => prod.bundle() })
  // The same bundle, by a server that is known by its SPIFFE ID instead of its name.
  const federation = await serve(await prod.x509Svid('spire/server'), { '/': () => prod.bundle() })
  const provider = await serve(server, {
    '/.well-known/openid-configuration': (_, url) => ({ issuer: url, jwks_uri: `${url}/keys` }),
    '/keys': () => login.jwks,
    '/edge/keys': () => edge.jwks,
  })
  const sts = new AwsSts()
  const aws = await serve(server, { '/': sts.handler })
  const servers: readonly Served[] = [bundles, federation, provider, aws]
  return {
    ...{ web, prod, edge, corporate, bundles, federation, provider, sts, aws, wimseId: WIMSE_ID },
    ec2: await Ec2Region.open(),
    azure: await AzureMetadata.open(),
    github: new SampledPlatform(githubActions),
    gitlab: new SampledPlatform(gitlab),
    /** The workload's own: for its identity tokens, for DPoP, and where it is registered with a key. */
    identityKey: new WorkloadKey(),
    dpopKey: new WorkloadKey(),
    portalKey: new WorkloadKey(),
    /** What the orders service is registered with at the partner. */
    partnerKey: new WorkloadKey(),
    /** Who attests instances of the client till. */
    attester: new IssuerKey('attester-1'),
    svid: await prod.x509Svid('shop/checkout'),
    billing: await corporate.issue({ subject: 'CN=billing,O=Example,C=DE' }),
    printer: await selfSigned('CN=printer'),
    insecureFetch: servers.map(({ host }) => host),
    /** An ID token of somebody who has logged in at the provider. */
    idToken: async (audience: string): Promise<string> =>
      await login.sign({ iss: provider.url, sub: 'alice', aud: audience }),
    close() {
      for (const one of servers) one.close()
    },
  }
}

export const document = (kind: string, name: string, spec: object) => ({
  apiVersion: 'cambist/v1',
  kind,
  metadata: { name },
  spec,
})

/** What an administrator has written for this: whom we believe, who may call, and one rule. */
export function documentsOf(world: World, audience: string): readonly object[] {
  const { web, prod, github, gitlab, corporate, attester, bundles, federation, provider, aws, ec2, azure } = world
  const believe = (name: string, spec: object) => document('TrustedIssuer', name, spec)
  const registered = (name: string, authentication: object) =>
    document('Client', name, { authentication, audiences: [ORDERS] })
  const bundle = { bundle: { url: `${bundles.url}/` }, ca: web.pem }
  const spiffe = [prod.id('shop/checkout')]
  return [
    believe('github', {
      preset: 'github-actions',
      audiences: [audience],
      keys: { jwks: github.key.jwks },
      tenants: ['1234567'],
    }),
    believe('gitlab', {
      preset: 'gitlab',
      audiences: [audience],
      keys: { jwks: gitlab.key.jwks },
      tenants: ['72'],
      firstUse: 'bind',
    }),
    // Any OpenID provider: its keys come by discovery, and no code knows it. It says who people are, and not who asks.
    believe('login', {
      preset: 'oidc',
      issuer: provider.url,
      audiences: [audience],
      keys: { discovery: true, ca: web.pem },
      uses: ['subject'],
    }),
    believe('prod-tokens', {
      credential: 'spiffe-jwt-svid',
      trustDomain: prod.name,
      audiences: [audience],
      keys: bundle,
    }),
    believe('prod-identities', { credential: 'wit', trustDomain: prod.name, keys: bundle }),
    believe('prod-certificates', {
      credential: 'spiffe-x509-svid',
      trustDomain: prod.name,
      keys: {
        bundle: {
          url: `${federation.url}/`,
          profile: 'https_spiffe',
          endpointSpiffeId: prod.id('spire/server'),
          inline: prod.bundle(),
        },
      },
    }),
    believe('edge-identities', {
      credential: 'wit',
      scheme: 'wimse',
      trustDomain: 'edge.example',
      keys: { jwksUri: `${provider.url}/edge/keys`, ca: web.pem },
    }),
    believe('aws-roles', {
      preset: 'aws-caller-identity',
      audiences: [audience],
      keys: { sts: aws.url, ca: web.pem },
      tenants: ['123456789012'],
    }),
    believe('ec2', {
      preset: 'ec2-instance',
      keys: { roots: ec2.authority.pem },
      tenants: ['123456789012'],
    }),
    believe('azure-machines', {
      preset: 'azure-instance',
      keys: { roots: azure.authority.pem },
      tenants: ['11111111-2222-4333-8444-555555555555'],
    }),
    believe('corporate', { credential: 'x509', keys: { roots: corporate.pem } }),

    // No registration: this is every instance of a workload, whatever its platform has given it.
    document('Client', 'checkout', {
      workloads: [
        { issuer: 'development-cluster', match: { namespace: ['shop'], serviceaccount: ['checkout'] } },
        { issuer: 'github', match: { repository_id: ['7654321'], environment: ['prod'] } },
        { issuer: 'gitlab', match: { project_id: ['57382910'], ref_protected: ['true'] } },
        { issuer: 'prod-tokens', ids: spiffe },
        { issuer: 'prod-identities', ids: spiffe },
        { issuer: 'prod-certificates', ids: spiffe },
        { issuer: 'edge-identities', ids: [world.wimseId] },
        { issuer: 'aws-roles', ids: ['arn:aws:sts::123456789012:assumed-role/orders'] },
        { issuer: 'ec2', match: { account_id: ['123456789012'], region: ['eu-central-1'] } },
        { issuer: 'azure-machines', match: { subscription_id: ['11111111-2222-4333-8444-555555555555'] } },
      ],
    }),
    registered('billing', {
      method: 'tls_client_auth',
      issuer: 'corporate',
      subjectDn: 'CN=billing,O=Example,C=DE',
    }),
    registered('printer', { method: 'self_signed_tls_client_auth', jwks: { keys: [world.printer.jwk] } }),
    registered('portal', { method: 'private_key_jwt', jwks: { keys: [world.portalKey.jwk] } }),
    registered('till', { method: 'attest_jwt_client_auth', jwks: attester.jwks }),

    document('Policy', 'everybody-reads-orders', {
      clients: ['checkout', 'billing', 'printer', 'portal', 'till'],
      targets: ['orders'],
      scopes: ['orders:read', 'orders:write'],
      delegation: { mode: 'delegate' },
    }),
  ]
}
