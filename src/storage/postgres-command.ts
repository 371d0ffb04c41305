import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * How a PostgreSQL program is run: as whom, and so that it dies with us. PostgreSQL refuses to run as root, and a
 * server that outlives a killed parent would hold the data directory (dependencies.md §2).
 */
export interface PostgresCommand {
  /** The user and group that own the data and run the server. */
  readonly uid: number
  readonly gid: number
  /** The program and arguments that run `argv` to its end. */
  run(argv: readonly string[]): readonly string[]
  /** The program and arguments that run the server `argv` until it is told to stop, or we are gone. */
  serve(argv: readonly string[]): readonly string[]
  /** True where the server stops when our end of its standard input closes, false where it takes SIGINT. */
  readonly stopsAtEndOfInput: boolean
}

/** `nobody`: exists everywhere, so that no user is made. */
const NOBODY = 65534
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv', '/usr/sbin/setpriv']
const CAPABILITIES = { CAP_CHOWN: 0, CAP_DAC_OVERRIDE: 1, CAP_KILL: 5, CAP_SETGID: 6, CAP_SETUID: 7, CAP_SETPCAP: 8 }

/**
 * A parent of the server that notices our end at its standard input, for systems without a parent-death signal.
 * A background process of sh ignores SIGINT until it sets its own handler, which the server does first of all.
 */
const WATCHDOG = `exec 3<&0
"$@" 3<&- </dev/null &
server=$!
( read -r _ <&3; kill -INT $server ) 2>/dev/null &
watcher=$!
exec 3<&- 0</dev/null
wait $server
code=$?
kill $watcher 2>/dev/null
exit $code`

export interface CommandOptions {
  /** Files and directories that the server must be able to reach. */
  readonly reach: readonly string[]
  /** `shell` takes the watchdog also where setpriv is at hand. */
  readonly guard?: 'shell'
}

/** @throws Error in one sentence, naming DATABASE_URL, where the process may not run a server as somebody else. */
export function postgresCommand(options: CommandOptions): PostgresCommand {
  const uid = process.getuid?.() ?? NOBODY
  const gid = process.getgid?.() ?? NOBODY
  const setpriv = process.platform === 'linux' ? SETPRIV.find((path) => existsSync(path)) : undefined
  if (uid === 0) return asNobody(setpriv, options)
  if (setpriv === undefined || options.guard === 'shell') {
    return {
      uid,
      gid,
      stopsAtEndOfInput: true,
      run: (argv) => argv,
      serve: (argv) => ['/bin/sh', '-c', WATCHDOG, 'sh', ...argv],
    }
  }
  return {
    uid,
    gid,
    stopsAtEndOfInput: false,
    run: (argv) => [setpriv, '--pdeathsig', 'KILL', ...argv],
    serve: (argv) => [setpriv, '--pdeathsig', 'INT', ...argv],
  }
}

function asNobody(setpriv: string | undefined, options: CommandOptions): PostgresCommand {
  if (setpriv === undefined) {
    throw new Error(
      'PostgreSQL does not run as root and setpriv, which would run it as nobody, is missing: start Cambist as another user, or set DATABASE_URL.',
    )
  }
  const needed: (keyof typeof CAPABILITIES)[] = [
    'CAP_CHOWN',
    'CAP_DAC_OVERRIDE',
    'CAP_KILL',
    'CAP_SETGID',
    'CAP_SETUID',
  ]
  const reachable = options.reach.every(reachableForNobody)
  if (!reachable) needed.push('CAP_SETPCAP')
  const held = effectiveCapabilities()
  const missing = needed.filter((name) => (held & (1n << BigInt(CAPABILITIES[name]))) === 0n)
  if (missing.length > 0) {
    throw new Error(
      `PostgreSQL does not run as root, and this root may not run it as nobody (${missing.join(', ')} missing): start Cambist as another user, or set DATABASE_URL.`,
    )
  }
  const identity = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  // Without the securebit the change of user takes the capability from access(), which initdb asks first.
  const passage = reachable
    ? []
    : ['--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--securebits', '+no_setuid_fixup']
  const prefix = (signal: string) => [setpriv, ...identity, '--pdeathsig', signal, ...passage]
  return {
    uid: NOBODY,
    gid: NOBODY,
    stopsAtEndOfInput: false,
    run: (argv) => [...prefix('KILL'), ...argv],
    serve: (argv) => [...prefix('INT'), ...argv],
  }
}

/** Whether nobody may pass through every directory above `path`. */
function reachableForNobody(path: string): boolean {
  for (let directory = dirname(resolve(path)); ; directory = dirname(directory)) {
    const { mode, uid, gid } = statSync(directory)
    const bit = uid === NOBODY ? 0o100 : gid === NOBODY ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (directory === dirname(directory)) return true
  }
}

function effectiveCapabilities(): bigint {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return line?.[1] === undefined ? 0n : BigInt(`0x${line[1]}`)
}
