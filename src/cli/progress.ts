/** How far something is, on stderr: one line that is written over at a terminal, else lines. */
import type { Output } from './output.ts'
import { shorten } from './table.ts'

/** Tells what has changed since it told last. */
export interface ProgressTeller {
  /** How often it is worth telling. */
  readonly intervalMs: number
  tell(text: string): Promise<void>
  /** Takes the open line away. */
  end(): Promise<void>
}

const intervalMs = 2_000
const intervalTtyMs = 250

/** Programs that read the output get none. */
export function progressTeller(out: Output): ProgressTeller {
  let told = ''
  return {
    intervalMs: out.stderrIsTty ? intervalTtyMs : intervalMs,
    tell: async (text) => {
      if (text === told || out.structured) return
      told = text
      if (out.stderrIsTty) await out.noteRaw(`\r\u001b[K${shorten(text, out.errorColumns - 1)}`)
      else await out.note(text)
    },
    end: async () => {
      if (told !== '' && out.stderrIsTty) await out.noteRaw('\r\u001b[K')
    },
  }
}
