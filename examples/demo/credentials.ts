/** The rows of the matrix: each credential, how a request brings it in each position, and what must come of it. */
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { developmentCluster } from '../../src/quickstart.ts'
import { seconds, wit } from './platforms.ts'
import type { Cambist } from './server.ts'
import {
  awsCallerRequest,
  azureNonce,
  certificateToken,
  clientAssertion,
  type TlsIdentity,
  type TokenRequest,
  withAttestation,
  withDpop,
  withIdentityToken,
  withMessageSignature,
  withWorkloadProof,
} from './workload.ts'
import { ORDERS, type World } from './world.ts'

export const positions = ['client', 'subject', 'actor'] as const
export type Position = (typeof positions)[number]

/** A credential as one request brings it. */
export interface Brought {
  readonly form?: Readonly<Record<string, string>>
  /** What the sender proves, once the rest of the request is written. */
  readonly prove?: (request: TokenRequest) => TokenRequest | Promise<TokenRequest>
  readonly identity?: TlsIdentity
}

/** What must come of it: how a client is called on the record, how a key was proven, or the reason of a refusal. */
export type Expected = { readonly granted: string; readonly bound?: string } | { readonly refused: string }

export interface Row {
  readonly credential: string
  /** A registered client brings it for somebody: an ID token, a token of ours. */
  readonly broughtBy?: 'portal'
  readonly expected: Readonly<Record<Position, Expected>>
  bring(position: Position): Promise<Brought>
}

const type = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`
const assertionType = (name: string): string => `urn:ietf:params:oauth:client-assertion-type:${name}`

export const JWT = type('jwt')
export const MTLS = type('mtls')
export const ID_TOKEN = type('id_token')
export const ACCESS_TOKEN = type('access_token')
const AWS_REQUEST = 'urn:ietf:params:aws:token-type:aws4_request'
export const EC2_DOCUMENT = 'urn:cambist:token-type:ec2-instance-identity'
const AZURE_DOCUMENT = 'urn:cambist:token-type:azure-attested-data'
export const JWT_BEARER = assertionType('jwt-bearer')

/** Every instance has an id of its own. */
export const instanceId = (): string => `i-0${randomBytes(8).toString('hex')}`

/** Parameters for a token in a position. */
function parameters(position: Position, token: string, tokenType: string, clientType = JWT_BEARER) {
  if (position === 'client') return { client_assertion: token, client_assertion_type: clientType }
  return { [`${position}_token`]: token, [`${position}_token_type`]: tokenType }
}

const yes = (granted: string, bound?: string): Expected => (bound === undefined ? { granted } : { granted, bound })
const no = (refused: string): Expected => ({ refused })
const asBearer = (client: string) => ({ client: yes(client), subject: yes('bearer'), actor: yes('bearer') })

/** All rows. `ownToken` mints a token of ours for the client portal; with a proof it is bound to the DPoP key. */
export function rowsOf(
  world: World,
  cambist: Cambist,
  ownToken: (prove?: Brought['prove']) => Promise<string>,
): readonly Row[] {
  const { issuer } = cambist
  const { prod, edge, wimseId, identityKey, dpopKey, portalKey, attester } = world
  const cluster = developmentCluster(cambist.directory)
  const dpop: Brought['prove'] = (request) => withDpop(request, dpopKey)

  const bearer = (credential: string, token: () => Promise<string> | string, client = JWT_BEARER): Row => ({
    credential,
    expected: asBearer(client === JWT_BEARER ? 'client_assertion' : 'spiffe_jwt'),
    bring: async (position) => ({ form: parameters(position, await token(), JWT, client) }),
  })
  const certificate = (credential: string, identity: TlsIdentity, expected: Row['expected'], client?: string): Row => ({
    credential,
    expected,
    async bring(position) {
      const named = client === undefined ? {} : { client_id: client }
      // As the subject it need not be sent: the connection has it.
      if (position === 'subject') return { identity, form: { ...named, subject_token_type: MTLS } }
      const token = position === 'actor' ? parameters(position, certificateToken(identity), MTLS) : {}
      return { identity, form: { ...named, ...token } }
    },
  })

  const evidence = (credential: string, tokenType: string, document: () => Promise<string> | string): Row => ({
    credential,
    expected: { client: no('token_malformed'), subject: yes('DPoP', 'jkt'), actor: yes('DPoP', 'jkt') },
    bring: async (position) => ({ form: parameters(position, await document(), tokenType), prove: dpop }),
  })

  return [
    bearer('Kubernetes pod', () => cluster.token({ audience: issuer, now: seconds(), lifetime: 3600 })),
    bearer('GitHub job, older sub', () => world.github.token(issuer, { sub: 'repo:octo-org/orders:environment:prod' })),
    bearer('GitHub job, new sub', () => world.github.token(issuer)),
    {
      credential: 'GitLab job, bound',
      expected: {
        client: yes('client_assertion', 'jkt'),
        subject: yes('first use', 'jkt'),
        actor: yes('first use', 'jkt'),
      },
      bring: async (position) => ({
        form: parameters(position, await world.gitlab.token(issuer), JWT),
        prove: dpop,
      }),
    },
    {
      credential: 'any OpenID provider',
      broughtBy: 'portal',
      expected: { client: no('position_refused'), subject: yes('bearer'), actor: no('position_refused') },
      bring: async (position) => ({ form: parameters(position, await world.idToken(issuer), ID_TOKEN) }),
    },
    bearer('JWT-SVID', () => prod.jwtSvid('shop/checkout', issuer), assertionType('jwt-spiffe')),
    certificate('X.509-SVID', world.svid, {
      client: yes('spiffe_x509', 'x5t#S256'),
      subject: yes('TLS', 'x5t#S256'),
      actor: yes('TLS', 'x5t#S256'),
    }),
    certificate(
      'corporate certificate',
      world.billing,
      {
        client: yes('tls_client_auth', 'x5t#S256'),
        subject: yes('TLS', 'x5t#S256'),
        actor: yes('TLS', 'x5t#S256'),
      },
      'billing',
    ),
    certificate(
      'self-signed',
      world.printer,
      {
        client: yes('self_signed_tls_client_auth', 'x5t#S256'),
        subject: no('issuer_unknown'),
        actor: no('issuer_unknown'),
      },
      'printer',
    ),
    {
      credential: 'WIT by WPT',
      expected: {
        client: yes('workload_identity_token', 'jkt'),
        subject: yes('WPT', 'jkt'),
        actor: yes('WPT', 'jkt'),
      },
      async bring(position) {
        const token = await prod.witSvid('shop/checkout', identityKey)
        return {
          ...(position === 'client' ? {} : { form: parameters(position, token, JWT) }),
          async prove(request) {
            const bound = await withDpop(request, dpopKey)
            const proven = await withWorkloadProof(bound, identityKey, token)
            return position === 'client' ? withIdentityToken(proven, token) : proven
          },
        }
      },
    },
    {
      credential: 'WIT by signature',
      expected: {
        client: yes('workload_identity_token', 'jkt'),
        subject: yes('signature', 'jkt'),
        actor: yes('signature', 'jkt'),
      },
      async bring(position) {
        const token = await wit(edge, wimseId, identityKey)
        return {
          ...(position === 'client' ? {} : { form: parameters(position, token, JWT) }),
          // The signature is of the token in the header, so that is where it stands, whatever else it is for.
          prove: async (request) =>
            withMessageSignature(withIdentityToken(await withDpop(request, dpopKey), token), identityKey),
        }
      },
    },
    {
      credential: 'WIT-SVID by its PoP',
      expected: {
        client: yes('spiffe_wit', 'jkt'),
        subject: yes('PoP', 'jkt'),
        actor: yes('PoP', 'jkt'),
      },
      async bring(position) {
        const token = await prod.witSvid('shop/checkout', identityKey)
        return {
          ...(position === 'client' ? {} : { form: parameters(position, token, JWT) }),
          prove: async (request) => await withAttestation(await withDpop(request, dpopKey), identityKey, token, issuer),
        }
      },
    },
    {
      credential: 'AWS signed request',
      expected: { client: no('token_malformed'), subject: yes('bearer'), actor: yes('bearer') },
      async bring(position) {
        await setTimeout(1000) // requests of one second have one signature, and each is taken once
        const token = awsCallerRequest(world.sts.credentials, world.aws.url, issuer)
        return { form: parameters(position, token, AWS_REQUEST) }
      },
    },
    evidence('EC2 identity document', EC2_DOCUMENT, () => world.ec2.document(instanceId())),
    evidence('Azure attested data', AZURE_DOCUMENT, async () =>
      world.azure.document(randomUUID(), await azureNonce(dpopKey, issuer)),
    ),
    {
      credential: 'client attestation',
      expected: {
        client: yes('attest_jwt_client_auth'),
        subject: no('claim_missing'),
        actor: no('claim_missing'),
      },
      async bring(position) {
        const token = await attester.sign(
          { sub: 'till', cnf: { jwk: identityKey.jwk } },
          { typ: 'oauth-client-attestation+jwt' },
        )
        if (position !== 'client') return { form: parameters(position, token, JWT) }
        return { prove: (request) => withAttestation(request, identityKey, token, issuer) }
      },
    },
    {
      credential: 'assertion by own key',
      expected: { client: yes('private_key_jwt'), subject: no('issuer_unknown'), actor: no('issuer_unknown') },
      bring: async (position) => ({
        form: parameters(position, await clientAssertion(portalKey, 'portal', issuer), JWT),
      }),
    },
    {
      credential: 'access token of ours',
      broughtBy: 'portal',
      expected: { client: no('issuer_unknown'), subject: yes('bearer'), actor: no('position_refused') },
      bring: async (position) => ({ form: parameters(position, await ownToken(), ACCESS_TOKEN) }),
    },
    {
      credential: 'the same, DPoP-bound',
      broughtBy: 'portal',
      expected: {
        client: no('issuer_unknown'),
        subject: yes('DPoP', 'jkt'),
        actor: no('position_refused'),
      },
      bring: async (position) => ({ form: parameters(position, await ownToken(dpop), ACCESS_TOKEN), prove: dpop }),
    },
  ]
}

/** What every request of the tour asks for. */
export const WANTED = { audience: ORDERS, scope: 'orders:read' } as const
