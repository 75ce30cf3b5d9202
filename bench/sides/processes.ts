/** Processes of a bench: they never outlive it, whatever ends it. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) {
    // A stopped process takes SIGKILL too.
    child.kill('SIGKILL')
  }
})

/** A child that is killed when this process ends. */
export function start(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): { readonly child: ChildProcess; readonly ended: Promise<number | null> } {
  const child = spawn(program, args, options)
  alive.add(child)
  const ended = new Promise<number | null>((done) => {
    const end = (code: number | null): void => {
      alive.delete(child)
      done(code)
    }
    child.once('exit', end)
    child.once('error', () => end(null))
  })
  return { child, ended }
}

/** A server whose words go to a file. */
export class Server {
  readonly #program: string
  readonly #args: readonly string[]
  readonly #logFile: string
  #child: ChildProcess | undefined
  #ended: Promise<unknown> | undefined

  constructor(program: string, args: readonly string[], logFile: string) {
    this.#program = program
    this.#args = args
    this.#logFile = logFile
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  start(): void {
    if (this.#child !== undefined) return
    const log = openSync(this.#logFile, 'a')
    const { child, ended } = start(this.#program, this.#args, { stdio: ['ignore', log, log] })
    closeSync(log)
    this.#child = child
    this.#ended = ended.then(() => (this.#child = undefined))
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#ended
  }
}

/** Looks until something is so; throws at the deadline, with what was last seen. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  withinMs: number,
  everyMs = 10,
): Promise<T> {
  const deadline = performance.now() + withinMs
  let last: unknown
  for (;;) {
    try {
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${withinMs} ms in vain until ${what}`, { cause: last })
    }
    await new Promise((done) => setTimeout(done, everyMs))
  }
}

/** Ports below those that systems give to outgoing connections, so that none is taken meanwhile. */
const portLow = 10_000
const portSpan = 20_000
const attemptsMax = 200
const given = new Set<number>()

/** A port that is free now and is given once. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = portLow + Math.floor(Math.random() * portSpan)
    if (given.has(port)) continue
    given.add(port)
    if (await listens(port)) return port
  }
  throw new Error('no free port was found')
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
  })
}
