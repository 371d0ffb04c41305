import { parseSpiffeId } from '../identity/spiffe-id.ts'
import type { Fault } from '../lib/fault.ts'
import { readBundle } from './bundle.ts'
import { bundleSet } from './bundle-source.ts'
import type { KeySource, KeyUse } from './contract.ts'
import type { KeySet } from './key-set.ts'

/** `spec.keys.bundle` of a TrustedIssuer document. */
export interface WrittenBundle {
  readonly url?: string | undefined
  readonly profile?: 'https_web' | 'https_spiffe' | undefined
  readonly endpointSpiffeId?: string | undefined
  readonly inline?: unknown
  readonly file?: string | undefined
}

export interface BundleOf {
  readonly authority: string
  readonly keyUse?: KeyUse
  readonly ca: string | undefined
  checkUrl(url: string, path: string): void
}

const PATH = 'spec.keys.bundle'

/** Where the bundle comes from (S-80: nothing of it is inferred); undefined where that has faults. */
export function compileBundle(written: WrittenBundle, of: BundleOf, faults: Fault[]): KeySource | undefined {
  const { url, profile, endpointSpiffeId, inline, file } = written
  const fault = (member: string, message: string) => void faults.push({ path: `${PATH}${member}`, message })
  const said = Object.entries({ url, inline, file }).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  const spiffe = profile === 'https_spiffe' && url !== undefined
  if (said.length !== 1 && !(spiffe && file === undefined)) {
    const what = said.length === 0 ? 'says nothing' : `says ${said.join(' and ')}`
    fault(
      '',
      `${what}, and must say exactly one of url, inline and file; only profile https_spiffe has inline beside url`,
    )
  }
  if (url !== undefined) of.checkUrl(url, `${PATH}.url`)
  else if (profile !== undefined) fault('.profile', 'is for a bundle that is fetched; say url, or leave it out')
  if (endpointSpiffeId !== undefined && !spiffe)
    fault('.endpointSpiffeId', 'is for profile https_spiffe; say that and url, or leave it out')

  if (spiffe) return compileEndpoint({ ...written, url }, of, faults)
  if (file !== undefined) return Object.freeze<KeySource>({ from: 'bundleFile', name: file })
  if (url !== undefined)
    return Object.freeze<KeySource>({
      from: 'bundle',
      url,
      profile: 'https_web',
      ...(of.ca === undefined ? {} : { ca: of.ca }),
    })
  const set = inlineSet(inline, of.keyUse ?? 'sig', 'so no credential could be verified', faults)
  return set && Object.freeze<KeySource>({ from: 'inline', keys: set.keys, anchors: set.anchors })
}

/** A server that is known by its SPIFFE ID (S-86). */
function compileEndpoint(
  { url, endpointSpiffeId, inline }: WrittenBundle & { readonly url: string },
  { authority, ca }: BundleOf,
  faults: Fault[],
): KeySource | undefined {
  const fault = (member: string, message: string) => void faults.push({ path: `spec.keys.${member}`, message })
  const id = parseSpiffeId(endpointSpiffeId ?? '')
  if (endpointSpiffeId === undefined)
    fault('bundle.endpointSpiffeId', 'is missing; with profile https_spiffe, say which SPIFFE ID the server has')
  else if (id === undefined || id.path === '') {
    fault(
      'bundle.endpointSpiffeId',
      `${JSON.stringify(endpointSpiffeId)} is not the SPIFFE ID of a server; write one such as spiffe://prod.example/spire/server`,
    )
  }
  if (url.startsWith('http:'))
    fault('bundle.url', 'must begin with https://: with profile https_spiffe, the server is known by its certificate')
  if (ca !== undefined)
    fault('ca', 'is for profile https_web; the server of an https_spiffe endpoint is known by keys.bundle.inline')
  if (inline === undefined) {
    fault(
      'bundle.inline',
      'is missing; with profile https_spiffe, write the present bundle of the trust domain of endpointSpiffeId, by which the server is first known',
    )
    return undefined
  }
  const set = inlineSet(inline, 'x509-svid', 'so the server of endpointSpiffeId could not be known', faults)
  if (set === undefined || id === undefined) return undefined
  return Object.freeze<KeySource>({
    from: 'bundle',
    url,
    profile: 'https_spiffe',
    endpointSpiffeId: id.uri,
    bootstrap: set.anchors.certificates,
    selfServing: id.origin === authority,
  })
}

/** What a written bundle holds for a use. A person can mend what cannot be read, so that is a fault here. */
function inlineSet(inline: unknown, use: KeyUse, otherwise: string, faults: Fault[]): KeySet | undefined {
  const reading = readBundle(inline)
  const path = `${PATH}.inline`
  if (reading.fault !== undefined) {
    faults.push({ path, message: `the bundle ${reading.fault}` })
    return undefined
  }
  const { bundle } = reading
  const set = bundleSet(bundle, use)
  for (const { fault } of bundle.unreadable) faults.push({ path, message: fault })
  if (set.names.size > 0) return set
  const other = bundle.ignored[0] === undefined ? '' : ` (${bundle.ignored[0]})`
  faults.push({ path: `${path}.keys`, message: `has no key of use ${use}${other}, ${otherwise}` })
  return undefined
}
