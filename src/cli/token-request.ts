import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { JWT_BEARER_GRANT } from '../credentials/contract.ts'
import { CLIENT_CREDENTIALS, TOKEN_EXCHANGE } from '../exchange/grants.ts'
import { JWT_TYPE } from '../lib/token-types.ts'
import { CommandFailure, EXIT, type Terminal } from './contract.ts'
import { nameOfError } from './error-name.ts'
import { adding } from './options.ts'

/** A request of a token, by options. Exactly one of the first three says by which grant. */
export interface TokenRequestOptions {
  readonly subjectTokenFile?: string
  readonly assertionFile?: string
  readonly clientCredentials?: true
  readonly subjectTokenType: string
  readonly audience?: readonly string[]
  readonly resource?: readonly string[]
  readonly scope?: string
  readonly authorizationDetails?: string
  readonly requestedTokenType?: string
  readonly actorTokenFile?: string
  readonly actorTokenType: string
  readonly clientAssertionFile?: string
  readonly clientId?: string
}

export const withTokenRequest = (command: Command): Command =>
  command
    .option('--subject-token-file <file>', 'file of the token to exchange, or - for the standard input')
    .option('--assertion-file <file>', 'or: file of a JWT that is the grant itself (RFC 7523)')
    .option('--client-credentials', 'or: a token for the client itself')
    .option('--subject-token-type <uri>', 'declared type of the subject token', JWT_TYPE)
    .option('--audience <name>', 'for whom; may stand several times', adding)
    .option('--resource <uri>', 'for which resource; may stand several times', adding)
    .option('--scope <scopes>', 'scopes, separated by spaces')
    .option('--authorization-details <json>', 'rights beyond scopes (RFC 9396)')
    .option('--requested-token-type <uri>', 'the kind of token wanted')
    .option('--actor-token-file <file>', 'file of the token of who acts for the subject')
    .option('--actor-token-type <uri>', 'its declared type', JWT_TYPE)
    .option('--client-assertion-file <file>', 'file of a JWT that authenticates the client (RFC 7523)')
    .option('--client-id <id>', 'which client this is')

/** The request as the token endpoint takes it. */
export async function formOf(options: TokenRequestOptions, terminal: Terminal): Promise<URLSearchParams> {
  const form = new URLSearchParams(await grantOf(options, terminal))
  for (const audience of options.audience ?? []) form.append('audience', audience)
  for (const resource of options.resource ?? []) form.append('resource', resource)
  if (options.scope !== undefined) form.set('scope', options.scope)
  if (options.authorizationDetails !== undefined) form.set('authorization_details', options.authorizationDetails)
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

/** The options that say by which grant a token is asked for. */
const GRANT_OPTIONS = '--subject-token-file, --assertion-file and --client-credentials'
export const grantOptions = ({
  subjectTokenFile,
  assertionFile,
  clientCredentials,
}: Pick<TokenRequestOptions, 'subjectTokenFile' | 'assertionFile' | 'clientCredentials'>): readonly unknown[] =>
  [subjectTokenFile, assertionFile, clientCredentials].filter((each) => each !== undefined)

async function grantOf(options: TokenRequestOptions, terminal: Terminal): Promise<Record<string, string>> {
  const { subjectTokenFile, subjectTokenType, assertionFile } = options
  if (grantOptions(options).length !== 1)
    throw new CommandFailure(`Say by what the token is asked for: exactly one of ${GRANT_OPTIONS}.`, EXIT.usage)
  if (subjectTokenFile !== undefined) {
    const token = await tokenIn(subjectTokenFile, terminal)
    return { grant_type: TOKEN_EXCHANGE, subject_token: token, subject_token_type: subjectTokenType }
  }
  if (assertionFile === undefined) return { grant_type: CLIENT_CREDENTIALS }
  return { grant_type: JWT_BEARER_GRANT, assertion: await tokenIn(assertionFile, terminal) }
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
