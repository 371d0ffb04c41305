/** Where clients come to with what authenticates them, by the names that metadata has for it: the paths at the issuer, and at its mTLS alias. */
export const endpoints = {
  token_endpoint: '/token',
  introspection_endpoint: '/introspect',
  revocation_endpoint: '/revoke',
} as const

export type EndpointPath = (typeof endpoints)[keyof typeof endpoints]

/** Base URLs under which we answer: what the configuration says, never what a request says of itself (T16, T32). */
export interface Bases {
  readonly issuer: string
  /** Where client certificates are asked for; undefined: nowhere else. */
  readonly mtlsUrl: string | undefined
}

/** Our own URLs of one endpoint: the only ones that proofs of possession for it may be made for (DP-03, CB-08). */
export const urlsOf = (path: EndpointPath, { issuer, mtlsUrl }: Bases): readonly string[] =>
  [issuer, mtlsUrl].flatMap((base) => (base === undefined ? [] : `${base}${path}`))

/** Members of metadata: each endpoint at one base URL. */
export const endpointsAt = (base: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(endpoints).map(([name, path]) => [name, `${base}${path}`]))
