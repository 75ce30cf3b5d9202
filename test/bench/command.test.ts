/**
 * Goal: arguments lead to the run that they name, and wrong ones to a clear error and exit code 2.
 * Method: arguments of each kind.
 */
import { describe, expect, test } from 'vitest'
import { parseArguments, type BenchOptions, type Parsed } from '../../bench/command.ts'
import { scenarios } from '../../bench/scenarios.ts'

function run(...args: string[]): BenchOptions {
  const parsed = parseArguments(args)
  if (parsed.kind !== 'run') throw new Error(parsed.text)
  return parsed.options
}

function said(...args: string[]): Extract<Parsed, { kind: 'said' }> {
  const parsed = parseArguments(args)
  if (parsed.kind !== 'said') throw new Error('it would run')
  return parsed
}

const names = (options: BenchOptions): string[] => options.scenarios.map(({ name }) => name)

describe('scenarios', () => {
  test('all of them by default, ours alone, five rounds of five seconds', () => {
    const options = run()
    expect(names(options)).toEqual(scenarios.map(({ name }) => name))
    expect(options).toMatchObject({
      peer: undefined,
      rounds: 5,
      seconds: 5,
      warmupSeconds: 2,
      settleSeconds: 15,
      short: false,
    })
  })

  test('run in their own order, each once', () => {
    expect(names(run('get-1', 'put-64', 'get-1'))).toEqual(['put-64', 'get-1'])
  })

  test('bring along what they build upon', () => {
    expect(names(run('open-half'))).toEqual(['put-256', 'open-half'])
  })

  test('have names of their own', () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length)
  })

  test('that are unknown are an error', () => {
    expect(said('put-64', 'put-65')).toEqual({
      kind: 'said',
      text: "error: there is no scenario 'put-65'; --list names them\n",
      exitCode: 2,
    })
  })
})

test('--short is four scenarios, one round of two seconds, unless said otherwise', () => {
  expect(names(run('--short'))).toEqual(['put-64', 'put-256', 'put-token-256', 'get-64'])
  expect(run('--short')).toMatchObject({ rounds: 1, seconds: 2, settleSeconds: 3, short: true })
  expect(run('--short', '--seconds', '0.3')).toMatchObject({ seconds: 0.3, warmupSeconds: 0.3 })
  expect(names(run('--short', 'get-1'))).toEqual(['get-1'])
})

test('options are taken', () => {
  const args = [
    '--peer',
    'etcd',
    '--peer-growth',
    '--out',
    'there',
    '--data-dir',
    'd',
    '--rounds',
    '3',
    '--kills',
    '2',
    '--rows-max',
    '500',
    '--warmup',
    '1',
    '--settle',
    '0.5',
  ]
  expect(run(...args)).toMatchObject({
    peer: 'etcd',
    peerGrowth: true,
    out: 'there',
    dataDir: 'd',
    rounds: 3,
    kills: 2,
    rowsMost: 500,
    warmupSeconds: 1,
    settleSeconds: 0.5,
  })
})

test.each([
  [['--rounds', '0']],
  [['--rounds', '1.5']],
  [['--seconds', '0']],
  [['--seconds', '-1']],
  [['--seconds', '4000']],
  [['--peer', 'zookeeper']],
  [['--nonsense']],
])('%j is a usage error', (args) => {
  const { text, exitCode } = said(...args)
  expect(text).toMatch(/^error: /)
  expect(exitCode).toBe(2)
})

test('help and the list are no errors', () => {
  expect(said('--help').exitCode).toBe(0)
  expect(said('--help').text).toContain('--peer-growth')
  const { text, exitCode } = said('--list')
  expect(exitCode).toBe(0)
  expect(text.split('\n').length - 1).toBe(scenarios.length)
})
