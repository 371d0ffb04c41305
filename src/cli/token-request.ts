import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CommandFailure, type Terminal } from './contract.ts'
import { nameOfError } from './error-name.ts'
import { adding } from './options.ts'

/** A token exchange, by options. */
export interface TokenRequestOptions {
  readonly subjectTokenFile: string
  readonly subjectTokenType: string
  readonly audience?: readonly string[]
  readonly resource?: readonly string[]
  readonly scope?: string
  readonly requestedTokenType?: string
  readonly actorTokenFile?: string
  readonly actorTokenType: string
  readonly clientAssertionFile?: string
  readonly clientId?: string
}

const JWT = 'urn:ietf:params:oauth:token-type:jwt'

/** Of `--subject-token-file`, which one command demands and another does not. */
export const SUBJECT_TOKEN_FILE = '--subject-token-file <file>'

export const withTokenRequest = (command: Command): Command =>
  command
    .option('--subject-token-type <uri>', 'its declared type', JWT)
    .option('--audience <name>', 'for whom; may stand several times', adding)
    .option('--resource <uri>', 'for which resource; may stand several times', adding)
    .option('--scope <scopes>', 'scopes, separated by spaces')
    .option('--requested-token-type <uri>', 'the kind of token wanted')
    .option('--actor-token-file <file>', 'file of the token of who acts for the subject')
    .option('--actor-token-type <uri>', 'its declared type', JWT)
    .option('--client-assertion-file <file>', 'file of a JWT that authenticates the client (RFC 7523)')
    .option('--client-id <id>', 'which client this is')

/** The request as the token endpoint takes it. */
export async function formOf(options: TokenRequestOptions, terminal: Terminal): Promise<URLSearchParams> {
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: await tokenIn(options.subjectTokenFile, terminal),
    subject_token_type: options.subjectTokenType,
  })
  for (const audience of options.audience ?? []) form.append('audience', audience)
  for (const resource of options.resource ?? []) form.append('resource', resource)
  if (options.scope !== undefined) form.set('scope', options.scope)
  if (options.requestedTokenType !== undefined) form.set('requested_token_type', options.requestedTokenType)
  if (options.clientId !== undefined) form.set('client_id', options.clientId)
  if (options.actorTokenFile !== undefined) {
    form.set('actor_token', await tokenIn(options.actorTokenFile, terminal))
    form.set('actor_token_type', options.actorTokenType)
  }
  if (options.clientAssertionFile !== undefined) {
    form.set('client_assertion', await tokenIn(options.clientAssertionFile, terminal))
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  }
  return form
}

async function tokenIn(file: string, terminal: Terminal): Promise<string> {
  let text: string
  try {
    text = file === '-' ? await terminal.input() : readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandFailure(`The token cannot be read from ${file} (${nameOfError(error)}).`)
  }
  const token = text.trim()
  if (token === '') throw new CommandFailure(`There is no token in ${file === '-' ? 'the standard input' : file}.`)
  return token
}
