import type { Document } from '../documents/contract.ts'
import { CLIENTS_ISSUER } from '../identity/principal.ts'
import { canonicalJson } from '../lib/json.ts'
import type { Facts } from '../policy/contract.ts'

/**
 * What a draft changes in how credentials are believed. Credentials are not on the record, only what was made of them, so
 * that these changes are not replayed: they are said, with how many records they concern.
 */
export class Unseen {
  readonly #added: readonly string[]
  readonly #issuers: Map<string, number>
  readonly #clients: Map<string, number>

  /** `put` are the documents of the draft that are new or not as they are in force. */
  constructor(inForce: readonly Document[], put: readonly Document[]) {
    const before = new Map(inForce.map((document) => [keyOf(document), document]))
    const changed = put.filter((document) => {
      const known = before.get(keyOf(document))
      return known !== undefined && credentialsOf(known) !== credentialsOf(document)
    })
    const named = (kind: string) =>
      new Map(changed.filter((each) => each.kind === kind).map(({ metadata }) => [metadata.name, 0]))
    this.#issuers = named('TrustedIssuer')
    this.#clients = named('Client')
    this.#added = put
      .filter((document) => document.kind === 'TrustedIssuer' && !before.has(keyOf(document)))
      .map(({ metadata }) => metadata.name)
  }

  meet({ client: { principal }, subject, actor }: Facts): void {
    if (this.#issuers.size > 0) {
      const issuers = new Set([principal.issuer, subject.issuer, ...(actor === undefined ? [] : [actor.issuer])])
      for (const issuer of issuers) count(this.#issuers, issuer)
    }
    if (principal.issuer === CLIENTS_ISSUER) count(this.#clients, principal.subject)
  }

  notes(): readonly string[] {
    return [
      ...[...this.#issuers]
        .filter(([, met]) => met > 0)
        .map(
          ([name, met]) =>
            `The draft changes how credentials of trusted issuer ${name} are believed or read. They are not on the record, so ${met === 1 ? '1 request was judged with the subject and attributes that it' : `${met} requests were judged with the subject and attributes that they`} had.`,
        ),
      ...[...this.#clients]
        .filter(([, met]) => met > 0)
        .map(
          ([name, met]) =>
            `The draft changes how client ${name} authenticates. Its credentials are not on the record, so ${met === 1 ? '1 request of it was judged as if it' : `${met} requests of it were judged as if they`} still proved it.`,
        ),
      ...this.#added.map(
        (name) =>
          `The draft adds trusted issuer ${name}. Requests with its credentials were refused before any decision and are not judged.`,
      ),
    ]
  }
}

function count(counts: Map<string, number>, name: string): void {
  const met = counts.get(name)
  if (met !== undefined) counts.set(name, met + 1)
}

const keyOf = ({ kind, metadata }: Document): string => `${kind}/${metadata.name}`

/** What a document says of credentials beyond what a replay can ask again. */
function credentialsOf({ kind, spec }: Document): string {
  if (kind === 'Client') return canonicalJson({ authentication: spec['authentication'] })
  const { disabled: _, uses: __, act: ___, ...rest } = spec
  return canonicalJson(rest)
}
