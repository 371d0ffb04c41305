import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The directory of a public corpus under CAMBIST_CORPORA, or undefined, and then one line says why its tests are skipped. */
export function corpus(name: string): string | undefined {
  const root = process.env['CAMBIST_CORPORA']
  if (root === undefined || root === '') {
    console.warn(`CAMBIST_CORPORA is not set: the tests of the corpus ${name} are skipped.`)
    return undefined
  }
  const directory = join(root, name)
  if (!existsSync(directory)) throw new Error(`CAMBIST_CORPORA has no directory ${name}`)
  return directory
}
