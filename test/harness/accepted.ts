/**
 * The accepted set: every place of a request with every credential that is taken there, from the registers and from the
 * settings that documents have by default. docs/credentials.md shows it, and test/flows/matrix.test.ts holds the code to
 * what is shown there.
 */
import { z } from 'zod'
import { compileClient } from '../../src/clients/client.ts'
import {
  type AnyCredentialKind,
  CARRIED_TYPE,
  JWT_BEARER_GRANT,
  type JwtHeader,
} from '../../src/credentials/contract.ts'
import { ownIssuers } from '../../src/credentials/own-issuer.ts'
import { issuerOfClient } from '../../src/credentials/registered-client.ts'
import type { Position, TrustedIssuer } from '../../src/trust/contract.ts'
import { settingsShape } from '../../src/trust/trusted-issuer-schema.ts'
import { identityFor } from '../unit/trust/hostile-server.ts'

/** One credential in one place. */
export interface Accepted {
  readonly position: (typeof POSITIONS)[number]
  /** The declared type, as in CARRIED_TYPE where the place declares it. */
  readonly type: string
  readonly kind: AnyCredentialKind
  /** Settings of a document that are not the default and change what is taken: `scheme: wimse`. */
  readonly variant: string
  /** Who says that its issuer is to be believed. */
  readonly trustedBy: string
  /** Undefined for what is no JWT. */
  readonly header: JwtHeader | undefined
  /** The name of the client authentication; '' in the other positions. */
  readonly authentication: string
  readonly once: boolean
}

const US = 'https://cambist.example'
const POSITIONS = ['client', 'subject', 'actor', 'assertion'] as const

export function acceptedSet(kinds: readonly AnyCredentialKind[]): readonly Accepted[] {
  const rows = [
    ...kinds.flatMap((kind) =>
      kind.builtIn === true ? [] : settingsOf(kind).flatMap((each) => ofDocument(kind, each)),
    ),
    ...BUILT_IN.flatMap(({ issuer, trustedBy, authentication }) => ofIssuer(kinds, issuer, trustedBy, authentication)),
  ]
  return rows.sort((one, other) => POSITIONS.indexOf(one.position) - POSITIONS.indexOf(other.position))
}

function ofDocument(kind: AnyCredentialKind, { settings, variant }: Variant): Accepted[] {
  const header = kind.header?.(settings)
  const common = { kind, variant, trustedBy: 'a `TrustedIssuer`', header, once: kind.singleUse === true }
  return [
    ...[...(kind.clientTypes ?? [])].map(
      ([type, authentication]): Accepted => ({ ...common, position: 'client', type, authentication }),
    ),
    ...(['subject', 'actor'] as const).flatMap((position) =>
      kind.tokenTypes.map((type): Accepted => ({ ...common, position, type, authentication: '' })),
    ),
    ...(kind.assertionTypes ?? []).map(
      (type): Accepted => ({ ...common, position: 'assertion', type, authentication: '' }),
    ),
  ]
}

interface Variant {
  readonly settings: unknown
  readonly variant: string
}

/** What a document says at least; and once more for each choice that its kind offers beside the default. */
function settingsOf(kind: AnyCredentialKind): readonly Variant[] {
  const shape = settingsShape(kind)
  const least: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(shape))
    if (!field.safeParse(undefined).success) least[name] = 'prod.example'
  const variants: Variant[] = [{ settings: parsed(kind, least), variant: '' }]
  for (const [name, field] of Object.entries(shape)) {
    if (!(field instanceof z.ZodDefault) || !(field.unwrap() instanceof z.ZodEnum)) continue
    const standard = field.parse(undefined)
    for (const option of (field.unwrap() as z.ZodEnum).options) {
      if (option !== standard)
        variants.push({ settings: parsed(kind, { ...least, [name]: option }), variant: `${name}: ${option}` })
    }
  }
  return variants
}

/** Undefined for a kind whose settings are of another sort: it then can say nothing of a header. */
const parsed = (kind: AnyCredentialKind, settings: object): unknown => kind.settings.safeParse(settings).data

interface BuiltIn {
  readonly issuer: TrustedIssuer
  readonly trustedBy: string
  /** Instead of the kind's own, where the client is registered for it. */
  readonly authentication?: string
}

/** The issuers that no `TrustedIssuer` document says: registered clients, and ourselves. */
const BUILT_IN: readonly BuiltIn[] = [
  ...(
    [
      { method: 'private_key_jwt', jwksUri: 'https://client.example/jwks' },
      { method: 'attest_jwt_client_auth', jwksUri: 'https://attester.example/jwks' },
      { method: 'self_signed_tls_client_auth', jwks: { keys: [{ x5c: [selfSigned()] }] } },
    ] as const
  ).map((authentication) => ({
    issuer: ofClient(authentication),
    trustedBy: `a \`Client\` with \`${authentication.method}\``,
    authentication: authentication.method,
  })),
  ...ownIssuers(US, { publicKeysOf: () => ({ keys: [] }) }).map((issuer) => ({ issuer, trustedBy: 'Cambist itself' })),
]

function ofClient(authentication: object): TrustedIssuer {
  const issuer = issuerOfClient(compileClient('registered', { authentication }), US)
  if (issuer === undefined) throw new Error('the client has no keys of its own')
  return issuer
}

function selfSigned(): string {
  return identityFor('client.example').cert.replace(/-----.*?-----|\s/g, '')
}

function ofIssuer(
  kinds: readonly AnyCredentialKind[],
  issuer: TrustedIssuer,
  trustedBy: string,
  authentication = '',
): Accepted[] {
  const kind = kinds.find(({ name }) => name === issuer.credential)
  if (kind === undefined) return []
  return POSITIONS.filter((position) => issuer.uses.has(position satisfies Position)).flatMap((position) =>
    issuer.tokenTypes.map(
      (type): Accepted => ({
        position,
        type,
        kind,
        variant: '',
        trustedBy,
        header: kind.header?.(issuer.settings),
        authentication,
        once: issuer.singleUse,
      }),
    ),
  )
}

/** How a request presents it, in the words of the documentation. */
export function placeOf({ position, type }: Pick<Accepted, 'position' | 'type'>): string {
  switch (type) {
    case CARRIED_TYPE.certificate:
      return 'client certificate of the connection'
    case CARRIED_TYPE.workloadIdentityToken:
      return 'header `Workload-Identity-Token`'
    case CARRIED_TYPE.clientAttestation:
      return 'header `OAuth-Client-Attestation`'
    case JWT_BEARER_GRANT:
      return `\`assertion\` of grant \`${type}\``
    default:
      return `\`${position === 'client' ? 'client_assertion' : `${position}_token`}\` of type \`${type}\``
  }
}
