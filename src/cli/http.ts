import { readFileSync } from 'node:fs'
import type { Doubt } from '../documents/doubts.ts'
import { CommandFailure, EXIT, type Terminal } from './contract.ts'
import { nameOfError } from './error-name.ts'
import { printable } from './table.ts'

const TIMEOUT_MS = 120_000

interface Asked {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: { readonly type: string; readonly text: string }
  readonly accept?: string
  /** Ends the wait, instead of a time for the whole. */
  readonly signal?: AbortSignal
}

/** What a door says when it refuses (RFC 9457). */
export interface ProblemAnswer {
  readonly detail: string
  readonly status: number
  readonly instance: string | undefined
  readonly faults: readonly {
    readonly kind: string
    readonly name: string
    readonly path: string
    readonly message: string
  }[]
  /** What a change asks a yes for. */
  readonly doubts: readonly Doubt[]
}

/** The administrators' door has refused. */
export class DoorRefusal extends Error {
  readonly problem: ProblemAnswer

  constructor(problem: ProblemAnswer) {
    super(problem.detail)
    this.name = 'DoorRefusal'
    this.problem = problem
  }
}

/** Asks the administrators' door. Throws DoorRefusal where it refuses, CommandFailure where it cannot be asked. */
export async function askAdmin(terminal: Terminal, path: string, asked: Asked = {}): Promise<string> {
  return (await answerOfAdmin(terminal, path, asked)).text()
}

async function answerOfAdmin(
  terminal: Terminal,
  path: string,
  { method = 'GET', query = {}, body, accept, signal }: Asked,
): Promise<Response> {
  const { adminUrl, adminTokenFile } = terminal.environment
  const url = urlOf(adminUrl, path, 'CAMBIST_ADMIN_URL')
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value)
  const response = await send(url, 'CAMBIST_ADMIN_URL', {
    method,
    headers: {
      Authorization: `Bearer ${adminToken(adminTokenFile)}`,
      ...(body === undefined ? {} : { 'Content-Type': body.type }),
      ...(accept === undefined ? {} : { Accept: accept }),
    },
    ...(body === undefined ? {} : { body: body.text }),
    ...(signal === undefined ? {} : { signal }),
  })
  if (response.ok) return response
  throw new DoorRefusal(problemIn(await response.text(), response, url))
}

/**
 * Asks for lines of JSON, as they come; where a line takes too long, nobody answers any more. Throws as askAdmin does,
 * and DoorRefusal where the door says on its last line that it failed on the way.
 */
export async function* linesOfAdmin<T extends object>(
  terminal: Terminal,
  path: string,
  asked: Asked = {},
): AsyncGenerator<T> {
  const silence = new AbortController()
  const patience = setTimeout(() => silence.abort(), TIMEOUT_MS)
  try {
    const response = await answerOfAdmin(terminal, path, { ...asked, accept: LINES, signal: silence.signal })
    for await (const text of linesIn(response)) {
      patience.refresh()
      const line = JSON.parse(text) as T | { readonly problem: Partial<ProblemAnswer> }
      if (!('problem' in line)) yield line
      else throw new DoorRefusal({ ...NOTHING_SAID, ...line.problem })
    }
  } catch (error) {
    if (error instanceof DoorRefusal || error instanceof CommandFailure) throw error
    throw new CommandFailure(
      `${terminal.environment.adminUrl} stopped in the middle of its answer (${nameOfError(error)}). Ask again; its log says why.`,
    )
  } finally {
    clearTimeout(patience)
    silence.abort()
  }
}

const LINES = 'application/x-ndjson'

async function* linesIn({ body }: Response): AsyncGenerator<string> {
  if (body === null) return
  let rest = ''
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

export async function askAdminJson<T>(terminal: Terminal, path: string, asked: Asked = {}): Promise<T> {
  const text = await askAdmin(terminal, path, asked)
  try {
    return JSON.parse(text) as T
  } catch {
    throw new CommandFailure(
      `${terminal.environment.adminUrl} answers with something that is not JSON. Is CAMBIST_ADMIN_URL the administrators’ door?`,
    )
  }
}

/** Posts a form to the token endpoint of an issuer. Answers status and body, whatever they are. */
export async function postForm(
  issuer: string,
  form: URLSearchParams,
): Promise<{ readonly status: number; readonly text: string; readonly id: string | undefined }> {
  const url = urlOf(issuer, '/token', '--issuer')
  const response = await send(url, '--issuer', { method: 'POST', body: form })
  return {
    status: response.status,
    text: await response.text(),
    id: response.headers.get('cambist-request-id') ?? undefined,
  }
}

function urlOf(base: string, path: string, from: string): URL {
  try {
    const url = new URL(path, base)
    if (url.protocol === 'http:' || url.protocol === 'https:') return url
  } catch {
    // said below
  }
  throw new CommandFailure(
    `${from} is ${JSON.stringify(printable(base))}, which is no http or https URL. Write one such as http://127.0.0.1:8401.`,
    EXIT.configuration,
  )
}

async function send(url: URL, from: string, request: RequestInit): Promise<Response> {
  try {
    // A token goes to the host that was named, and to no other that this one may point to.
    return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), ...request, redirect: 'error' })
  } catch (error) {
    throw new CommandFailure(
      `${url.origin} cannot be reached (${nameOfError(error)}). Is the server running there? The address comes from ${from}.`,
    )
  }
}

function adminToken(file: string): string {
  let token: string
  try {
    token = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new CommandFailure(
      `The administrator’s token cannot be read from ${file} (${nameOfError(error)}). Name its file in CAMBIST_ADMIN_TOKEN_FILE, or run this where the server’s data directory is.`,
      EXIT.configuration,
    )
  }
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new CommandFailure(
    `${file} does not hold one line of printable characters. Name the file of the administrator’s token in CAMBIST_ADMIN_TOKEN_FILE.`,
    EXIT.configuration,
  )
}

const NOTHING_SAID: ProblemAnswer = {
  detail: 'The server failed, and does not say how.',
  status: 500,
  instance: undefined,
  faults: [],
  doubts: [],
}

function problemIn(text: string, response: Response, url: URL): ProblemAnswer {
  const nothing: ProblemAnswer = {
    detail: `${url.origin} answers ${response.status}, and not as the administrators’ door does. Check CAMBIST_ADMIN_URL.`,
    status: response.status,
    instance: response.headers.get('cambist-request-id') ?? undefined,
    faults: [],
    doubts: [],
  }
  if (!(response.headers.get('content-type') ?? '').startsWith('application/problem+json')) return nothing
  try {
    const { detail, faults = [], doubts = [] } = JSON.parse(text) as Partial<ProblemAnswer>
    return { ...nothing, detail: detail ?? nothing.detail, faults, doubts }
  } catch {
    return nothing
  }
}
