/**
 * Goal: a seed means the same lifetime, whoever lives it, whatever was lived before it, and how many
 * live at once; and the command keeps its promises to scripts: last line, exit codes, a trace.
 * Method: the built command, as `npm run sim` calls it, over short lifetimes. Needs the build.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const main = resolve('build/sim/test/sim/main.js')
const folder = mkdtempSync(join(tmpdir(), 'quorate-sim-'))

afterAll(() => rmSync(folder, { recursive: true }))

/** A loaded machine is no reason to fail. */
const patienceMs = 240_000

interface Ran {
  readonly code: number | null
  readonly out: readonly string[]
  readonly err: string
}

function sim(...args: string[]): Promise<Ran> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [main, ...args])
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    child.on('error', reject)
    child.on('close', (code) => done({ code, out: out.trimEnd().split('\n'), err }))
  })
}

describe('a seed', () => {
  it(
    'gives the same hash in any company, forwards and backwards',
    async () => {
      const range = ['--seeds', '3', '--seconds', '3', '--nodes', '3', '--no-shrink']
      const alone = await sim(...range, '--workers', '1')
      const together = await sim(...range, '--workers', '3', '--twice')
      expect(alone.out.at(-1)).toMatch(/^seeds 1\.\.3 ok 3 failed 0 hash [0-9a-f]{16}$/)
      expect(together.out.at(-1)).toBe(alone.out.at(-1))
      expect([alone.code, together.code]).toEqual([0, 0])
      expect(alone.err).toContain('3 of 3 seeds')
    },
    patienceMs,
  )

  it(
    'gives another hash than its neighbour, and is the same with and without a trace',
    async () => {
      const file = join(folder, 'trace')
      const traced = await sim('--seed', '7', '--seconds', '3', '--trace', file)
      const plain = await sim('--seed', '7', '--seconds', '3')
      const other = await sim('--seed', '8', '--seconds', '3')
      expect(plain.out.at(-1)).toMatch(/^seeds 7\.\.7 ok 1 failed 0 hash /)
      expect(traced.out).toEqual(plain.out)
      expect(hashOf(other)).not.toBe(hashOf(plain))
      expect(readFileSync(file, 'utf8').split('\n').length).toBeGreaterThan(100)
    },
    patienceMs,
  )
})

describe('the command', () => {
  it('shows what was drawn before anything else', async () => {
    const { out } = await sim('--seed', '5', '--seconds', '1', '--nodes', '4')
    expect(out[0]).toBe('seed 5')
    expect(out[1]).toContain('nodes 4')
  })

  it('ends with 2 and says why where it is told what makes no sense', async () => {
    const { code, out, err } = await sim('--seeds', 'many')
    expect([code, out.join('')]).toEqual([2, ''])
    expect(err).toContain('whole number')
    const missing = await sim('--known', join(folder, 'missing'))
    expect([missing.code, missing.out.join('')]).toEqual([2, ''])
  })

  it('shows a failure, how to see it again, and its trace, and ends with its exit code', async () => {
    const file = join(folder, 'failure')
    const args = ['--seed', '3', '--seconds', '2', '--no-shrink', '--swarm', '{"nodes":0}']
    const { code, out } = await sim(...args, '--trace', file)
    expect(code).toBe(10)
    expect(out.at(-1)).toMatch(/^seeds 3\.\.3 ok 0 failed 1 hash [0-9a-f]{16}$/)
    expect(out.join('\n')).toContain('seed 3 FAILED (crash, crash)')
    expect(out).toContain(`replay: npm run sim -- --seed 3 --seconds 2 --swarm '{"nodes":0}'`)
    expect(out.join('\n')).toContain(`its trace is in ${file}`)
  })
})

function hashOf({ out }: Ran): string | undefined {
  return out.at(-1)?.split(' ').at(-1)
}
