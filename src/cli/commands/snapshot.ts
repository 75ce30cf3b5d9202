/** `quorate snapshot`: backups. */
import { Command } from 'commander'
import type { Cli } from '../io.ts'
import { snapshotInspectCommand } from './snapshot-inspect.ts'
import { snapshotRestoreCommand } from './snapshot-restore.ts'
import { snapshotSaveCommand } from './snapshot-save.ts'
import { snapshotVerifyCommand } from './snapshot-verify.ts'

/** Declares the group. */
export function snapshotCommand(cli: Cli): Command {
  return new Command('snapshot')
    .summary('back up and restore')
    .description(
      'Backups: the whole state of a cluster at one revision, tokens included, as one file with ' +
        'checksums; and new clusters made from one.',
    )
    .addCommand(snapshotSaveCommand(cli))
    .addCommand(snapshotVerifyCommand(cli))
    .addCommand(snapshotInspectCommand(cli))
    .addCommand(snapshotRestoreCommand(cli))
}
