/** `quorate snapshot restore`. */
import { Command, Option } from 'commander'
import { usageError } from '../../errors.ts'
import { addExamples, beginRun } from '../command.ts'
import type { Cli } from '../io.ts'
import { parseNodeId, parsePeers } from '../parsers.ts'
import type { RestoreFlags } from '../restore.ts'

/** Declares it. */
export function snapshotRestoreCommand(cli: Cli): Command {
  const command = new Command('restore')
    .summary('make a new cluster from a backup')
    .description(
      'Makes the data directory of one node of a new cluster from a snapshot file; it is run once ' +
        'for each node, each time with the same file, --cluster, --peers and --clients: the id of ' +
        'the new cluster is made from them, so that nodes which were given different ones refuse ' +
        'each other. The cluster may have any number of nodes. It has a new id, keeps tokens and ' +
        'sessions, and goes on 1,000,000 revisions and log entries further, so that no number is ' +
        'used twice. As a last resort, ' +
        'where a majority is lost for good and there is no backup, --force-new-cluster makes a ' +
        'cluster of one node from the data directory of a survivor, and says what may be lost.',
    )
    .argument('[file]', 'a file that snapshot save wrote; not with --force-new-cluster')
    .addOption(new Option('--id <id>', "this node's name").argParser(parseNodeId))
    .option('--data-dir <dir>', 'the directory to set up; it is made')
    .option('--cluster <name>', 'a name for the new cluster, one that was not used before')
    .option(
      '--cluster-id <id>',
      "the new cluster's id (default: made from name, members and file); given, it says nothing of " +
        'them, and nodes that were given different ones do not refuse each other',
    )
    .addOption(
      new Option(
        '--peers <list>',
        'peer addresses of all members, this node included: n1=10.0.0.1:7201,n2=…',
      ).argParser(parsePeers),
    )
    .addOption(
      new Option(
        '--clients <list>',
        'client addresses of the members, to tell clients about: n1=10.0.0.1:7101,…',
      ).argParser(parsePeers),
    )
    .option(
      '--force-new-cluster',
      'from a survivor instead of a file; acknowledged writes may be lost',
    )
    .option('--from <dir>', 'with --force-new-cluster: the data directory of the survivor, stopped')
    .option('--yes', 'with --force-new-cluster: do it')
    .action(async (file: string | undefined, flags: RestoreFlags) => {
      const run = beginRun(cli, command)
      const { forceFrom, restoreFrom } = await import('../restore.ts')
      if (flags.forceNewCluster === true) {
        if (file !== undefined) {
          throw usageError('a restore is from a file, or with --force-new-cluster --from <dir>')
        }
        await forceFrom(run, flags)
        return
      }
      if (flags.from !== undefined || flags.yes !== undefined) {
        throw usageError('--from and --yes belong to --force-new-cluster')
      }
      if (file === undefined) throw usageError('name the snapshot file')
      await restoreFrom(run, file, flags)
    })
  return addExamples(command, [
    [
      'the first of three nodes; the others with their own --id',
      'quorate snapshot restore backup.snap --id n1 --data-dir /var/lib/quorate \\\n' +
        '    --cluster market-2 --peers n1=10.0.0.1:7201,n2=10.0.0.2:7201,n3=10.0.0.3:7201',
    ],
    [
      'nothing but one survivor is left; without --yes it only tells what that costs',
      'quorate snapshot restore --force-new-cluster --from /var/lib/quorate \\\n' +
        '    --data-dir /var/lib/quorate-2 --cluster market-2 --yes',
    ],
  ])
}
