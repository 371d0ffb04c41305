import { Option } from 'commander'
import { type CliCommand, CommandFailure, EXIT, type Terminal } from '../contract.ts'
import { type ExplanationAnswer, exitOf, showExplanation } from '../explanations.ts'
import type { Input } from '../files.ts'
import { askAdminJson, DoorRefusal } from '../http.ts'
import { filesOrForce, type WithOutput, withOutput } from '../options.ts'
import { json } from '../table.ts'
import { formOf, grantOptions, type TokenRequestOptions, withTokenRequest } from '../token-request.ts'
import type { WrittenFile } from '../written-file.ts'

interface Options extends WithOutput, Partial<TokenRequestOptions> {
  readonly facts?: string
  readonly file?: readonly string[]
  readonly expect?: 'permitted' | 'refused'
}

export const explain: CliCommand = {
  name: 'explain',
  summary: 'Say why a request is, was or would be permitted or refused, and what each rule says to it',
  examples: [
    ['cambist explain 01a21323-b950-734e-8943-000000000000', 'a recorded exchange, by the Cambist-Request-Id'],
    ['cambist explain --subject-token-file F --audience A', 'a request that is not made: nothing is issued'],
    ['cambist explain --facts case.yaml --expect refused', 'facts as a policy test has them; ends with 1 if permitted'],
    ['cambist explain --facts case.yaml -f draft/', 'by a draft over the documents in force'],
  ],
  define(command, run) {
    withTokenRequest(withOutput(command).argument('[audit-id]', 'the id of a recorded exchange'))
      .option('--facts <file>', 'file of facts, in YAML or JSON')
      .addOption(filesOrForce())
      .addOption(new Option('--expect <verdict>', 'end with 1 if it is another').choices(['permitted', 'refused']))
      .action((id: string | undefined, options: Options) =>
        run(async (terminal) => {
          const answer = await answerOf(id, options, terminal)
          if (options.output === 'json') terminal.out(json(answer))
          else showExplanation(terminal, answer)
          return exitOf(answer, options.expect, terminal)
        }),
      )
  },
}

async function answerOf(id: string | undefined, options: Options, terminal: Terminal): Promise<ExplanationAnswer> {
  const { facts: factsFile, file } = options
  checkQuestion(id, options)
  // What reads documents is loaded where there are some.
  const facts = factsFile === undefined ? undefined : (await import('../written-file.ts')).readWritten(factsFile)
  const draft = file === undefined ? undefined : await (await import('../files.ts')).readInput(file, terminal)
  const text = JSON.stringify({
    ...(facts === undefined ? {} : { facts: facts.value }),
    ...(id === undefined ? {} : { audit: id }),
    ...(isRequest(options) ? { parameters: parametersOf(await formOf(options, terminal)) } : {}),
    ...(draft === undefined ? {} : { documents: draft.documents }),
  })
  try {
    const body = { type: 'application/json', text }
    return await askAdminJson<ExplanationAnswer>(terminal, '/admin/v1/explain', { method: 'POST', body })
  } catch (error) {
    throw error instanceof DoorRefusal ? await placed(error, facts, draft) : error
  }
}

const isRequest = (options: Options): options is Options & TokenRequestOptions => grantOptions(options).length > 0

/** Throws CommandFailure where it is not exactly one thing that is to be explained. */
function checkQuestion(id: string | undefined, options: Options): void {
  const { facts } = options
  const asked = grantOptions(options)
  if ([id, facts].filter((each) => each !== undefined).length + asked.length !== 1)
    throw new CommandFailure(
      'One thing is explained at a time: name exactly one of AUDIT-ID, --subject-token-file, --assertion-file, --client-credentials and --facts.',
      EXIT.usage,
    )
  const { audience, resource, scope, authorizationDetails, requestedTokenType, actorTokenFile } = options
  const { clientAssertionFile, clientId } = options
  const said = { audience, resource, scope, authorizationDetails, requestedTokenType, actorTokenFile }
  const [stray] = Object.entries({ ...said, clientAssertionFile, clientId }).filter(([, value]) => value !== undefined)
  if (asked.length === 0 && stray !== undefined) {
    const name = stray[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new CommandFailure(
      `--${name} is of a request: give it with --subject-token-file, --assertion-file or --client-credentials, or leave it out.`,
      EXIT.usage,
    )
  }
}

function parametersOf(form: URLSearchParams): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries([...form.keys()].map((name) => [name, form.getAll(name)]))
}

/** Faults with file and line, where they are of the files that were named. */
async function placed(refusal: DoorRefusal, facts: WrittenFile | undefined, draft: Input | undefined): Promise<Error> {
  const { faults } = refusal.problem
  if (faults.length === 0) return refusal
  const { DocumentFaults } = await import('../../documents/faults.ts')
  return new DocumentFaults(
    faults.map((fault) => {
      if (fault.kind !== '') return draft?.place(fault) ?? fault
      const [, path] = /^facts\.?(.*)$/.exec(fault.path) ?? []
      return facts === undefined || path === undefined ? fault : facts.place({ path, message: fault.message })
    }),
  )
}
