import { describe, expect, it } from 'vitest'
import { warningsOf } from '../../src/documents/warnings.ts'
import { base, compiler, document } from '../unit/documents/world.ts'

/** T21: names that pass to somebody else when their owner lets go of them (P-5, G-5). */
describe('T21 recycled names', () => {
  const github = document('TrustedIssuer', 'github', {
    preset: 'github-actions',
    keys: { discovery: true },
    audiences: ['https://cambist.example'],
    tenants: ['1234567'],
  })
  const google = document('TrustedIssuer', 'google', {
    preset: 'google',
    keys: { jwksUri: 'https://www.googleapis.com/oauth2/v3/certs' },
    audiences: ['https://cambist.example'],
    tenants: ['739419398126'],
  })

  /** Where the documents are warned of: kind and path. */
  const warned = (selector: object, subject?: object) => {
    const client = document('Client', 'deploy', { workloads: [selector] })
    const policy = document('Policy', 'deploy-reads', {
      clients: ['deploy'],
      ...(subject === undefined ? {} : { subject }),
      targets: ['orders'],
      scopes: ['orders:read'],
    })
    const all = [...Object.values(base), github, google, client, policy]
    return warningsOf(compiler().compile(all))
      .filter(({ message }) => message.includes('renamed'))
      .map(({ kind, path, message }) => `${kind} ${path}: ${message}`)
  }

  it.each([
    [{ repository: ['octo-org/orders'] }, 'repository', 'match repository_id as well'],
    [{ repository: ['octo-org/orders'], environment: ['prod'] }, 'repository', 'match repository_id as well'],
    [{ repository_owner: ['octo-org'] }, 'repository_owner', 'match repository_owner_id as well'],
    // an id that anything matches fixes nothing
    [{ repository: ['octo-org/orders'], repository_id: ['*'] }, 'repository', 'match repository_id as well'],
  ])('a client by %j is warned of', (match, attribute, remedy) => {
    const warnings = warned({ issuer: 'github', match })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain(`Client spec.workloads[0].match.${attribute}: `)
    expect(warnings[0]).toContain(remedy)
  })

  it.each([
    [{ match: { repository_id: ['7654321'] } }],
    [{ match: { repository: ['octo-org/orders'], repository_id: ['7654321'] } }],
    [{ match: { environment: ['prod'] } }],
    [{ ids: ['repository_id:7654321:environment:prod'], match: { repository: ['octo-org/orders'] } }],
    [{ match: { repository: ['octo-org/orders'] }, condition: "workload.repository_id == '7654321'" }],
  ])('a client by %j is not', (selector) => {
    expect(warned({ issuer: 'github', ...selector })).toEqual([])
  })

  it('an address of Google is warned of, and the remedy is the unique id', () => {
    const warnings = warned({ issuer: 'google', match: { email: ['a@b.iam.gserviceaccount.com'] } })
    expect(warnings).toEqual([expect.stringContaining('name the subject in ids')])
  })

  it('a policy by names is warned of too', () => {
    const selector = { issuer: 'github', match: { repository_id: ['7654321'] } }
    const subject = { issuers: ['github'], match: { repository: ['octo-org/orders'] } }
    expect(warned(selector, subject)).toEqual([expect.stringContaining('Policy spec.subject.match.repository: ')])
  })

  it('names of a cluster of our own are not', () => {
    expect(warned({ issuer: 'prod', match: { namespace: ['shop'], serviceaccount: ['checkout'] } })).toEqual([])
  })
})
