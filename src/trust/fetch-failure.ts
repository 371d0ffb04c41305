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
