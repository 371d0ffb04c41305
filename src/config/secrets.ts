import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Fault, Faults } from '../lib/fault.ts'
import { Secret } from '../lib/secret.ts'
import type { Config, TlsFiles } from './config.ts'

/** What the server must know and nobody may see. */
export interface Secrets {
  /** 32 bytes each; the first wraps. */
  readonly keyEncryptionKeys: readonly Buffer[]
  readonly adminToken: Secret
  /** Where the administrator token was read, for messages. */
  readonly adminTokenFile: string
  /** PEM of the doors that speak TLS. */
  readonly tls: TlsMaterial | undefined
  readonly adminTls: TlsMaterial | undefined
}

export interface TlsMaterial {
  readonly cert: string
  readonly key: string
}

/** Reads the secret files; those of the data directory are made on the first start. Throws Faults, with names of files and never their contents. */
export function readSecrets(config: Config): Secrets {
  makeOwn(config)
  const faults: Fault[] = []
  const secrets = read(config, faults)
  if (faults.length > 0) throw new Faults(faults)
  return secrets
}

/** Looks at the secret files as a start would, and makes none: one that the first start makes may be missing. Throws Faults. */
export function checkSecrets(config: Config): void {
  const faults: Fault[] = []
  const toBeMade = new Set(own(config).flatMap(({ file }) => (existsSync(file) ? [] : [file])))
  read(config, faults, toBeMade)
  if (faults.length > 0) throw new Faults(faults)
}

const keyFile = (config: Config): string => join(config.dataDir, 'key-encryption-key')
const tokenFile = (config: Config): string => join(config.dataDir, 'admin-token')

/** The development secrets: what the configuration does not name, the server makes for itself. */
function own(config: Config): readonly { readonly file: string; readonly text: () => string }[] {
  const files: { file: string; text: () => string }[] = []
  if (config.keyEncryptionKeyFiles.length === 0)
    files.push({ file: keyFile(config), text: () => randomBytes(32).toString('base64url') })
  if (config.adminTokenFile === undefined)
    files.push({ file: tokenFile(config), text: () => `cambist_admin_${randomBytes(32).toString('base64url')}` })
  return files
}

/** Never overwritten, readable by the owner alone. */
function makeOwn(config: Config): void {
  const files = own(config)
  if ('embeddedIn' in config.database) mkdirSync(config.dataDir, { recursive: true })
  for (const { file, text } of files) {
    if (!existsSync(file)) writeFileSync(file, `${text()}\n`, { flag: 'wx', mode: 0o600 })
  }
}

function read(config: Config, faults: Fault[], without: ReadonlySet<string> = new Set()): Secrets {
  const keyFiles = config.keyEncryptionKeyFiles.length > 0 ? config.keyEncryptionKeyFiles : [keyFile(config)]
  const adminTokenFile = config.adminTokenFile ?? tokenFile(config)
  return {
    keyEncryptionKeys: keyFiles.filter((file) => !without.has(file)).map((file) => keyEncryptionKey(file, faults)),
    adminToken: without.has(adminTokenFile) ? new Secret('') : administratorToken(adminTokenFile, faults),
    adminTokenFile,
    tls: tlsMaterial(config.tls, 'CAMBIST_TLS', faults),
    adminTls: tlsMaterial(config.admin.tls, 'CAMBIST_ADMIN_TLS', faults),
  }
}

function keyEncryptionKey(file: string, faults: Fault[]): Buffer {
  const path = 'CAMBIST_KEY_ENCRYPTION_KEY_FILES'
  const text = textOf(file, path, faults)
  const bytes = Buffer.from(text ?? '', 'base64url')
  if (text !== undefined && bytes.length !== 32)
    faults.push({ path, message: `${file} does not hold 32 bytes as base64url` })
  return bytes
}

function administratorToken(file: string, faults: Fault[]): Secret {
  const path = 'CAMBIST_ADMIN_TOKEN_FILE'
  const text = textOf(file, path, faults)
  if (text !== undefined && (text.length < 32 || /\s/.test(text)))
    faults.push({ path, message: `${file} does not hold one line of 32 characters or more` })
  return new Secret(text ?? '')
}

/** The files, tried as TLS will use them, so that a wrong one is a fault of the configuration and not of the first listener. */
function tlsMaterial(files: TlsFiles | undefined, variable: string, faults: Fault[]): TlsMaterial | undefined {
  if (files === undefined) return undefined
  const cert = textOf(files.cert, `${variable}_CERT`, faults)
  const key = textOf(files.key, `${variable}_KEY`, faults)
  if (cert === undefined || key === undefined) return undefined
  try {
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return { cert, key }
    faults.push({ path: `${variable}_KEY`, message: `${files.key} is not the key of the certificate in ${files.cert}` })
  } catch {
    faults.push({
      path: `${variable}_CERT`,
      message: `${files.cert} and ${files.key} do not hold a certificate and its private key in PEM`,
    })
  }
  return undefined
}

function textOf(file: string, variable: string, faults: Fault[]): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    faults.push({
      path: variable,
      message: `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    })
    return undefined
  }
}
