/** From names and paths to workloads and nemeses. */
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Cluster } from '../cluster/cluster.ts'
import type { Nemesis } from '../nemesis/nemesis.ts'
import type { Links } from '../network/links.ts'
import type { RunRecord } from '../report/run-record.ts'
import type { Workload } from '../workloads/workload.ts'
import { messageOf } from './cleanup.ts'
import { mixedWorkload } from './mixed.ts'
import { usage } from './options.ts'

/** What there is to choose from. */
export interface Catalogue {
  readonly workloads: readonly Workload[]
  readonly nemeses: readonly Nemesis[]
}

/** The workload that is meant. Throws `QUORATE_USAGE` where there is none. */
export async function resolveWorkload(
  given: string | Workload,
  catalogue: Catalogue,
  clients: number,
): Promise<Workload> {
  if (typeof given !== 'string') return checked(given, isWorkload, 'a workload')
  const names = listed(given)
  const parts: Workload[] = []
  for (const name of names) {
    parts.push(await resolveOne(name, catalogue.workloads, isWorkload, 'workload'))
  }
  const [only] = parts
  if (only === undefined) throw usage('no workload is named; quorate chaos list shows them')
  if (parts.length === 1) return only
  twice(parts.map((part) => part.name))
  if (parts.length > clients) {
    throw usage(`${parts.length} workloads need at least as many clients, not ${clients}`)
  }
  return mixedWorkload(parts)
}

/** The nemeses of a run. */
export interface ChosenNemeses {
  readonly nemeses: readonly Nemesis[]
  /** Asked for by name; `all` asks for none in particular. */
  readonly required: ReadonlySet<string>
}

/** Those that are meant. Throws `QUORATE_USAGE` where one of them is unknown. */
export async function resolveNemeses(
  given: readonly (string | Nemesis)[],
  catalogue: Catalogue,
): Promise<ChosenNemeses> {
  const wanted = given.flatMap((each): readonly (string | Nemesis)[] =>
    typeof each === 'string' ? listed(each) : [each],
  )
  if (wanted.includes('none')) {
    if (wanted.length > 1) throw usage('none goes with no other nemesis')
    return { nemeses: [], required: new Set() }
  }
  const nemeses: Nemesis[] = []
  const required = new Set<string>()
  for (const each of wanted) {
    if (each === 'all') {
      nemeses.push(...catalogue.nemeses.filter((one) => !nemeses.includes(one)))
      continue
    }
    const nemesis =
      typeof each === 'string'
        ? await resolveOne(each, catalogue.nemeses, isNemesis, 'nemesis')
        : checked(each, isNemesis, 'a nemesis')
    required.add(nemesis.name)
    if (!nemeses.includes(nemesis)) nemeses.push(nemesis)
  }
  if (nemeses.length === 0) throw usage('no nemesis is named; quorate chaos list shows them')
  twice(nemeses.map((nemesis) => nemesis.name))
  return { nemeses, required }
}

/** Those that can be had on this scene, and those that cannot, with why. */
export function sortOut(
  { nemeses }: ChosenNemeses,
  scene: { readonly links: Links; readonly cluster: Cluster },
): { readonly usable: readonly Nemesis[]; readonly leftOut: RunRecord['leftOut'] } {
  const usable: Nemesis[] = []
  const leftOut: { nemesis: string; reason: string }[] = []
  for (const nemesis of nemeses) {
    const reason = nemesis.unavailable(scene)
    if (reason === undefined) usable.push(nemesis)
    else leftOut.push({ nemesis: nemesis.name, reason })
  }
  return { usable, leftOut }
}

function listed(text: string): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

async function resolveOne<T extends { readonly name: string }>(
  name: string,
  known: readonly T[],
  is: (value: unknown) => value is T,
  what: 'workload' | 'nemesis',
): Promise<T> {
  const found = known.find((each) => each.name === name)
  if (found !== undefined) return found
  if (/[/\\]|\.[cm]?[jt]s$/.test(name)) return await ownModule(name, is, what)
  const names = known.map((each) => each.name).join(', ')
  throw usage(`there is no ${what} "${name}"; there are ${names}, and modules by their path`)
}

/** The default export of a module of the user's own. */
async function ownModule<T>(
  path: string,
  is: (value: unknown) => value is T,
  what: string,
): Promise<T> {
  const file = isAbsolute(path) ? path : resolve(path)
  let loaded: unknown
  try {
    loaded = await import(pathToFileURL(file).href)
  } catch (error) {
    throw usage(`${path} cannot be loaded: ${messageOf(error)}`)
  }
  return checked(field(loaded, 'default'), is, `a ${what}`, path)
}

function checked<T>(
  value: unknown,
  is: (value: unknown) => value is T,
  what: string,
  path = 'what was given',
): T {
  if (is(value)) return value
  throw usage(`${path} is not ${what}: docs/chaos.md tells what one has to have`)
}

function twice(names: readonly string[]): void {
  const double = names.find((name, i) => names.indexOf(name) !== i)
  if (double !== undefined) throw usage(`${double} is there twice`)
}

/** A field or a method, also one that a class has; undefined where there is none. */
function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Names stand in lists, histories and file names. */
function isName(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z0-9][a-z0-9-]{0,63}$/i.test(value)
}

/** Whether a value has the parts of a workload. */
export function isWorkload(value: unknown): value is Workload {
  return (
    isName(field(value, 'name')) &&
    typeof field(value, 'about') === 'string' &&
    typeof field(value, 'begin') === 'function'
  )
}

/** Whether a value has the parts of a nemesis. */
export function isNemesis(value: unknown): value is Nemesis {
  const kinds: readonly unknown[] = ['network', 'process', 'disk', 'clock', 'members']
  return (
    isName(field(value, 'name')) &&
    typeof field(value, 'about') === 'string' &&
    kinds.includes(field(value, 'kind')) &&
    typeof field(value, 'unavailable') === 'function' &&
    typeof field(value, 'draw') === 'function'
  )
}
