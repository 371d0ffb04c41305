import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Secret } from '../lib/secret.ts'
import { FetchFailure } from './fetch-failure.ts'
import type { BoundSecret } from './guarded-fetch.ts'

/** Finds a secret that a document names. Rejects with FetchFailure `secret`, whose message never has anything of it. */
export type FindSecret = (name: string) => Promise<BoundSecret>

/** As a document may name a secret; so a name is never a way to another file. */
export const SECRET_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

const HOST = /^(?:\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)(?::\d{1,5})?$/i
/** RFC 6750 §2.1: nothing that could end a header line. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/
const MAX_TOKEN = 16_384

/**
 * Secrets in CAMBIST_SECRETS_DIR, two files each: `NAME` has the token, `NAME.host` the one host it may be sent to
 * (`host`, or `host:port` where the port is not 443). The token has a file of its own so that a projected Kubernetes
 * token can be mounted there; both are read anew for each use, so a rotated token needs no restart.
 */
export function secretsDir(
  directory: string | undefined,
  read: (file: string) => Promise<string> = (file) => readFile(file, 'utf8'),
): FindSecret {
  const lineOf = async (file: string): Promise<string> => {
    if (directory === undefined)
      throw new FetchFailure('secret', 'a document names a secret, but CAMBIST_SECRETS_DIR is not set')
    try {
      return (await read(join(directory, file))).trim()
    } catch {
      throw new FetchFailure('secret', `the file ${file} in CAMBIST_SECRETS_DIR cannot be read`)
    }
  }
  return async (name) => {
    if (!SECRET_NAME.test(name))
      throw new FetchFailure('secret', 'a document names a secret by something that is no name')
    const host = await lineOf(`${name}.host`)
    if (!HOST.test(host))
      throw new FetchFailure('secret', `the file ${name}.host in CAMBIST_SECRETS_DIR does not hold one host`)
    const token = await lineOf(name)
    if (token.length > MAX_TOKEN || !TOKEN.test(token)) {
      throw new FetchFailure('secret', `the file ${name} in CAMBIST_SECRETS_DIR does not hold one bearer token`)
    }
    return { host, token: new Secret(token) }
  }
}
