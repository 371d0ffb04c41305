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
export async function askAdmin(
  terminal: Terminal,
  path: string,
  { method = 'GET', query = {}, body }: Asked = {},
): Promise<string> {
  const { adminUrl, adminTokenFile } = terminal.environment
  const url = urlOf(adminUrl, path, 'CAMBIST_ADMIN_URL')
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value)
  const response = await send(url, 'CAMBIST_ADMIN_URL', {
    method,
    headers: {
      Authorization: `Bearer ${adminToken(adminTokenFile)}`,
      ...(body === undefined ? {} : { 'Content-Type': body.type }),
    },
    ...(body === undefined ? {} : { body: body.text }),
  })
  const text = await response.text()
  if (response.ok) return text
  throw new DoorRefusal(problemIn(text, response, url))
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
    return await fetch(url, { ...request, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
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
