import { InvalidArgumentError } from 'commander'
import { type CliCommand, EXIT, type Terminal } from '../contract.ts'
import { files, wholeNumber, withOutput } from '../options.ts'
import type { TestOptions } from '../testing.ts'

export const test: CliCommand = {
  name: 'test',
  summary: 'Run the policy tests beside documents, without a server',
  examples: [
    ['cambist test -f examples/quickstart', 'runs the cases of *.test.yaml by the documents of the folder'],
    ['cambist test -f documents/ -f tests/', 'where the cases are in a folder of their own'],
    ['cambist test -f documents/ --junit report.xml', 'for CI: ends with 1 where a case fails'],
    ['cambist test -f documents/ --coverage-min 90', 'also where fewer rules than that decide a case'],
  ],
  define(command, run) {
    withOutput(command.addOption(files()))
      .option('--issuer <url>', 'the issuer that requests are made to (CAMBIST_ISSUER)')
      .option('--trust-domain <name>', 'its trust domain (CAMBIST_TRUST_DOMAIN)')
      .option('--junit <file>', 'also write the results there, as JUnit XML')
      .option('--coverage-min <percent>', 'end with 1 where fewer of the rules decide a case', percent)
      .action((options: TestOptions) => run((terminal) => testFiles(options, terminal)))
  },
}

function percent(text: string): number {
  const number = wholeNumber(text)
  if (number > 100) throw new InvalidArgumentError('It is at most 100.')
  return number
}

async function testFiles(options: TestOptions, terminal: Terminal): Promise<number> {
  // What reads documents is loaded by the commands alone that need it.
  const { testInput } = await import('../testing.ts')
  const passed = await testInput(options, terminal)
  return passed ? EXIT.done : EXIT.failed
}
