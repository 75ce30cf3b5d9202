/**
 * Goal: whole interactions are fixed, message by message, so that a change of behaviour shows as a
 * difference that a person can read.
 * Method: each script in testdata is run, and must read afterwards as it did before. UPDATE=1
 * writes what happened; look at the difference before it is kept.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runScript } from './support/script.ts'

const directory = new URL('testdata/', import.meta.url)

describe('interaction scripts', () => {
  const names = readdirSync(directory).filter((name) => name.endsWith('.txt'))

  test('there are scripts', () => {
    expect(names.length).toBeGreaterThanOrEqual(15)
  })

  test.each(names)('%s', (name) => {
    const file = new URL(name, directory)
    const source = readFileSync(file, 'utf8')

    const actual = runScript(source)

    if (process.env['UPDATE'] === '1') writeFileSync(file, actual)
    else expect(actual).toBe(source)
  })
})
