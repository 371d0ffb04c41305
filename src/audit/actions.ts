/**
 * Something an administrator did that changes no document, and so stands in no revision: an explanation, a replay. Who
 * looks at what others asked for is on the record as well.
 */
export interface AdministratorAction {
  /** = `Cambist-Request-Id` of the answer. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The administrator's name, as the history of changes has it. */
  readonly administrator: string
  /** One word, such as `explain`. */
  readonly action: string
  /** What it was about: JSON, in names and hashes and never in tokens (I8). */
  readonly about: Readonly<Record<string, unknown>>
}

export interface ActionFilter {
  readonly action?: string
  readonly administrator?: string
}

export interface ActionPage {
  /** Newest first, by the order in which they were written. */
  readonly items: readonly AdministratorAction[]
  /** What to ask the next page with; null where there is none. */
  readonly next: string | null
}

/** Where such actions are kept. Implemented by storage/. */
export interface ActionLog {
  /** Resolves when the row is durable: what was asked for is answered then, and not before. */
  write(action: AdministratorAction): Promise<void>
  /**
   * At most `limit` actions, from behind the cursor of an earlier page with the same filter.
   * @throws Faults where the cursor is none of ours.
   */
  list(filter: ActionFilter, limit: number, cursor?: string): Promise<ActionPage>
}
