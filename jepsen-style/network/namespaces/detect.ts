/** What this machine can do: tried out in a namespace that is thrown away. */
import type { LinkEffect } from '../links.ts'
import { run } from './command.ts'
import { runNames } from './names.ts'

/** Whether links through namespaces can be had, with which effects, or why not. */
export type NamespaceSupport =
  | {
      readonly available: true
      readonly effects: ReadonlySet<LinkEffect['type']>
      /** What is left out, and why; for people. */
      readonly missing: readonly string[]
    }
  | { readonly available: false; readonly reason: string }

const cutTrial = [
  ['link', 'add', 'trial0', 'type', 'veth', 'peer', 'name', 'trial1'],
  ['link', 'set', 'trial0', 'up'],
  ['route', 'add', 'default', 'dev', 'trial0', 'table', '100'],
  [
    'rule',
    'add',
    'pref',
    '1',
    'iif',
    'b',
    'from',
    '198.18.0.1',
    'to',
    '198.18.0.2',
    'lookup',
    '100',
  ],
  ['rule', 'add', 'pref', '2', 'iif', 'trial1', 'ipproto', 'tcp', 'dport', '1', 'lookup', '100'],
]
const bandwidthTrial = ['tbf', 'rate', '1mbit', 'burst', '2kb', 'latency', '400ms']
const netemTrial = ['netem', 'delay', '1ms']

/** Never rejects: whatever stands in the way is the reason. */
export async function detectNamespaces(): Promise<NamespaceSupport> {
  if (process.platform !== 'linux') return { available: false, reason: 'this is not Linux' }
  if (process.getuid?.() !== 0) return { available: false, reason: 'it takes root' }
  const name = `${runNames(process.pid, 0).router}-trial`
  try {
    await run(['ip', 'netns', 'add', name])
  } catch (error) {
    return { available: false, reason: messageOf(error) }
  }
  try {
    for (const command of cutTrial) await run(['ip', '-n', name, ...command])
    const effects = new Set<LinkEffect['type']>(['cut'])
    const missing: string[] = []
    const bandwidth = await failure(shape(name, bandwidthTrial))
    if (bandwidth === undefined) effects.add('bandwidth')
    else missing.push(`bandwidth: ${bandwidth}`)
    const netem = await failure(shape(name, netemTrial))
    const byNetem = ['delay', 'loss', 'duplicate', 'reorder'] as const
    if (netem === undefined) for (const effect of byNetem) effects.add(effect)
    else missing.push(`${byNetem.join(', ')}: ${netem}`)
    missing.push('corrupt: a damaged packet is dropped by its checksum')
    return { available: true, effects, missing }
  } catch (error) {
    return { available: false, reason: messageOf(error) }
  } finally {
    await failure(run(['ip', 'netns', 'delete', name]))
  }
}

async function shape(namespace: string, discipline: readonly string[]): Promise<void> {
  await run(['tc', '-n', namespace, 'qdisc', 'add', 'dev', 'trial0', 'root', ...discipline])
  await run(['tc', '-n', namespace, 'qdisc', 'delete', 'dev', 'trial0', 'root'])
}

async function failure(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
