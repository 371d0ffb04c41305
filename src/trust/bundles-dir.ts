import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { FetchFailure } from './fetch-failure.ts'

/** Reads a bundle that a document names. Rejects with FetchFailure `file`, or with the reason of the signal. */
export type ReadBundleFile = (name: string, signal: AbortSignal) => Promise<Buffer>

/** As a document may name a bundle; so a name is never a way to another directory. */
export const BUNDLE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/

const MAX_BYTES = 256 * 1024

/** Bundles in CAMBIST_BUNDLES_DIR, one file for each trust domain, read anew each time. */
export function bundlesDir(directory: string | undefined): ReadBundleFile {
  return async (name, signal) => {
    if (directory === undefined)
      throw new FetchFailure('file', `a document names the bundle ${name}, but CAMBIST_BUNDLES_DIR is not set`)
    if (!BUNDLE_NAME.test(name))
      throw new FetchFailure('file', 'a document names a bundle by something that is no name')
    try {
      // Not blocking: what is no file, such as a pipe that nobody writes to, holds nobody up.
      await using file = await open(join(directory, name), constants.O_RDONLY | constants.O_NONBLOCK)
      const status = await file.stat()
      if (!status.isFile()) throw new FetchFailure('file', `${name} in CAMBIST_BUNDLES_DIR is not a file`)
      if (status.size <= MAX_BYTES) return await file.readFile({ signal })
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof FetchFailure) throw error
      const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
      throw new FetchFailure('file', `the file ${name} in CAMBIST_BUNDLES_DIR cannot be read${code}`)
    }
    throw new FetchFailure('too_large', `the file ${name} in CAMBIST_BUNDLES_DIR has more than ${MAX_BYTES} bytes`)
  }
}
