import * as credentialKinds from '../../credentials/kinds/index.ts'
import { inOrder } from '../../documents/canonical.ts'
import { Compiler } from '../../documents/compile.ts'
import { DocumentFaults, sentence } from '../../documents/faults.ts'
import { warningsOf } from '../../documents/warnings.ts'
import * as tokenKinds from '../../tokens/kinds/index.ts'
import { type CliCommand, EXIT, type Terminal } from '../contract.ts'
import { faultLines } from '../failures.ts'
import { type Input, readInput } from '../files.ts'
import { files, type WithOutput, withOutput } from '../options.ts'
import { json, printable } from '../table.ts'

export const lint: CliCommand = {
  name: 'lint',
  summary: 'Check documents without a server: what would be refused, and what is doubtful',
  examples: [
    ['cambist lint -f examples/quickstart', 'checks a folder as a whole'],
    ['cambist lint -f all.yaml --output json', 'for an editor or a pipeline'],
  ],
  define(command, run) {
    withOutput(command.addOption(files())).action((options: WithOutput & { readonly file: readonly string[] }) =>
      run(async (terminal) => {
        const result = checked(await readOrFaults(options.file, terminal), terminal)
        if (options.output === 'json') terminal.out(json(result))
        else {
          for (const line of faultLines(result.faults)) terminal.err(`${line}\n`)
          for (const warning of result.warnings) terminal.err(`warning: ${printable(sentence(warning))}\n`)
          terminal.err(
            `${counted(result.documents, 'document')}: ${counted(result.faults.length, 'fault')}, ${counted(result.warnings.length, 'warning')}.\n`,
          )
        }
        return result.faults.length > 0 ? EXIT.failed : EXIT.done
      }),
    )
  },
}

interface Result {
  readonly documents: number
  readonly faults: DocumentFaults['faults']
  readonly warnings: DocumentFaults['faults']
}

async function readOrFaults(paths: readonly string[], terminal: Terminal): Promise<Input | DocumentFaults> {
  try {
    return await readInput(paths, terminal)
  } catch (error) {
    if (error instanceof DocumentFaults) return error
    throw error
  }
}

function checked(input: Input | DocumentFaults, { environment }: Terminal): Result {
  if (input instanceof DocumentFaults) return { documents: 0, faults: input.faults, warnings: [] }
  const documents = input.documents.length
  const compiler = new Compiler({
    credentialKinds: Object.values(credentialKinds),
    tokenKinds: Object.values(tokenKinds),
    ourIssuer: environment.issuer,
    openKeys() {
      throw new Error('signing keys are opened by a server')
    },
  })
  try {
    return { documents, faults: [], warnings: inOrder(warningsOf(compiler.compile(input.documents))).map(input.place) }
  } catch (error) {
    if (!(error instanceof DocumentFaults)) throw error
    return { documents, faults: error.faults.map(input.place), warnings: [] }
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
