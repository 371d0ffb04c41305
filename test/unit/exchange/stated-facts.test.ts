import { describe, expect, it } from 'vitest'
import { NO_BLOCKS } from '../../../src/blocks/block-index.ts'
import * as register from '../../../src/credentials/kinds/index.ts'
import { credentialKinds } from '../../../src/credentials/look-up.ts'
import { ownIssuers } from '../../../src/credentials/own-issuer.ts'
import { Compiler } from '../../../src/documents/compile.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { statedFacts } from '../../../src/exchange/stated-facts.ts'
import { writtenFactsSchema } from '../../../src/exchange/written-facts.ts'
import { Faults } from '../../../src/lib/fault.ts'
import { readBySchema } from '../../../src/lib/schema.ts'
import { SigningKey } from '../../harness/tokens.ts'
import { context } from '../documents/world.ts'

const document = (kind: string, name: string, spec: Record<string, unknown>): Document => ({
  apiVersion: 'cambist/v1',
  kind,
  metadata: { name },
  spec,
})
const bundle = {
  keys: [{ ...new SigningKey('ES256').jwk, use: 'jwt-svid', alg: undefined }].map((key) =>
    JSON.parse(JSON.stringify(key)),
  ),
}
const issuer = (name: string, spec: Record<string, unknown>) => document('TrustedIssuer', name, spec)
const documents = [
  issuer('prod', {
    credential: 'jwt',
    issuer: 'https://prod.example',
    keys: { discovery: true },
    audiences: ['https://cambist.example'],
    attributes: { team: 'assertion.team', level: 'assertion.level' },
  }),
  issuer('mesh', {
    credential: 'spiffe-jwt-svid',
    trustDomain: 'mesh.example',
    keys: { bundle: { inline: bundle } },
    audiences: ['https://cambist.example'],
  }),
  document('Client', 'shop', { workloads: [{ issuer: 'prod', match: { team: ['shop'] } }] }),
  document('Client', 'shop-too', { workloads: [{ issuer: 'prod', ids: ['a'] }] }),
  document('Client', 'open', { workloads: [{ issuer: 'prod', ids: ['*'], match: { level: ['*'] } }] }),
  document('Client', 'meshed', {
    authentication: { method: 'spiffe_jwt', issuer: 'mesh', spiffeId: 'spiffe://mesh.example/till' },
  }),
  document('Client', 'till', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [new SigningKey('ES256').jwk] } },
  }),
]
const { nouns: _, ...compiled } = new Compiler({ ...context, credentialKinds: Object.values(register) }).compile(
  documents,
  { own: ownIssuers('https://cambist.example', { publicKeysOf: () => ({ keys: [] }) }) },
)
const stating = {
  snapshot: { ...compiled, version: 1, revoked: () => undefined, blocked: NO_BLOCKS },
  kinds: credentialKinds(Object.values(register)),
  trustDomain: 'cambist.example',
  now: 1000,
}
const stated = (written: unknown) => statedFacts(readBySchema(writtenFactsSchema, written, 'facts'), stating, 'facts')
function faultsOf(written: unknown): readonly string[] {
  try {
    stated(written)
    return []
  } catch (error) {
    if (error instanceof Faults) return error.faults.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
}
const subject = { issuer: 'prod', subject: 'a', attributes: { team: 'shop' } }

describe('facts as people write them', () => {
  it('are those of a plain exchange where they say nothing else', () => {
    expect(stated({ subject })).toEqual({
      grant: 'token-exchange',
      client: {
        candidates: ['shop', 'shop-too'],
        authentication: 'subject_token',
        principal: expect.objectContaining({ subject: 'a' }),
      },
      subject: {
        id: 'wimse://cambist.example/prod/a',
        issuer: 'prod',
        subject: 'a',
        kind: 'jwt',
        key: false,
        instance: '',
        scopes: [],
        attributes: { team: 'shop' },
      },
      actors: [],
      audiences: [],
      resources: [],
      scopes: [],
      binding: 'none',
      format: 'jwt',
      time: 1000,
    })
  })

  it('are of another grant, by which the client is then known', () => {
    expect(stated({ grant: 'jwt-bearer', subject })).toMatchObject({
      grant: 'jwt-bearer',
      client: { candidates: ['shop', 'shop-too'], authentication: 'assertion' },
    })
    const itself = stated({ grant: 'client-credentials', client: 'shop', subject })
    expect(itself).toMatchObject({ client: { named: 'shop', authentication: 'client_assertion' } })
    expect(itself).not.toHaveProperty('actor')
    const till = { grant: 'client-credentials', client: 'till', subject: { issuer: 'clients', subject: 'till' } }
    expect(stated(till)).toMatchObject({ subject: { id: 'wimse://cambist.example/clients/till' } })
    expect(stated(till)).not.toHaveProperty('actor')
    expect(faultsOf({ ...till, subject })).toEqual([
      'facts.subject: is not the client, wimse://cambist.example/clients/till, which is the subject of its client credentials',
    ])
  })

  it('have authorization details, that can be read as a request’s', () => {
    const authorizationDetails = [{ type: 'payment', actions: ['initiate'] }]
    expect(stated({ subject, authorizationDetails })).toMatchObject({ authorizationDetails })
    expect(() => stated({ subject, authorizationDetails: [{ actions: [] }] })).toThrow(/has no type/)
  })

  it('name one of several clients that a workload is, and a forbid on any of them still counts', () => {
    expect(stated({ client: 'shop', subject }).client).toMatchObject({
      candidates: ['shop', 'shop-too'],
      named: 'shop',
    })
    expect(stated({ client: 'shop', subject: { ...subject, subject: 'b' } }).client).not.toHaveProperty('named')
  })

  it('have the client act for somebody else, as itself, by its own document', () => {
    const other = { issuer: 'mesh', subject: 'spiffe://mesh.example/x' }
    expect(stated({ client: 'shop', subject: other })).toMatchObject({
      subject: { id: 'spiffe://mesh.example/x', kind: 'spiffe-jwt-svid' },
      actor: { issuer: 'prod', subject: 'shop', attributes: { team: 'shop' } },
      client: { candidates: ['shop'], authentication: 'client_assertion' },
    })
    expect(stated({ client: 'till', subject }).client).toMatchObject({
      authentication: 'private_key_jwt',
      principal: { id: 'wimse://cambist.example/clients/till', issuer: 'clients' },
    })
    expect(stated({ client: 'meshed', subject }).actor).toMatchObject({
      id: 'spiffe://mesh.example/till',
      issuer: 'mesh',
      key: false,
    })
  })

  it('find the client from the actor where there is one', () => {
    const { client, actor } = stated({
      subject: { issuer: 'mesh', subject: 'spiffe://mesh.example/x' },
      actor: subject,
    })
    expect(client).toMatchObject({ candidates: ['shop', 'shop-too'], authentication: 'actor_token' })
    expect(actor?.subject).toBe('a')
  })

  it('keep an id of a trust domain only where its kind of credential vouches for it', () => {
    const id = (written: object) => stated({ client: 'till', subject: written }).subject.id
    expect(id({ issuer: 'prod', subject: 'spiffe://mesh.example/x' })).toBe(
      'wimse://cambist.example/prod/spiffe%3A%2F%2Fmesh.example%2Fx',
    )
    expect(id({ issuer: 'mesh', subject: 'spiffe://else.example/x' })).toMatch(/^wimse:/)
    expect(id({ issuer: 'self', subject: 'wimse://cambist.example/prod/a' })).toBe('wimse://cambist.example/prod/a')
  })

  it('know whose names may_act means', () => {
    expect(stated({ client: 'shop', subject, mayAct: { members: { sub: 'b' } } }).mayAct).toEqual({
      members: { sub: 'b' },
      issuer: 'https://prod.example',
      actorIssuer: 'https://prod.example',
    })
  })

  it.each([
    [
      { subject: { issuer: 'prid', subject: 'a' } },
      'facts.subject.issuer: there is no TrustedIssuer "prid"; did you mean prod?',
    ],
    [
      { subject: { ...subject, attributes: { taem: 'x' } } },
      'facts.subject.attributes.taem: trusted issuer prod maps no attribute taem; it maps team, level',
    ],
    [{ subject: { ...subject, kind: 'jwr' }, client: 'shop' }, 'facts.subject.kind: there is no credential kind "jwr"'],
    [{ subject, client: 'shap' }, 'facts.client: there is no Client "shap"; did you mean shop?'],
    [
      { subject, client: {} },
      'facts.client: names nobody; write a name, or leave the client out where the workload itself is one',
    ],
    [
      { subject: { issuer: 'mesh', subject: 'x' }, client: 'open' },
      'facts.client: which workload open is, its document does not say in full; write it out: {name: open, principal: {issuer, subject, attributes}}',
    ],
  ])('must name what is there: %j', (written, fault) => {
    expect(faultsOf(written)).toEqual([fault])
  })

  it.each([
    [{ subject: { issuer: 'mesh', subject: 'x' } }, 'client_unknown'],
    [{ subject: { issuer: 'self', subject: 'x' } }, 'client_required'],
    [{ subject, actors: [{ sub: 'x' }] }, 'client_required'],
  ])('of nobody who is a client are refused as on the road: %j', (written, reason) => {
    expect(() => stated(written)).toThrow(expect.objectContaining({ reason }))
  })
})
