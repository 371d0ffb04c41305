/**
 * npm run demo: the guided tour. Each capability once, for real, against servers that it starts and stops: what is asked,
 * what comes back, and why. Ends with 0 only if every step behaved. With --json it prints what administrators typed, and the
 * matrix, for a script.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setDefaultCACertificates } from 'node:tls'
import { administrators } from './administrators.ts'
import { Authority } from './certificates.ts'
import { chain, chainDocuments } from './chain.ts'
import { type Brought, type Position, positions, rowsOf } from './credentials.ts'
import { documentsAtHome, documentsAtPartner, domains } from './domains.ts'
import {
  asPortal,
  type Cell,
  exchange,
  forAlice,
  type TriedRefusal,
  type TriedRow,
  tryRefusal,
  tryRow,
} from './matrix.ts'
import { bad, bold, dim, expect, fact, good, say, step, table, title } from './page.ts'
import { refusalsOf } from './refusals.ts'
import { type Cambist, startCambist } from './server.ts'
import { tour } from './tour.ts'
import { createWorld, documentsOf, type World } from './world.ts'

type Mint = (prove?: Brought['prove']) => Promise<string>

/** Mints tokens of ours for the client portal, on behalf of somebody who has logged in. */
const minting =
  (world: World, cambist: Cambist): Mint =>
  async (prove) => {
    const person = await forAlice(world, cambist)
    const form = { ...person, ...(await asPortal(world, cambist)), scope: 'orders:read orders:write' }
    const { status, body } = await exchange(cambist, prove === undefined ? { form } : { form, prove })
    expect(status === 200, `a token of ours was refused: ${body['error_description']}`)
    return String(body['access_token'])
  }

function tellMatrix(matrix: readonly TriedRow[]): void {
  const text = (position: Position, { outcome, by, bound }: Cell): string => {
    if (outcome === 'refused') return bad(dim(by))
    return good(position !== 'subject' || bound === '' ? by : `${by} → ${bound}`)
  }
  title('Every credential comes in')
  say('A workload brings whatever its platform has given it. Beside the server there are now a SPIFFE bundle')
  say('endpoint, an OpenID provider, certificate authorities, and the documents that believe them.')
  step('What comes in, and where', 'each cell was a request; refusals say the reason on the record')
  const lines = matrix.map(({ credential, cells }) => [
    credential,
    ...positions.map((position) => text(position, cells[position])),
  ])
  say(...table([['credential', ...positions], ...lines]), '')
  say(
    dim('client   authenticates whoever asks; by the method that the record names'),
    dim('subject  is for whom the token is; with what proved its key → what the issued token is bound to'),
    dim('actor    acts for somebody else; with what proved its key'),
  )
}

function tellRefusal({ status, error, reason, detail }: TriedRefusal): void {
  say(fact('the caller', `${status} ${error}`), fact('the record', `${reason}: ${detail}`), '')
}

/** The last part; in words where somebody reads them, as JSON for a script. */
async function everyCredential(world: World, cambist: Cambist, before: object): Promise<void> {
  const mint = minting(world, cambist)
  const matrix: TriedRow[] = []
  for (const row of rowsOf(world, cambist, mint)) matrix.push(await tryRow(row, world, cambist))
  if (!asJson) tellMatrix(matrix)

  const refusals: TriedRefusal[] = []
  if (!asJson) step('And refused all the same', 'the right kind, in the right place')
  for (const refused of refusalsOf(world, cambist, mint)) {
    if (!asJson) say(bold(refused.name), dim(refused.what))
    const tried = await tryRefusal(refused, cambist)
    refusals.push(tried)
    if (!asJson) tellRefusal(tried)
  }

  const faults = [...matrix, ...refusals].flatMap((one) => one.faults)
  if (asJson) process.stdout.write(`${JSON.stringify({ ...before, matrix, refusals, faults }, undefined, 2)}\n`)
  expect(faults.length === 0, faults.join('\n'))
}

const asJson = process.argv.includes('--json')
const directory = mkdtempSync(join(tmpdir(), 'cambist-demo-'))
let world: World | undefined
let cambist: Cambist | undefined
let partner: Cambist | undefined
try {
  const web = await Authority.create('CN=Authority of the tour')
  // As if it were one of those that this machine trusts: the workloads know the server by it.
  setDefaultCACertificates([web.pem])
  world = await createWorld(web)
  const identity = await web.issue({ ips: ['127.0.0.1'] })
  cambist = await startCambist(directory, identity, world.insecureFetch)
  if (!asJson) await tour(cambist)
  const typed = await administrators(cambist, !asJson)
  await cambist.apply(documentsOf(world, cambist.issuer))
  await cambist.apply(chainDocuments(cambist.trustDomain))
  const chained = await chain(world, cambist, !asJson)

  partner = await startCambist(join(directory, 'partner'), identity, [new URL(cambist.issuer).host], 'partner.example')
  await cambist.apply(documentsAtHome(partner.issuer))
  await partner.apply(documentsAtPartner(world, cambist.issuer, partner.issuer))
  const crossed = await domains(world, cambist, partner, !asJson)
  await everyCredential(world, cambist, { administrators: typed, chain: chained, domains: crossed })
  if (!asJson) say(good('Every step behaved.'))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
} finally {
  await partner?.stop()
  await cambist?.stop()
  world?.close()
  rmSync(directory, { recursive: true, force: true })
}
