/**
 * A closed loop over keep-alive connections: each sends its next request when it has the answer to the last. Raw sockets
 * and prepared bytes, so that the generator takes little of the machine that it measures. Connections stay open from one
 * window to the next: a handshake is no part of an exchange.
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface Place {
  readonly port: number
  /** With it the connections speak TLS; a certificate is presented where there is one. */
  readonly tls?: { readonly cert?: string; readonly key?: string }
}

export interface Load {
  readonly milliseconds: number
  /** Whole requests, taken in turn. */
  readonly requests: readonly Buffer[]
  /** Each once: the window ends when they are used up, should that be sooner. */
  readonly once?: boolean
}

export interface Measured {
  readonly count: number
  readonly seconds: number
  /** Milliseconds, sorted. */
  readonly latencies: Float64Array
  readonly refused: number
  /** The body of the first answer that was not 200. */
  readonly refusal: string
}

export interface Connections {
  run(load: Load): Promise<Measured>
  close(): void
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')

class Line {
  readonly #socket: Socket
  #pending: Buffer = Buffer.alloc(0)
  #answered: (status: string, body: Buffer) => void = () => {}
  #failed: (error: Error) => void = () => {}

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', (error) => this.#failed(error))
    socket.on('close', () => this.#failed(new Error('the server closed a connection')))
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  #read(chunk: Buffer): void {
    const pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    this.#pending = pending
    const head = pending.indexOf(END_OF_HEAD)
    if (head < 0) return
    const length = Number(/content-length: (\d+)/i.exec(pending.toString('latin1', 0, head))?.[1] ?? 0)
    const end = head + 4 + length
    if (pending.length < end) return
    this.#pending = pending.subarray(end)
    this.#answered(pending.toString('latin1', 9, 12), pending.subarray(head + 4, end))
  }

  /** Sends what `next` gives until it gives nothing; `heard` is told of each answer with its milliseconds. */
  run(next: () => Buffer | undefined, heard: (status: string, body: Buffer, took: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      let sentAt = 0
      const send = (): void => {
        const request = next()
        if (request === undefined) {
          resolve()
          return
        }
        sentAt = performance.now()
        this.#socket.write(request)
      }
      this.#failed = reject
      this.#answered = (status, body) => {
        heard(status, body, performance.now() - sentAt)
        send()
      }
      send()
    })
  }

  close(): void {
    this.#failed = () => {}
    this.#socket.destroy()
  }
}

async function open({ port, tls }: Place): Promise<Line> {
  const to = { port, host: '127.0.0.1' }
  const socket = tls === undefined ? connect(to) : connectTls({ ...to, ...tls, rejectUnauthorized: false })
  socket.setNoDelay(true)
  await new Promise<void>((resolve, reject) =>
    socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve).once('error', reject),
  )
  return new Line(socket)
}

export async function connections(place: Place, count: number): Promise<Connections> {
  const lines = await Promise.all(Array.from({ length: count }, () => open(place)))
  return {
    async run({ milliseconds, requests, once = false }) {
      const latencies: number[] = []
      let refused = 0
      let refusal = ''
      let taken = 0
      const begin = performance.now()
      const end = begin + milliseconds
      const next = (): Buffer | undefined =>
        performance.now() >= end || (once && taken >= requests.length) ? undefined : requests[taken++ % requests.length]
      const heard = (status: string, body: Buffer, took: number): void => {
        latencies.push(took)
        if (status === '200') return
        if (refused++ === 0) refusal = body.toString()
      }
      await Promise.all(lines.map((line) => line.run(next, heard)))
      return {
        count: latencies.length,
        seconds: (performance.now() - begin) / 1000,
        latencies: Float64Array.from(latencies).sort(),
        refused,
        refusal,
      }
    },
    close: () => {
      for (const line of lines) line.close()
    },
  }
}

export const percentile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
