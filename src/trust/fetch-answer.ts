import type { IncomingMessage } from 'node:http'
import { FetchFailure } from './fetch-failure.ts'
import type { FetchTarget } from './fetch-target.ts'

/** What an answer may be; 200 and JSON or a JWK Set where it is not said. */
export interface Acceptable {
  readonly statuses?: readonly number[] | undefined
  readonly mediaTypes?: readonly string[] | undefined
}

const MEDIA_TYPES: readonly string[] = ['application/json', 'application/jwk-set+json']

/** Why an answer is not taken, by its head alone; undefined where its body may be read. */
export function refusalOf(
  response: IncomingMessage,
  target: FetchTarget,
  bytes: number,
  { statuses = [200], mediaTypes = MEDIA_TYPES }: Acceptable,
): FetchFailure | undefined {
  const { statusCode = 0, headers } = response
  if (statusCode >= 300 && statusCode < 400) {
    return new FetchFailure(
      'redirect',
      `${target.url} redirects (${statusCode}); redirects are not followed, write the final URL`,
    )
  }
  if (!statuses.includes(statusCode))
    return new FetchFailure('status', `${target.url} answered with status ${statusCode}`, statusCode)
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return new FetchFailure('encoding', `${target.url} answered with a compressed body, which was not asked for`)
  }
  const mediaType = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (!mediaTypes.includes(mediaType)) {
    return new FetchFailure(
      'media_type',
      `${target.url} answered with another content type than ${mediaTypes.join(' or ')}`,
    )
  }
  if (Number(headers['content-length'] ?? 0) > bytes) {
    return new FetchFailure('too_large', `${target.url} announces more than ${bytes} bytes`)
  }
  return undefined
}

/** Seconds that an answer may be kept: RFC 9111 §5.2.2, as much of it as a private cache of public keys needs. */
export function maxAgeOf({ headers }: IncomingMessage): number | undefined {
  const control = headers['cache-control']?.toLowerCase() ?? ''
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/.test(control)) return 0
  const seconds = /(?:^|[\s,])max-age="?(\d{1,9})/.exec(control)?.[1]
  if (seconds === undefined) return undefined
  const age = /^\d{1,9}$/.test(headers.age ?? '') ? Number(headers.age) : 0
  return Math.max(0, Number(seconds) - age)
}
