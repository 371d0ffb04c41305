/**
 * A closed loop over keep-alive connections: each sends its next request when it has the answer to the last. Raw sockets
 * and prepared bytes, so that the generator takes little of the machine that it measures.
 */
import { connect, type Socket } from 'node:net'

export interface Load {
  readonly port: number
  readonly connections: number
  readonly milliseconds: number
  /** Whole requests, taken in turn. */
  readonly requests: readonly Buffer[]
}

export interface Measured {
  readonly count: number
  readonly seconds: number
  /** Milliseconds, sorted. */
  readonly latencies: Float64Array
  readonly refused: number
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')

export async function run({ port, connections, milliseconds, requests }: Load): Promise<Measured> {
  const latencies: number[] = []
  let refused = 0
  let next = 0
  const begin = performance.now()
  const end = begin + milliseconds

  const one = async (): Promise<void> => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    await new Promise<void>((resolve, reject) => {
      let pending: Buffer = Buffer.alloc(0)
      let sentAt = 0
      const send = (): void => {
        sentAt = performance.now()
        socket.write(requests[next++ % requests.length] as Buffer)
      }
      socket.on('error', reject)
      socket.on('close', () => resolve())
      socket.on('data', (chunk: Buffer) => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
        const head = pending.indexOf(END_OF_HEAD)
        if (head < 0) return
        const length = Number(/content-length: (\d+)/i.exec(pending.toString('latin1', 0, head))?.[1] ?? 0)
        if (pending.length < head + 4 + length) return
        const now = performance.now()
        latencies.push(now - sentAt)
        if (pending.toString('latin1', 9, 12) !== '200') refused++
        pending = pending.subarray(head + 4 + length)
        if (now >= end) socket.destroy()
        else send()
      })
      send()
    })
  }
  await Promise.all(Array.from({ length: connections }, one))
  return {
    count: latencies.length,
    seconds: (performance.now() - begin) / 1000,
    latencies: Float64Array.from(latencies).sort(),
    refused,
  }
}

export const percentile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
