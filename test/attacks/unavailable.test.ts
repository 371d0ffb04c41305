import { describe, expect, it } from 'vitest'
import { startCambist } from '../harness/cambist.ts'

const server = await startCambist()
const { database } = server

describe('documents that do not compile here (I7, T41)', () => {
  it('are answered by 503 with Retry-After at every path, with no token and no 500, until they do again', async () => {
    const [written] = await database.query<{ spec: unknown }>(
      "SELECT spec FROM cambist.documents WHERE kind = 'Target'",
    )
    const put = async (spec: unknown) => {
      await database.query(
        "UPDATE cambist.documents SET spec = $1, changed_in = (SELECT version + 1 FROM cambist.state) WHERE kind = 'Target'",
        [JSON.stringify(spec)],
      )
      const [row] = await database.query<{ version: string }>(
        'UPDATE cambist.state SET version = version + 1 RETURNING version',
      )
      await database.query("SELECT pg_notify('cambist_state', $1)", [row?.version])
    }
    expect((await server.exchange()).status).toBe(200)

    await put({ a: 'newer server wrote this' })
    // The ledger knows of the change also where the notice has not come yet.
    const answer = await server.exchange()
    expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9][0-9]*$/)
    for (const path of ['/jwks', '/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
      const response = await server.get(path)
      expect([path, response.status]).toEqual([path, 503])
      expect(response.headers.get('retry-after')).toMatch(/^[1-9][0-9]*$/)
      expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' })
    }

    await put(written?.spec)
    for (let attempt = 0; attempt < 200 && (await server.get('/jwks')).status !== 200; attempt++);
    expect((await server.exchange()).status).toBe(200)
  })
})
