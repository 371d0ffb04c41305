import { atOnce, type Steps } from '../lib/slices.ts'
import type { TargetIndex } from '../targets/contract.ts'
import type { Compiled } from './compile.ts'
import type { NounKind, Warning } from './contract.ts'
import { administrator } from './kinds/administrator.ts'
import { client } from './kinds/client.ts'
import { policy } from './kinds/policy.ts'
import { target } from './kinds/target.ts'
import { trustedIssuer } from './kinds/trusted-issuer.ts'
import type { Doubts } from './lint/enforced.ts'
import { idle } from './lint/idle.ts'
import { lifetimes } from './lint/lifetimes.ts'
import { meetingSubjects } from './lint/meeting-subjects.ts'
import { never } from './lint/never.ts'
import { rulesByName } from './lint/rules-by-name.ts'
import { selectorsInVain } from './lint/selectors.ts'
import { shadowed } from './lint/shadowed.ts'
import { sharedWorkloads } from './lint/shared-workloads.ts'
import { trustDomain } from './lint/trust-domain.ts'

export const warningsOf = (compiled: Compiled): readonly Warning[] => atOnce(findWarnings(compiled))

/**
 * Everything that is allowed but doubtful: in each document alone (the lint of its noun), and in what documents come to
 * together (lint/). Each says what to write instead. What is certainly wrong is a fault, and refused.
 */
export function* findWarnings({
  nouns,
  clients,
  targets,
  policies,
  ourTrustDomain,
}: Compiled): Steps<readonly Warning[]> {
  const found: Warning[] = []
  for (const doubts of [
    alone(trustedIssuer, nouns.issuers, targets),
    alone(client, nouns.clients, targets),
    alone(target, nouns.targets, targets),
    alone(policy, nouns.policies, targets),
    alone(administrator, nouns.administrators, targets),
    idle(nouns, targets),
    selectorsInVain(nouns),
    sharedWorkloads(nouns, clients),
    never(nouns),
    shadowed(nouns, policies),
    lifetimes(nouns),
    meetingSubjects(nouns),
    rulesByName(nouns),
    trustDomain(nouns, ourTrustDomain),
  ]) {
    for (const warning of doubts) {
      if (warning !== undefined) found.push(warning)
      yield
    }
  }
  return found
}

function* alone<Noun>({ kind, lint }: NounKind<Noun>, nouns: ReadonlyMap<string, Noun>, targets: TargetIndex): Doubts {
  for (const [name, noun] of nouns) {
    for (const { path, message } of lint(noun, targets)) yield { kind, name, path, message }
    yield undefined
  }
}
