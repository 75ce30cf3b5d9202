/**
 * `npm run bench:budget`: the CPU time of one put, stage by stage, beside the floor of what the
 * libraries and the disk take for the same.
 */
import { Command, InvalidArgumentError } from 'commander'
import { thisMachine } from '../measure/machine.ts'
import { tmpdir } from 'node:os'
import { costOf, type Cost } from './measure.ts'
import { floorsOf } from './floors.ts'
import { Material, stagesOf } from './stages.ts'

interface Options {
  readonly puts: number
  readonly group: number
  readonly valueBytes: number
  readonly passes: number
  readonly token?: true
}

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`A whole number from ${least} to ${most}.`)
  }

const command = new Command('npm run bench:budget --')
  .description('What one put costs, stage by stage, in CPU time.')
  .option('--puts <n>', 'puts of one pass', whole(1, 1_000_000), 50_000)
  .option('--group <n>', 'puts that travel together', whole(1, 500), 64)
  .option('--value-bytes <n>', 'bytes of a value', whole(1, 65_536), 256)
  .option('--passes <n>', 'passes, of which the median counts', whole(1, 100), 5)
  .option('--token', 'each put with a caller’s token')
  .parse()

const options = command.opts<Options>()
const { puts, group, valueBytes, passes, token } = options
const material = new Material({ puts, group, valueBytes, withToken: token === true })
const costs: Cost[] = []
for (const stage of [...stagesOf(material), ...floorsOf(material)]) {
  costs.push(await costOf(stage, puts, passes))
}
const { cores, node, cpu } = thisMachine(tmpdir())
const what = token === true ? 'with a token' : 'without a token'
process.stdout.write(
  `${puts} puts of ${valueBytes} B ${what}, ${group} together; median of ${passes} passes; ${cores} cores (${cpu}), Node.js ${node}\n\n`,
)
process.stdout.write('WHERE      CPU us  ELAPSED us  WHAT\n')
for (const { where, name, cpuMicros, elapsedMicros } of costs) {
  const cpuText = cpuMicros.toFixed(2).padStart(6)
  const elapsedText = elapsedMicros.toFixed(2).padStart(10)
  process.stdout.write(`${where.padEnd(9)}  ${cpuText}  ${elapsedText}  ${name}\n`)
}
