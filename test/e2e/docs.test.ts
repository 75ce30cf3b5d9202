/**
 * Goal: what the pages show is what happens: their programs run as they stand and print what they
 * say, and the commands of the first steps give the output that stands under them.
 * Method: programs and commands are taken from the pages and run in a fresh directory in which the
 * built package is installed, against a real cluster of three nodes; then output is compared, but
 * for what differs from run to run (times, ids, ports, who leads).
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePorts, LocalCluster, temporaryDirectory } from './harness.ts'

const root = resolve(import.meta.dirname, '../..')
/** Addresses of the three nodes as pages name them. */
const usual = ['127.0.0.1:7101', '127.0.0.1:7102', '127.0.0.1:7103']

interface Block {
  readonly language: string
  readonly text: string
  /** Where it begins: the line of the page. */
  readonly line: number
}

function blocks(page: string): Block[] {
  const path = join(root, page)
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map((match) => ({
    language: match[1] ?? '',
    text: match[2] ?? '',
    line: text.slice(0, match.index).split('\n').length,
  }))
}

/** A directory with the package in its node_modules, as after `npm install quorate`. */
function userDirectory(): { path: string; remove: () => void } {
  const directory = temporaryDirectory()
  mkdirSync(join(directory.path, 'node_modules', '.bin'), { recursive: true })
  symlinkSync(root, join(directory.path, 'node_modules', 'quorate'))
  symlinkSync(
    join(root, 'bin', 'quorate.js'),
    join(directory.path, 'node_modules', '.bin', 'quorate'),
  )
  return directory
}

interface Ran {
  readonly code: number | null
  readonly output: string
}

/** Runs a program to its end; what it prints and complains of in one text. */
async function run(
  file: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, NO_COLOR: '1', QUORATE_ENDPOINTS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number | null>((done, failed) => {
    child.on('error', failed)
    child.on('close', done)
  })
  return { code, output }
}

/**
 * The lines that a program says it prints: the comments behind its `console.log`s, but for those
 * that leave it open. `exact`: every `console.log` has one, so that nothing else may be printed.
 */
function promised(program: string): { lines: string[]; exact: boolean } {
  const lines = program.split('\n')
  const comments = lines
    .map((line) => /^(?:.*console\.log\(.*\)| *\)) \/\/ (.+)$/.exec(line)?.[1])
    .filter((comment) => comment !== undefined)
    .filter((comment) => !comment.includes(', or '))
  const logs = lines.filter((line) => line.includes('console.log('))
  return {
    lines: comments.flatMap((comment) => comment.split(', then ')),
    exact: logs.length === comments.length,
  }
}

/** Whether `lines` come in this order, with anything between them. */
function inOrder(lines: readonly string[], printed: readonly string[]): boolean {
  let at = 0
  for (const line of printed) if (line === lines[at]) at++
  return at === lines.length
}

describe('programs', () => {
  const programs = ['docs/sdk.md', 'README.md'].flatMap((page) =>
    blocks(page)
      .filter(({ language, text }) => ['js', 'mjs', 'ts'].includes(language) && whole(text))
      .map((block): [string, Block] => [`${page}:${block.line}`, block]),
  )
  let cluster: LocalCluster
  const user = userDirectory()

  beforeAll(async () => {
    cluster = await LocalCluster.up()
  })
  afterAll(async () => {
    await cluster?.down()
    user.remove()
  })

  test('there are some', () => {
    expect(programs.length).toBeGreaterThanOrEqual(7)
    const lines = programs.flatMap(([, { text }]) => promised(text).lines)
    expect(lines.length).toBeGreaterThanOrEqual(15)
  })

  test.each(programs)('%s prints what it says', async (_where, { text }) => {
    const file = join(user.path, 'program.mjs')
    const own = usual.reduce(
      (program, address, i) => program.replaceAll(address, cluster.endpoint(`n${i + 1}`)),
      text,
    )
    writeFileSync(file, own)
    const ran = await run(process.execPath, [file], user.path, {
      QUORATE_ENDPOINTS: cluster.endpoints,
    })
    expect(ran).toMatchObject({ code: 0 })
    const printed = ran.output.split('\n').filter((line) => line !== '')
    const { lines, exact } = promised(text)
    if (exact) expect(printed).toEqual(lines)
    else
      expect({ lines, printed, inOrder: inOrder(lines, printed) }).toMatchObject({ inOrder: true })
  })
})

/** Shown as a part of something, a piece of code is not a program. */
function whole(text: string): boolean {
  return text.includes("from 'quorate'") && text.includes('connect(')
}

describe('docs/getting-started.md', () => {
  const page = blocks('docs/getting-started.md')
  const user = userDirectory()
  let port = 0
  let killed = ''

  beforeAll(async () => {
    port = await freePorts(3)
  })
  afterAll(async () => {
    await run(
      process.execPath,
      [join(root, 'bin/quorate.js'), 'cluster', 'down', '--wipe'],
      user.path,
    )
    user.remove()
  })

  /** One command of the page, with this run's ports and killed node. */
  async function command(shown: string): Promise<Ran> {
    const own = shown
      .replace('cluster up', `cluster up --port ${port}`)
      .replace(/cluster restart n\d/, `cluster restart ${killed}`)
      .replaceAll('npx quorate', join('node_modules', '.bin', 'quorate'))
    // One pipe for both, as a terminal is: else their order would be left to chance.
    const ran = await run('bash', ['-c', `(${own}) 2>&1`], user.path)
    killed = /(n\d), the leader, was killed/.exec(ran.output)?.[1] ?? killed
    return ran
  }

  /** Lines as they are the same in each run; of a table of nodes only its columns. */
  function stable(output: string): string[] {
    return output
      .split('\n')
      .filter((line) => line !== '' && !/^ {2}n\d: /.test(line))
      .map((line) => (/^n\d {2,}/.test(line) ? 'a node' : line))
      .map((line) =>
        line
          .replace(/\S*\/\.quorate/g, 'directory')
          .replace(/\bn\d\b/g, 'node')
          .replace(/\b[0-9a-f]{32,}\b/g, 'hash')
          .replace(/\bindex \d+/, 'index')
          .replace(/process \d+/, 'process')
          .replace(/term \d+/, 'term')
          .replace(/seconds +[\d.]+/, 'seconds')
          .replace(/per second +\d+/, 'per second')
          .replace(/\d+\/s$/, 'rate')
          .replace(/ {2,}/g, '  '),
      )
  }

  // In order: each step builds on those before.
  test('each step gives what stands under it', { timeout: 240_000 }, async () => {
    for (const { language, text } of page) {
      if (language === 'ndjson') writeFileSync(join(user.path, 'measurements.ndjson'), text)
      if (language === 'js') {
        const file = join(user.path, 'first.mjs')
        writeFileSync(file, text)
        const ran = await run(process.execPath, [file], user.path, {
          QUORATE_ENDPOINTS: `127.0.0.1:${port}`,
        })
        expect(ran.output.trimEnd().split('\n')).toEqual(promised(text).lines)
      }
      if (language !== 'console') continue
      for (const step of text.split(/^\$ /m).slice(1)) {
        const [shown = '', ...output] = step.split('\n')
        const ran = await command(shown)
        // Nodes that are not ready yet, or lag, are told or not from run to run.
        expect([shown, ...stable(ran.output)]).toEqual([shown, ...stable(output.join('\n'))])
        const error = /^error: /m.test(ran.output) || ran.output.startsWith('mismatch')
        expect([shown, ran.code === 0]).toEqual([shown, !error])
      }
    }
  })
})
