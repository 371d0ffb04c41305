import { type Fault, Faults } from '../lib/fault.ts'

/** What is wrong with a document: which one, where in it, and what to do about it. */
export interface DocumentFault extends Fault {
  /** '' where the document does not say. */
  readonly kind: string
  /** '' where the document does not say, or where the fault is one of several documents together. */
  readonly name: string
  /** Position in its stream, from 1. */
  readonly document?: number
  readonly file?: string
  /** From 1. */
  readonly line?: number
}

/** Faults over a set of documents, every one that was found. */
export class DocumentFaults extends Faults {
  override readonly faults: readonly DocumentFault[]

  constructor(faults: readonly DocumentFault[]) {
    super(faults)
    this.name = 'DocumentFaults'
    this.message = faults.map(sentence).join('\n')
    this.faults = faults
  }
}

/** `orders.yaml:7: Target orders: spec.audience: …`, as far as each is known. */
export function sentence({ file, line, document, kind, name, path, message }: DocumentFault): string {
  const place =
    file === undefined
      ? line === undefined
        ? undefined
        : `line ${line}`
      : line === undefined
        ? file
        : `${file}:${line}`
  const who = `${kind} ${name}`.trim() || (document === undefined ? undefined : `document ${document}`)
  return [place, who, path || undefined, message].filter((part) => part !== undefined).join(': ')
}
