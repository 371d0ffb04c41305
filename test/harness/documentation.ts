/**
 * npm run docs: writes the parts of the documentation that are made from the code. test/documentation.test.ts fails where
 * they differ, so that neither can drift from the other.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { roles } from '../../src/admin/contract.ts'
import { routesOf } from '../../src/admin/door.ts'
import { documentSchema } from '../../src/admin/openapi.ts'
import { documentKinds, formats } from '../../src/app.ts'
import { defaults, variables } from '../../src/config/environment.ts'
import { type AnyCredentialKind, CARRIED_TYPE } from '../../src/credentials/contract.ts'
import { API_VERSION } from '../../src/documents/contract.ts'
import { wireOf } from '../../src/oauth/refusals.ts'
import { Refusal, reasons } from '../../src/refusal.ts'
import type { TokenKind } from '../../src/tokens/contract.ts'
import * as presets from '../../src/trust/presets/index.ts'
import { type Accepted, acceptedSet, placeOf } from './accepted.ts'
import { conformance } from './conformance.ts'
import { fieldsOf } from './field-table.ts'

const ROOT = join(import.meta.dirname, '..', '..')

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')

const code = (text: string): string => `\`${text}\``

/** Credential kinds, presets and token kinds, from the registers. */
export function kinds(joined = formats): string {
  return [
    '**Credentials that come in**',
    table(
      ['`credential`', 'What it is', 'Presented as', 'Authenticates a client as'],
      joined.credentialKinds.map((kind) => [
        kind.builtIn === true ? `${code(kind.name)} (built in)` : code(kind.name),
        kind.summary,
        presentedAs(kind),
        listed([...new Set(kind.clientTypes?.values())].map(code)),
      ]),
    ),
    'Which `typ`, algorithms, audience and proof each place takes, and nothing else: [docs/credentials.md](docs/credentials.md).',
    '**Platforms known by a preset** (data, not code: `preset: NAME` in a `TrustedIssuer`, every value can be overridden)',
    table(
      ['`preset`', 'What it is'],
      Object.values(presets).map((preset) => [code(preset.name), preset.summary]),
    ),
    '**Tokens that go out**',
    table(
      ['`kind`', 'What it is', '`issued_token_type`', '`token_type`'],
      joined.tokenKinds.map((kind) => [
        code(kind.name),
        kind.summary,
        code(kind.tokenType.replace('urn:ietf:params:oauth:', '…')),
        code(kind.usage),
      ]),
    ),
  ].join('\n\n')
}

const listed = (names: readonly string[]): string => names.join(', ') || '–'
const short = (type: string): string => type.replace('urn:ietf:params:oauth:', '…')

/** Parameters with their types, header fields, the connection. */
function presentedAs({ tokenTypes, clientTypes, assertionTypes = [] }: AnyCredentialKind): string {
  const carried = new Set<string>(Object.values(CARRIED_TYPE))
  const [elsewhere, assertions] = [true, false].map((is) =>
    [...(clientTypes?.keys() ?? [])].filter((type) => carried.has(type) === is),
  ) as [string[], string[]]
  return [
    ...(tokenTypes.length === 0 ? [] : [`token of type ${tokenTypes.map((type) => code(short(type))).join(', ')}`]),
    ...assertions.map((type) => `\`client_assertion\` of type ${code(short(type))}`),
    ...(assertionTypes.length === 0 ? [] : ['`assertion`']),
    ...elsewhere.map((type) => placeOf({ position: 'client', type })),
  ].join('; ')
}

/** The accepted set for the position `client`, and for the others: one row for each credential in each place. */
export function accepted(of: 'client' | 'token', kinds = formats.credentialKinds): string {
  const rows = acceptedSet(kinds).filter(({ position }) => (position === 'client') === (of === 'client'))
  const last = of === 'client' ? ['On the record as'] : []
  return table(
    ['Presented as', '`credential`', 'Trusted by', '`typ`', 'Algorithms', 'Key proven by', 'Audience', 'Used', ...last],
    rows.map((row) => [
      placeOf(row),
      row.variant === '' ? code(row.kind.name) : `${code(row.kind.name)}, ${code(row.variant)}`,
      row.trustedBy,
      listed([...(row.header?.typ ?? [])].map((typ) => (typ === '' ? 'absent' : code(typ)))),
      listed([...(row.header?.algorithms ?? [])]),
      proofOf(row),
      audienceOf(row),
      row.kind.format === 'cms' ? 'once for each machine' : row.once ? 'once' : 'until it ends',
      ...(of === 'client' ? [code(row.authentication)] : []),
    ]),
  )
}

function proofOf({ kind, type, position }: Accepted): string {
  if (kind.format === 'x509') return 'TLS, with us or with a trusted proxy'
  if (kind.format === 'cms') return 'DPoP, or the certificate of the connection'
  if (kind.format === 'aws4-request') return 'nothing'
  if (kind.audience !== 'none') return 'nothing, or what `cnf` demands'
  switch (type) {
    case CARRIED_TYPE.clientAttestation:
      return kind.builtIn === true
        ? '`OAuth-Client-Attestation-PoP`, or DPoP by that key'
        : '`OAuth-Client-Attestation-PoP`'
    case CARRIED_TYPE.workloadIdentityToken:
      return '`Authorization: WPT`, or a message signature'
    default:
      return position === 'client' ? '–' : '`Authorization: WPT`, or the proof of the same token in a header'
  }
}

function audienceOf({ kind, position }: Accepted): string {
  if (kind.audience === 'none') return 'none'
  if (position === 'client' || kind.grantProfile !== undefined) return 'our issuer, alone'
  if (kind.name === 'transaction-token') return 'a trust domain'
  return kind.builtIn === true ? 'a resource server' : 'one of `audiences`, alone'
}

/** Every reason of a refusal, with what the workload is told. */
export function errors(): string {
  return table(
    ['On the record', 'Status', '`error`', '`error_description`'],
    reasons.map((reason) => {
      const { status, error, description } = wireOf(new Refusal(reason, ''))
      return [code(reason), String(status), code(error), description]
    }),
  )
}

export function configuration(): string {
  return table(
    ['Variable', 'Default', 'Meaning'],
    Object.entries(variables).map(([name, meaning]) => [
      code(name),
      defaults[name as keyof typeof defaults] ?? '–',
      meaning,
    ]),
  )
}

export function documents(): string {
  return table(
    ['`kind`', 'What it says', 'Written by'],
    documentKinds.map((kind) => [code(kind.kind), kind.summary, code(kind.writtenBy)]),
  )
}

/** The fields of a kind of document, with those of each token kind. */
export function fields(kind: string): string {
  return table(
    ['Field', 'Meaning'],
    fieldsOf(kind).map(({ path, of, meaning }) => [
      code(path),
      of.length === 0 ? meaning : `${listed(of.map(code))}: ${meaning}`,
    ]),
  )
}

/** What each role may do at the administrators' door, from its routes. */
export function doorRoles(): string {
  const routes = routesOf({ documentKinds, formats } as never)
  return table(
    ['Role', 'May, beside what the ones above may'],
    (['nobody', ...roles] as const).map((role) => [
      role === 'nobody' ? 'no token' : code(role),
      listed(
        routes
          .filter((route) => route.role === role)
          .map(({ method, path }) =>
            code(`${method.toUpperCase()} ${path.replace(/^\/admin\/v1/, '…').replace(/:(\w+)/g, '{$1}')}`),
          ),
      ),
    ]),
  )
}

/** Which text stands between which markers of which file. */
export const generated: readonly { readonly file: string; readonly name: string; readonly text: () => string }[] = [
  { file: 'README.md', name: 'kinds', text: () => kinds() },
  { file: 'docs/credentials.md', name: 'clients', text: () => accepted('client') },
  { file: 'docs/credentials.md', name: 'tokens', text: () => accepted('token') },
  { file: 'docs/errors.md', name: 'errors', text: errors },
  { file: 'docs/configuration.md', name: 'configuration', text: configuration },
  { file: 'docs/documents.md', name: 'documents', text: documents },
  ...['TrustedIssuer', 'Client', 'Target', 'Policy'].map((kind) => ({
    file: 'docs/documents.md',
    name: `fields of ${kind}`,
    text: () => fields(kind),
  })),
  { file: 'docs/administrators.md', name: 'roles', text: doorRoles },
  { file: 'docs/conformance.md', name: 'conformance', text: conformance },
]

/** The schema of every kind of document, for editors: of a document is asked what its `kind` says. */
export function editorSchema(): Readonly<Record<string, unknown>> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: `Documents of ${API_VERSION}`,
    oneOf: documentKinds.map(({ kind }) => ({ $ref: `#/$defs/${kind}` })),
    $defs: Object.fromEntries(documentKinds.map((kind) => [kind.kind, documentSchema(kind, formats)])),
  }
}

/** What tokens of a kind say, for whoever reads them. */
export const tokenSchema = ({ summary, claims }: TokenKind): Readonly<Record<string, unknown>> => {
  const { $schema, ...rest } = z.toJSONSchema(claims, { io: 'output' })
  return { $schema, title: summary, ...rest }
}

/** Files that are made from the code as a whole. */
export const generatedFiles: readonly { readonly file: string; readonly text: () => string }[] = [
  { file: 'docs/schemas/cambist-v1.json', text: () => `${JSON.stringify(editorSchema(), null, 2)}\n` },
  ...formats.tokenKinds.map((kind) => ({
    file: `docs/schemas/tokens/${kind.name}.json`,
    text: () => `${JSON.stringify(tokenSchema(kind), null, 2)}\n`,
  })),
]

export function writtenFile(file: string): string | undefined {
  const path = join(ROOT, file)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

const span = (name: string): RegExp => new RegExp(`(<!-- ${name}[^>]*-->\\n)[\\s\\S]*?(\\n?<!-- /${name} -->)`)

/** What stands between the markers now, or undefined where they are missing. */
export function written(file: string, name: string): string | undefined {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const match = span(name).exec(text)
  return match?.[0].slice((match[1] ?? '').length, match[0].length - (match[2] ?? '').length)
}

if (process.argv[1] === import.meta.filename) {
  for (const { file, name, text } of generated) {
    const path = join(ROOT, file)
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(
        span(name),
        (_all, begin: string, end: string) => `${begin}${text()}\n${end.trimStart()}`,
      ),
    )
    process.stdout.write(`${file}: ${name}\n`)
  }
  for (const { file, text } of generatedFiles) {
    mkdirSync(dirname(join(ROOT, file)), { recursive: true })
    writeFileSync(join(ROOT, file), text())
    process.stdout.write(`${file}\n`)
  }
}
