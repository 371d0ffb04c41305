import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Fault, Faults } from '../lib/fault.ts'
import { Secret } from '../lib/secret.ts'
import type { Config } from './config.ts'

/** What the server must know and nobody may see. */
export interface Secrets {
  /** 32 bytes each; the first wraps. */
  readonly keyEncryptionKeys: readonly Buffer[]
  readonly adminToken: Secret
  /** Where the administrator token was read, for messages. */
  readonly adminTokenFile: string
}

/** Reads the secret files, and makes those of the data directory on the first start. Throws Faults, with names of files and never their contents. */
export function readSecrets(config: Config): Secrets {
  const faults: Fault[] = []
  const embedded = 'embeddedIn' in config.database
  if (embedded) mkdirSync(config.dataDir, { recursive: true })

  const keyFiles =
    config.keyEncryptionKeyFiles.length > 0
      ? config.keyEncryptionKeyFiles
      : [made(join(config.dataDir, 'key-encryption-key'), () => randomBytes(32).toString('base64url'))]
  const keyEncryptionKeys = keyFiles.map((file) => {
    const bytes = Buffer.from(read(file, 'CAMBIST_KEY_ENCRYPTION_KEY_FILES', faults), 'base64url')
    if (bytes.length !== 32)
      faults.push({ path: 'CAMBIST_KEY_ENCRYPTION_KEY_FILES', message: `${file} does not hold 32 bytes as base64url` })
    return bytes
  })

  const adminTokenFile =
    config.adminTokenFile ??
    made(join(config.dataDir, 'admin-token'), () => `cambist_admin_${randomBytes(32).toString('base64url')}`)
  const token = read(adminTokenFile, 'CAMBIST_ADMIN_TOKEN_FILE', faults)
  if (token.length < 32 || /\s/.test(token)) {
    faults.push({
      path: 'CAMBIST_ADMIN_TOKEN_FILE',
      message: `${adminTokenFile} does not hold one line of 32 characters or more`,
    })
  }
  if (faults.length > 0) throw new Faults(faults)
  return { keyEncryptionKeys, adminToken: new Secret(token), adminTokenFile }
}

/** The file, made with the text where it does not exist; never overwritten, readable by the owner alone. */
function made(file: string, text: () => string): string {
  try {
    writeFileSync(file, `${text()}\n`, { flag: 'wx', mode: 0o600 })
    chmodSync(file, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return file
}

function read(file: string, variable: string, faults: Fault[]): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    faults.push({
      path: variable,
      message: `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    })
    return ''
  }
}
