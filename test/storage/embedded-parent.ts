import { startEmbedded } from '../../src/storage/embedded.ts'

/** Starts the embedded database, says where, and stays until it is killed or told to stop. */
const [, , directory = '', guard] = process.argv
try {
  const embedded = await startEmbedded({
    directory,
    durable: false,
    ...(guard === 'shell' ? { guard } : {}),
  })
  process.stdout.write(`${JSON.stringify({ pid: embedded.pid, connection: embedded.connection })}\n`)
  process.once('SIGTERM', () => void embedded.stop().then(() => process.exit(0)))
} catch (error) {
  process.stdout.write(`${JSON.stringify({ refused: (error as Error).message })}\n`)
  process.exitCode = 1
}
