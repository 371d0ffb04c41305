import cluster, { type Worker } from 'node:cluster'
import process from 'node:process'

/**
 * Processes behind one port (node:cluster): the primary owns what there is one of, workers answer requests. A worker
 * that dies is replaced; one that has lost its primary ends, so that nothing outlives a killed server.
 */
export interface Workers {
  /** Gives each what it needs to begin, and resolves when all listen. Rejects where one cannot. */
  begin(value: unknown): Promise<void>
  /** Asks every living worker and gathers the answers; one that does not answer in time is left out. */
  ask(question: string): Promise<readonly unknown[]>
  /** How many are listening. */
  listening(): number
  /** Tells each to finish what is under way, and resolves when all are gone. */
  stop(): Promise<void>
}

interface WorkerEvents {
  died(pid: number | undefined, code: number | null, signal: string | null): void
}

type Message = {
  readonly cambist: 'begin' | 'listening' | 'stop' | 'ask' | 'answer' | 'failed'
  readonly id?: number
  readonly value?: unknown
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && 'cambist' in value
const ANSWER_WITHIN = 2000
const RESTART_AFTER = 500

export const isWorker = (): boolean => cluster.isWorker

/** Forks `count` workers at once: they load the program while the primary opens the database, and wait for begin(). */
export function startWorkers(count: number, events: WorkerEvents): Workers {
  const living = new Map<Worker, { listening: boolean }>()
  const pending = new Map<number, (value: unknown) => void>()
  let given: { readonly value: unknown } | undefined
  let questions = 0
  let stopping = false

  const fork = (): Worker => {
    const worker = cluster.fork()
    living.set(worker, { listening: false })
    worker.on('message', (message) => {
      if (isMessage(message) && message.cambist === 'answer' && message.id !== undefined)
        pending.get(message.id)?.(message.value)
    })
    worker.on('exit', (code, signal) => {
      const listened = living.get(worker)?.listening === true
      living.delete(worker)
      if (stopping || !listened) return
      events.died(worker.process.pid, code, signal)
      setTimeout(() => void begun(fork()).catch(() => events.died(undefined, null, null)), RESTART_AFTER).unref()
    })
    return worker
  }

  /** Resolves when the worker listens with what the primary gave. */
  const begun = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      worker.on('message', (message) => {
        if (!isMessage(message)) return
        if (message.cambist === 'listening') {
          living.set(worker, { listening: true })
          resolve()
        } else if (message.cambist === 'failed') reject(new Error(String(message.value)))
      })
      worker.once('exit', (code, signal) =>
        reject(new Error(`a worker ended with ${signal ?? code} before it listened`)),
      )
      worker.send({ cambist: 'begin', value: given?.value })
    })

  for (let index = 0; index < count; index++) fork()
  return {
    async begin(value) {
      given = { value }
      await Promise.all([...living.keys()].map(begun))
    },
    listening: () => [...living.values()].filter((state) => state.listening).length,
    async ask(question) {
      const answers = [...living.keys()].map(
        (worker) =>
          new Promise((resolve) => {
            const id = ++questions
            const late = setTimeout(resolve, ANSWER_WITHIN)
            pending.set(id, (value) => {
              clearTimeout(late)
              pending.delete(id)
              resolve(value)
            })
            worker.send({ cambist: 'ask', id, value: question })
          }),
      )
      return (await Promise.all(answers)).filter((answer) => answer !== undefined)
    },
    async stop() {
      stopping = true
      const gone = [...living.keys()].map(
        (worker) => new Promise<void>((resolve) => worker.once('exit', () => resolve())),
      )
      for (const worker of living.keys()) worker.send({ cambist: 'stop' })
      await Promise.all(gone)
    },
  }
}

export interface WorkerRole {
  /** Starts listening with what the primary gave. */
  begin(value: unknown): Promise<void>
  answer(question: string): Promise<unknown>
  /** Finishes what is under way. */
  stop(): Promise<void>
}

/** The worker's side: does what the primary says, and ends with it. */
export function beWorker(role: WorkerRole): void {
  const send = (message: Message) => process.send?.(message)
  // A terminal's Ctrl-C reaches the whole group; the primary decides when a worker stops.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
  process.on('disconnect', () => process.exit(1))
  process.on('message', (message) => {
    if (!isMessage(message)) return
    switch (message.cambist) {
      case 'begin':
        role.begin(message.value).then(
          () => send({ cambist: 'listening' }),
          (error: unknown) => {
            send({ cambist: 'failed', value: error instanceof Error ? error.message : String(error) })
            setTimeout(() => process.exit(1), 50)
          },
        )
        break
      case 'ask':
        void role
          .answer(String(message.value))
          .then((value) => send({ cambist: 'answer', value, ...(message.id === undefined ? {} : { id: message.id }) }))
        break
      case 'stop':
        void role.stop().finally(() => process.exit(0))
    }
  })
}
