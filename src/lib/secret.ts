import { createHash, timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'

/** A text that must not be printed: every ordinary way to show it shows `[secret]` (I8). */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The text itself, at the one place that must send it. */
  reveal(): string {
    return this.#text
  }

  /** Compares in time that does not depend on where the texts differ (T34). */
  equals(text: string): boolean {
    const digest = (value: string) => createHash('sha256').update(value).digest()
    return timingSafeEqual(digest(this.#text), digest(text))
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
