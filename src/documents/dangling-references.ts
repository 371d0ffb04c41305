import { nearestName } from '../lib/nearest.ts'
import type { Steps } from '../lib/slices.ts'
import type { Document } from './contract.ts'
import type { DocumentFault } from './faults.ts'
import type { OfKind } from './of-kind.ts'

/** How many faults are told with the name that was probably meant: to find one goes through all of them. */
const MOST_GUESSES = 20

/**
 * Names of documents that do not exist (interfaces.md: refused when applied). `sound` are kinds as they were when nothing
 * was missing: where neither a kind nor any that it names has changed since, it needs no second look. `gone` is what a change deletes.
 */
export function* danglingReferences(
  kinds: readonly OfKind<unknown>[],
  sound: readonly OfKind<unknown>[],
  gone: readonly Document[],
): Steps<readonly DocumentFault[]> {
  const byName = new Map(kinds.map((each) => [each.kind, each]))
  const unchanged = new Set<OfKind<unknown> | undefined>(sound)
  const deleted = new Set(gone.map(({ kind, metadata }) => `${kind}/${metadata.name}`))
  const faults: DocumentFault[] = []
  for (const each of kinds) {
    if (unchanged.has(each) && [...each.named].every((other) => unchanged.has(byName.get(other)))) continue
    for (const [{ metadata }, { references }] of each.read) {
      for (const reference of references) {
        const names = byName.get(reference.kind)?.names
        if (names === undefined || names.has(reference.name)) continue
        const near = faults.length < MOST_GUESSES ? nearestName(reference.name, names) : undefined
        const shown = JSON.stringify(reference.name.slice(0, 64))
        const remedy =
          near === undefined ? 'apply its document before or together with this one' : `did you mean ${near}?`
        const message = deleted.has(`${reference.kind}/${reference.name}`)
          ? `there is no ${reference.kind} ${shown} any more after this change, which deletes it; change or delete this document first or together with it`
          : `there is no ${reference.kind} ${shown}; ${remedy}`
        faults.push({ kind: each.kind, name: metadata.name, path: reference.path, message })
      }
      yield
    }
  }
  return faults
}
