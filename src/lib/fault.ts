/** One thing wrong with what a person wrote. `path` is a dotted place such as `spec.keys.jwksUri`, `''` for the whole. */
export interface Fault {
  readonly path: string
  readonly message: string
}

/** Thrown when something a person wrote cannot be taken; carries every fault found, not only the first. */
export class Faults extends Error {
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(faults.map((fault) => (fault.path === '' ? fault.message : `${fault.path}: ${fault.message}`)).join('\n'))
    this.name = 'Faults'
    this.faults = faults
  }
}
