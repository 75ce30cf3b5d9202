/** What `collect` tells while it runs, and at its end. */
import type { CollectOptions, CollectReport, Progress } from '../collector/index.ts'
import { isErrorCode } from '../errors.ts'
import { explanations } from './explain.ts'
import type { Output } from './output.ts'
import { problemDocument, problemOf } from './problem.ts'
import { grouped, printable } from './table.ts'

type Rejection = Parameters<NonNullable<CollectOptions['onRejected']>>[0]

/** Rejections told one by one; a file of the wrong kind would print itself otherwise. */
const rejectionsToldMax = 100
const progressMs = 1_000
const progressTtyMs = 200

/** Progress on stderr: one line that is written over at a terminal, else a line a second. */
export function progressTeller(out: Output) {
  let open = false
  let last: Progress | undefined
  return {
    intervalMs: out.stderrIsTty ? progressTtyMs : progressMs,
    tell: (progress: Progress): void => {
      last = progress
      const text = progressText(progress)
      if (out.stderrIsTty) {
        open = true
        void out.noteRaw(`\r\u001b[K${text.slice(0, out.errorColumns - 1)}`)
      } else void out.note(text)
    },
    end: async (): Promise<void> => {
      if (open) await out.noteRaw('\r\u001b[K')
    },
    /** Where the run ends with an error: what it had written before. */
    failed: async (): Promise<void> => {
      if (last === undefined || last.applied + last.duplicate + last.mismatch === 0) return
      const { applied, duplicate, mismatch } = last
      await out.note(
        `before it failed: ${grouped(applied)} applied, ${grouped(duplicate)} duplicate, ` +
          `${grouped(mismatch)} mismatch; to run it again is safe`,
      )
    },
  }
}

/** Retries come first, once there are any: a terminal that is too narrow cuts off the end. */
function progressText(progress: Progress): string {
  const { records, applied, duplicate, mismatch, rejected, perSecond, lastRetry } = progress
  const counts =
    `${grouped(records)} records: ${grouped(applied)} applied, ` +
    `${grouped(duplicate)} duplicate, ${grouped(mismatch)} mismatch, ${grouped(rejected)} rejected`
  const retries = `${grouped(progress.retries)} retries`
  const rate = `${grouped(perSecond)}/s`
  if (lastRetry === undefined) return `${counts}; ${retries}; ${rate}`
  return `${retries} (last: ${printable(lastRetry.code)}); ${counts}; ${rate}`
}

/** Refused records on stderr, one line each, up to a number of them. */
export function rejectionTeller(out: Output) {
  let told = 0
  let untold = 0
  return {
    tell: ({ line, replica, reason }: Rejection) => {
      if (told >= rejectionsToldMax) {
        untold++
        return
      }
      told++
      const who = replica === undefined ? '' : ` (replica ${replica + 1})`
      const clear = out.stderrIsTty ? '\r\u001b[K' : ''
      void out.note(`${clear}line ${line} rejected${who}: ${printable(reason)}`)
    },
    end: async (): Promise<void> => {
      if (untold > 0) await out.note(`and ${grouped(untold)} more were rejected`)
    },
  }
}

/** `whole`: each record has its verdict from each replica. */
function endOf({ gaveUp, aborted, sourceError }: CollectReport): string {
  if (gaveUp) return 'gaveUp'
  if (aborted) return 'aborted'
  return sourceError === undefined ? 'whole' : 'source'
}

/** Why it was tried again, in words: those of the error, or what its code usually means. */
function retryText({ code, message }: NonNullable<Progress['lastRetry']>): string {
  const why = message ?? (isErrorCode(code) ? explanations[code].cause : undefined)
  return printable(why === undefined ? code : `${code}: ${why}`)
}

/** The counts at the end. */
export async function printReport(out: Output, report: CollectReport): Promise<void> {
  const { records, replicas, applied, duplicate, mismatch, rejected, retries } = report
  const seconds = Math.round(report.seconds * 1000) / 1000
  const perSecond = Math.round(report.perSecond * 10) / 10
  if (out.structured) {
    const { undecided, sourceError } = report
    const counts = { applied, duplicate, mismatch, rejected, retries, seconds, perSecond }
    await out.json({
      schema: 1,
      records,
      replicas,
      ...counts,
      undecided,
      ended: endOf(report),
      sourceError: sourceError === undefined ? null : problemDocument(problemOf(sourceError)).error,
    })
  } else {
    const rows: readonly (readonly [string, string])[] = [
      ['records', grouped(records)],
      ['replicas', grouped(replicas)],
      ['applied', grouped(applied)],
      ['duplicate', grouped(duplicate)],
      ['mismatch', grouped(mismatch)],
      ['rejected', grouped(rejected)],
      ...(report.undecided > 0 ? [['undecided', grouped(report.undecided)] as const] : []),
      ['retries', grouped(retries)],
      ['seconds', `${seconds}`],
      ['per second', grouped(perSecond)],
    ]
    for (const [name, value] of rows) {
      await out.line(`${out.paint('faint', name.padEnd(10))} ${value.padStart(12)}`)
    }
  }
  if (report.lastRetry !== undefined) {
    await out.note(`the last retry: ${retryText(report.lastRetry)}`)
  }
  if (report.sourceError !== undefined) {
    await out.note(`the source ended early: ${report.sourceError.message}`)
  }
  if (report.gaveUp || report.aborted) {
    const why = report.gaveUp ? 'the time was up' : 'interrupted'
    await out.note(
      `${why}: ${grouped(report.undecided)} writes have no verdict; to run it again is safe`,
    )
  }
}
