/**
 * Goal: the load generator for the peer builds, its own tests hold, it refuses what it cannot do,
 * and what it encodes is what the bench decodes.
 * Method: Go is asked to build and test it. Where there is no Go, or its modules cannot be had, or
 * a first build takes longer than a test may, that part is left out and the reason is printed: a
 * machine without Go is still one on which everything else must pass. No etcd is needed.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { decodeFromCompressedBase64 } from 'hdr-histogram-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const sources = resolve(import.meta.dirname, '../../bench/etcd')
const directory = mkdtempSync(join(tmpdir(), 'quorate-etcd-load-'))
const program = join(directory, 'etcd-load')

/** How a program ended; `code` is null where a signal ended it. */
interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What Go says where the fault is not in our sources: no module, no network, a Go too old. */
const notOurs =
  /dial tcp|no such host|lookup .* on |i\/o timeout|connection refused|proxyconnect|TLS handshake|x509:|module lookup disabled|Service Unavailable|Bad Gateway|Forbidden|running go \d|unknown directive|toolchain not available|GOCACHE is not defined|module cache not found/

/**
 * Go in the folder of the sources; a string is why this is left out. At the deadline it is
 * interrupted together with its compilers; what they leave goes with our own directory.
 */
async function go(args: readonly string[], msMax: number): Promise<Outcome | string> {
  // Never another Go than the one that is there: that would be a large download in a test.
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOTMPDIR: directory }
  // A process group of its own, so that the signal reaches the compilers as well.
  const child = spawn('go', args, { cwd: sources, env, detached: true })
  let late = false
  const deadline = setTimeout(() => {
    late = true
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
  }, msMax)
  try {
    const ended = await outcomeOf(child)
    if (late) return `go ${args[0]} takes longer than ${msMax} ms here`
    return ended.code !== 0 && notOurs.test(ended.stderr) ? firstLines(ended.stderr) : ended
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return 'there is no Go'
    throw error
  } finally {
    clearTimeout(deadline)
  }
}

/** Rejects where the program cannot be started. */
async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return await new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) => done({ code, stdout, stderr }))
  })
}

function firstLines(text: string): string {
  const lines = text.split('\n').filter((line) => !line.startsWith('go: downloading'))
  return lines.slice(0, 3).join(' | ')
}

/** The generator itself, with `input` on stdin. */
async function load(args: readonly string[], input = ''): Promise<Outcome> {
  const child = spawn(program, args, { timeout: 10_000 })
  // A program that refuses its arguments ends before it has read its input.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return await outcomeOf(child)
}

/** Why all that needs the program is left out; undefined once it is there. */
let leftOut: string | undefined = 'it was not built yet'

beforeAll(async () => {
  // No look at the repository: Go fails in one that belongs to another user.
  const built = await go(['build', '-buildvcs=false', '-o', program, '.'], 9_000)
  if (typeof built === 'string') {
    leftOut = built
    console.warn(`The load generator for etcd is left out: ${built}`)
    return
  }
  leftOut = undefined
  expect(built).toMatchObject({ code: 0, stderr: '' })
}, 20_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe("the load generator on etcd's client", () => {
  test('is in order for go vet', async (context) => {
    context.skip(leftOut !== undefined, leftOut)
    const said = await go(['vet', '.'], 5_000)
    if (typeof said === 'string') context.skip(said)
    expect(said).toMatchObject({ code: 0, stderr: '' })
  })

  test('passes its own tests', async (context) => {
    context.skip(leftOut !== undefined, leftOut)
    const said = await go(['test', '-vet=off', '.'], 5_000)
    if (typeof said === 'string') context.skip(said)
    expect(said).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok/) })
  })

  test.for([
    { args: [], says: '--endpoints is missing' },
    { args: ['--status'], says: '--endpoints is missing' },
    { args: ['--endpoints', '127.0.0.1'], says: '"127.0.0.1" is not host:port' },
    { args: ['--endpoints', 'a:1,,b:2'], says: '"" is not host:port' },
    { args: ['--endpoints', 'a:1', 'b:2'], says: '"b:2" is not expected' },
    { args: ['--speed', '3', '--endpoints', 'a:1'], says: 'not defined: -speed' },
  ])('refuses $args', async ({ args, says }, context) => {
    context.skip(leftOut !== undefined, leftOut)
    const ended = await load(args)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(says)
    expect(ended.stderr).toContain('usage: etcd-load')
  })

  test('answers a job that is wrong with its error, and takes the next one', async (context) => {
    context.skip(leftOut !== undefined, leftOut)
    const jobs = ['no job', '', '{"op":"drop"}', '{"op":"put","inFlight":0}']
    const ended = await load(['--endpoints', '127.0.0.1:1'], jobs.map((job) => `${job}\n`).join(''))
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const answers: unknown[] = ended.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(answers).toEqual([
      { error: expect.stringContaining('the job is not what it should be') },
      { error: 'op is "drop", not one that is known' },
      { error: 'inFlight is not a whole number from 1 to 20000' },
    ])
  })

  test('says of a cluster that is not there that it is not there', async (context) => {
    context.skip(leftOut !== undefined, leftOut)
    // Port 1 is for a service that nobody runs any more, and ordinary users cannot listen on it.
    const asked = await load(['--status', '--endpoints', '127.0.0.1:1'])
    expect(asked.code).toBe(5)
    expect(JSON.parse(asked.stdout)).toEqual([
      expect.objectContaining({
        endpoint: '127.0.0.1:1',
        leader: false,
        error: expect.any(String),
      }),
    ])
  })
})

test('a histogram of the Go library is read by ours', () => {
  // What `newHistogram()` of tally.go encodes after 1, 250 (three times), 1,000 and 60,000,000.
  const encoded = 'HISTFAAAAC942pJpmSzMwMDAwwABzFCaEcyZ3M5g/wEqwvSeme0mN9PvP4xMgAAAAP//idoHfQ=='
  const histogram = decodeFromCompressedBase64(encoded)
  expect(histogram.totalCount).toBe(6)
  expect(histogram.minNonZeroValue).toBe(1)
  expect(histogram.getValueAtPercentile(50)).toBe(250)
  expect(histogram.getValueAtPercentile(80)).toBe(1_000)
  // To three digits.
  expect(Math.abs(histogram.getValueAtPercentile(100) / 60_000_000 - 1)).toBeLessThan(0.001)
})
