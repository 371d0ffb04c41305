import type { Actor } from '../identity/actor.ts'
import type { Block, Blockable, Named, NamedCredential } from './contract.ts'

/** The blocks of one snapshot: map look-ups only, however many there are. `now` is seconds since the epoch. */
export interface Blocks {
  /** Whether there is no block at all: mostly all that an exchange asks. */
  readonly none: boolean
  /** A block that is in force and names something of this; undefined where there is none. */
  meeting(named: Named, now: number): Block | undefined
  client(name: string, now: number): Block | undefined
  /** Names of the clients that are blocked. */
  clients(now: number): ReadonlySet<string>
  /** This one alone, for what is asked about it. */
  only(id: string): Blocks
  /** Texts one of which stands in whatever meets a block, ended or not. */
  texts(): readonly string[]
}

/** How an issuer of its own names the subject of a canonical id, in `iss` and `sub`; undefined where none does. */
export type NamedBy = (subject: string) => Actor | undefined

const NOBODY: ReadonlySet<string> = new Set()

/** Nothing is blocked: what most snapshots say. */
export const NO_BLOCKS: Blocks = Object.freeze({
  none: true,
  meeting: () => undefined,
  client: () => undefined,
  clients: () => NOBODY,
  only: () => NO_BLOCKS,
  texts: () => [],
})

/** Of several blocks of one thing the one that lasts longest counts. */
export function blockIndex(blocks: readonly Block[], namedBy: NamedBy = () => undefined): Blocks {
  return blocks.length === 0 ? NO_BLOCKS : new BlockIndex(blocks, namedBy)
}

class BlockIndex implements Blocks {
  readonly none = false
  readonly #blocks: readonly Block[]
  readonly #namedBy: NamedBy
  readonly #by: Readonly<Record<Blockable, Map<string, Block>>> = {
    subject: new Map(),
    instance: new Map(),
    client: new Map(),
    lineage: new Map(),
    key: new Map(),
    issuer: new Map(),
    jti: new Map(),
    tokenHash: new Map(),
  }
  /** Asked by every exchange, and the same for a second. */
  #clients: { readonly now: number; readonly names: ReadonlySet<string> } | undefined
  /** Subjects as a foreign token names them in `act`, with the name of its issuer. */
  readonly #actors = new Map<string, Block>()

  constructor(blocks: readonly Block[], namedBy: NamedBy) {
    this.#blocks = blocks
    this.#namedBy = namedBy
    for (const block of blocks) {
      const { what, value, issuer } = block
      keepLonger(this.#by[what], issuer === '' ? value : pair(issuer, value), block)
      const named = what === 'subject' ? namedBy(value) : undefined
      if (named?.iss !== undefined) keepLonger(this.#actors, pair(named.iss, named.sub), block)
    }
  }

  meeting(named: Named, now: number): Block | undefined {
    const by = this.#by
    return (
      first(by.subject, named.subjects, now) ??
      this.#actor(named.actors, now) ??
      first(by.instance, named.instances, now) ??
      first(by.client, named.clients, now) ??
      first(by.key, named.keys, now) ??
      first(by.lineage, named.lineages, now) ??
      first(by.issuer, named.issuers, now) ??
      this.#credential(named.credentials, now)
    )
  }

  client(name: string, now: number): Block | undefined {
    return biting(this.#by.client.get(name), now)
  }

  clients(now: number): ReadonlySet<string> {
    if (this.#by.client.size === 0) return NOBODY
    if (this.#clients?.now === now) return this.#clients.names
    const names = new Set(
      [...this.#by.client].flatMap(([name, block]) => (biting(block, now) === undefined ? [] : [name])),
    )
    this.#clients = { now, names }
    return names
  }

  only(id: string): Blocks {
    return blockIndex(
      this.#blocks.filter((block) => block.id === id),
      this.#namedBy,
    )
  }

  texts(): readonly string[] {
    return this.#blocks.flatMap(({ what, value }) => {
      const named = what === 'subject' ? this.#namedBy(value)?.sub : undefined
      return named === undefined ? [value] : [value, named]
    })
  }

  /** By the name that stands in the chain, whosever it is, and by what it means at the issuer that is named beside it. */
  #actor(actors: Named['actors'], now: number): Block | undefined {
    for (const { sub, iss } of actors) {
      const block =
        biting(this.#by.subject.get(sub), now) ??
        (iss === undefined ? undefined : biting(this.#actors.get(pair(iss, sub)), now))
      if (block !== undefined) return block
    }
    return undefined
  }

  #credential(credentials: readonly NamedCredential[], now: number): Block | undefined {
    const { jti, tokenHash } = this.#by
    for (const { issuer, id, hashes } of credentials) {
      const block = biting(jti.get(pair(issuer, id)), now)
      if (block !== undefined) return block
      if (tokenHash.size === 0) continue
      for (const hash of hashes()) {
        const found = biting(tokenHash.get(pair(issuer, hash)), now)
        if (found !== undefined) return found
      }
    }
    return undefined
  }
}

/** Neither an issuer's name nor `iss` holds a line break, so no two pairs make one text. */
const pair = (issuer: string, name: string): string => `${issuer}\n${name}`

function keepLonger(known: Map<string, Block>, name: string, block: Block): void {
  const other = known.get(name)
  if (other === undefined || end(block) > end(other)) known.set(name, block)
}

const end = ({ until }: Block): number => until ?? Number.POSITIVE_INFINITY

function first(known: ReadonlyMap<string, Block>, names: readonly string[], now: number): Block | undefined {
  if (known.size === 0) return undefined
  for (const name of names) {
    const block = biting(known.get(name), now)
    if (block !== undefined) return block
  }
  return undefined
}

const biting = (block: Block | undefined, now: number): Block | undefined =>
  block !== undefined && now < end(block) ? block : undefined
