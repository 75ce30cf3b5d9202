/**
 * Goal: the command line means what it says, and what makes no sense is refused. Method: command
 * lines in, options or the text of the refusal out.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { knownRequests } from './known.ts'
import { parseOptions, replayCommand } from './options.ts'
import type { SimOptions } from './options.ts'

function options(line: string): SimOptions {
  const parsed = parseOptions(
    line.split(' ').filter((word) => word !== ''),
    2,
  )
  if (parsed.type !== 'run') throw new Error(parsed.text)
  return parsed.options
}

describe('the command line', () => {
  it.each([
    ['', 1, 100],
    ['--seed 7', 7, 1],
    ['--seeds 500', 1, 500],
    ['--seeds 5 --seed 7', 7, 5],
    ['--seeds 5 --from 9', 9, 5],
    ['--minutes 5 --from 9', 9, undefined],
  ])('%s: from %i, %s lifetimes', (line, from, count) => {
    expect(options(line)).toMatchObject({ from, count, workers: 2, shrink: true, twice: false })
  })

  it('reads what lifetimes have in common', () => {
    const line =
      '--seed 1 --nodes 5 --seconds 20 --faults rot,kill --keep 3,1 --codecs --swarm {"delayMs":2}'
    expect(options(line).common).toEqual({
      nodes: 5,
      seconds: 20,
      faults: ['rot', 'kill'],
      keep: [3, 1],
      codecs: true,
      swarm: { delayMs: 2 },
    })
    expect(options('--seed 1 --faults none --keep none').common).toEqual({ faults: [], keep: [] })
  })

  it.each([
    ['--seed x', 'whole number'],
    ['--seed -1', 'whole number'],
    ['--seed 4294967296', 'whole number'],
    ['--seeds 0', 'whole number'],
    ['--nodes 8', 'from 1 to 7'],
    ['--minutes 0', 'number of minutes'],
    ['--faults kill,sabotage', 'sabotage'],
    ['--keep 1,,2', 'whole number'],
    ['--swarm {', 'not JSON'],
    ['--swarm [1]', 'must be an object'],
    ['--swarm {"size":1}', 'There is no option size'],
    ['--seeds 2 --trace file', '--trace needs'],
    ['--keep 1', '--keep needs'],
    ['--seeds 2 --minutes 1', 'exclude'],
    ['--seed 2 --from 1', 'exclude'],
    ['--from 4294967295 --seeds 2', 'seeds end at'],
    ['--frobnicate', 'unknown option'],
    ['more', 'too many arguments'],
  ])('%s is a usage error', (line, text) => {
    const parsed = parseOptions(line.split(' '), 2)
    expect(parsed.type).toBe('usage')
    expect(parsed.type === 'run' ? '' : parsed.text).toContain(text)
  })

  it('has a help text', () => {
    const parsed = parseOptions(['--help'], 2)
    expect(parsed.type === 'help' && parsed.text).toContain('--seeds')
  })

  it('a replay command means the same lifetime', () => {
    const line = '--seed 9 --nodes 5 --seconds 20 --faults rot,kill --keep none --codecs'
    const { common, from } = options(line)
    const request = { ...common, seed: from, swarm: { delayMs: 2, faults: ['kill'] as const } }
    const command = replayCommand(request)
    expect(command.startsWith('npm run sim -- ')).toBe(true)
    const again = options(command.replace('npm run sim -- ', '').replaceAll("'", ''))
    expect({ ...again.common, seed: again.from }).toEqual(request)
  })
})

describe('known lifetimes', () => {
  it('are read line by line, without comments', () => {
    const text = '# all\n\n--seed 4 --nodes 5 # it lost a vote\n  --seed 7\n'
    expect(knownRequests(text)).toEqual([{ seed: 4, nodes: 5 }, { seed: 7 }])
  })

  it('are kept in a file that is read in every run', () => {
    const text = readFileSync('test/sim/runner/known-seeds.txt', 'utf8')
    expect(Array.isArray(knownRequests(text))).toBe(true)
  })

  it.each(['--seeds 4', '--seed x', 'seed 4'])('%s is refused with its line', (line) => {
    expect(() => knownRequests(`--seed 1\n${line}`)).toThrow('line 2')
  })
})
