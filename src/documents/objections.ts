/** Why a change is not made, beside faults of its documents. Each leaves everything as it was. */
import type { Doubt } from './doubts.ts'

/** The author may not write what the apply would change. */
export class WriteRefused extends Error {
  readonly kinds: readonly string[]

  constructor(kinds: readonly string[]) {
    super(`this would change documents of the kind ${kinds.join(', ')}, which your role may not write`)
    this.name = 'WriteRefused'
    this.kinds = kinds
  }
}

/** Somebody else has changed the documents meanwhile. */
export class VersionConflict extends Error {
  readonly expected: number
  readonly current: number

  constructor(expected: number, current: number) {
    super(
      `the documents are at version ${current} and not at ${expected}: somebody has changed them meanwhile; look at the difference and apply again`,
    )
    this.name = 'VersionConflict'
    this.expected = expected
    this.current = current
  }
}

/** The document is not as the author has seen it. */
export class PreconditionFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PreconditionFailed'
  }
}

/** The change may be a mistake that bites, and nobody has said yes to it. */
export class ConfirmationNeeded extends Error {
  readonly doubts: readonly Doubt[]

  constructor(doubts: readonly Doubt[]) {
    super(doubts.map(({ message }) => message).join('; and '))
    this.name = 'ConfirmationNeeded'
    this.doubts = doubts
  }
}

/** The pending change is open no longer. */
export class PendingDecided extends Error {
  readonly state: string

  constructor(id: string, state: string) {
    super(
      state === 'stale'
        ? `the change ${id} would do something else now than when it was proposed, because the documents have changed meanwhile; propose it again`
        : `the change ${id} is ${state} already`,
    )
    this.name = 'PendingDecided'
    this.state = state
  }
}

/** Whoever approves must be somebody else than the author, and somebody at all. */
export class ApprovalRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ApprovalRefused'
  }
}
