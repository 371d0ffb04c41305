/** The second part of the tour: every credential in every position, each cell tried at the server. */
import { decodeJwt } from 'jose'
import {
  type Brought,
  type Expected,
  ID_TOKEN,
  JWT_BEARER,
  type Position,
  positions,
  type Row,
  WANTED,
} from './credentials.ts'
import type { Refused } from './refusals.ts'
import type { Cambist } from './server.ts'
import { clientAssertion, send, type TokenAnswer, tokenRequest } from './workload.ts'
import type { World } from './world.ts'

/** What came of one cell. */
export interface Cell {
  readonly outcome: 'granted' | 'refused'
  /** Granted: the name of the client authentication, or what proved the key. Refused: the reason on the record. */
  readonly by: string
  /** The member of `cnf` that binds the issued token; '' for a bearer token. */
  readonly bound: string
  readonly detail: string
  /** Of the record. */
  readonly id: string
}

export interface TriedRow {
  readonly credential: string
  readonly cells: Readonly<Record<Position, Cell>>
  /** Where a cell is not what it must be. */
  readonly faults: readonly string[]
}

/** Sends what is brought: at the listener that asks for certificates where there is one. */
export async function exchange(cambist: Cambist, { form = {}, prove, identity }: Brought): Promise<TokenAnswer> {
  const endpoint = identity === undefined ? cambist.endpoint : cambist.mtlsEndpoint
  const request = tokenRequest(endpoint, { ...WANTED, ...form })
  return await send(prove === undefined ? request : await prove(request), identity)
}

/** The parameters by which the registered client portal authenticates. */
export const asPortal = async (world: World, { issuer }: Cambist): Promise<Record<string, string>> => ({
  client_assertion: await clientAssertion(world.portalKey, 'portal', issuer),
  client_assertion_type: JWT_BEARER,
})

/** The parameters of an exchange for a person; whoever asks it, or acts in it, is another. */
export const forAlice = async (world: World, { issuer }: Cambist): Promise<Record<string, string>> => ({
  subject_token: await world.idToken(issuer),
  subject_token_type: ID_TOKEN,
})

/** Tries a credential in each position. */
export async function tryRow(row: Row, world: World, cambist: Cambist): Promise<TriedRow> {
  const cells: Record<string, Cell> = {}
  const faults: string[] = []
  for (const position of positions) {
    const brought = await row.bring(position)
    const others = {
      ...(position === 'subject' ? {} : await forAlice(world, cambist)),
      ...(position !== 'client' && row.broughtBy === 'portal' ? await asPortal(world, cambist) : {}),
    }
    const answer = await exchange(cambist, { ...brought, form: { ...others, ...brought.form } })
    const cell = await cellOf(answer, position, row.expected[position], cambist)
    cells[position] = cell
    const fault = faultOf(cell, row.expected[position])
    if (fault !== undefined) faults.push(`${row.credential} as ${position}: ${fault}`)
  }
  return { credential: row.credential, cells: cells as TriedRow['cells'], faults }
}

/** What came of a request that had to be refused. */
export interface TriedRefusal extends Pick<Refused, 'name' | 'what' | 'reason'> {
  readonly status: number
  readonly error: string
  readonly detail: string
  readonly id: string
  readonly faults: readonly string[]
}

export async function tryRefusal({ name, what, reason, ...refused }: Refused, cambist: Cambist): Promise<TriedRefusal> {
  const { id, status, body } = await refused.try()
  const row = await cambist.record(id)
  const faults =
    status >= 400 && row.reason === reason ? [] : [`${name}: ${row.reason} (${row.detail}), and not ${reason}`]
  return { name, what, reason: row.reason, status, error: String(body['error']), detail: row.detail, id, faults }
}

async function cellOf(answer: TokenAnswer, position: Position, expected: Expected, cambist: Cambist): Promise<Cell> {
  const { outcome, reason, detail, authentication, facts, granted } = await cambist.record(answer.id)
  if (answer.status !== 200) return { outcome: 'refused', by: reason, bound: '', detail, id: answer.id }
  const { cnf = {} } = decodeJwt<{ readonly cnf?: object }>(String(answer.body['access_token']))
  const bound = Object.keys(cnf).join(' ')
  if (outcome !== 'granted' || (granted?.binding === 'none') !== (bound === ''))
    throw new Error(`the record of ${answer.id} is not of the token that was issued`)
  if (position === 'client') return { outcome, by: authentication, bound, detail, id: answer.id }
  // The record knows whether a key was proven; the row, which of its proofs was sent.
  const proven = facts?.[position]?.key === true
  const by = 'granted' in expected && proven === PROOFS.has(expected.granted) ? expected.granted : `key: ${proven}`
  return { outcome, by, bound, detail, id: answer.id }
}

/** What proves the key of a credential. */
const PROOFS: ReadonlySet<string> = new Set(['TLS', 'WPT', 'signature', 'PoP', 'DPoP'])

function faultOf({ outcome, by, bound, detail }: Cell, expected: Expected): string | undefined {
  const is = `${outcome}, ${by}${bound === '' ? '' : ` → ${bound}`}${detail === '' ? '' : ` (${detail})`}`
  if ('refused' in expected)
    return outcome === 'refused' && by === expected.refused ? undefined : `${is}, and not refused, ${expected.refused}`
  return outcome === 'granted' && by === expected.granted && bound === (expected.bound ?? '')
    ? undefined
    : `${is}, and not granted, ${expected.granted} → ${expected.bound ?? ''}`
}
