/** CPU time by the operating system's own accounting (/proc), for a process and everything below it. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const TICKS = Number(execFileSync('getconf', ['CLK_TCK']).toString())

interface Process {
  readonly pid: number
  readonly parent: number
  readonly name: string
  /** Microseconds, of the living process and its reaped children. */
  readonly cpu: number
}

function processes(): readonly Process[] {
  const found: Process[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      const close = stat.lastIndexOf(')')
      const fields = stat.slice(close + 2).split(' ')
      const ticks = Number(fields[11]) + Number(fields[12])
      found.push({
        pid: Number(entry),
        parent: Number(fields[1]),
        name: stat.slice(stat.indexOf('(') + 1, close),
        cpu: (ticks / TICKS) * 1e6,
      })
    } catch {
      // ended meanwhile
    }
  }
  return found
}

export interface TreeCpu {
  /** Microseconds so far, of Node processes and of PostgreSQL processes below and including the root. */
  readonly node: number
  readonly postgres: number
}

export function treeCpu(root: number): TreeCpu {
  const all = processes()
  const below = new Set([root])
  for (let grown = true; grown; ) {
    grown = false
    for (const { pid, parent } of all) {
      if (below.has(parent) && !below.has(pid)) {
        below.add(pid)
        grown = true
      }
    }
  }
  let node = 0
  let postgres = 0
  for (const { pid, name, cpu } of all) {
    if (!below.has(pid)) continue
    if (name.startsWith('postgres')) postgres += cpu
    else node += cpu
  }
  return { node, postgres }
}

/** Resident set of the tree's Node processes, in MiB. */
export function residentMiB(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Math.round(Number(match?.[1] ?? 0) / 1024)
}
