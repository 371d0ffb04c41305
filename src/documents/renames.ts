import { canonicalJson } from '../lib/json.ts'
import type { Steps } from '../lib/slices.ts'
import type { AuditedChange, Document, Warning } from './contract.ts'

/** Which new documents say the same as one that goes, and so are that under another name. Two that could be one are none. */
export function* renames<Gone extends Document>(
  created: readonly Document[],
  removed: readonly Gone[],
): Steps<ReadonlyMap<Document, Gone>> {
  const renamed = new Map<Document, Gone>()
  if (removed.length === 0) return renamed
  const [fresh, old] = [yield* bySpec(created), yield* bySpec(removed)]
  for (const [spec, [document, ...more]] of fresh) {
    const [gone, ...others] = old.get(spec) ?? []
    if (document !== undefined && gone !== undefined && more.length === 0 && others.length === 0)
      renamed.set(document, gone)
  }
  return renamed
}

function* bySpec<T extends Document>(documents: readonly T[]): Steps<ReadonlyMap<string, readonly T[]>> {
  const groups = new Map<string, T[]>()
  for (const document of documents) {
    const spec = `${document.kind} ${canonicalJson(document.spec)}`
    const alike = groups.get(spec)
    if (alike === undefined) groups.set(spec, [document])
    else alike.push(document)
    yield
  }
  return groups
}

/** What is bound to a name and does not follow it, by kind. References in documents follow, or are faults. */
const BOUND: Readonly<Record<string, (from: string, to: string) => string>> = {
  TrustedIssuer: (from, to) =>
    `was ${from}: the ids of its subjects that are made of its name become wimse://…/${to}/… instead of wimse://…/${from}/…, so that rules, blocks and revocations by such ids do not meet them any more, and what was used once or first under the old name can be used again`,
  Client: (from) =>
    `was ${from}: tokens issued to ${from} keep that client_id, \`may_act\` and visited('${from}') go on meaning the old name, and blocks and revocations of client ${from} do not follow`,
}

/** What a rename leaves behind. */
export function renameWarnings(changes: readonly AuditedChange[]): readonly Warning[] {
  return changes.flatMap(({ kind, name, renamedFrom }) => {
    const message = renamedFrom === undefined ? undefined : BOUND[kind]?.(renamedFrom, name)
    return message === undefined ? [] : [{ kind, name, path: 'metadata.name', message }]
  })
}
