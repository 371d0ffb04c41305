/**
 * Structured header fields (RFC 8941 §4.2; RFC 9651 without its dates and display strings, which nothing here reads),
 * strictly: the whole text is one field or it is none. Where the standard lets the last of repeated keys win, the field
 * is refused, and base64 has one spelling, because two readers of one field must not see two fields (T11, T14).
 */
export type BareItem =
  | { readonly type: 'integer' | 'decimal'; readonly value: number }
  | { readonly type: 'string' | 'token'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Buffer }
  | { readonly type: 'boolean'; readonly value: boolean }

/** Parameters of an item or of an inner list, in the order in which they were written. */
export type ItemParameters = ReadonlyMap<string, BareItem>

export interface Item {
  readonly kind: 'item'
  readonly bare: BareItem
  readonly parameters: ItemParameters
}

export interface InnerList {
  readonly kind: 'list'
  readonly items: readonly Item[]
  readonly parameters: ItemParameters
  /** The list with its parameters exactly as received: what a message signature signs (RFC 9421 §2.3). */
  readonly text: string
}

export type Member = Item | InnerList

/** Longest field that is read; reading one takes time in proportion to its length (T12). */
export const MAX_FIELD_LENGTH = 65_536

/** The item that the text is, or undefined. Never throws. */
export const parseItem = (text: string): Item | undefined => whole(text, (reader) => reader.item())

/** The list that the text is, [] for an empty one, or undefined. Never throws. */
export const parseList = (text: string): readonly Member[] | undefined => whole(text, (reader) => reader.list())

/** The dictionary that the text is, in its order, or undefined. Never throws. */
export const parseDictionary = (text: string): ReadonlyMap<string, Member> | undefined =>
  whole(text, (reader) => reader.dictionary())

class Malformed extends Error {}

function whole<T>(text: string, read: (reader: Reader) => T): T | undefined {
  if (text.length > MAX_FIELD_LENGTH) return undefined
  const reader = new Reader(text)
  try {
    reader.skip(SPACES)
    const value = read(reader)
    reader.skip(SPACES)
    return reader.atEnd ? value : undefined
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

const SPACES = / */y
const OPTIONAL_WHITE_SPACE = /[ \t]*/y
const KEY = /[a-z*][a-z0-9_.*-]*/y
const NUMBER = /-?(\d+)(?:\.(\d+))?/y
const STRING = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y
const BYTES = /:([A-Za-z0-9+/]*={0,2}):/y
const BOOLEAN = /\?([01])/y

const TRUE: BareItem = Object.freeze({ type: 'boolean', value: true })

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length
  }

  skip(pattern: RegExp): void {
    this.#match(pattern)
  }

  list(): readonly Member[] {
    const members: Member[] = []
    this.#separated(() => members.push(this.#member()))
    return members
  }

  dictionary(): ReadonlyMap<string, Member> {
    const members = new Map<string, Member>()
    this.#separated(() => {
      const key = this.#newKey(members)
      members.set(key, this.#takes('=') ? this.#member() : { kind: 'item', bare: TRUE, parameters: this.#parameters() })
    })
    return members
  }

  item(): Item {
    return { kind: 'item', bare: this.#bareItem(), parameters: this.#parameters() }
  }

  /** Members between commas; none at all where the text ends at once, and none missing after a comma. */
  #separated(read: () => void): void {
    if (this.atEnd) return
    for (;;) {
      read()
      // White space at the end is the caller's; a tab there belongs to nobody.
      const end = this.#at
      this.skip(OPTIONAL_WHITE_SPACE)
      if (!this.#takes(',')) {
        this.#at = end
        return
      }
      this.skip(OPTIONAL_WHITE_SPACE)
    }
  }

  #member(): Member {
    return this.#text[this.#at] === '(' ? this.#innerList() : this.item()
  }

  #innerList(): InnerList {
    const start = this.#at++
    const items: Item[] = []
    for (;;) {
      const before = this.#at
      this.skip(SPACES)
      if (this.#takes(')')) break
      if (items.length > 0 && this.#at === before) throw new Malformed()
      items.push(this.item())
    }
    const parameters = this.#parameters()
    return { kind: 'list', items, parameters, text: this.#text.slice(start, this.#at) }
  }

  #parameters(): ItemParameters {
    const parameters = new Map<string, BareItem>()
    while (this.#takes(';')) {
      this.skip(SPACES)
      const key = this.#newKey(parameters)
      parameters.set(key, this.#takes('=') ? this.#bareItem() : TRUE)
    }
    return parameters
  }

  #newKey(known: ReadonlyMap<string, unknown>): string {
    const key = this.#match(KEY)?.[0]
    if (key === undefined || known.has(key)) throw new Malformed()
    return key
  }

  #bareItem(): BareItem {
    const number = this.#match(NUMBER)
    if (number !== undefined) return numeric(number)
    const string = this.#match(STRING)?.[1]
    if (string !== undefined) return { type: 'string', value: string.replace(/\\(.)/g, '$1') }
    const bytes = this.#match(BYTES)?.[1]
    if (bytes !== undefined) {
      const value = Buffer.from(bytes, 'base64')
      if (value.toString('base64') !== bytes) throw new Malformed()
      return { type: 'bytes', value }
    }
    const bit = this.#match(BOOLEAN)?.[1]
    if (bit !== undefined) return { type: 'boolean', value: bit === '1' }
    const token = this.#match(TOKEN)?.[0]
    if (token !== undefined) return { type: 'token', value: token }
    throw new Malformed()
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return undefined
    this.#at = pattern.lastIndex
    return match
  }
}

/** At most 15 digits, or 12 and 3 behind the point: what every reader can hold exactly (RFC 8941 §3.3.1, §3.3.2). */
function numeric([text, digits = '', fraction]: RegExpExecArray): BareItem {
  const type = fraction === undefined ? 'integer' : 'decimal'
  if (digits.length > (type === 'integer' ? 15 : 12) || (fraction?.length ?? 0) > 3) throw new Malformed()
  return { type, value: Number(text) }
}
