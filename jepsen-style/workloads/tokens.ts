/**
 * A storm of tokens: each is used, used again, used for something else, asked about and fenced, by
 * several clients at once. Whatever happens, a token has one effect at most, everybody is told the
 * same about it, and what was fenced in time never has an effect.
 */
import type { Client } from 'quorate'
import { operationsOf, type Operation } from '../history/index.ts'
import { completionOf } from './outcome.ts'
import { fieldsOf, listOf, own, textOf, wholeOf } from './parse.ts'
import { repeated } from './retry.ts'
import { checkRevisions, revisionsTold, type RevisionTold } from './revisions.ts'
import { padded, Space, storedText, unpadded } from './space.ts'
import { checkVerdicts, type Said, type Statement } from './verdicts.ts'
import type { Completion, Invocation, Workload, WorkloadRun, WorkloadSetting } from './workload.ts'

/** Payloads that one token is used with. */
const payloadsMax = 3
/** Calls are about one of so many of the newest tokens. */
const newestMax = 15
/** Share of the queries and fences that are about a token that is yet to be used. */
const freshShare = 0.3
/** Tokens of one final read. */
const readMax = 500
/** How often a final call is tried. */
const triesMax = 5

/** Shares of the calls; what is left are puts and batches under a new token. */
const shares = { again: 0.3, verdict: 0.15, fence: 0.08 } as const

/** The workload; see the head of the file. */
export const tokens: Workload = {
  name: 'tokens',
  about: 'tokens used, repeated, reused, queried and fenced at once: one effect each, one verdict',
  begin: (setting) => run(setting),
}

function run({ chance }: WorkloadSetting): WorkloadRun {
  const space = new Space('tokens')
  /** Tokens whose state a final call must settle. */
  const open = new Set<number>()
  let used = 0
  const write = (token: number, payload: number): Invocation => ({
    f: isBatch(token) ? 'batch' : 'put',
    value: { token, payload },
  })
  return {
    next: () => {
      const drawn = chance.fraction()
      // Some are asked about, or fenced, just before their first use.
      const fresh = used === 0 || chance.fraction() < freshShare
      const token = fresh ? used : Math.max(0, used - 1 - chance.between(0, newestMax))
      if (drawn < shares.verdict) return { f: 'verdict', value: { token } }
      if (drawn < shares.verdict + shares.fence) return { f: 'fence', value: { token } }
      if (drawn < shares.verdict + shares.fence + shares.again && used > 0) {
        return write(fresh ? used - 1 : token, chance.between(0, payloadsMax))
      }
      return write(used++, 0)
    },
    perform: async (client, invocation) => {
      const completion = await completionOf(() => call(client, space, invocation))
      const token = wholeOf(fieldsOf(invocation.value)['token'])
      if (completion.type === 'info' && token !== undefined) open.add(token)
      return completion
    },
    finalReads: () => {
      const reads: Invocation[] = []
      for (const token of open) reads.push({ f: 'fence', value: { token } })
      for (let from = 0; from < used; from += readMax) {
        reads.push({ f: 'read', value: { from, to: from + readMax } })
      }
      return reads
    },
    check: (history) => {
      const operations = operationsOf(history)
      return Promise.resolve([
        checkVerdicts(statementsOf(operations), 'token'),
        checkRevisions(revisionsOf(operations)),
      ])
    },
  }
}

/** Every fourth token is that of a batch of two rows. */
function isBatch(token: number): boolean {
  return token % 4 === 3
}

/** Under one token always the same rows, so that only the payload can differ. */
async function call(client: Client, space: Space, { f, value }: Invocation): Promise<Completion> {
  if (f === 'read') return await repeated(triesMax, () => read(client, space, value))
  const fields = fieldsOf(value)
  const token = own(wholeOf(fields['token']), 'token')
  const name = space.key(padded(token))
  switch (f) {
    case 'put':
    case 'batch': {
      const payload = String(own(wholeOf(fields['payload']), 'payload'))
      const put = { type: 'put', key: name, value: payload } as const
      const twin = { type: 'put', key: `${name}/twin`, value: payload } as const
      const { verdict, revision, payloadHash } =
        f === 'put'
          ? await client.put(name, payload, { token: name })
          : await client.batch([put, twin], { token: name })
      const hash = payloadHash === undefined ? {} : { hash: payloadHash }
      return { type: 'ok', value: { token, verdict, ...hash }, revision }
    }
    case 'verdict':
    case 'fence': {
      const state = await client.verdict(name, { fence: f === 'fence' })
      switch (state.status) {
        case 'recorded': {
          const { status, revision, payloadHash: hash } = state
          return { type: 'ok', value: { token, status, hash }, revision }
        }
        case 'absent':
          return { type: 'ok', value: { token, status: 'absent', fenced: state.fenced } }
        case 'expired':
          return { type: 'ok', value: { token, status: 'expired' } }
        default:
          return state satisfies never
      }
    }
    default:
      throw new TypeError(`tokens has no call ${f}`)
  }
}

/**
 * The rows of some tokens: `[token, payload, revision]`; payload -1 for bytes that nobody wrote, and
 * for the rows of one batch that are not alike.
 */
async function read(client: Client, space: Space, value: unknown): Promise<Completion> {
  const fields = fieldsOf(value)
  const from = own(wholeOf(fields['from']), 'from')
  const to = own(wholeOf(fields['to']), 'to')
  const rows = new Map<number, readonly [number, number, number]>()
  const twins = new Set<number>()
  const scan = client.scan({ gte: space.key(padded(from)), lt: space.key(padded(to)) })
  for await (const { key, value, revision } of scan) {
    const [number = '', twin] = space.nameOf(key)?.split('/') ?? []
    const token = unpadded(number) ?? -1
    const text = storedText(value)
    const first = rows.get(token)
    const alike = twin === undefined || (first?.[1] === Number(text) && first[2] === revision)
    if (twin !== undefined) twins.add(token)
    const known = /^[0-9]$/.test(text) && alike
    rows.set(token, [token, known ? Number(text) : -1, revision])
  }
  for (const [token, [, , revision]] of rows) {
    if (isBatch(token) !== twins.has(token)) rows.set(token, [token, -1, revision])
  }
  const { revision } = scan
  const told = revision === undefined ? {} : { revision }
  return { type: 'ok', value: { rows: [...rows.values()] }, ...told }
}

function statementsOf(operations: readonly Operation[]): readonly Statement[] {
  const statements: Statement[] = []
  const written = new Set<number>()
  for (const operation of operations) {
    const token = wholeOf(fieldsOf(operation.input)['token'])
    const about = token === undefined ? undefined : saidOf(operation)
    if (token === undefined || about === undefined) continue
    written.add(token)
    statements.push({ operation, identity: String(token), about })
  }
  for (const operation of operations) {
    if (operation.f === 'read' && operation.outcome === 'ok') {
      statements.push(...rowsOf(operation, written))
    }
  }
  return statements
}

/** What a call says of its token; undefined: nothing. */
function saidOf(operation: Operation): Said | undefined {
  const { f, outcome, output, revision, error } = operation
  const { verdict, status, fenced, hash: hashField } = fieldsOf(output)
  const hash = textOf(hashField)
  const hashed = hash === undefined ? {} : { hash }
  if (f === 'put' || f === 'batch') {
    const payload = String(fieldsOf(operation.input)['payload'])
    if (outcome === 'info') return { type: 'open', payload }
    if (outcome === 'fail') {
      return { type: 'refused', payload, cancelled: error === 'QUORATE_TOKEN_CANCELLED' }
    }
    if (verdict !== 'applied' && verdict !== 'duplicate' && verdict !== 'mismatch') return undefined
    return { type: 'told', verdict, payload, revision: revision ?? 0, ...hashed }
  }
  if (f !== 'verdict' && f !== 'fence') return undefined
  if (outcome === 'info') return f === 'fence' ? { type: 'openFence' } : undefined
  if (outcome === 'fail') return undefined
  if (status === 'recorded') return { type: 'recorded', revision: revision ?? 0, ...hashed }
  return status === 'absent' ? { type: 'absent', fenced: fenced === true } : undefined
}

/** A final read speaks of every token between its bounds. */
function rowsOf(operation: Operation, written: ReadonlySet<number>): readonly Statement[] {
  const { from, to } = fieldsOf(operation.input)
  const rows = new Map<
    number,
    { readonly payload: string | undefined; readonly revision: number }
  >()
  for (const row of listOf(fieldsOf(operation.output)['rows'], (each) => listOf(each, wholeOf)) ??
    []) {
    const [token = -1, payload = -1, revision = 0] = row
    rows.set(token, { payload: payload < 0 ? undefined : String(payload), revision })
  }
  const numbers = new Set(rows.keys())
  for (let token = wholeOf(from) ?? 0; token < (wholeOf(to) ?? 0); token++) {
    if (written.has(token)) numbers.add(token)
  }
  return [...numbers].map((token) => ({
    operation,
    identity: String(token),
    about: { type: 'row', row: rows.get(token) },
  }))
}

function revisionsOf(operations: readonly Operation[]): readonly RevisionTold[] {
  return revisionsTold(operations, ({ f, output }) => {
    // The other verdicts tell an older revision.
    if (fieldsOf(output)['verdict'] === 'applied') return 'effect'
    return f === 'read' ? 'state' : undefined
  })
}
