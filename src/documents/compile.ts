import type { RoleBinding } from '../administrators/contract.ts'
import { roleBindings } from '../administrators/role-bindings.ts'
import { blockIndex, type NamedBy } from '../blocks/block-index.ts'
import { sharedKeys } from '../clients/client.ts'
import { clientIndex } from '../clients/client-index.ts'
import type { Client, ClientIndex } from '../clients/contract.ts'
import { ownIssuer } from '../credentials/own-issuer.ts'
import { issuerOfClient } from '../credentials/registered-client.ts'
import { namedIn } from '../identity/principal.ts'
import { Faults } from '../lib/fault.ts'
import { nearestName } from '../lib/nearest.ts'
import { type PolicyIndex, policyIndex } from '../policy/index-policies.ts'
import type { Policy } from '../policy/policy.ts'
import type { Target, TargetIndex } from '../targets/contract.ts'
import { targetIndex } from '../targets/target-index.ts'
import { revokedBy } from '../tokens/revocations.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import { type TrustIndex, trustIndex } from '../trust/trust-index.ts'
import { shutOut } from './administering.ts'
import type { Approval } from './approval.ts'
import { attributeFaults } from './attributes.ts'
import type { CompileContext, Document, NounKind, Snapshot, StoredState } from './contract.ts'
import { type DocumentFault, DocumentFaults } from './faults.ts'
import { administrator } from './kinds/administrator.ts'
import { approval } from './kinds/approval.ts'
import { client } from './kinds/client.ts'
import { policy } from './kinds/policy.ts'
import { target } from './kinds/target.ts'
import { trustedIssuer } from './kinds/trusted-issuer.ts'
import { misfits } from './vouchers.ts'

/** Documents as compiled nouns, by the name of each, and the indexes over them. */
export interface Compiled {
  readonly issuers: TrustIndex
  readonly clients: ClientIndex
  readonly targets: TargetIndex
  readonly policies: PolicyIndex
  readonly nouns: {
    readonly issuers: ReadonlyMap<string, TrustedIssuer>
    readonly clients: ReadonlyMap<string, Client>
    readonly targets: ReadonlyMap<string, Target>
    readonly policies: ReadonlyMap<string, Policy>
    readonly administrators: ReadonlyMap<string, RoleBinding>
    readonly approvals: ReadonlyMap<string, Approval>
  }
}

/** A document that may be stored already; the version in which it last changed then stands for all it says. */
type Compilable = Document & { readonly changedIn?: number }

const KINDS: readonly NounKind<never>[] = [
  trustedIssuer,
  client,
  target,
  policy,
  administrator,
  approval,
] as readonly NounKind<unknown>[] as readonly NounKind<never>[]

/**
 * Documents in, snapshot out, or every fault of all of them at once. Keeps what a stored document compiled to, so that a
 * change costs what it changes and not what there is.
 */
export class Compiler {
  readonly #context: CompileContext
  #newest = 0
  readonly #kept = new Map<string, { readonly changedIn: number; readonly noun: unknown }>()

  constructor(context: CompileContext) {
    this.#context = context
  }

  /** Throws DocumentFaults where the state does not compile, and what `openKeys` throws. */
  snapshot(state: StoredState): Snapshot {
    // A database that was put back to an older state gives its versions again, to other documents.
    if (state.version < this.#newest) this.#kept.clear()
    this.#newest = state.version
    const keyring = this.#context.openKeys(state.keys)
    const own = ownIssuer(this.#context.ourIssuer, keyring.published)
    const { issuers, clients, targets, policies, nouns } = this.compile(state.documents, own)
    const present = new Set(state.documents.map(keyOf))
    for (const key of this.#kept.keys()) if (!present.has(key)) this.#kept.delete(key)
    return Object.freeze({
      version: state.version,
      issuers,
      clients,
      targets,
      policies,
      administrators: roleBindings(nouns.administrators.values()),
      keyring,
      revoked: revokedBy(state.revocations),
      blocked: blockIndex(state.blocks, this.#namedBy(issuers)),
    })
  }

  /**
   * `own` is the issuer of our own tokens, of documents that are in force; those that are being written are without, and are
   * also read for attributes that nobody provides. `gone` is what a change deletes, for the words of a fault. Throws
   * DocumentFaults with every fault: of each document alone, of its references, and of documents together.
   */
  compile(documents: readonly Compilable[], own?: TrustedIssuer, gone: readonly Document[] = []): Compiled {
    const faults: DocumentFault[] = []
    const byKind = this.#byKind(documents, faults)
    const nouns = {
      issuers: this.#all(trustedIssuer, byKind, faults),
      clients: this.#all(client, byKind, faults),
      targets: this.#all(target, byKind, faults),
      policies: this.#all(policy, byKind, faults),
      administrators: this.#all(administrator, byKind, faults),
      approvals: this.#all(approval, byKind, faults),
    }
    faults.push(...danglingReferences(byKind, gone), ...unknownApprovals(nouns.approvals.values()))
    const together = <T>(kind: string, make: () => T): T | undefined =>
      attempt(make, (path, message) => faults.push({ kind, name: '', path, message }))
    const { ourIssuer } = this.#context
    const builtIn = [...nouns.clients.values()].flatMap((each) => issuerOfClient(each, ourIssuer) ?? [])
    if (own !== undefined) builtIn.push(own)
    const issuers = together('TrustedIssuer', () => trustIndex([...nouns.issuers.values(), ...builtIn]))
    const targets = together('Target', () => targetIndex(nouns.targets.values()))
    for (const shared of sharedKeys(nouns.clients.values())) {
      const message = `has a key that client ${shared.with} has as well, so that whoever holds it could speak as both; give each client keys of its own`
      faults.push({ kind: 'Client', name: shared.at, path: 'spec.authentication.jwks', message })
    }
    faults.push(...misfits(nouns.clients.values(), nouns.issuers, this.#context.credentialKinds))
    faults.push(...shutOut(nouns.administrators.values(), nouns.issuers, this.#context.credentialKinds))
    // What is in force stays in force: only who writes documents is told that nobody provides what they read. Of an issuer
    // that has faults nobody knows what it maps.
    if (own === undefined && nouns.issuers.size === byKind.get(trustedIssuer.kind)?.length)
      for (const found of attributeFaults(nouns)) faults.push(...found)
    const policies = together('Policy', () => policyIndex([...nouns.policies.values()]))
    if (faults.length > 0 || issuers === undefined || targets === undefined || policies === undefined)
      throw new DocumentFaults(faults)
    return { issuers, clients: clientIndex(nouns.clients.values()), targets, policies, nouns }
  }

  /** A subject of ours by the name that its own issuer has for it: what foreign tokens name in `act`. */
  #namedBy(issuers: TrustIndex): NamedBy {
    const { ourTrustDomain = '' } = this.#context
    return (id) => {
      const named = namedIn(ourTrustDomain, id)
      const authority = named === undefined ? undefined : issuers.byName(named.issuer)?.authority
      return named === undefined || authority === undefined ? undefined : { sub: named.subject, iss: authority }
    }
  }

  #byKind(documents: readonly Compilable[], faults: DocumentFault[]): ReadonlyMap<string, readonly Compilable[]> {
    const byKind = new Map<string, Compilable[]>(KINDS.map(({ kind }) => [kind, []]))
    for (const document of documents) {
      const list = byKind.get(document.kind)
      if (list === undefined) faults.push(unknownKind(document))
      else list.push(document)
    }
    return byKind
  }

  #all<Noun>(
    kind: NounKind<Noun>,
    byKind: ReadonlyMap<string, readonly Compilable[]>,
    faults: DocumentFault[],
  ): ReadonlyMap<string, Noun> {
    const nouns = new Map<string, Noun>()
    for (const document of byKind.get(kind.kind) ?? []) {
      const { name } = document.metadata
      const noun = attempt(
        () => this.#noun(kind, document),
        (path, message) => faults.push({ kind: kind.kind, name, path, message }),
      )
      if (noun !== undefined) nouns.set(name, noun)
    }
    return nouns
  }

  #noun<Noun>(kind: NounKind<Noun>, document: Compilable): Noun {
    const { changedIn } = document
    const key = keyOf(document)
    const kept = this.#kept.get(key)
    if (changedIn !== undefined && kept?.changedIn === changedIn) return kept.noun as Noun
    const noun = kind.compile(document.metadata.name, document.spec, this.#context)
    if (changedIn !== undefined) this.#kept.set(key, { changedIn, noun })
    return noun
  }
}

const keyOf = ({ kind, metadata }: Document): string => `${kind}/${metadata.name}`

function attempt<T>(make: () => T, fault: (path: string, message: string) => void): T | undefined {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    for (const { path, message } of error.faults) fault(path, message)
    return undefined
  }
}

const unknownKind = ({ kind, metadata: { name } }: Document): DocumentFault => ({
  kind,
  name,
  path: 'kind',
  message: noKind(kind),
})

function noKind(kind: string): string {
  const names = KINDS.map((each) => each.kind)
  const near = nearestName(kind, names)
  return `there is no kind ${JSON.stringify(kind.slice(0, 64))}; ${near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`}`
}

/** Kinds that take two people and do not exist: a misspelt one would take one. */
function* unknownApprovals(approvals: Iterable<Approval>): Iterable<DocumentFault> {
  for (const { name, kinds } of approvals)
    for (const each of kinds)
      if (!KINDS.some(({ kind }) => kind === each))
        yield { kind: 'Approval', name, path: 'spec.kinds', message: noKind(each) }
}

/** Names of documents that do not exist (interfaces.md: refused when applied). */
function danglingReferences(
  byKind: ReadonlyMap<string, readonly Document[]>,
  gone: readonly Document[],
): readonly DocumentFault[] {
  const deleted = new Set(gone.map(keyOf))
  const names = new Map(
    [...byKind].map(([kind, documents]) => [kind, new Set(documents.map(({ metadata }) => metadata.name))]),
  )
  const faults: DocumentFault[] = []
  for (const { kind, references } of KINDS) {
    for (const { metadata, spec } of byKind.get(kind) ?? []) {
      for (const reference of references(spec)) {
        const known = names.get(reference.kind)
        if (known === undefined || known.has(reference.name)) continue
        const near = nearestName(reference.name, known)
        const shown = JSON.stringify(reference.name.slice(0, 64))
        const remedy =
          near === undefined ? 'apply its document before or together with this one' : `did you mean ${near}?`
        const message = deleted.has(`${reference.kind}/${reference.name}`)
          ? `there is no ${reference.kind} ${shown} any more after this change, which deletes it; change or delete this document first or together with it`
          : `there is no ${reference.kind} ${shown}; ${remedy}`
        faults.push({ kind, name: metadata.name, path: reference.path, message })
      }
    }
  }
  return faults
}
