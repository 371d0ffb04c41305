/** docs/svids.md: its documents, its request, and its way to validate what comes of them, as they stand there. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { readDocuments } from '../../src/documents/read.ts'
import { document, startCambist, TestClock } from '../harness/cambist.ts'
import { decode, SigningKey } from '../harness/tokens.ts'
import { ask, byDpop, witAndWpt } from '../harness/workload.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(ROOT, 'docs', 'svids.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, block = '']) => block)

/** The page's own validation looks at the clock of the machine. */
const clock = new TestClock(Date.now())
const home = await startCambist({ clock, env: { CAMBIST_TRUST_DOMAIN: 'prod.example' } })
const away = await startCambist({
  clock,
  env: { CAMBIST_TRUST_DOMAIN: 'away.example', CAMBIST_INSECURE_FETCH: new URL(home.issuer).host },
})
const here = (text: string): string => text.replaceAll('https://cambist.example', home.issuer)
const [ours = '', theirs = ''] = blocks('yaml').map(here)
await home.apply(
  ...readDocuments(ours, 'application/yaml').map((each) =>
    each.kind === 'TrustedIssuer'
      ? document('TrustedIssuer', 'cluster', {
          ...each.spec,
          issuer: home.cluster.issuer,
          keys: { jwks: home.cluster.jwks },
        })
      : each,
  ),
)
await away.apply(
  ...readDocuments(theirs, 'application/yaml'),
  document('Client', 'checkout', {
    workloads: ['prod-svids', 'prod-wits'].map((issuer) => ({ issuer, ids: ['spiffe://prod.example/ns/shop/sa/*'] })),
  }),
  document('Policy', 'checkout-reads-orders', {
    clients: ['checkout'],
    targets: ['orders'],
    scopes: ['orders:read'],
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
)

/** The form of the request that the page shows for curl. */
function shown(): Record<string, string> {
  const [command = ''] = blocks('sh')
  const written = [...command.matchAll(/(?:-d|--data-urlencode) "?([^"\s\\]+)"?/g)].map(([, pair = '']) => pair)
  return Object.fromEntries(new URLSearchParams(written.join('&').replace('$TOKEN', home.cluster.token())))
}
const CHECKOUT = 'spiffe://prod.example/ns/shop/sa/checkout'
const WIT = 'urn:cambist:token-type:wit'

const directory = mkdtempSync(join(tmpdir(), 'cambist-page-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
writeFileSync(join(directory, 'page.mjs'), here(blocks('js')[0] ?? ''))
const { workloadOf } = (await import(pathToFileURL(join(directory, 'page.mjs')).href)) as {
  workloadOf(svid: string): Promise<string>
}

describe('the page on SVIDs', () => {
  it('has a request that gives a JWT-SVID, and code that validates it', async () => {
    const { status, body } = await home.token(shown())
    expect([status, body['token_type']]).toEqual([200, 'N_A'])
    const svid = String(body['access_token'])
    expect(await workloadOf(svid)).toBe(CHECKOUT)
    expect((await away.exchange({ subject_token: svid })).status).toBe(200)
  })

  it('has code that refuses what is none', async () => {
    const svid = String((await home.token(shown())).body['access_token'])
    const [header, claims, signature = ''] = svid.split('.')
    const altered = [header, claims, `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`].join('.')
    await expect(workloadOf(altered)).rejects.toThrow(/signature/)
    const stranger = new SigningKey('ES256')
    const forged = stranger.sign({ sub: CHECKOUT, aud: 'https://ledger.example', exp: clock.seconds() + 60 })
    await expect(workloadOf(forged)).rejects.toThrow(/no such key/)
  })

  it('has a workload identity token for who adds what it says, good with its proofs', async () => {
    const holder = new SigningKey('ES256')
    const form = { ...shown(), requested_token_type: WIT }
    expect(page).toContain(`-d requested_token_type=${WIT}`)
    const { status, body } = await home.token(form, byDpop(home, holder))
    expect([status, body['issued_token_type'], body['expires_in']]).toEqual([200, WIT, 900])
    const token = String(body['access_token'])
    expect(decode(token).claims['sub']).toBe(CHECKOUT)
    await expect(workloadOf(token)).rejects.toThrow(/no such key/)
    const sent = await ask(away, { subject_token: token, scope: 'orders:read' }, (text) =>
      witAndWpt(away, holder, token, text),
    )
    expect(sent.status).toBe(200)
  })
})
