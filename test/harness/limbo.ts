import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One case of x509-limbo, with the verdict of this corpus's manifest. Certificates are PEM. */
export interface LimboRow {
  readonly id: string
  readonly verdict: 'must_reject' | 'must_reject_spiffe' | 'should_reject' | 'must_accept' | 'report_only'
  /** Seconds since the epoch; undefined where the case says nothing, and now is meant. */
  readonly time: number | undefined
  /** The case is about revocation lists. */
  readonly crls: boolean
  readonly leaf: string
  readonly intermediates: readonly string[]
  readonly roots: readonly string[]
}

interface Case {
  readonly id: string
  readonly peer_certificate: string
  readonly untrusted_intermediates: readonly string[]
  readonly trusted_certs: readonly string[]
  readonly crls: readonly string[] | null
}

interface Entry {
  readonly id: string
  readonly verdict: LimboRow['verdict']
  readonly validation_time: string | null
}

/** The rows of the corpus in its directory, in its order; none without a directory. */
export function limboRows(directory: string | undefined): readonly LimboRow[] {
  if (directory === undefined) return []
  const read = <T>(file: string) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as T
  const cases = new Map(read<{ testcases: Case[] }>('limbo-client.json').testcases.map((one) => [one.id, one]))
  return read<{ cases: Entry[] }>('manifest.json').cases.map(({ id, verdict, validation_time: time }) => {
    const found = cases.get(id)
    if (found === undefined) throw new Error(`the manifest names ${id}, which is no case`)
    return {
      ...{ id, verdict, time: time === null ? undefined : Date.parse(time) / 1000 },
      ...{ crls: (found.crls ?? []).length > 0, leaf: found.peer_certificate },
      ...{ intermediates: found.untrusted_intermediates, roots: found.trusted_certs },
    }
  })
}
