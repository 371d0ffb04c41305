import type { Document } from '../../documents/contract.ts'
import { type ApplyOptions, applyInput, showWarnings, withApplyOptions } from '../applying.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, withOutput } from '../options.ts'
import { checkReplay, failsBy, type ReplayOptions, replayInput, showReplay, withReplay } from '../replaying.ts'
import { json, printable } from '../table.ts'

interface Difference {
  readonly path: string
  readonly before?: unknown
  readonly after?: unknown
}

export const diff: CliCommand = {
  name: 'diff',
  summary: 'Show what apply would change, field by field',
  examples: [
    ['cambist diff -f team/', 'compares a folder with what is in force'],
    ['cambist diff -f team/ --prune team=shop', 'also shows what would be deleted'],
    ['cambist diff -f team/ --replay 7d', 'also shows which decisions of the last week would be others'],
    ['cambist diff -f team/ --replay 7d --fail-on-denial', 'for CI: ends with 1 where any would be refused'],
  ],
  define(command, run) {
    withReplay(withOutput(withApplyOptions(command))).action((options: ApplyOptions & WithOutput & ReplayOptions) =>
      run(async (terminal) => {
        checkReplay(options)
        // What reads documents is loaded by the commands alone that need it.
        const { readInput } = await import('../files.ts')
        const { canonicalDocument } = await import('../../documents/canonical.ts')
        const leaves = (document: Document | undefined) =>
          document === undefined ? NOTHING : leavesOf(JSON.parse(canonicalDocument(document)))
        const input = await readInput(options.file, terminal)
        const { version, changes, warnings } = await applyInput(terminal, input, { ...options, dryRun: true })
        const stored = await askAdminJson<readonly Document[]>(terminal, '/admin/v1/export', {
          query: { format: 'json' },
        })
        const before = new Map(stored.map((document) => [keyOf(document.kind, document.metadata.name), document]))
        const after = new Map(
          input.documents.map((document) => [keyOf(document.kind, document.metadata.name), document]),
        )
        const differing = changes
          .filter(({ action }) => action !== 'unchanged')
          .map(({ kind, name, action }) => {
            const key = keyOf(kind, name)
            return {
              kind,
              name,
              action,
              differences: action === 'deleted' ? [] : differences(leaves(before.get(key)), leaves(after.get(key))),
            }
          })
        const replayed = await replayInput(terminal, input, options)
        if (options.output === 'json') {
          terminal.out(json({ version, changes: differing, warnings, ...(replayed && { replay: replayed }) }))
        } else {
          for (const change of differing) terminal.out(shown(change))
          showWarnings(terminal, warnings)
          terminal.err(
            differing.length === 0
              ? `No difference from version ${version}.\n`
              : `${differing.length} document${differing.length === 1 ? ' differs' : 's differ'} from version ${version}.\n`,
          )
          if (replayed !== undefined) showReplay(terminal, replayed)
        }
        return replayed !== undefined && failsBy(replayed, options) ? EXIT.failed : EXIT.done
      }),
    )
  },
}

const keyOf = (kind: string, name: string): string => `${kind}/${name}`

function shown({
  kind,
  name,
  action,
  differences: list,
}: {
  kind: string
  name: string
  action: string
  differences: readonly Difference[]
}): string {
  const lines = list.flatMap(({ path, before, after }) => [
    ...(before === undefined ? [] : [`  - ${path}: ${JSON.stringify(before)}`]),
    ...(after === undefined ? [] : [`  + ${path}: ${JSON.stringify(after)}`]),
  ])
  return `${[`${action} ${kind} ${name}`, ...lines].map(printable).join('\n')}\n`
}

type Leaves = ReadonlyMap<string, unknown>
const NOTHING: Leaves = new Map()

/** Single values that are there in one and not, or not the same, in the other. */
function differences(old: Leaves, fresh: Leaves): readonly Difference[] {
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .sort()
    .filter((path) => old.get(path) !== fresh.get(path))
    .map((path) => ({
      path,
      ...(old.has(path) ? { before: old.get(path) } : {}),
      ...(fresh.has(path) ? { after: fresh.get(path) } : {}),
    }))
}

function leavesOf(document: unknown): Leaves {
  const leaves = new Map<string, unknown>()
  const walk = (value: unknown, path: string): void => {
    if (Array.isArray(value) && value.length > 0)
      for (const [index, item] of value.entries()) walk(item, `${path}[${index}]`)
    else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
      for (const [name, member] of Object.entries(value)) walk(member, path === '' ? name : `${path}.${name}`)
    } else leaves.set(path, typeof value === 'object' ? JSON.stringify(value) : value)
  }
  walk(document, '')
  return leaves
}
