import type { ActionFilter, ActionLog, ActionPage, AdministratorAction } from '../../src/audit/actions.ts'

/** Administrators' actions in memory, in one page. */
export class MemoryActionLog implements ActionLog {
  readonly written: AdministratorAction[] = []

  async write(action: AdministratorAction): Promise<void> {
    this.written.push(action)
  }

  async list({ action, administrator }: ActionFilter, limit: number): Promise<ActionPage> {
    const items = this.written
      .filter((each) => action === undefined || each.action === action)
      .filter((each) => administrator === undefined || each.administrator === administrator)
      .toReversed()
    return { items: items.slice(0, limit), next: null }
  }
}
