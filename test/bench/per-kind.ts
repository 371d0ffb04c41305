/** CPU per exchange for each kind of input, beside its own floor and beside a JWT of the same round. */
import type { Measuring } from './exchange.ts'
import type { Kind } from './kinds.ts'
import type { Place } from './load.ts'
import { medianOf, ratioOf, type Sample, sample, written } from './sample.ts'
import { type Floor, type Server, startFloor } from './servers.ts'

const CONNECTIONS = 64
/** Requests that are made for a window of one second where each is taken once: more than the server answers. */
const ONCE_PER_SECOND = 2500
/** Requests before the first window of a kind, and before each. */
const WARM_UP = 3000
const FIRST = 256
/** What is compared, in words, and of which kind the others are multiples. */
interface Comparing {
  readonly what: string
  readonly sentence: string
  readonly measure: string
}

const INPUTS: Comparing = {
  what: 'kinds',
  sentence: 'Each kind of input: policy with one condition, durable record, ES256 access token out',
  measure: 'jwt',
}
export const OUTPUTS: Comparing = {
  what: 'outputs',
  sentence:
    'Each kind of output, its binding and its grant: policy with one condition, durable record, ES256 in and out',
  measure: 'access-token',
}

export interface Asked {
  readonly plain: Server
  readonly tls: Server
  /** What the floor shows as a TLS server. */
  readonly identity: { readonly cert: string; readonly key: string }
}

interface Row {
  readonly kind: Kind
  readonly floor: Sample[]
  readonly cambist: Sample[]
}

export async function measureKinds(
  kinds: readonly Kind[],
  { plain, tls, identity }: Asked,
  measuring: Measuring,
  comparing: Comparing = INPUTS,
): Promise<Record<string, unknown>> {
  const floor = await startFloor(
    kinds.map(({ verifications, listener }) =>
      listener === 'plain' ? { verifications } : { verifications, tls: identity },
    ),
  )
  try {
    const rows: readonly Row[] = kinds.map((kind) => ({ kind, floor: [], cambist: [] }))
    // Round 0 warms both up, and counts for nothing.
    for (let round = 0; round <= measuring.rounds; round++) {
      for (const [index, row] of rows.entries()) {
        const server = row.kind.listener === 'plain' ? plain : tls
        const [ofFloor, ofCambist] = await both(row.kind, server, floor, index, round === 0, measuring.milliseconds)
        if (round === 0) continue
        row.floor.push(ofFloor)
        row.cambist.push(ofCambist)
      }
      process.stderr.write(
        round === 0 ? `${comparing.what}: warm\n` : `${comparing.what}: round ${round} of ${measuring.rounds}\n`,
      )
    }
    return report(rows, measuring, comparing)
  } finally {
    await floor.stop()
  }
}

async function both(
  kind: Kind,
  server: Server,
  floor: Floor,
  index: number,
  warmUp: boolean,
  milliseconds: number,
): Promise<readonly [Sample, Sample]> {
  const { oneUse: once, certificate } = kind
  const count = once ? Math.ceil((ONCE_PER_SECOND * milliseconds) / 1000) : 64
  const make = (length: number): Buffer[] => Array.from({ length }, () => kind.request())
  const requests = make(count)
  const first = once
    ? make(warmUp ? WARM_UP : FIRST)
    : Array.from({ length: warmUp ? WARM_UP : FIRST }, (_, at) => requests[at % count] as Buffer)
  const peer = certificate === undefined ? {} : { cert: certificate.chainPem(), key: certificate.keyPem }
  const at = (port: number): Place => (kind.listener === 'plain' ? { port } : { port, tls: peer })
  const window = { connections: CONNECTIONS, milliseconds: warmUp ? 10_000 : milliseconds, first, once }
  // The floor remembers nothing, so what is made for one use serves it too; it has no body to compare.
  const port = kind.listener === 'mtls' ? server.mtlsPort : server.port
  const short = warmUp ? requests.slice(0, 64) : requests
  return [
    await sample({
      ...window,
      pid: floor.pid,
      place: at(floor.ports[index] ?? 0),
      requests: short,
      once: once || warmUp,
    }),
    await sample({ ...window, pid: server.pid, place: at(port), requests: short, once: once || warmUp }),
  ]
}

function report(
  rows: readonly Row[],
  { rounds, milliseconds }: Measuring,
  { sentence, measure: measureName }: Comparing,
): Record<string, unknown> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const figures: Record<string, unknown> = {}
  say(`${sentence}; ${CONNECTIONS} keep-alive connections.`)
  say(
    `Medians of ${rounds} interleaved rounds of ${milliseconds / 1000} s. Floor: bare HTTP (TLS), that many verifications, one signature.`,
  )
  say(
    `Requests with proofs of one use were made before each window, ${Math.ceil((ONCE_PER_SECOND * milliseconds) / 1000)} for it and ${FIRST} before it; a window ends when they are used up.\n`,
  )
  const measure = rows.find(({ kind }) => kind.name === measureName)?.cambist
  say(
    `kind                 listener  verified  ${'floor'.padStart(8)} ${'Cambist'.padStart(8)}   × floor${' '.repeat(14)}PostgreSQL  per window   × ${measureName}`,
  )
  for (const { kind, floor, cambist } of rows) {
    const nodes = cambist.map(({ node }) => node)
    const row = {
      verifications: kind.verifications.length,
      floorMicroseconds: medianOf(floor, (one) => one.node),
      nodeMicroseconds: medianOf(cambist, (one) => one.node),
      postgresMicroseconds: medianOf(cambist, (one) => one.postgres),
      perWindow: medianOf(cambist, (one) => one.count),
      ratio: ratioOf(
        nodes,
        floor.map(({ node }) => node),
      ),
      ...(measure === undefined
        ? {}
        : {
            toJwt: ratioOf(
              nodes,
              measure.map(({ node }) => node),
            ),
          }),
    }
    figures[kind.name] = row
    say(
      `${kind.name.padEnd(20)} ${kind.listener.padEnd(9)} ${String(row.verifications).padStart(8)} ${row.floorMicroseconds.toFixed(0).padStart(6)} µs ${row.nodeMicroseconds.toFixed(0).padStart(5)} µs   ${written(row.ratio).padEnd(19)} ${row.postgresMicroseconds.toFixed(0).padStart(9)} µs ${row.perWindow.toFixed(0).padStart(11)}   ${row.toJwt === undefined ? '' : written(row.toJwt)}`,
    )
  }
  say('')
  return figures
}
