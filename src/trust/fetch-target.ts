import { isIP } from 'node:net'
import { FetchFailure } from './fetch-failure.ts'
import { isPublicAddress } from './public-address.ts'

/** A URL that keys may be fetched from, taken apart once. */
export interface FetchTarget {
  readonly url: string
  readonly origin: string
  readonly https: boolean
  /** Without the brackets of version 6. */
  readonly hostname: string
  readonly port: number
  /** `host:port`, always with the port: what CAMBIST_INSECURE_FETCH lists. */
  readonly address: string
  /** Path and query. */
  readonly path: string
  /** Listed in CAMBIST_INSECURE_FETCH: http and private addresses are allowed. */
  readonly insecure: boolean
}

/**
 * Takes a configured URL apart (T26, T27). Throws FetchFailure `url` or `address`, with what to write instead. A name is
 * not resolved here: that is done when it is fetched, every time. `insecure` has lower-case `host:port` members.
 */
export function fetchTarget(text: string, insecure: Pick<ReadonlySet<string>, 'has'>): FetchTarget {
  if (text.length > 2048 || !/^[\x21-\x7e]+$/.test(text) || /[\\^`{|}<>"]/.test(text)) {
    throw new FetchFailure('url', 'is not a URL of printable characters, at most 2048 of them')
  }
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new FetchFailure('url', 'is not a URL; write one that begins with https://')
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new FetchFailure('url', 'must begin with https://')
  if (url.username !== '' || url.password !== '' || text.includes('@')) {
    throw new FetchFailure('url', 'must not carry a user name or password; name a secret with bearerToken instead')
  }
  if (text.includes('#')) throw new FetchFailure('url', 'must not have a fragment (#…)')
  const https = url.protocol === 'https:'
  const port = url.port === '' ? (https ? 443 : 80) : Number(url.port)
  const address = `${url.hostname}:${port}`
  const listed = insecure.has(address)
  if (!https && !listed) {
    throw new FetchFailure(
      'url',
      `must begin with https://; for development, list ${address} in CAMBIST_INSECURE_FETCH`,
    )
  }
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  if (isIP(hostname) !== 0 && !listed && !isPublicAddress(hostname)) {
    throw new FetchFailure(
      'address',
      `leads to ${hostname}, which is not a public address; list ${address} in CAMBIST_INSECURE_FETCH to allow it`,
    )
  }
  return Object.freeze({
    url: url.href,
    origin: url.origin,
    https,
    hostname,
    port,
    address,
    path: `${url.pathname}${url.search}`,
    insecure: listed,
  })
}
