import { CLIENTS_ISSUER, SELF_ISSUER } from '../identity/principal.ts'
import { ANY, BOOLEAN, type CelType, type CelTypes, NUMBER, objectOf, TEXT, TEXTS } from '../lib/cel-types.ts'
import type { Compiled } from './compile.ts'

/** What a principal has whoever vouches for it (identity/principal.ts: principalFacts). */
const PRINCIPAL = { id: TEXT, issuer: TEXT, kind: TEXT, key: BOOLEAN, instance: TEXT, scopes: TEXTS } as const
const CLIENT = { name: TEXT, authentication: TEXT } as const

/** What of a request and its target is the same for all (policy/case.ts). */
const FIXED: CelTypes = {
  target: objectOf({ name: TEXT, audiences: TEXTS, resources: TEXTS }),
  request: objectOf({
    ...{ grant: TEXT, scopes: TEXTS, audiences: TEXTS, resources: TEXTS, tokenType: TEXT, time: NUMBER },
    authorizationDetails: { kind: 'list', of: ANY },
  }),
  visited: TEXTS,
  entry: TEXT,
}

/** What credentials show to their issuer's own document. Claims and headers are foreign, so that nothing is known of them. */
export const CREDENTIAL_TYPES: CelTypes = {
  assertion: ANY,
  header: ANY,
  // credentials/certificate-facts.ts; attributes of the subject by their short names
  certificate: objectOf({
    subject: { kind: 'map', of: TEXT },
    dn: TEXT,
    uris: TEXTS,
    dns: TEXTS,
    emails: TEXTS,
    ips: TEXTS,
    serial: TEXT,
    fingerprint: TEXT,
    notBefore: NUMBER,
    notAfter: NUMBER,
  }),
}

/** Attributes that issuers without a document have: tokens of ours say whose client they were issued to. */
const BUILT_IN: ReadonlyMap<string, readonly string[]> = new Map([
  [SELF_ISSUER, ['client_id']],
  [CLIENTS_ISSUER, []],
])

/** What conditions of a whole can see of principals: which attributes there are depends on who vouches for them. */
export class Visible {
  readonly #nouns: Compiled['nouns']
  readonly #principals = new Map<string, CelType>()
  readonly #callers = new Map<string, CelType>()

  constructor(nouns: Compiled['nouns']) {
    this.#nouns = nouns
  }

  /** Names of the attributes that one of the issuers maps (undefined: any issuer); undefined where one of them is not known. */
  attributes(issuers: readonly string[] | undefined): readonly string[] | undefined {
    const all = new Set<string>()
    for (const name of issuers ?? [...this.#nouns.issuers.keys(), ...BUILT_IN.keys()]) {
      const mapped = BUILT_IN.get(name) ?? this.#nouns.issuers.get(name)?.attributes.map(([attribute]) => attribute)
      if (mapped === undefined) return undefined
      for (const attribute of mapped) all.add(attribute)
    }
    return [...all]
  }

  /** A principal that one of the issuers vouches for; undefined: any. */
  principal(issuers: readonly string[] | undefined): CelType {
    return kept(this.#principals, issuers?.join(' ') ?? '*', () => this.#principal(issuers, {}))
  }

  /** The caller, as one of the clients; undefined: any. */
  client(clients: ReadonlySet<string> | undefined): CelType {
    const issuers = clients === undefined ? undefined : this.#issuersOf(clients)
    return kept(this.#callers, issuers?.join(' ') ?? '*', () => this.#principal(issuers, CLIENT))
  }

  /** All that a Policy of these parties sees. */
  policy(
    clients: ReadonlySet<string> | undefined,
    subjects: readonly string[] | undefined,
    actors: readonly string[] | undefined,
  ): CelTypes {
    return {
      ...FIXED,
      subject: this.principal(subjects),
      actor: this.principal(actors),
      client: this.client(clients),
    }
  }

  #principal(issuers: readonly string[] | undefined, more: CelMembers): CelType {
    const attributes = this.attributes(issuers)
    if (attributes === undefined) return ANY
    const mapped = Object.fromEntries(attributes.map((name) => [name, ANY]))
    return objectOf({ ...PRINCIPAL, ...more, ...mapped, ...PRINCIPAL, ...more }, noSuchAttribute(issuers))
  }

  /** Those by which somebody can be one of the clients; undefined where one is not known. */
  #issuersOf(clients: ReadonlySet<string>): readonly string[] | undefined {
    const issuers = new Set<string>()
    for (const name of clients) {
      const client = this.#nouns.clients.get(name)
      if (client === undefined) return undefined
      const { authentication, workloads } = client
      for (const { issuer } of workloads) issuers.add(issuer)
      if (authentication !== undefined) issuers.add('issuer' in authentication ? authentication.issuer : CLIENTS_ISSUER)
    }
    return [...issuers].sort()
  }
}

type CelMembers = Readonly<Record<string, CelType>>

function kept(types: Map<string, CelType>, key: string, make: () => CelType): CelType {
  const known = types.get(key) ?? make()
  types.set(key, known)
  return known
}

function noSuchAttribute(issuers: readonly string[] | undefined): string {
  if (issuers === undefined) return 'no trusted issuer maps such an attribute'
  if (issuers.length === 1) return `trusted issuer ${issuers[0]} maps no such attribute`
  return `none of the trusted issuers ${issuers.join(', ')} maps such an attribute`
}
