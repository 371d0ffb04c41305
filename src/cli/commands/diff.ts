import type { Document } from '../../documents/contract.ts'
import { type ApplyOptions, applyInput, showWarnings, withApplyOptions } from '../applying.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, withOutput } from '../options.ts'
import { checkReplay, failsBy, type ReplayOptions, replayInput, showReplay, withReplay } from '../replaying.ts'
import { json } from '../table.ts'

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
        const { differencesOf, shownDifference } = await import('../differences.ts')
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
          .map((change) => {
            const key = keyOf(change.kind, change.name)
            const gone = change.action === 'deleted'
            return { ...change, differences: gone ? [] : differencesOf(before.get(key), after.get(key)) }
          })
        const replayed = await replayInput(terminal, input, options)
        if (options.output === 'json') {
          terminal.out(json({ version, changes: differing, warnings, ...(replayed && { replay: replayed }) }))
        } else {
          for (const change of differing) terminal.out(shownDifference(change))
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
