/** Every way in which a fetch of keys can fail: one closed list, for records and metrics. */
export const fetchFailureCodes = [
  'url', // the URL itself may not be fetched
  'address', // the name leads to an address that may not be reached
  'dns',
  'connect',
  'tls',
  'deadline',
  'redirect',
  'status',
  'media_type',
  'encoding',
  'too_large',
  'interrupted',
  'malformed', // no sound HTTP, or a body that is not what it should be
  'issuer_mismatch', // a discovery document of somebody else
  'keys_elsewhere', // a discovery document that leads to another origin
  'no_keys', // a key set without a usable key
  'endpoint', // a server that does not prove the SPIFFE ID of the document
  'sequence', // a bundle older than the one that is known
  'file', // a file in CAMBIST_BUNDLES_DIR that cannot be read
  'secret', // the secret that the document names cannot be sent
  'closed',
] as const

export type FetchFailureCode = (typeof fetchFailureCodes)[number]

/** A fetch that failed. The message is a sentence for administrators and never quotes what the server sent (T25). */
export class FetchFailure extends Error {
  readonly code: FetchFailureCode
  /** What the server answered, where that is the failure. */
  readonly status: number | undefined

  constructor(code: FetchFailureCode, message: string, status?: number) {
    super(message)
    this.name = 'FetchFailure'
    this.code = code
    this.status = status
  }
}

/** Node's errors name their kind in `code`; their messages may quote the server and are left out. */
export function failureOf(error: unknown, target: { readonly address: string }): FetchFailure {
  const code = codeOf(error)
  if (code.startsWith('HPE_'))
    return new FetchFailure('malformed', `${target.address} does not answer in sound HTTP (${code})`)
  if (/^(?:ERR_TLS_|ERR_SSL_|CERT_|EPROTO|DEPTH_|SELF_|UNABLE_|HOSTNAME_|INVALID_|PATH_|ERR_OSSL_)/.test(code)) {
    return new FetchFailure('tls', `${target.address} cannot be trusted or does not speak TLS 1.3 (${code})`)
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new FetchFailure('interrupted', `${target.address} closed the connection before its answer was complete`)
  }
  return new FetchFailure('connect', `${target.address} cannot be reached (${code})`)
}

/** The `code` of an error of Node, or a word where it has none that is one. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'unknown error'
}
