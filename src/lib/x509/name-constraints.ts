import { type Certificate, CertificateFault, type NameConstraints, type Subtree } from './contract.ts'
import { decode, encode } from './decoder.ts'

/** What is no host name can be compared with no subtree. */
const HOST = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/
const IPV4 = /^\d+(?:\.\d+){3}$/
/** Of one certificate with one authority: hundreds of names in hundreds of subtrees are an attack and no organisation. */
const MAX_COMPARISONS = 65_536

/** How names of one form are compared. `read` functions throw for what cannot be compared. */
interface Comparison<Value, Name, Base> {
  readonly readName: (value: Value) => Name
  readonly readBase: (value: Value) => Base
  /** `strict`: within a permitted subtree, beyond doubt. Else: perhaps within an excluded one. */
  readonly isWithin: (name: Name, base: Base, strict: boolean) => boolean
}

/**
 * Applies the constraints of one authority to one certificate below it (RFC 5280 §4.2.1.10, §6.1.3 b and c): every name of
 * a form that has permitted subtrees is in one of them, and no name is in an excluded one. What cannot be compared refuses.
 * Throws CertificateFault `name_constraints`.
 */
export function applyNameConstraints(constraints: NameConstraints, certificate: Certificate): void {
  if (constraints.unsupported)
    throw refuse('the nameConstraints of an authority have a form of name, or a distance, that is not supported')
  const { names, subject, subjectAttributes } = certificate
  let left = MAX_COMPARISONS
  const check = <Value, Name, Base>(
    form: Subtree['form'],
    values: readonly Value[],
    bases: (subtrees: readonly Subtree[]) => readonly Value[],
    { readName, readBase, isWithin }: Comparison<Value, Name, Base>,
  ): void => {
    const permitted = bases(constraints.permitted)
    const excluded = bases(constraints.excluded)
    if (permitted.length + excluded.length === 0) return
    left -= values.length * (permitted.length + excluded.length)
    if (left < 0) throw refuse('the certificate has too many names for as many nameConstraints')
    const allowed = permitted.map(readBase)
    const forbidden = excluded.map(readBase)
    for (const name of values.map(readName)) {
      if (allowed.length > 0 && !allowed.some((base) => isWithin(name, base, true)))
        throw refuse(`the certificate has a name of the form ${form} in no permitted subtree of an authority`)
      if (forbidden.some((base) => isWithin(name, base, false)))
        throw refuse(`the certificate has a name of the form ${form} in an excluded subtree of an authority`)
    }
  }
  const texts = (form: 'uri' | 'dns' | 'email') => (subtrees: readonly Subtree[]) =>
    subtrees.flatMap((subtree) => (subtree.form === form ? [subtree.base] : []))
  const binaries = (form: 'ip' | 'directory') => (subtrees: readonly Subtree[]) =>
    subtrees.flatMap((subtree) => (subtree.form === form ? [subtree.base] : []))
  const addresses = subjectAttributes.flatMap(([type, value]) => (type === 'emailAddress' ? [value] : []))
  check('uri', names.uris, texts('uri'), uri)
  check('dns', names.dns, texts('dns'), dns)
  check('email', [...names.emails, ...addresses], texts('email'), email)
  check('ip', names.ips, binaries('ip'), ip)
  // An empty subject is no name.
  const subjects = subjectAttributes.length === 0 ? [] : [subject]
  check('directory', [...subjects, ...names.directories], binaries('directory'), directory)
}

/** A host, or with a leading dot everything below one. */
interface Domain {
  readonly host: string
  readonly below: boolean
}

function readHost(text: string): string {
  const host = text.toLowerCase()
  if (!HOST.test(host)) throw refuse('a name that nameConstraints apply to has no host name that could be compared')
  return host
}

const readDomain = (text: string): Domain =>
  text.startsWith('.') ? { host: readHost(text.slice(1)), below: true } : { host: readHost(text), below: false }

const isBelow = (host: string, domain: string): boolean => host.endsWith(`.${domain}`)
const isIn = (host: string, domain: Domain): boolean =>
  domain.below ? isBelow(host, domain.host) : host === domain.host

/** The host alone is compared; a URI without one, or with an address in its place, is in no subtree (RFC 5280 §4.2.1.10). */
const uri: Comparison<string, string, Domain> = {
  readName: (text) => {
    const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? ''
    const host = readHost(authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, ''))
    if (IPV4.test(host)) throw refuse('the certificate has a URI with an address for a host, and URIs are constrained')
    return host
  },
  readBase: readDomain,
  isWithin: isIn,
}

/** `*.example.com` stands for every name that it could be (CVE-2025-61727). The empty subtree has all names. */
const dns: Comparison<string, Domain, Domain | undefined> = {
  readName: (text) => (text.startsWith('*.') ? readDomain(text.slice(1)) : { host: readHost(text), below: false }),
  readBase: (text) => (text === '' ? undefined : readDomain(text)),
  isWithin: (name, base, strict) =>
    base === undefined ||
    isBelow(name.host, base.host) ||
    (name.host === base.host && (name.below || !base.below)) ||
    (!strict && name.below && isBelow(base.host, name.host)),
}

interface Mailbox {
  readonly local: string | undefined
  readonly domain: Domain
}

const readMailbox = (text: string): Mailbox => {
  const parts = text.split('@')
  const [local = '', host = ''] = parts
  if (parts.length !== 2 || local === '') throw refuse('a name of the form email is no mailbox that could be compared')
  return { local, domain: { host: readHost(host), below: false } }
}

const email: Comparison<string, Mailbox, Mailbox> = {
  readName: readMailbox,
  readBase: (text) => (text.includes('@') ? readMailbox(text) : { local: undefined, domain: readDomain(text) }),
  isWithin: (name, base, strict) =>
    isIn(name.domain.host, base.domain) &&
    (base.local === undefined ||
      base.local === name.local ||
      (!strict && base.local.toLowerCase() === name.local?.toLowerCase())),
}

const ip: Comparison<Buffer, Buffer, Buffer> = {
  readName: (address) => address,
  readBase: (range) => {
    if (range.length !== 8 && range.length !== 32)
      throw refuse('the nameConstraints have a range of IP addresses that is none')
    return range
  },
  isWithin: (address, range) =>
    range.length === address.length * 2 &&
    address.every((byte, at) => {
      const mask = range[address.length + at] ?? 0xff
      return (byte & mask) === ((range[at] ?? 0) & mask)
    }),
}

/** The relative names of a name, from the root: as encoded, and folded so that another spelling does not leave a subtree. */
type Relative = { readonly encoded: string; readonly folded: string }

const readDirectory = (der: Buffer): readonly Relative[] =>
  [...decode(der, (types) => types.Name, 'a directory name')].map((relative) => ({
    encoded: encode(relative).toString('latin1'),
    folded: [...relative]
      .map(
        ({ type, value }) => `${type}=${value.toString().normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()}`,
      )
      .sort()
      .join('+'),
  }))

const directory: Comparison<Buffer, readonly Relative[], readonly Relative[]> = {
  readName: readDirectory,
  readBase: readDirectory,
  isWithin: (name, base, strict) =>
    base.every(({ encoded, folded }, at) => (strict ? name[at]?.encoded === encoded : name[at]?.folded === folded)),
}

const refuse = (message: string) => new CertificateFault('name_constraints', message)
