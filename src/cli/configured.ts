import { Faults } from '../lib/fault.ts'
import { CommandFailure, EXIT } from './contract.ts'

/** Reads configuration: what is wrong with it is said all at once, and ends with the exit code of configuration. */
export function configured<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw asConfiguration(error)
  }
}

/** The same where files that the configuration names are read on the way. */
export async function configuredLater<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start()
  } catch (error) {
    throw asConfiguration(error)
  }
}

function asConfiguration(error: unknown): unknown {
  if (!(error instanceof Faults)) return error
  return new CommandFailure(
    `The configuration cannot be used:\n${error.message.replace(/^/gm, '  ')}`,
    EXIT.configuration,
  )
}
