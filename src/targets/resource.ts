const PRINTABLE = /^[\x21-\x7e]+$/
const SCHEME = /^[a-zA-Z][a-zA-Z0-9+.-]{0,63}:/

/**
 * A resource indicator in the form in which it is compared (interfaces.md, "Resources"): an absolute URI without
 * fragment, as URLs are compared: case of scheme and host, the port that the scheme implies, and an empty path mean
 * nothing. Paths are not decoded, folded or resolved, so that no stranger's spelling meets another. Undefined where the
 * text is no such URI.
 */
export function resourceKey(resource: string): string | undefined {
  const scheme = SCHEME.exec(resource)?.[0].toLowerCase()
  if (scheme === undefined || !PRINTABLE.test(resource) || resource.includes('#')) return undefined
  const rest = resource.slice(scheme.length)
  if (!rest.startsWith('//')) return rest === '' ? undefined : scheme + rest
  let end = 2
  while (end < rest.length && rest[end] !== '/' && rest[end] !== '?') end++
  const authority = withoutImpliedPort(scheme, rest.slice(2, end).toLowerCase())
  if (authority === '' || authority.includes('@')) return undefined
  const tail = rest.slice(end)
  return `${scheme}//${authority}${tail.startsWith('/') ? tail : `/${tail}`}`
}

function withoutImpliedPort(scheme: string, authority: string): string {
  const implied = scheme === 'https:' ? ':443' : scheme === 'http:' ? ':80' : ''
  return implied !== '' && authority.endsWith(implied) ? authority.slice(0, -implied.length) : authority
}
