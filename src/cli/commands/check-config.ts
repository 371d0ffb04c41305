import { type Config, readConfig } from '../../config/config.ts'
import { readEnvironment } from '../../config/environment.ts'
import { checkSecrets } from '../../config/secrets.ts'
import { configured } from '../configured.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { type WithOutput, withOutput } from '../options.ts'
import { json, listing } from '../table.ts'

export const checkConfig: CliCommand = {
  name: 'check-config',
  summary: 'Check the server’s configuration, and show what it comes to; starts nothing',
  examples: [
    ['cambist check-config', 'exit code 78 where the server would not start'],
    ['CAMBIST_ISSUER=https://sts.example cambist check-config', 'tries a setting'],
  ],
  define(command, run) {
    withOutput(command).action((options: WithOutput) =>
      run((terminal) => {
        const { values, warnings } = readEnvironment()
        for (const warning of warnings) terminal.err(`warning: ${warning}\n`)
        const config = configured(() => readConfig(values))
        configured(() => checkSecrets(config))
        const settings = settingsOf(config)
        terminal.out(
          options.output === 'json' ? json({ settings: Object.fromEntries(settings), warnings }) : listing(settings),
        )
        return EXIT.done
      }),
    )
  },
}

/** Settings by the variables that set them. A database URL may hold a password, so only where it leads is shown. */
function settingsOf(config: Config): readonly (readonly [string, string])[] {
  const { admin, listen, tls } = config
  return [
    ['CAMBIST_ISSUER', config.issuer],
    ['CAMBIST_TRUST_DOMAIN', config.trustDomain],
    ['CAMBIST_HOSTS', [...config.hosts].join(',')],
    ['CAMBIST_LISTEN', `${listen.host}:${listen.port}${tls === undefined ? '' : ' (TLS)'}`],
    ['CAMBIST_ADMIN_LISTEN', `${admin.listen.host}:${admin.listen.port}${admin.tls === undefined ? '' : ' (TLS)'}`],
    ['CAMBIST_ADMIN_HOSTS', [...admin.hosts].join(',')],
    ['CAMBIST_ADMIN_AUDIENCE', admin.audience],
    ['CAMBIST_DPOP_NONCE', config.dpopNonce],
    [
      'DATABASE_URL',
      'url' in config.database ? withoutPassword(config.database.url) : `embedded in ${config.database.embeddedIn}`,
    ],
    ['CAMBIST_DATA_DIR', config.dataDir],
    ['CAMBIST_KEY_ENCRYPTION_KEY_FILES', config.keyEncryptionKeyFiles.join(',') || 'made in the data directory'],
    ['CAMBIST_ADMIN_TOKEN_FILE', config.adminTokenFile ?? 'made in the data directory'],
    ['CAMBIST_SECRETS_DIR', config.secretsDir ?? 'none'],
    ['CAMBIST_QUICKSTART', config.quickstart ? 'on' : 'off'],
    ['CAMBIST_WORKERS', String(config.workers)],
    ['CAMBIST_LOG_LEVEL', config.logLevel],
    ['CAMBIST_INSECURE_FETCH', [...config.insecureFetch].join(',') || 'none'],
  ]
}

function withoutPassword(text: string): string {
  try {
    const { protocol, host, pathname } = new URL(text)
    return `${protocol}//${host}${pathname}`
  } catch {
    return 'set'
  }
}
