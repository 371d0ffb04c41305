/** Start: one sentence for whatever prevents it, and the exit code that says which kind of trouble it was. */
import { run } from './cli/main.ts'

process.exitCode = await run(process.argv.slice(2))
