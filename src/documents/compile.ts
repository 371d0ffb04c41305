import { sharedKeys } from '../clients/client.ts'
import { indexClients } from '../clients/client-index.ts'
import type { Client, ClientIndex } from '../clients/contract.ts'
import { ownIssuer } from '../credentials/own-issuer.ts'
import { issuerOfClient } from '../credentials/registered-client.ts'
import { Faults } from '../lib/fault.ts'
import { nearestName } from '../lib/nearest.ts'
import { onceEach } from '../lib/once-each.ts'
import { atOnce, Slices, type Steps } from '../lib/slices.ts'
import { indexPolicies, type PolicyIndex } from '../policy/index-policies.ts'
import type { Policy } from '../policy/policy.ts'
import type { Target, TargetIndex } from '../targets/contract.ts'
import { indexTargets } from '../targets/target-index.ts'
import { revokedBy } from '../tokens/revocations.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import { indexIssuers, type TrustIndex } from '../trust/trust-index.ts'
import type { CompileContext, Document, NounKind, Reference, Snapshot, StoredState } from './contract.ts'
import { type DocumentFault, DocumentFaults } from './faults.ts'
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
  }
}

/** A document that may be stored already; the version in which it last changed then stands for all it says. */
type Compilable = Document & { readonly changedIn?: number }

const KINDS: readonly NounKind<never>[] = [
  trustedIssuer,
  client,
  target,
  policy,
] as readonly NounKind<unknown>[] as readonly NounKind<never>[]

/** What a stored document came to. */
interface Kept {
  readonly changedIn: number
  readonly noun: unknown
  readonly references: readonly Reference[]
}

/** What was made of all clients, or of all policies, when a snapshot was last made. */
interface Indexed<Noun, Index> {
  readonly nouns: ReadonlyMap<string, Noun>
  readonly index: Index
}

/**
 * Documents in, snapshot out, or every fault of all of them at once. Keeps what a stored document compiled to, and the
 * indexes over documents that have not changed, so that a change costs what it changes and not what there is. What is
 * long is done in slices, so that a server goes on answering meanwhile.
 */
export class Compiler {
  readonly #context: CompileContext
  readonly #slices: Slices
  /** The keys of a client are read once. */
  readonly #issuersOfClient: (client: Client) => readonly TrustedIssuer[]
  #newest = 0
  #kept = new Map<string, Kept>()
  #clients: Indexed<Client, ClientIndex> | undefined
  #policies: Indexed<Policy, PolicyIndex> | undefined

  constructor(context: CompileContext, slices = new Slices()) {
    this.#context = context
    this.#slices = slices
    this.#issuersOfClient = onceEach((each: Client) =>
      [issuerOfClient(each, context.ourIssuer)].filter((issuer) => issuer !== undefined),
    )
  }

  /** Rejects with DocumentFaults where the state does not compile, and with what `openKeys` throws. */
  snapshot(state: StoredState): Promise<Snapshot> {
    return this.#slices.run(this.#snapshot(state))
  }

  /** `own` is the issuer of our own tokens, where there are keys. Throws DocumentFaults with every fault: of each document alone, of its references, and of documents together. */
  compile(documents: readonly Compilable[], own?: TrustedIssuer): Compiled {
    return atOnce(this.#compile(documents, own))
  }

  /** The same, in slices: for a process that others wait for. */
  compileInSlices(documents: readonly Compilable[]): Promise<Compiled> {
    return this.#slices.run(this.#compile(documents))
  }

  /** Other long work of the same process. */
  inSlices<T>(steps: Steps<T>): Promise<T> {
    return this.#slices.run(steps)
  }

  *#snapshot(state: StoredState): Steps<Snapshot> {
    // A database that was put back to an older state gives its versions again, to other documents. What is being
    // compiled meanwhile goes on with what it began with.
    if (state.version < this.#newest) this.#kept = new Map()
    this.#newest = state.version
    const kept = this.#kept
    const keyring = this.#context.openKeys(state.keys)
    const own = ownIssuer(this.#context.ourIssuer, keyring.published)
    yield
    const { issuers, clients, targets, policies, nouns } = yield* this.#compile(state.documents, own)
    this.#clients = { nouns: nouns.clients, index: clients }
    this.#policies = { nouns: nouns.policies, index: policies }
    yield* forget(kept, state.documents)
    return Object.freeze({
      version: state.version,
      issuers,
      clients,
      targets,
      policies,
      keyring,
      revoked: revokedBy(state.revocations),
    })
  }

  *#compile(documents: readonly Compilable[], own?: TrustedIssuer): Steps<Compiled> {
    const reading: Reading = { kept: this.#kept, faults: [], named: [] }
    const { faults } = reading
    const byKind = groupedByKind(documents, faults)
    yield
    const nouns = {
      issuers: yield* this.#all(trustedIssuer, byKind, reading),
      clients: yield* this.#all(client, byKind, reading),
      targets: yield* this.#all(target, byKind, reading),
      policies: yield* this.#all(policy, byKind, reading),
    }
    faults.push(...(yield* danglingReferences(reading.named, byKind)))
    const builtIn: TrustedIssuer[] = []
    for (const each of nouns.clients.values()) {
      builtIn.push(...this.#issuersOfClient(each))
      yield
    }
    if (own !== undefined) builtIn.push(own)
    const issuers = yield* together('TrustedIssuer', indexIssuers([...nouns.issuers.values(), ...builtIn]), faults)
    const targets = yield* together('Target', indexTargets(nouns.targets.values()), faults)
    for (const shared of yield* sharedKeys(nouns.clients.values())) {
      const message = `has a key that client ${shared.with} has as well, so that whoever holds it could speak as both; give each client keys of its own`
      faults.push({ kind: 'Client', name: shared.at, path: 'spec.authentication.jwks', message })
    }
    faults.push(...(yield* misfits(nouns.clients.values(), nouns.issuers, this.#context.credentialKinds)))
    if (faults.length > 0 || issuers === undefined || targets === undefined) throw new DocumentFaults(faults)
    const clients = yield* indexed(nouns.clients, this.#clients, indexClients)
    const policies = yield* indexed(nouns.policies, this.#policies, indexPolicies)
    return { issuers, clients, targets, policies, nouns }
  }

  *#all<Noun>(
    kind: NounKind<Noun>,
    byKind: ReadonlyMap<string, readonly Compilable[]>,
    reading: Reading,
  ): Steps<ReadonlyMap<string, Noun>> {
    const nouns = new Map<string, Noun>()
    for (const document of byKind.get(kind.kind) ?? []) {
      const { name } = document.metadata
      const { noun, references } = this.#read(kind, document, reading)
      if (noun !== undefined) nouns.set(name, noun)
      if (references.length > 0) reading.named.push({ kind: kind.kind, name, references })
      yield
    }
    return nouns
  }

  #read<Noun>(
    kind: NounKind<Noun>,
    document: Compilable,
    { kept, faults }: Reading,
  ): { readonly noun: Noun | undefined; readonly references: readonly Reference[] } {
    const { changedIn, metadata, spec } = document
    const key = keyOf(document)
    const known = kept.get(key)
    if (changedIn !== undefined && known?.changedIn === changedIn)
      return { noun: known.noun as Noun, references: known.references }
    const noun = attempt(
      () => kind.compile(metadata.name, spec, this.#context),
      (path, message) => faults.push({ kind: kind.kind, name: metadata.name, path, message }),
    )
    const references = kind.references(spec)
    if (changedIn !== undefined && noun !== undefined) kept.set(key, { changedIn, noun, references })
    return { noun, references }
  }
}

/** What goes through the documents one by one. */
interface Reading {
  readonly kept: Map<string, Kept>
  readonly faults: DocumentFault[]
  /** Whom each document names. */
  readonly named: { readonly kind: string; readonly name: string; readonly references: readonly Reference[] }[]
}

function groupedByKind(
  documents: readonly Compilable[],
  faults: DocumentFault[],
): ReadonlyMap<string, readonly Compilable[]> {
  const byKind = new Map<string, Compilable[]>(KINDS.map(({ kind }) => [kind, []]))
  for (const document of documents) {
    const list = byKind.get(document.kind)
    if (list === undefined) faults.push(unknownKind(document))
    else list.push(document)
  }
  return byKind
}

/** Lets go of documents that are no longer there. */
function* forget(kept: Map<string, Kept>, documents: readonly Document[]): Steps<void> {
  const present = new Set<string>()
  for (const document of documents) {
    present.add(keyOf(document))
    yield
  }
  for (const key of kept.keys()) {
    if (!present.has(key)) kept.delete(key)
    yield
  }
}

/** The index over the nouns: the one in hand where that is over the same. */
function* indexed<Noun, Index>(
  nouns: ReadonlyMap<string, Noun>,
  inHand: Indexed<Noun, Index> | undefined,
  make: (nouns: Iterable<Noun>) => Steps<Index>,
): Steps<Index> {
  return inHand !== undefined && (yield* isSame(nouns, inHand.nouns)) ? inHand.index : yield* make(nouns.values())
}

function* isSame<Noun>(ones: ReadonlyMap<string, Noun>, others: ReadonlyMap<string, Noun>): Steps<boolean> {
  if (ones.size !== others.size) return false
  for (const [name, noun] of ones) {
    if (others.get(name) !== noun) return false
    yield
  }
  return true
}

const keyOf = ({ kind, metadata }: Document): string => `${kind}/${metadata.name}`

/** What is made of all documents of a kind; what is wrong with it is wrong with none of them alone. */
function* together<T>(kind: string, steps: Steps<T>, faults: DocumentFault[]): Steps<T | undefined> {
  try {
    return yield* steps
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    for (const { path, message } of error.faults) faults.push({ kind, name: '', path, message })
    return undefined
  }
}

function attempt<T>(make: () => T, fault: (path: string, message: string) => void): T | undefined {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    for (const { path, message } of error.faults) fault(path, message)
    return undefined
  }
}

function unknownKind({ kind, metadata: { name } }: Document): DocumentFault {
  const names = KINDS.map((each) => each.kind)
  const near = nearestName(kind, names)
  return {
    kind,
    name,
    path: 'kind',
    message: `there is no kind ${JSON.stringify(kind.slice(0, 64))}; ${near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`}`,
  }
}

/** How many faults are told with the name that was probably meant: to find one goes through all of them. */
const MOST_GUESSES = 20

/** Names of documents that do not exist (interfaces.md: refused when applied). */
function* danglingReferences(
  named: Reading['named'],
  byKind: ReadonlyMap<string, readonly Document[]>,
): Steps<readonly DocumentFault[]> {
  const names = new Map(
    [...byKind].map(([kind, documents]) => [kind, new Set(documents.map(({ metadata }) => metadata.name))]),
  )
  const faults: DocumentFault[] = []
  for (const { kind, name, references } of named) {
    for (const reference of references) {
      const known = names.get(reference.kind)
      if (known === undefined || known.has(reference.name)) continue
      const near = faults.length < MOST_GUESSES ? nearestName(reference.name, known) : undefined
      const shown = JSON.stringify(reference.name.slice(0, 64))
      const message = `there is no ${reference.kind} ${shown}; ${near === undefined ? 'apply its document before or together with this one' : `did you mean ${near}?`}`
      faults.push({ kind, name, path: reference.path, message })
    }
    yield
  }
  return faults
}
