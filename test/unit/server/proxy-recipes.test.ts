import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/config/config.ts'
import { readEnvironment } from '../../../src/config/environment.ts'
import { readers } from '../../../src/server/certificate-header.ts'
import { certificateHeaderNames } from '../../../src/server/client-certificate.ts'

const PAGES = join(import.meta.dirname, '..', '..', '..', 'docs', 'recipes')
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '')
const pairs = (block: string, separator: string): Record<string, string> =>
  Object.fromEntries(
    block
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(separator)), line.slice(line.indexOf(separator) + separator.length)]),
  )

describe.each([
  { page: 'nginx', form: 'nginx', language: 'nginx' },
  { page: 'envoy', form: 'xfcc', language: 'yaml' },
  { page: 'haproxy', form: 'rfc9440', language: 'haproxy' },
] as const)('docs/recipes/$page.md', ({ page, form, language }) => {
  const text = readFileSync(join(PAGES, `${page}.md`), 'utf8')

  it('configures Cambist without a fault', () => {
    const { values, warnings } = readEnvironment(pairs(blocks(text, 'sh')[0] ?? '', '='))
    expect(warnings).toEqual([])
    expect(readConfig(values).clientCertificates).toMatchObject({ header: form, url: 'https://mtls.cambist.example' })
  })

  it('shows what arrives as it is read', () => {
    const samples = blocks(text, 'http').map((block) => pairs(block, ': '))
    expect(samples.length).toBeGreaterThan(0)
    const { names, read } = readers[form]
    for (const sample of samples) {
      const headers = new Map(Object.entries(sample).map(([name, value]) => [name.toLowerCase(), value]))
      expect(names).toEqual(expect.arrayContaining([...headers.keys()]))
      const chain = read(headers.get(names[0]) ?? '', headers.get(names[1] ?? '')).map(
        (der) => new X509Certificate(der),
      )
      expect(chain[0]?.subjectAltName).toBe('URI:spiffe://prod.example/ns/shop/sa/checkout')
      const behind = chain.slice(1).map(({ subject }) => subject)
      expect(behind).toEqual(/chain/i.test(JSON.stringify(sample)) ? ['CN=Shop CA'] : [])
    }
  })

  it('HC-03, HP-02, NG-05: has the proxy delete or replace every name that is known', () => {
    const [configuration = ''] = blocks(text, language)
    const patterns = [...configuration.matchAll(/del-header (\S+) -m reg/g)].map(
      ([, source]) => new RegExp(source ?? ''),
    )
    const left = certificateHeaderNames.filter(
      (name) =>
        !new RegExp(`(^|\\s)${name}(\\s|$)`, 'im').test(configuration) &&
        !patterns.some((pattern) => pattern.test(name) && pattern.test(name.replaceAll('-', '_'))) &&
        !(name === 'x-forwarded-client-cert' && configuration.includes('forward_client_cert_details: SANITIZE_SET')),
    )
    expect(left).toEqual([])
  })
})
