import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { developmentCluster } from '../../src/quickstart.ts'
import { type ChildServer, startChild } from './child.ts'
import { decode } from './tokens.ts'

export interface KillRound {
  /** Tokens that a client received, and those of them without a row: the latter must be none (I1). */
  readonly received: number
  readonly missing: readonly string[]
  /** Requests that got no token: refused with 503, or cut off. */
  readonly without: number
}

/**
 * Kills the server, or its database, with SIGKILL in the middle of load, starts anew on the same data directory, and looks
 * for the row of every token that a client received whole.
 */
export async function killRound(what: 'server' | 'database', directory: string, afterMs: number): Promise<KillRound> {
  const server = await startChild({ directory })
  const received: string[] = []
  let without = 0
  let killed = false

  const cluster = developmentCluster(directory)
  const now = Math.floor(Date.now() / 1000)
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: cluster.token({ audience: server.issuer, now, lifetime: 3600 }),
    audience: 'https://orders.example',
  }).toString()
  const client = async (): Promise<void> => {
    while (!killed) {
      try {
        const response = await fetch(`${server.issuer}/token`, {
          method: 'POST',
          body,
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
          signal: AbortSignal.timeout(3000),
        })
        const answer = (await response.json()) as { access_token?: string }
        if (response.status === 200 && answer.access_token !== undefined)
          received.push(String(decode(answer.access_token).claims['jti']))
        else if (response.status === 503) without++
        else throw new Error(`the server answered ${response.status} ${JSON.stringify(answer)}`)
      } catch (error) {
        if (error instanceof Error && error.message.startsWith('the server answered')) throw error
        without++
      }
    }
  }
  const load = Promise.all(Array.from({ length: 16 }, client))
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  const atKill = received.length
  if (what === 'server') process.kill(server.pid, 'SIGKILL')
  else {
    process.kill(postmasterOf(directory), 'SIGKILL')
    // The load goes on for a moment into the outage, where no token may be given.
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  killed = true
  await load
  if (atKill === 0) throw new Error('nothing was exchanged before the kill, so the round shows nothing')
  await server.exited.catch(() => undefined)
  return { received: received.length, missing: await withoutRow(directory, received), without }
}

function postmasterOf(directory: string): number {
  return Number(readFileSync(join(directory, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0])
}

async function withoutRow(directory: string, ids: readonly string[]): Promise<readonly string[]> {
  const server = await startChild({ directory })
  try {
    const rows = await granted(server)
    return ids.filter((id) => !rows.has(id))
  } finally {
    server.process.kill('SIGTERM')
    await server.exited
  }
}

/** The jti of every granted exchange on the record. */
async function granted(server: ChildServer): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  let cursor: string | null = ''
  while (cursor !== null) {
    const url: string = `${server.admin}/admin/v1/audit?outcome=granted&limit=500${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
    const response = await fetch(url, { headers: { Authorization: `Bearer ${server.adminToken()}` } })
    const page = (await response.json()) as { items: { jti: string }[]; next: string | null }
    for (const { jti } of page.items) ids.add(jti)
    cursor = page.next
  }
  return ids
}
