import { describe, expect, it } from 'vitest'
import { FetchFailure } from '../../../src/trust/fetch-failure.ts'
import { secretsDir } from '../../../src/trust/secrets-dir.ts'

const directory = (files: Record<string, string>) =>
  secretsDir('/secrets', async (file) => {
    const text = files[file]
    if (text === undefined) throw new Error('ENOENT')
    return text
  })

describe('a secret', () => {
  it('has its token in one file and its host in another', async () => {
    const find = directory({ '/secrets/reader': 'abc.def-_~+/==\n', '/secrets/reader.host': 'keys.example:6443\n' })
    const { host, token } = await find('reader')
    expect(host).toBe('keys.example:6443')
    expect(token.reveal()).toBe('abc.def-_~+/==')
    expect(JSON.stringify({ token })).not.toContain('abc')
  })

  it('is read anew for each use', async () => {
    const files = { '/secrets/reader': 'one', '/secrets/reader.host': 'keys.example' }
    const find = directory(files)
    await find('reader')
    files['/secrets/reader'] = 'two'
    expect((await find('reader')).token.reveal()).toBe('two')
  })

  it.each([
    ['no host', { '/secrets/reader': 'marker' }, 'reader.host'],
    ['no token', { '/secrets/reader.host': 'keys.example' }, 'the file reader in'],
    ['an empty token', { '/secrets/reader': '\n', '/secrets/reader.host': 'keys.example' }, 'bearer token'],
    [
      'a token of two lines',
      { '/secrets/reader': 'marker\r\nx-evil: 1', '/secrets/reader.host': 'keys.example' },
      'bearer token',
    ],
    ['a URL as host', { '/secrets/reader': 'marker', '/secrets/reader.host': 'https://keys.example' }, 'one host'],
    ['two hosts', { '/secrets/reader': 'marker', '/secrets/reader.host': 'a.example\nb.example' }, 'one host'],
    ['a pattern as host', { '/secrets/reader': 'marker', '/secrets/reader.host': '*' }, 'one host'],
  ])('with %s fails, and is not shown', async (_what, files, message) => {
    const error = await directory(files)('reader').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FetchFailure)
    expect((error as FetchFailure).code).toBe('secret')
    expect((error as FetchFailure).message).toContain(message)
    expect((error as FetchFailure).message).not.toContain('marker')
  })

  it.each(['../reader', 'reader.host', '/etc/passwd', '', 'a\0b', 'READER'])('is not found by %j', async (name) => {
    const find = directory({ '/reader': 'x', '/secrets/reader': 'x', '/secrets/reader.host': 'keys.example' })
    await expect(find(name)).rejects.toThrow('something that is no name')
  })

  it('needs CAMBIST_SECRETS_DIR', async () => {
    await expect(secretsDir(undefined)('reader')).rejects.toThrow('CAMBIST_SECRETS_DIR is not set')
  })
})
