/** What TrustedIssuer documents an operator could apply after he has checked what was discovered. */
import { API_VERSION, type Document } from '../documents/contract.ts'
import { algorithms } from '../lib/algorithms.ts'
import type { Preset } from '../trust/contract.ts'
import { metadataUrl } from '../trust/key-source.ts'
import type { Found, FoundKey } from './discovering.ts'

export interface Proposing {
  readonly audiences: readonly string[]
  readonly presets: readonly Preset[]
  /** Of the document; made from what was found where it is left out. */
  readonly name?: string
  /** PEM of the private authority that its servers were reached with. */
  readonly ca?: string
}

/** Stands where only the operator knows what to write; as a tenant it is nobody's, so that nothing is taken meanwhile. */
export const TENANT_TO_WRITE = 'WRITE-THE-ID-OF-YOUR-TENANT'

export function proposed(found: Found, proposing: Proposing): readonly Document[] {
  if (found.what === 'issuer') return [ofIssuer(found, proposing)]
  return found.what === 'spiffe-bundle' ? ofBundle(found, proposing) : ofTrustDomain(found, proposing)
}

function ofIssuer(found: Found, { audiences, presets, name, ca }: Proposing): Document {
  const { name: issuer, keysUrl } = found
  const preset = presets.find(({ fills }) => fills['issuer'] === issuer)
  // The server looks where OpenID Connect says and takes keys of the same origin only; all else is written out.
  const isPlain = found.metadataUrl === metadataUrl(issuer) && new URL(keysUrl).origin === new URL(issuer).origin
  const spec = {
    preset: preset?.name ?? 'oidc',
    issuer,
    keys: { ...(isPlain ? { discovery: true } : { jwksUri: keysUrl }), ...(ca === undefined ? {} : { ca }) },
    audiences,
    ...(preset === undefined ? { algorithms: algorithmsOf(found) } : {}),
    ...(preset?.sharedIssuer === true ? { tenants: [TENANT_TO_WRITE] } : {}),
  }
  return document(name ?? preset?.name ?? nameFrom(new URL(issuer).host), spec)
}

/** Those that the issuer says it signs with and has a key for; where it says nothing, the usual ones of its keys. */
function algorithmsOf({ algorithms: said, keys }: Found): readonly string[] {
  const fit = new Set(keys.flatMap(({ key }) => [...(key?.algorithms ?? [])]))
  const both = said.filter((one) => fit.has(one))
  if (both.length > 0) return [...new Set(both)]
  const usual = keys.flatMap(({ key }) => (key === undefined ? [] : [[...key.algorithms][0] ?? '']))
  return [...new Set(usual)].filter((one) => algorithms.has(one))
}

function ofBundle(found: Found, { audiences, name, ca }: Proposing): readonly Document[] {
  const { name: trustDomain, keysUrl } = found
  const keys = { bundle: { url: keysUrl, profile: 'https_web' }, ...(ca === undefined ? {} : { ca }) }
  return (
    [
      ['jwt-svid', 'spiffe-jwt-svid'],
      ['x509-svid', 'spiffe-x509-svid'],
    ] as const
  ).flatMap(([use, credential]) =>
    found.keys.some((key) => key.use === use)
      ? [document(`${name ?? nameFrom(trustDomain)}-${use}`, { credential, trustDomain, keys, audiences })]
      : [],
  )
}

function ofTrustDomain(found: Found, { audiences, name }: Proposing): readonly Document[] {
  const { name: trustDomain } = found
  const base = name ?? nameFrom(trustDomain)
  const jwks = found.keys.filter(({ use }) => use === 'wimse-jwt').flatMap(jwkOf)
  const roots = found.keys.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate.toString()]))
  return [
    ...(jwks.length === 0
      ? []
      : [document(`${base}-wit`, { credential: 'wit', trustDomain, keys: { jwks: { keys: jwks } }, audiences })]),
    ...(roots.length === 0
      ? []
      : [
          document(`${base}-x509`, {
            credential: 'spiffe-x509-svid',
            trustDomain,
            keys: { roots: roots.join('') },
            audiences,
          }),
        ]),
  ]
}

/** The members that make the key, its name, and its algorithm where it has one only. */
function jwkOf({ key }: FoundKey): readonly object[] {
  if (key === undefined) return []
  const [alg, ...more] = key.algorithms
  return [
    {
      ...key.key.export({ format: 'jwk' }),
      ...(key.kid === undefined ? {} : { kid: key.kid }),
      ...(more.length === 0 ? { alg } : {}),
    },
  ]
}

const document = (name: string, spec: Record<string, unknown>): Document => ({
  apiVersion: API_VERSION,
  kind: 'TrustedIssuer',
  metadata: { name },
  spec,
})

/** `login.example:8443` → `login-example-8443`. */
const nameFrom = (host: string): string =>
  host
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
    .replace(/^-|-$/g, '')
