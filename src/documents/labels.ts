import { Faults } from '../lib/fault.ts'
import type { Document } from './contract.ts'

/** Which documents are meant by a label: those that carry it, with the value where one is said. */
export interface LabelSelector {
  readonly key: string
  readonly value: string | undefined
}

/** Reads `team` or `team=shop`. Throws Faults under `path`. */
export function readLabelSelector(text: string, path: string): LabelSelector {
  const at = text.indexOf('=')
  const label = at < 0 ? { key: text, value: undefined } : { key: text.slice(0, at), value: text.slice(at + 1) }
  if (/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$/.test(label.key)) return label
  throw new Faults([
    { path, message: `${JSON.stringify(text.slice(0, 128))} is not a label; write one such as team or team=shop` },
  ])
}

export function carries({ metadata: { labels = {} } }: Document, { key, value }: LabelSelector): boolean {
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value)
}
