/** The nodes' status while `cluster up` runs in the foreground. */
import type { ClusterFile, ClusterView, NodeView } from '../cluster/index.ts'
import type { Run } from './command.ts'
import { remarkLines, statusLines, summaryLine } from './status-output.ts'
import { shorten, width } from './table.ts'

const refreshMs = 500
const askMs = 400

/**
 * Shows the status until the run is aborted: drawn over and over at a terminal, else a line
 * whenever something changes. Data goes to stdout, and this is none: all of it is on stderr.
 */
export async function showLiveStatus(run: Run, file: ClusterFile, owner: boolean): Promise<void> {
  const { out, io } = run
  const { readClusterFile, sleep, viewLocalCluster } = await import('../cluster/index.ts')
  const redraw = out.stderrIsTty && !out.structured && io.env['TERM'] !== 'dumb'
  const hint = owner ? 'Ctrl-C stops the nodes' : 'the cluster was up before; Ctrl-C leaves it up'
  if (!redraw) await out.note(hint)
  let drawn = 0
  let told = ''
  while (!io.signal.aborted) {
    // Read anew each time: another command may have restarted nodes or taken the cluster down.
    const current = readClusterFile(file.dataDirectory)
    if (current === undefined) {
      await out.note('the cluster was wiped by another command')
      return
    }
    // A node that was killed keeps its process id there; only `cluster down` takes all of them out.
    if (current.nodes.every((node) => node.pid === null)) {
      await out.note('the cluster was taken down by another command')
      return
    }
    const view = await viewLocalCluster(current, askMs)
    if (redraw) drawn = await draw(run, view, hint, drawn)
    else told = await tell(run, view, told)
    await sleep(refreshMs, io.signal)
  }
}

/** Draws over what was drawn before. Returns the number of lines on the screen. */
async function draw(run: Run, view: ClusterView, hint: string, drawn: number): Promise<number> {
  const { out } = run
  const lines = [
    '',
    ...statusLines(view, out.paintError, out.errorColumns),
    '',
    summaryLine(view, out.paintError),
    ...remarkLines(view, out.paintError).map((line) => `  ${line}`),
    out.paintError('faint', hint),
  ].map((line) => fit(line, out.errorColumns))
  const up = drawn === 0 ? '' : `\u001b[${drawn}A`
  await out.noteRaw(`${up}\u001b[J${lines.join('\n')}\n`)
  return lines.length
}

/** A line that folds would take two, and the next drawing would begin at the wrong place. */
function fit(line: string, columns: number): string {
  if (width(line) < columns) return line
  // eslint-disable-next-line no-control-regex
  return shorten(line.replaceAll(/\u001b\[\d+m/g, ''), columns - 1)
}

/** Says how the cluster is doing if that has changed. Returns what was said last. */
async function tell(run: Run, view: ClusterView, told: string): Promise<string> {
  const { out } = run
  const down = view.nodes.filter((node) => node.status === undefined)
  const names = down.map((node) => `${node.id ?? node.clientAddress} ${troubleOf(node)}`)
  const summary = summaryLine(view, out.paintError)
  const text = names.length === 0 ? summary : `${summary} (${names.join(', ')})`
  if (text !== told) await out.note(text)
  return text
}

/** Why a node does not answer, in a word or two. */
function troubleOf(node: NodeView): string {
  return node.process === 'stopped' || node.process === 'paused' ? node.process : 'not answering'
}
