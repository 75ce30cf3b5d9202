// Goal: a command line is understood as people write it, and refused with help otherwise. Method:
// the whole program in this process, with a faked client.
import { describe, expect, test } from 'vitest'
import { formatOf } from '../../src/cli/run.ts'
import { QuorateError } from '../../src/errors.ts'
import { quorate } from './harness.ts'

const putting = { client: { put: async () => ({ verdict: 'applied', revision: 1 }) } }

describe('global options', () => {
  test.each([
    [['-e', 'a:1', '-o', 'json', 'put', 'k', 'v']],
    [['put', '-e', 'a:1', 'k', '-o', 'json', 'v']],
    [['put', 'k', 'v', '--endpoints=a:1', '--output=json']],
  ])('stand where you like: %j', async (arguments_) => {
    const ended = await quorate(arguments_, putting)
    expect(ended.code).toBe(0)
    expect(ended.connected?.endpoints).toEqual(['a:1'])
    expect(JSON.parse(ended.stdout)).toMatchObject({ verdict: 'applied' })
  })

  test('the time-out reaches the client', async () => {
    const ended = await quorate(['--timeout', '1.5s', 'put', 'k', 'v'], putting)
    expect(ended.connected?.options.timeout).toBe(1_500)
    const usual = await quorate(['put', 'k', 'v'], putting)
    expect(usual.connected?.options.timeout).toBe(5_000)
  })

  test('a key that looks like an option stands behind --', async () => {
    expect((await quorate(['put', '--', '-e', 'v'], putting)).code).toBe(0)
  })

  test.each([
    [['-o', 'yaml', 'status']],
    [['--consistency', 'eventual', 'get', 'k']],
    [['--timeout', 'soon', 'get', 'k']],
    [['-e', 'nowhere', 'get', 'k']],
  ])('%j is a usage error', async (arguments_) => {
    const ended = await quorate(arguments_)
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(/^error: .*\n {2}likely cause: .*\n {2}next: +quorate \w+ --help/)
  })
})

describe('wrong command lines', () => {
  test('an unknown command names a near one and exits with 2', async () => {
    const ended = await quorate(['stauts'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('Did you mean status?')
    expect((await quorate(['cluster', 'kil'])).stderr).toContain('Did you mean kill?')
  })

  test.each([
    [['get']],
    [['get', 'a', 'b']],
    [['put', 'k']],
    [['put', 'k', 'v', '--nonsense']],
    [['settings', 'set']],
  ])('%j exits with 2', async (arguments_) => {
    expect((await quorate(arguments_)).code).toBe(2)
  })

  test('under -o json a usage error is JSON as well', async () => {
    for (const flags of [['-o', 'json'], ['-ojson'], ['--output=json']]) {
      const ended = await quorate(['get', ...flags])
      expect(JSON.parse(ended.stderr)).toEqual({
        schema: 1,
        error: {
          code: 'QUORATE_USAGE',
          message: expect.stringContaining('missing required argument'),
          outcome: 'not-applied',
          retryable: false,
        },
      })
    }
  })

  test('the format is found on a line that cannot be parsed, but not behind --', () => {
    expect(formatOf(['x', '-o', 'json'])).toBe('json')
    expect(formatOf(['x', '-o', 'table', '-o', 'ndjson'])).toBe('ndjson')
    expect(formatOf(['x', '--', '-o', 'json'])).toBeUndefined()
    expect(formatOf(['x', '-o'])).toBeUndefined()
    expect(formatOf(['x', '-o', 'yaml'])).toBeUndefined()
  })
})

describe('help', () => {
  test('goes to stdout and is no error', async () => {
    for (const arguments_ of [['--help'], ['help'], ['help', 'put'], ['cluster', 'up', '-h']]) {
      const ended = await quorate(arguments_)
      expect(ended.code).toBe(0)
      expect(ended.stdout).toContain('Usage: quorate')
    }
    expect((await quorate(['put', '--help'])).stdout).toContain('--endpoints')
  })

  test('no command at all prints it on stderr and exits with 2', async () => {
    const ended = await quorate([])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('Usage: quorate')
  })

  test('the version', async () => {
    expect((await quorate(['--version'])).stdout).toBe('1.2.3\n')
  })
})

describe('an interrupted command', () => {
  const interrupted = AbortSignal.abort()
  const failing = (error: QuorateError): object => ({
    put: async () => {
      throw error
    },
  })

  test('is silent where nothing was left in doubt', async () => {
    const error = new QuorateError('QUORATE_ABORTED', 'given up')
    const ended = await quorate(['put', 'k', 'v'], { client: failing(error), signal: interrupted })
    expect(ended.stderr).toBe('')
  })

  test('says so where a write may have happened', async () => {
    const error = new QuorateError('QUORATE_ABORTED', 'x', { outcome: 'unknown', attempts: 1 })
    const ended = await quorate(['put', 'k', 'v'], { client: failing(error), signal: interrupted })
    expect(ended.stderr).toContain('the write may have happened')
  })
})
