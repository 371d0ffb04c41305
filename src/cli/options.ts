import { type Command, InvalidArgumentError, Option } from 'commander'

/** Options that several commands share, spelt once. */
export const output = (): Option =>
  new Option('--output <format>', 'how the result is written').choices(['table', 'json']).default('table')

const paths = (): Option => new Option('-f, --file <path...>', 'files, folders, or - for the standard input')
export const files = (): Option => paths().makeOptionMandatory()
/** Where it is left out, the documents in force are meant. */
export const filesOrForce = (): Option => paths()

export const adding = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

export function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number.')
  return Number(text)
}

export interface WithOutput {
  readonly output: 'table' | 'json'
}

export const withOutput = (command: Command): Command => command.addOption(output())
