import { parseJsonObjectText } from '../../lib/json.ts'
import { type CliCommand, CommandFailure, EXIT } from '../contract.ts'
import { postForm } from '../http.ts'
import { type WithOutput, withOutput } from '../options.ts'
import { json, printable } from '../table.ts'
import { formOf, type TokenRequestOptions, withTokenRequest } from '../token-request.ts'

interface Options extends WithOutput, TokenRequestOptions {
  readonly issuer?: string
}

export const exchange: CliCommand = {
  name: 'exchange',
  summary: 'Exchange a token (RFC 8693), or ask for one by another grant, and print the new one alone',
  examples: [
    [
      'cambist exchange --subject-token-file F --audience https://orders.example',
      'prints the token, for use in a script',
    ],
    [
      'cambist exchange --subject-token-file - --audience A --scope orders:read',
      'reads the subject token from the standard input',
    ],
    [
      'cambist exchange --client-credentials --client-assertion-file F --audience A',
      'asks for a token for the client itself; --assertion-file brings a JWT as the grant',
    ],
    ['curl -H "Authorization: Bearer $(cambist exchange …)" https://orders.example', 'uses it'],
  ],
  define(command, run) {
    withTokenRequest(withOutput(command))
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
