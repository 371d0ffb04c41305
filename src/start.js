#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence instead of a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 22)) {
  process.stderr.write(
    `Cambist needs Node 24.22.1 or newer and was started with ${process.versions.node}; start it by npm (npm start), which brings its own on Linux, or install a newer Node.\n`,
  )
  process.exit(78)
}
const { enableCompileCache } = await import('node:module')
enableCompileCache()
// Sources in a checkout, built files once installed.
const entry = import.meta.url.endsWith('/src/start.js') ? './main.ts' : './main.js'
await import(entry)
