/**
 * Our load process: `node build/bench/load/main.js --endpoints host:port,…`. One job per line on
 * stdin, one answer per line on stdout, and it ends with stdin. It drives the built package by its
 * public door, as any program would.
 */
import { createInterface } from 'node:readline'
import { connect, QuorateError, version, type Client } from 'quorate'
import { outstandingMax, parseJob, type Job, type JobAnswer } from './job.ts'
import { runJob, type JobTools } from './run-job.ts'

const tools: JobTools = {
  clock: {
    now: () => performance.now(),
    pause: (ms) => new Promise((done) => setTimeout(done, ms)),
  },
  wallMs: () => Date.now(),
  nameError: (error) => {
    if (error instanceof QuorateError) return error.code
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  },
  client: `quorate SDK ${version}`,
}

/** Connections stay open from job to job: a new one begins a session and knows no leader yet. */
const clients: Client[] = []

async function answer(line: string, endpoints: string): Promise<JobAnswer | { error: string }> {
  try {
    const job = parseJob(line)
    return await runJob(job, await connections(job, endpoints), tools)
  } catch (error) {
    return { error: tools.nameError(error) + (error instanceof Error ? `: ${error.message}` : '') }
  }
}

/** Exactly as many as the job asks for: an idle one would still cost the nodes heartbeats. */
async function connections({ connections }: Job, endpoints: string): Promise<readonly Client[]> {
  await Promise.all(clients.splice(connections).map((client) => client.close()))
  while (clients.length < connections) {
    // An arrival beyond the cap of an open loop is counted there, and must not be refused here.
    clients.push(await connect(endpoints, { callsMax: 2 * outstandingMax, timeout: 20_000 }))
  }
  return clients
}

function endpointsOf(args: readonly string[]): string {
  const [flag, value] = args
  if (flag === '--endpoints' && value !== undefined && args.length === 2) return value
  process.stderr.write('usage: main.js --endpoints host:port,…\n')
  return process.exit(2)
}

const endpoints = endpointsOf(process.argv.slice(2))
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue
  process.stdout.write(`${JSON.stringify(await answer(line, endpoints))}\n`)
}
await Promise.all(clients.map((client) => client.close()))
