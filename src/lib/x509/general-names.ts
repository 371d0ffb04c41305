import { type AlternativeNames, CertificateFault, type NameConstraints, type Subtree } from './contract.ts'
import { encode, type X509 } from './decoder.ts'

/** A text of a name: printable ASCII, so that no NUL and no look-alike hides in one (MT-07). */
const TEXT = /^[\x21-\x7e]+$/

/** The name in the forms that are read here, as encoded; undefined for further kinds. */
function readGeneralName(name: X509.GeneralName): Subtree | undefined {
  const { uniformResourceIdentifier: uri, dNSName: dns, rfc822Name: email, iPAddress: ip, directoryName } = name
  if (uri !== undefined) return { form: 'uri', base: uri }
  if (dns !== undefined) return { form: 'dns', base: dns }
  if (email !== undefined) return { form: 'email', base: email }
  // The library has only a text of it. Its DER is one byte of tag, one of length, and the address.
  if (ip !== undefined) return { form: 'ip', base: encode(name).subarray(2) }
  if (directoryName !== undefined) return { form: 'directory', base: encode(directoryName) }
  return undefined
}

/** The names of a subjectAltName. Throws CertificateFault `names`. */
export function readAlternativeNames(names: readonly X509.GeneralName[]): AlternativeNames {
  if (names.length === 0) throw fault('has no names')
  const texts = { uri: [] as string[], dns: [] as string[], email: [] as string[] }
  const binaries = { ip: [] as Buffer[], directory: [] as Buffer[] }
  let others = 0
  for (const encoded of names) {
    const name = readGeneralName(encoded)
    if (name === undefined) {
      others++
      continue
    }
    switch (name.form) {
      case 'directory':
        binaries.directory.push(name.base)
        break
      case 'ip':
        if (name.base.length !== 4 && name.base.length !== 16)
          throw fault('has an IP address of neither 4 nor 16 bytes')
        binaries.ip.push(name.base)
        break
      default:
        if (!TEXT.test(name.base))
          throw fault(`has a name of the form ${name.form} that is empty or not printable ASCII without spaces`)
        texts[name.form].push(name.base)
    }
  }
  return Object.freeze({
    uris: Object.freeze(texts.uri),
    dns: Object.freeze(texts.dns),
    emails: Object.freeze(texts.email),
    ips: Object.freeze(binaries.ip),
    directories: Object.freeze(binaries.directory),
    others,
  })
}

const fault = (message: string) => new CertificateFault('names', `the subjectAltName ${message}`)

export const noNames: AlternativeNames = Object.freeze({
  ...{ uris: Object.freeze([]), dns: Object.freeze([]), emails: Object.freeze([]) },
  ...{ ips: Object.freeze([]), directories: Object.freeze([]), others: 0 },
})

/** Directory names among the names, DER. */
export const directoriesOf = (names: readonly X509.GeneralName[]): readonly Buffer[] =>
  Array.from(names).flatMap(({ directoryName }) => (directoryName === undefined ? [] : [encode(directoryName)]))

/** The subtrees of a nameConstraints extension. Throws CertificateFault `malformed` where it constrains nothing. */
export function readNameConstraints(value: X509.NameConstraints): NameConstraints {
  const lists = [value.permittedSubtrees, value.excludedSubtrees]
  if (lists.every((list) => list === undefined) || lists.some((list) => list?.length === 0))
    throw new CertificateFault('malformed', 'the nameConstraints have an empty list or none at all')
  let unsupported = false
  const [permitted = [], excluded = []] = lists.map((list) =>
    Array.from(list ?? []).flatMap(({ base, minimum, maximum }) => {
      const subtree = readGeneralName(base)
      if (subtree === undefined || minimum !== 0 || maximum !== undefined) unsupported = true
      return subtree === undefined ? [] : [Object.freeze(subtree)]
    }),
  )
  return Object.freeze({ permitted: Object.freeze(permitted), excluded: Object.freeze(excluded), unsupported })
}
