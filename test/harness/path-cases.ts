import type { CertificateFaultCode } from '../../src/lib/x509/contract.ts'
import { der } from './der.ts'
import { type Authority, createRoot, extension, type Issued, nameConstraints, OID } from './pki.ts'

/**
 * The 21 cases that libraries get wrong, each with the length of its path or what is wrong with it, to who believes the
 * root and demands an X.509-SVID (T13).
 */
export const pathVerdicts = [
  ['a leaf of a root', 2],
  ['a leaf of an intermediate', 3],
  ['a leaf within the constraints of its authority', 3],
  ['an expired leaf', 'expired'],
  ['a leaf of tomorrow', 'not_yet_valid'],
  ['an expired intermediate', 'expired'],
  ['a leaf for servers alone', 'extended_key_usage'],
  ['an intermediate for servers alone', 'extended_key_usage'],
  ['an intermediate that says it is no authority', 'not_a_ca'],
  ['an intermediate without basicConstraints', 'not_a_ca'],
  ['an intermediate without keyCertSign', 'key_usage'],
  ['a leaf that issued another', 'not_a_ca'],
  ['an authority more than a pathLenConstraint allows', 'path_too_long'],
  ['a URI that is not permitted', 'name_constraints'],
  ['a URI that is excluded', 'name_constraints'],
  ['a DNS name that is not permitted', 'name_constraints'],
  ['a critical extension that nobody knows', 'unknown_critical'],
  ['an authority in the place of a leaf', 'is_a_ca'],
  ['two URIs', 'names'],
  ['a root that is not ours', 'untrusted'],
  ['a forged issuer of the same name', 'signature'],
] as const satisfies readonly (readonly [string, number | CertificateFaultCode])[]

export type PathCase = (typeof pathVerdicts)[number][0]

/** The workload of all cases. */
export const WORKLOAD = { uris: ['spiffe://prod.example/api'] }

const uri = (base: string) => der(0x86, base)
const dns = (base: string) => der(0x82, base)

/** The leaf of each case, made anew by each call. `now`: seconds since the epoch. */
export function pathCases({
  root,
  intermediate,
  now,
}: {
  readonly root: Authority
  readonly intermediate: Authority
  readonly now: number
}): Readonly<Record<PathCase, () => Promise<Issued>>> {
  const leafOf = (authority: Authority, options = {}) => authority.leaf({ ...WORKLOAD, ...options })
  const below = async (options: Parameters<Authority['intermediate']>[0], leaf = {}) =>
    leafOf(await root.intermediate(options), leaf)
  const constrained = (lists: Parameters<typeof nameConstraints>[0], leaf = {}) =>
    below({ extensions: [nameConstraints(lists)] }, leaf)
  return {
    'a leaf of a root': () => leafOf(root),
    'a leaf of an intermediate': () => leafOf(intermediate),
    'a leaf within the constraints of its authority': () =>
      constrained({ permitted: [uri('prod.example'), dns('prod.example')] }, { dns: ['api.prod.example'] }),
    'an expired leaf': () => leafOf(intermediate, { notAfter: now - 1 }),
    'a leaf of tomorrow': () => leafOf(intermediate, { notBefore: now + 86_400 }),
    'an expired intermediate': () => below({ notAfter: now - 1 }),
    'a leaf for servers alone': () => leafOf(intermediate, { extendedKeyUsage: [OID.serverAuth] }),
    'an intermediate for servers alone': () => below({ extendedKeyUsage: [OID.serverAuth] }),
    'an intermediate that says it is no authority': () =>
      below({ basicConstraints: false, extensions: [extension('2.5.29.19', '3000', true)] }),
    'an intermediate without basicConstraints': () => below({ basicConstraints: false }),
    'an intermediate without keyCertSign': () => below({ keyUsage: ['cRLSign'] }),
    // The first leaf keeps its keyUsage and has what an authority signs with: its key.
    'a leaf that issued another': () => below({ basicConstraints: false, keyUsage: ['digitalSignature'], ...WORKLOAD }),
    'an authority more than a pathLenConstraint allows': async () =>
      leafOf(await (await root.intermediate({ pathLength: 0 })).intermediate({ subject: 'CN=Second' })),
    'a URI that is not permitted': () => constrained({ permitted: [uri('other.example')] }),
    'a URI that is excluded': () => constrained({ excluded: [uri('prod.example')] }),
    'a DNS name that is not permitted': () =>
      constrained({ permitted: [dns('prod.example')] }, { dns: ['api.other.example'] }),
    'a critical extension that nobody knows': () =>
      leafOf(intermediate, { extensions: [extension('1.2.3.4', '0500', true)] }),
    'an authority in the place of a leaf': () => root.intermediate(WORKLOAD),
    'two URIs': () => leafOf(intermediate, { uris: ['spiffe://prod.example/a', 'spiffe://prod.example/b'] }),
    'a root that is not ours': async () => leafOf(await createRoot({ subject: 'CN=Other Root' })),
    'a forged issuer of the same name': async () => leafOf(await (await createRoot()).intermediate()),
  }
}
