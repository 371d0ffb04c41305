import { formatDuration } from '../lib/duration.ts'
import type { Fault } from '../lib/fault.ts'
import { wideTexts } from '../lib/wide-texts.ts'
import type { Anchors, KeySource, TrustedIssuer } from './contract.ts'
import { DEFAULT_CLUSTER_ISSUERS } from './presets/kubernetes.ts'
import { namesRead } from './renameable.ts'
import { CERTIFICATE_LIFETIME } from './written-certificates.ts'

const DAY = 86_400
/** Regional, global, FIPS and VPC addresses, in every partition. */
const AWS_STS = /^(?:[a-z0-9-]+\.)?sts(?:-fips)?(?:\.[a-z0-9-]+)*\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws)$/

/** What is allowed in a TrustedIssuer document but doubtful. `now`: seconds since the epoch. */
export function lintTrustedIssuer(issuer: TrustedIssuer, now: number): readonly Fault[] {
  const found: Fault[] = []
  const warn = (path: string, message: string) => void found.push({ path, message })
  const { keys } = issuer
  if (DEFAULT_CLUSTER_ISSUERS.has(issuer.authority)) {
    warn(
      'spec.issuer',
      `${issuer.authority} is what every cluster calls itself by default (K-8); give this cluster an issuer of its own, or at least audiences that name it and that no other cluster's tokens carry`,
    )
  }
  if (keys.from === 'inline' && keys.anchors !== undefined) {
    warn(
      'spec.keys.bundle.inline',
      'a bundle that is written here does not follow when the trust domain rotates its keys or takes them back; keep it current, or use url or file',
    )
  } else if (keys.from === 'inline') {
    warn(
      'spec.keys.jwks',
      'keys that are written here do not follow when the issuer rotates its own, and its credentials are then refused; keep them current, or use discovery or jwksUri',
    )
    if (keys.keys.some((key) => key.kid === undefined)) {
      warn('spec.keys.jwks', 'a key without kid verifies only credentials without kid')
    }
  }
  if (keys.from === 'jwksUri' && keys.url.startsWith('http:'))
    warn('spec.keys.jwksUri', 'keys that come over http can be replaced on the way')
  if (keys.from === 'discovery' && keys.issuer.startsWith('http:'))
    warn('spec.keys.discovery', 'keys that come over http can be replaced on the way')
  if (keys.from === 'sts' && keys.url.startsWith('http:'))
    warn('spec.keys.sts', 'what was signed can be read over http, and the answer replaced')
  if (keys.from === 'sts' && !AWS_STS.test(new URL(keys.url).host))
    warn(
      'spec.keys.sts',
      `${new URL(keys.url).host} is not an address of AWS STS, and whoever answers there says who everybody is`,
    )
  found.push(...lintElsewhere(issuer))
  if (keys.from === 'bundle') found.push(...lintEndpoint(keys))
  if (keys.from === 'certificates') found.push(...lintAuthorities(keys.anchors, now))
  if (issuer.onlineCheck?.url.startsWith('http:') === true) {
    const { protocol } = issuer.onlineCheck
    warn(
      `spec.onlineCheck.${protocol}.url`,
      'credentials that are sent over http can be read on the way, and the answer replaced',
    )
  }
  for (const field of ['maxLifetime', 'maxAge', 'maxStale'] as const) {
    // Where the kind's credentials need not say when they were issued, nobody has chosen an age.
    const year = field === 'maxLifetime' && keys.from === 'certificates' && issuer.keyUse === 'x509-svid'
    if (issuer[field] > (year ? CERTIFICATE_LIFETIME : DAY) && Number.isFinite(issuer[field]))
      warn(
        `spec.${field}`,
        `${formatDuration(issuer[field])} is more than ${year ? 'certificates of the web live' : 'a day'}`,
      )
  }
  if (issuer.multipleAudiences) {
    warn(
      'spec.multipleAudiences',
      'a credential with further audiences may have been brought here by any of them (P-10)',
    )
  }
  if (issuer.singleUse && issuer.conditions.some(({ source }) => source.includes("'kubernetes.io'"))) {
    warn(
      'spec.singleUse',
      'a pod presents the same token until the kubelet rotates it, so its second exchange will be refused (P-9)',
    )
  }
  if (issuer.singleUse && issuer.firstUse === 'bind') {
    warn(
      'spec.firstUse',
      'binds what singleUse lets be used once only, so that it does nothing but demand a key; keep one of the two',
    )
  }
  for (const { source } of issuer.conditions)
    for (const why of wideTexts(source, issuer.variables)) warn('spec.condition', why)
  for (const [field, mapping] of [['tenant', issuer.tenant?.mapping] as const, ['subject', issuer.subject] as const]) {
    for (const [name, id] of namesRead(issuer, mapping?.source ?? '')) {
      warn(
        `spec.${field}`,
        `${name} can be renamed, and the name then be taken by somebody else; read ${id === 'ids' ? 'sub' : id}, which stays (P-5, T21)`,
      )
    }
  }
  if (issuer.act === 'keep')
    warn('spec.act', 'this issuer may say of its credentials that others act for their subjects, and is believed')
  return found
}

/** Where an issuer says something of itself that no credential says, or has its keys at another address. */
function lintElsewhere({ authority, keys }: TrustedIssuer): readonly Fault[] {
  if (keys.from === 'discovery' && GOOGLE.has(authority))
    return [
      {
        path: 'spec.keys.discovery',
        message: `the keys of ${authority} are at another address than its metadata, and are not fetched from there; write jwksUri: https://www.googleapis.com/oauth2/v3/certs`,
      },
    ]
  const everybody = ENTRA_FOR_MANY.exec(authority)?.[1]
  if (everybody !== undefined)
    return [
      {
        path: 'spec.issuer',
        message: `no token has the issuer of ${everybody}, which stands for many tenants: each says its own; write the id of yours, https://login.microsoftonline.com/TENANT-ID/v2.0`,
      },
    ]
  return []
}

/** Google names itself in both ways. */
const GOOGLE: ReadonlySet<string> = new Set(['https://accounts.google.com', 'accounts.google.com'])
const ENTRA_FOR_MANY =
  /^https:\/\/(?:login\.microsoftonline\.com|sts\.windows\.net)\/(common|organizations|consumers|\{tenantid\})(?:\/|$)/

function lintEndpoint(keys: Extract<KeySource, { readonly from: 'bundle' }>): readonly Fault[] {
  if (keys.url.startsWith('http:'))
    return [{ path: 'spec.keys.bundle.url', message: 'a bundle that comes over http can be replaced on the way' }]
  if (keys.profile === 'https_web' || keys.selfServing) return []
  return [
    {
      path: 'spec.keys.bundle.endpointSpiffeId',
      message: `${keys.endpointSpiffeId} is of another trust domain than the bundle, so what its server is known by (inline) does not follow when that domain rotates its keys; keep it current`,
    },
  ]
}

function lintAuthorities({ certificates, intermediates }: Anchors, now: number): readonly Fault[] {
  const over = (path: string, written: Anchors['certificates']) =>
    written.flatMap(({ notAfter }, index) =>
      notAfter >= now ? [] : [{ path, message: `certificate ${index + 1} has expired, so nothing is valid under it` }],
    )
  return [...over('spec.keys.roots', certificates), ...over('spec.keys.intermediates', intermediates)]
}
