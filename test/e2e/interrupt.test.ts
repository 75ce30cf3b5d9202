/**
 * Goal: an interrupted `collect` says what it leaves behind, and exits as its signal wants it.
 * Method: the real process, on a pipe that stays open and endpoints where nobody listens; the
 * signal comes once it has told its progress.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { test } from 'vitest'

const launcher = resolve(import.meta.dirname, '../../bin/quorate.js')

// Both at once: each is a process of its own.
test.concurrent.for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends it with %d, and with its report', async ([signal, code], { expect }) => {
  const arguments_ = 'collect - --key {id} --token {id} -e 127.0.0.1:1 -o json'.split(' ')
  const child = spawn(process.execPath, [launcher, ...arguments_])
  try {
    const ended = once(child, 'close')
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    const progress = new Promise<void>((told) => {
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString()
        if (stderr.includes('1 records')) told()
      })
    })
    child.stdin.write('{"id":1}\n')
    await progress

    child.kill(signal)

    expect(await ended).toEqual([code, null])
    expect(JSON.parse(stdout)).toMatchObject({ schema: 1, records: 1, applied: 0 })
    expect(stderr).toContain('interrupted: 1 writes have no verdict')
  } finally {
    child.kill('SIGKILL')
  }
})
