/**
 * Goal: `quorate chaos run` breaks a real cluster, judges it and leaves nothing behind, also when it
 * is interrupted. Method: the built command, short runs of three nodes; processes are looked for by
 * the directory that their command lines name.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { processesOf, quorate, temporaryDirectory, until } from './harness.ts'

const launcher = resolve(import.meta.dirname, '../../bin/quorate.js')

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

interface Record {
  readonly verdict: string
  readonly reasons: readonly string[]
  readonly interrupted: boolean
  readonly faults: readonly { readonly nemesis: string; readonly seen?: string }[]
  readonly availability: { readonly ok: number; readonly lost: number }
}

function recordOf(path: string): Record {
  return JSON.parse(readFileSync(join(path, 'run.json'), 'utf8')) as Record
}

const scene = '--nodes 3 --rate 100 --clients 6 --workload register'.split(' ')

describe('quorate chaos run', () => {
  test('kills and isolates, checks, reports, and leaves nothing running', async () => {
    const faults = '--nemesis kill,isolate-leader --time 5 --every 300ms --seed 1'.split(' ')
    const { code, stderr, stdout } = await quorate([
      'chaos', 'run', ...scene, ...faults, '--out', directory.path,
    ]) // prettier-ignore

    const told = `${stderr}\n${stdout.toString()}`
    expect([code, told]).toEqual([0, told])
    const record = recordOf(directory.path)
    expect(record).toMatchObject({ verdict: 'ok', reasons: [], interrupted: false })
    expect(new Set(record.faults.map(({ nemesis }) => nemesis))).toEqual(
      new Set(['kill', 'isolate-leader']),
    )
    expect(record.faults.every(({ seen }) => seen !== undefined)).toBe(true)
    expect(record.availability.ok).toBeGreaterThan(100)
    expect(readdirSync(directory.path).sort()).toEqual([
      'history.jsonl',
      'logs',
      'report.html',
      'run.json',
    ])
    expect(readdirSync(join(directory.path, 'logs')).sort()).toEqual(['n1.log', 'n2.log', 'n3.log'])
    expect(processesOf(directory.path)).toEqual([])
    const checked = await quorate(['check', join(directory.path, 'history.jsonl'), '-o', 'json'])
    expect(checked.code).toBe(0)
  })

  test('an interruption heals, stops everything and still writes the report', async () => {
    const faults = '--nemesis pause --time 300 --every 200ms --seed 2'.split(' ')
    const child = spawn(
      process.execPath,
      [launcher, 'chaos', 'run', ...scene, ...faults, '--out', directory.path],
      { stdio: 'ignore' },
    )
    try {
      const ended = once(child, 'close')
      const history = join(directory.path, 'history.jsonl')
      await until('a fault is about', async () => {
        return existsSync(history) && readFileSync(history, 'utf8').includes('"begin"')
      })

      child.kill('SIGINT')

      expect(await ended).toEqual([130, null])
      expect(recordOf(directory.path)).toMatchObject({ interrupted: true })
      expect(existsSync(join(directory.path, 'report.html'))).toBe(true)
      expect(processesOf(directory.path)).toEqual([])
    } finally {
      child.kill('SIGKILL')
    }
  })

  test('refuses a directory that is not empty, before it starts anything', async () => {
    writeFileSync(join(directory.path, 'notes.txt'), 'mine')
    const { code, stderr } = await quorate(['chaos', 'run', '--out', directory.path])
    expect(code).toBe(2)
    expect(stderr).toContain('is not empty')
    expect(readdirSync(directory.path)).toEqual(['notes.txt'])
  })
})
