import { type Fault, Faults } from '../lib/fault.ts'
import { atOnce, type Steps } from '../lib/slices.ts'
import type { Target, TargetIndex } from './contract.ts'
import { resourceKey } from './resource.ts'

export const targetIndex = (targets: Iterable<Target>): TargetIndex => atOnce(indexTargets(targets))

/** Throws Faults where two targets share an audience or a resource: one name would mean two services. */
export function* indexTargets(targets: Iterable<Target>): Steps<TargetIndex> {
  const byName = new Map(
    [...targets].sort((one, other) => (one.name < other.name ? -1 : 1)).map((target) => [target.name, target]),
  )
  const byAudience = new Map<string, Target>()
  const byResource = new Map<string, Target>()
  const faults: Fault[] = []
  const claim = (index: Map<string, Target>, key: string, target: Target, what: string) => {
    const owner = index.get(key)
    if (owner === undefined) index.set(key, target)
    else if (owner !== target)
      faults.push({
        path: '',
        message: `targets ${owner.name} and ${target.name} share the ${what} ${key}; each has names of its own, else a request for one would be decided as the other`,
      })
  }
  for (const target of byName.values()) {
    for (const audience of target.audiences) claim(byAudience, audience, target, 'audience')
    for (const resource of target.resources) claim(byResource, resourceKey(resource) ?? resource, target, 'resource')
    yield
  }
  if (faults.length > 0) throw new Faults(faults)
  return Object.freeze({
    size: byName.size,
    byName: (name: string) => byName.get(name),
    byAudience: (audience: string) => byAudience.get(audience),
    byResource(resource: string) {
      const key = resourceKey(resource)
      return key === undefined ? undefined : byResource.get(key)
    },
    all: () => byName.values(),
  })
}
