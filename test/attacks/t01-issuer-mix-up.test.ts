import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { refusal } from '../harness/refusal.ts'
import { Cluster, SigningKey } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server

/** Two clusters that nobody told their name (K-8): one `iss`, different keys, an audience each. */
const DEFAULT_NAME = 'https://kubernetes.default.svc'
const east = new Cluster({ issuer: DEFAULT_NAME, audience: `${us}/east`, now: clock.seconds })
const west = new Cluster({ issuer: DEFAULT_NAME, audience: `${us}/west`, now: clock.seconds })
const stranger = new Cluster({ issuer: 'https://other.test.example', audience: us, now: clock.seconds })

await server.apply(
  document('TrustedIssuer', 'other', {
    preset: 'kubernetes',
    issuer: stranger.issuer,
    audiences: [us],
    keys: { jwks: stranger.jwks },
  }),
  ...[east, west].map((one, index) =>
    document('TrustedIssuer', ['east', 'west'][index] ?? '', {
      preset: 'kubernetes',
      issuer: DEFAULT_NAME,
      audiences: [one.audience],
      keys: { jwks: one.jwks },
    }),
  ),
  document('Client', 'east-checkout', { workloads: [{ issuer: 'east', match: { namespace: ['shop'] } }] }),
  document('Policy', 'east-reads-orders', { clients: ['east-checkout'], targets: ['orders'], scopes: ['orders:read'] }),
)

describe('T1 issuer mix-up (JB-04, JV-04)', () => {
  it('grants a token of the right issuer and key, so that the refusals below mean something', async () => {
    expect((await server.exchange()).status).toBe(200)
    expect((await server.exchange({ subject_token: east.token() })).status).toBe(200)
  })

  it('refuses a token that names one trusted issuer and is signed by another', async () => {
    const forged = stranger.key.sign(cluster.claims())
    await refusal(server, { subject_token: forged }, 'key_unknown')
  })

  it('refuses the key of another issuer also under the kid of the right one, and without a kid', async () => {
    const { kid } = cluster.key
    await refusal(server, { subject_token: stranger.key.sign(cluster.claims(), { kid }) }, 'signature_invalid')
    await refusal(
      server,
      { subject_token: stranger.key.sign(cluster.claims(), { kid: undefined }) },
      'signature_invalid',
    )
  })

  it('looks a kid up among the keys of its issuer alone, where two issuers use the same', async () => {
    const kid = 'key-1'
    const twins = ['left', 'right'].map((name) => {
      const issuer = `https://${name}.test.example`
      return new Cluster({ issuer, audience: us, key: new SigningKey('RS256', kid), now: clock.seconds })
    })
    await server.apply(
      ...twins.map(({ issuer, jwks }, at) =>
        document('TrustedIssuer', `twin-${at}`, { preset: 'kubernetes', issuer, audiences: [us], keys: { jwks } }),
      ),
      document('Client', 'twins', {
        workloads: twins.map((_, at) => ({ issuer: `twin-${at}`, match: { namespace: ['shop'] } })),
      }),
      document('Policy', 'twins-read', { clients: ['twins'], targets: ['orders'], scopes: ['orders:read'] }),
    )
    const [left, right] = twins as [Cluster, Cluster]
    for (const twin of twins) expect((await server.exchange({ subject_token: twin.token() })).status).toBe(200)
    for (const [name, signer] of [
      [left, right],
      [right, left],
    ] as const)
      await refusal(server, { subject_token: signer.key.sign(name.claims()) }, 'signature_invalid')
  })

  it.each([
    ['an array', [cluster.issuer]],
    ['an array of two', [cluster.issuer, 'https://evil.example']],
    ['an object', { toString: cluster.issuer }],
    ['a number', 1],
    ['null', null],
    ['empty', ''],
    ['with a line feed', `${cluster.issuer}\n`],
  ])('refuses iss that is %s', async (_, iss) => {
    await refusal(server, { subject_token: cluster.token({ iss }) }, 'claim_malformed')
  })

  it('refuses a token without iss', async () => {
    await refusal(server, { subject_token: cluster.token({ iss: undefined }) }, 'claim_missing')
  })

  it.each([
    ['a trailing slash', `${cluster.issuer}/`],
    ['a longer path', `${cluster.issuer}/x`],
    ['a longer host', `${cluster.issuer}.evil.example`],
    ['a prefix', cluster.issuer.slice(0, -1)],
    ['upper case', cluster.issuer.toUpperCase()],
    ['an upper-case scheme', cluster.issuer.replace('https', 'HTTPS')],
    ['another scheme', cluster.issuer.replace('https', 'http')],
    ['user information', cluster.issuer.replace('https://', 'https://x@')],
    ['the default port', `${cluster.issuer}:443`],
    ['white space before it', ` ${cluster.issuer}`],
    ['white space behind it', `${cluster.issuer} `],
    ['an escape', cluster.issuer.replace('kubernetes', '%6bubernetes')],
    ['a fragment', `${cluster.issuer}#x`],
    ['a prototype member as its name', '__proto__'],
    ['a constructor as its name', 'constructor'],
    ['our own name', us],
    ['the name of its document', 'cluster'],
  ])('knows nobody whose iss has %s', async (_, iss) => {
    await refusal(server, { subject_token: cluster.token({ iss }) }, 'issuer_unknown')
  })
})

describe('K-8 two clusters of one name', () => {
  it('believes each with its own key for its own audience alone', async () => {
    await refusal(server, { subject_token: west.key.sign(east.claims()) }, 'key_unknown')
    await refusal(server, { subject_token: west.key.sign(east.claims(), { kid: east.key.kid }) }, 'signature_invalid')
    await refusal(server, { subject_token: east.token({ aud: [west.audience] }) }, 'key_unknown')
  })

  it('does not take a workload of the one for its namesake in the other', async () => {
    const { record } = await refusal(server, { subject_token: west.token() }, 'client_unknown')
    expect(record['subject']).toMatchObject({ issuer: 'west' })
  })

  it('refuses a token that names the audiences of both', async () => {
    await refusal(server, { subject_token: east.token({ aud: [east.audience, west.audience] }) }, 'issuer_ambiguous')
  })

  it('refuses a token of their name for an audience of neither', async () => {
    await refusal(server, { subject_token: east.token({ aud: [us] }) }, 'audience_mismatch')
  })

  it('refuses a third document for a name and audience that are taken', async () => {
    const twin = document('TrustedIssuer', 'twin', {
      preset: 'kubernetes',
      issuer: DEFAULT_NAME,
      audiences: [east.audience],
      keys: { jwks: { keys: [new SigningKey().jwk] } },
    })
    await expect(server.apply(twin)).rejects.toThrow(/both answer to/)
  })
})
