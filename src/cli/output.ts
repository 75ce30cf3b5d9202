/** Printing: data on stdout, people's text on stderr. */
import { styleText } from 'node:util'
import type { OutputFormat } from './globals.ts'
import type { Io, OutputStream } from './io.ts'

/** Colours by what they mean. */
export type Style = 'good' | 'bad' | 'warning' | 'faint' | 'strong' | 'name'

type StyleName = Parameters<typeof styleText>[0]

const styles: Readonly<Record<Style, StyleName>> = {
  good: 'green',
  bad: 'red',
  warning: 'yellow',
  faint: 'dim',
  strong: 'bold',
  name: 'cyan',
}

/** Paints a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string

/** Whether a stream gets colours. NO_COLOR and FORCE_COLOR are conventions of many programs. */
export function wantsColour(stream: OutputStream, env: Io['env'], allowed: boolean): boolean {
  if (!allowed || (env['NO_COLOR'] ?? '') !== '') return false
  const forced = env['FORCE_COLOR']
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false'
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

/** The printer of one invocation. */
export class Output {
  /** Undefined: the user did not say. */
  readonly format: OutputFormat | undefined
  readonly paint: Paint
  readonly paintError: Paint
  readonly #io: Io

  constructor(io: Io, options: { format: OutputFormat | undefined; colour: boolean }) {
    this.#io = io
    this.format = options.format
    this.paint = painter(wantsColour(io.stdout, io.env, options.colour))
    this.paintError = painter(wantsColour(io.stderr, io.env, options.colour))
  }

  /** Whether a program reads the output rather than a person. */
  get structured(): boolean {
    return this.format === 'json' || this.format === 'ndjson'
  }

  get stdoutIsTty(): boolean {
    return this.#io.stdout.isTTY === true
  }

  get stderrIsTty(): boolean {
    return this.#io.stderr.isTTY === true
  }

  /** Characters that a line of the terminal has; endless where there is no terminal. */
  get columns(): number {
    return columnsOf(this.#io.stdout)
  }

  get errorColumns(): number {
    return columnsOf(this.#io.stderr)
  }

  /** Data. Resolves when the stream has taken it, so that a slow reader slows the command down. */
  write(chunk: string | Uint8Array): Promise<void> {
    return writeTo(this.#io.stdout, chunk)
  }

  line(text: string): Promise<void> {
    return this.write(text + '\n')
  }

  /** One JSON document: on one line for programs, indented for a person at a terminal. */
  json(document: unknown): Promise<void> {
    const indent = this.stdoutIsTty && this.format === 'json' ? 2 : undefined
    return this.line(JSON.stringify(document, undefined, indent))
  }

  /** People's text. */
  note(text: string): Promise<void> {
    return writeTo(this.#io.stderr, text + '\n')
  }

  /** People's text as it stands, without a line end. */
  noteRaw(text: string): Promise<void> {
    return writeTo(this.#io.stderr, text)
  }
}

function columnsOf(stream: OutputStream): number {
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY
  // Some pseudo-terminals say that they have none.
  return stream.columns === undefined || stream.columns < 20 ? 80 : stream.columns
}

function painter(colours: boolean): Paint {
  return colours
    ? (style, text) => styleText(styles[style], text, { validateStream: false })
    : (_style, text) => text
}

function writeTo(stream: OutputStream, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    // A failed write (nobody reads any more) is told by the stream's own error event.
    stream.write(chunk, () => resolve())
  })
}
