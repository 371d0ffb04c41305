import { readFileSync } from 'node:fs'
import { parseJsonObjectText } from '../../lib/json.ts'
import { type CliCommand, CommandFailure, EXIT, type Terminal } from '../contract.ts'
import { nameOfError } from '../error-name.ts'
import { postForm } from '../http.ts'
import { adding, type WithOutput, withOutput } from '../options.ts'
import { json, printable } from '../table.ts'

interface Options extends WithOutput {
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
  readonly issuer?: string
}

const JWT = 'urn:ietf:params:oauth:token-type:jwt'

export const exchange: CliCommand = {
  name: 'exchange',
  summary: 'Exchange a token (RFC 8693), and print the new one alone',
  examples: [
    [
      'cambist exchange --subject-token-file F --audience https://orders.example',
      'prints the token, for use in a script',
    ],
    [
      'cambist exchange --subject-token-file - --audience A --scope orders:read',
      'reads the subject token from the standard input',
    ],
    ['curl -H "Authorization: Bearer $(cambist exchange …)" https://orders.example', 'uses it'],
  ],
  define(command, run) {
    withOutput(command)
      .requiredOption('--subject-token-file <file>', 'file of the token to exchange, or - for the standard input')
      .option('--subject-token-type <uri>', 'its declared type', JWT)
      .option('--audience <name>', 'for whom; may stand several times', adding)
      .option('--resource <uri>', 'for which resource; may stand several times', adding)
      .option('--scope <scopes>', 'scopes, separated by spaces')
      .option('--requested-token-type <uri>', 'the kind of token wanted')
      .option('--actor-token-file <file>', 'file of the token of who acts for the subject')
      .option('--actor-token-type <uri>', 'its declared type', JWT)
      .option('--client-assertion-file <file>', 'file of a JWT that authenticates the client (RFC 7523)')
      .option('--client-id <id>', 'which client this is')
      .option('--issuer <url>', 'the issuer to ask (CAMBIST_ISSUER)')
      .action((options: Options) =>
        run(async (terminal) => {
          const answer = await postForm(options.issuer ?? terminal.environment.issuer, await formOf(options, terminal))
          const body = parseJsonObjectText(answer.text)
          const token = body?.['access_token']
          if (answer.status !== 200 || typeof token !== 'string') throw refused(answer.status, body, answer.id)
          terminal.out(options.output === 'json' ? json(body) : `${token}\n`)
          return EXIT.done
        }),
      )
  },
}

async function formOf(options: Options, terminal: Terminal): Promise<URLSearchParams> {
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

/** The error of the token endpoint, and how an administrator learns what was behind it. */
function refused(status: number, body: ReturnType<typeof parseJsonObjectText>, id: string | undefined): CommandFailure {
  const text = (name: string): string => {
    const value = body?.[name]
    return typeof value === 'string' ? printable(value) : ''
  }
  if (text('error') === '')
    return new CommandFailure(`The issuer answers ${status}, and not as a token endpoint does. Check --issuer.`)
  const said = [text('error'), text('error_description')].filter((part) => part !== '').join(': ')
  return new CommandFailure(
    `${said}${id === undefined ? '' : `\nAn administrator sees why with: cambist audit show ${printable(id)}`}`,
  )
}
