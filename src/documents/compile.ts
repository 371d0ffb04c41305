import type { RoleBinding } from '../administrators/contract.ts'
import { roleBindings } from '../administrators/role-bindings.ts'
import { blockIndex, type NamedBy } from '../blocks/block-index.ts'
import { sharedKeys } from '../clients/client.ts'
import { indexClients } from '../clients/client-index.ts'
import type { Client, ClientIndex } from '../clients/contract.ts'
import { ownIssuers } from '../credentials/own-issuer.ts'
import { issuerOfClient } from '../credentials/registered-client.ts'
import { namedIn } from '../identity/principal.ts'
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
import { shutOut } from './administering.ts'
import type { Approval } from './approval.ts'
import { attributeFaults } from './attributes.ts'
import type { CompileContext, Document, NounKind, Snapshot, StoredState } from './contract.ts'
import { danglingReferences } from './dangling-references.ts'
import { type DocumentFault, DocumentFaults } from './faults.ts'
import { administrator } from './kinds/administrator.ts'
import { approval } from './kinds/approval.ts'
import { client } from './kinds/client.ts'
import { policy } from './kinds/policy.ts'
import { target } from './kinds/target.ts'
import { trustedIssuer } from './kinds/trusted-issuer.ts'
import type { OfKind, Read } from './of-kind.ts'
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
  /** What the server that reads them calls its own trust domain, for what lint says; undefined where nobody has said. */
  readonly ourTrustDomain: string | undefined
}

const KINDS: readonly NounKind<never>[] = [
  trustedIssuer,
  client,
  target,
  policy,
  administrator,
  approval,
] as readonly NounKind<unknown>[] as readonly NounKind<never>[]

/** What documents are compiled under beside their context. */
export interface Under {
  /** The issuers of our own tokens. */
  readonly own?: readonly TrustedIssuer[]
  /** They were taken before, and stay: those that are being written are also read for attributes that nobody provides. */
  readonly inForce?: boolean
  /** What a change deletes, for the words of a fault. */
  readonly gone?: readonly Document[]
}

/** All documents, each kind by itself. */
interface Whole {
  readonly issuers: OfKind<TrustedIssuer>
  readonly clients: OfKind<Client>
  readonly targets: OfKind<Target>
  readonly policies: OfKind<Policy>
  readonly administrators: OfKind<RoleBinding>
  readonly approvals: OfKind<Approval>
}

/**
 * Documents in, snapshot out, or every fault of all of them at once. Documents that are still the same objects as in the
 * last snapshot, and indexes over kinds of which none has changed, are taken from there, so that a change costs what it
 * changes and not what there is. What is long is done in slices, so that a server goes on answering meanwhile.
 */
export class Compiler {
  readonly #context: CompileContext
  readonly #slices: Slices
  /** The keys of a client are read once. */
  readonly #issuerOfClient: (client: Client) => TrustedIssuer | undefined
  readonly #indexClients = onceEachInSteps(indexClients)
  readonly #indexTargets = onceEachInSteps(indexTargets)
  readonly #indexPolicies = onceEachInSteps(indexPolicies)
  readonly #sharedKeys = onceEachInSteps(sharedKeys)
  /** That of the last snapshot. */
  #last: Whole | undefined

  constructor(context: CompileContext, slices = new Slices()) {
    this.#context = context
    this.#slices = slices
    this.#issuerOfClient = onceEach((each: Client) => issuerOfClient(each, context.ourIssuer))
  }

  /** Rejects with DocumentFaults where the state does not compile, and with what `openKeys` throws. */
  snapshot(state: StoredState): Promise<Snapshot> {
    return this.#slices.run(this.#snapshot(state))
  }

  /** Throws DocumentFaults with every fault: of each document alone, of its references, and of documents together. */
  compile(documents: readonly Document[], under: Under = {}): Compiled {
    return atOnce(this.#compile(documents, under)).compiled
  }

  /** The same, in slices: for a process that others wait for. */
  async compileInSlices(documents: readonly Document[], under: Under = {}): Promise<Compiled> {
    return (await this.#slices.run(this.#compile(documents, under))).compiled
  }

  /** Other long work of the same process. */
  inSlices<T>(steps: Steps<T>): Promise<T> {
    return this.#slices.run(steps)
  }

  *#snapshot({ version, documents, keys, revocations, blocks }: StoredState): Steps<Snapshot> {
    const keyring = this.#context.openKeys(keys)
    const own = ownIssuers(this.#context.ourIssuer, keyring)
    const revoked = revokedBy(revocations)
    yield
    const { compiled, whole } = yield* this.#compile(documents, { own, inForce: true })
    this.#last = whole
    const { issuers, clients, targets, policies, nouns } = compiled
    const administrators = roleBindings(nouns.administrators.values())
    const blocked = blockIndex(blocks, this.#namedBy(issuers))
    return Object.freeze({
      ...{ version, issuers, clients, targets, policies, administrators, keyring, revoked, revocations, blocked },
    })
  }

  *#compile(
    documents: readonly Document[],
    { own, inForce = false, gone = [] }: Under,
  ): Steps<{ readonly compiled: Compiled; readonly whole: Whole }> {
    const last = this.#last
    const faults: DocumentFault[] = []
    const byKind = groupedByKind(documents, faults)
    yield
    const whole: Whole = {
      issuers: yield* this.#all(trustedIssuer, byKind, last?.issuers, faults),
      clients: yield* this.#all(client, byKind, last?.clients, faults),
      targets: yield* this.#all(target, byKind, last?.targets, faults),
      policies: yield* this.#all(policy, byKind, last?.policies, faults),
      administrators: yield* this.#all(administrator, byKind, last?.administrators, faults),
      approvals: yield* this.#all(approval, byKind, last?.approvals, faults),
    }
    const sound = last === undefined ? [] : Object.values(last)
    faults.push(...(yield* danglingReferences(Object.values(whole), sound, gone)))
    const nouns = {
      issuers: whole.issuers.nouns,
      clients: whole.clients.nouns,
      targets: whole.targets.nouns,
      policies: whole.policies.nouns,
      administrators: whole.administrators.nouns,
      approvals: whole.approvals.nouns,
    }
    faults.push(...unknownApprovals(nouns.approvals.values()))
    const builtIn: TrustedIssuer[] = []
    for (const each of nouns.clients.values()) {
      const issuer = this.#issuerOfClient(each)
      if (issuer !== undefined) builtIn.push(issuer)
      yield
    }
    if (own !== undefined) builtIn.push(...own)
    const trust = yield* together('TrustedIssuer', indexIssuers([...nouns.issuers.values(), ...builtIn]), faults)
    const services = yield* together('Target', this.#indexTargets(nouns.targets), faults)
    for (const shared of yield* this.#sharedKeys(nouns.clients)) {
      const message = `has a key that client ${shared.with} has as well, so that whoever holds it could speak as both; give each client keys of its own`
      faults.push({ kind: 'Client', name: shared.at, path: 'spec.authentication.jwks', message })
    }
    faults.push(...(yield* misfits(nouns.clients.values(), nouns.issuers, this.#context.credentialKinds)))
    faults.push(...shutOut(nouns.administrators.values(), nouns.issuers, this.#context.credentialKinds))
    // Of an issuer that has faults nobody knows what it maps.
    if (!inForce && nouns.issuers.size === whole.issuers.documents.length) {
      for (const found of attributeFaults(nouns)) {
        faults.push(...found)
        yield
      }
    }
    if (faults.length > 0 || trust === undefined || services === undefined) throw new DocumentFaults(faults)
    const callers = yield* this.#indexClients(nouns.clients)
    const rules = yield* this.#indexPolicies(nouns.policies)
    const { ourTrustDomain } = this.#context
    return {
      compiled: { issuers: trust, clients: callers, targets: services, policies: rules, nouns, ourTrustDomain },
      whole,
    }
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

  *#all<Noun>(
    kind: NounKind<Noun>,
    byKind: ReadonlyMap<string, readonly Document[]>,
    last: OfKind<Noun> | undefined,
    faults: DocumentFault[],
  ): Steps<OfKind<Noun>> {
    const documents = byKind.get(kind.kind) ?? []
    if (last !== undefined && isSame(documents, last.documents)) return last
    const read = new Map<Document, Read<Noun>>()
    const nouns = new Map<string, Noun>()
    const names = new Set<string>()
    const named = new Set<string>()
    for (const document of documents) {
      const { name } = document.metadata
      const one = last?.read.get(document) ?? this.#read(kind, document, faults)
      read.set(document, one)
      names.add(name)
      if (one.noun !== undefined) nouns.set(name, one.noun)
      for (const reference of one.references) named.add(reference.kind)
      yield
    }
    return { kind: kind.kind, documents, read, nouns, names, named }
  }

  #read<Noun>(kind: NounKind<Noun>, { metadata: { name }, spec }: Document, faults: DocumentFault[]): Read<Noun> {
    const noun = attempt(
      () => kind.compile(name, spec, this.#context),
      (path, message) => faults.push({ kind: kind.kind, name, path, message }),
    )
    return { noun, references: kind.references(spec) }
  }
}

/** What is made of all nouns of a kind, made once for the same nouns. What throws is tried anew. */
function onceEachInSteps<Noun, Made>(make: (nouns: Iterable<Noun>) => Steps<Made>) {
  const made = new WeakMap<ReadonlyMap<string, Noun>, { readonly of: Made }>()
  return function* once(nouns: ReadonlyMap<string, Noun>): Steps<Made> {
    const known = made.get(nouns) ?? { of: yield* make(nouns.values()) }
    made.set(nouns, known)
    return known.of
  }
}

const isSame = (ones: readonly Document[], others: readonly Document[]): boolean =>
  ones.length === others.length && ones.every((document, index) => document === others[index])

function groupedByKind(
  documents: readonly Document[],
  faults: DocumentFault[],
): ReadonlyMap<string, readonly Document[]> {
  const byKind = new Map<string, Document[]>(KINDS.map(({ kind }) => [kind, []]))
  for (const document of documents) {
    const list = byKind.get(document.kind)
    if (list === undefined) faults.push(unknownKind(document))
    else list.push(document)
  }
  return byKind
}

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
