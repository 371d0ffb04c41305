import { readFileSync } from 'node:fs'
import { type CliCommand, CommandFailure, EXIT, type Terminal } from '../contract.ts'
import type { Found } from '../discovering.ts'
import { nameOfError } from '../error-name.ts'
import { adding, type WithOutput, withOutput } from '../options.ts'
import { json, printable, table } from '../table.ts'

interface Options extends WithOutput {
  readonly bundle?: string
  readonly trustDomain?: string
  readonly audience?: readonly string[]
  readonly name?: string
  readonly ca?: string
}

export const discover: CliCommand = {
  name: 'discover',
  summary: 'Ask another domain what it publishes about itself, and propose documents; trusts and applies nothing',
  examples: [
    ['cambist discover https://login.example > issuer.yaml', 'an OpenID provider or authorization server'],
    [
      'cambist discover --bundle https://spire.example/bundle --trust-domain prod.example',
      'a SPIFFE bundle endpoint, and whose it is',
    ],
    ['cambist discover prod.example', 'a trust domain that publishes WIMSE metadata at its own name'],
    ['cambist apply -f issuer.yaml', 'afterwards, when the fingerprints have been compared: only this trusts'],
  ],
  define(command, run) {
    withOutput(command)
      .argument('[place]', 'https URL of an issuer, exactly as its tokens name it in iss, or name of a trust domain')
      .option('--bundle <url>', 'a SPIFFE bundle endpoint (https_web) instead')
      .option('--trust-domain <name>', 'the trust domain that the bundle is of')
      .option(
        '--audience <value>',
        'what credentials for us have in aud; again for several (default: our issuer)',
        adding,
      )
      .option('--name <name>', 'name of the proposed document')
      .option('--ca <file>', 'certificates (PEM) that the servers there are known by, instead of the system’s')
      .action((place: string | undefined, options: Options) =>
        run(async (terminal) => {
          const ca = options.ca === undefined ? {} : { ca: pemIn(options.ca) }
          const found = await foundAt(place, options, ca)
          const { proposed } = await import('../proposing.ts')
          const { exportYaml } = await import('../../documents/canonical.ts')
          const presets = await import('../../trust/presets/index.ts')
          const documents = proposed(found, {
            audiences: options.audience ?? [terminal.environment.issuer],
            presets: Object.values(presets),
            ...(options.name === undefined ? {} : { name: options.name }),
            ...ca,
          })
          const shown = await rowsOf(found)
          if (options.output === 'json') {
            const { what, name, metadataUrl, keysUrl, skipped, algorithms, sequence } = found
            const keys = shown.map(({ kid, use, algorithms: fit, fingerprint }) => ({
              kid,
              use,
              algorithms: fit,
              fingerprint,
            }))
            terminal.out(
              json({ found: { what, name, metadataUrl, keysUrl, sequence, algorithms, keys, skipped }, documents }),
            )
          } else {
            show(terminal, found, shown)
            terminal.out(`${NOTICE}${exportYaml(documents)}`)
          }
          if (documents.length > 0) return EXIT.done
          terminal.err('There is no key among them by which credentials could be verified here.\n')
          return EXIT.failed
        }),
      )
  },
}

const NOTICE = `# Proposed from what was published, and trusted by nobody until it is applied (cambist apply -f FILE).
# First compare the fingerprints with those that the other side tells you by another way.
`

async function foundAt(
  place: string | undefined,
  { bundle, trustDomain }: Options,
  ca: { readonly ca?: string },
): Promise<Found> {
  const discovering = await import('../discovering.ts')
  if (bundle !== undefined || trustDomain !== undefined) {
    if (bundle === undefined || trustDomain === undefined || place !== undefined)
      throw new CommandFailure('--bundle and --trust-domain stand together, and without a place.', EXIT.usage)
    return discovering.discoverBundle(bundle, trustDomain, { get: discovering.getterFor(bundle), ...ca })
  }
  if (place === undefined)
    throw new CommandFailure('Name an issuer, a trust domain, or --bundle with --trust-domain.', EXIT.usage)
  if (place.includes('://')) return discovering.discoverIssuer(place, { get: discovering.getterFor(place), ...ca })
  const get = discovering.getterFor(discovering.trustDomainUrl(place))
  return discovering.discoverTrustDomain(place, { get, ...ca })
}

interface Row {
  readonly kid: string
  readonly use: string
  readonly algorithms: readonly string[]
  readonly fingerprint: string
}

async function rowsOf({ keys }: Found): Promise<readonly Row[]> {
  const { fingerprintOf } = await import('../discovering.ts')
  return keys.map((one) => ({
    kid: one.kid ?? '',
    use: one.use,
    algorithms: [...(one.key?.algorithms ?? [])],
    fingerprint: fingerprintOf(one),
  }))
}

function show(terminal: Terminal, found: Found, rows: readonly Row[]): void {
  const titles = { issuer: 'Issuer', 'spiffe-bundle': 'Trust domain', 'wimse-trust-domain': 'Trust domain' }
  const lines = [
    `${titles[found.what]} ${found.name}${found.metadataUrl === undefined ? ', as you say' : `, by ${found.metadataUrl}`}`,
    `Keys from ${found.keysUrl}${found.sequence === undefined ? '' : `, sequence ${found.sequence}`}`,
    ...(found.algorithms.length === 0 ? [] : [`Signs with ${found.algorithms.join(', ')}`]),
  ]
  terminal.err(`${lines.map(printable).join('\n')}\n`)
  terminal.err(
    table(
      ['KID', 'USE', 'ALGORITHMS', 'FINGERPRINT (RFC 7638, OR SHA-256 OF THE CERTIFICATE)'],
      rows.map(({ kid, use, algorithms, fingerprint }) => [
        kid === '' ? '-' : kid,
        use === '' ? '-' : use,
        algorithms.length === 0 ? '-' : algorithms.join(' '),
        fingerprint,
      ]),
    ),
  )
  for (const phrase of found.skipped) terminal.err(`left out: ${printable(phrase)}\n`)
}

function pemIn(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandFailure(`The certificates cannot be read from ${file} (${nameOfError(error)}).`)
  }
  if (text.includes('-----BEGIN CERTIFICATE-----') && !text.includes('PRIVATE KEY')) return text
  throw new CommandFailure(`${file} does not hold certificates in PEM alone.`)
}
