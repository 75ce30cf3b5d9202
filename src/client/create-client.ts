/**
 * Puts a client together from ports. `connect` gives it the real ones; tests and simulations give
 * their own and run the same code.
 */
import { QuorateError, usageError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
import type { Clock, Network, Random } from '../ports.ts'
import { parseEndpoints } from './addresses.ts'
import { checkTimeout } from './admission.ts'
import { Calls } from './calls.ts'
import { Client } from './client.ts'
import { ClusterTime } from './cluster-time.ts'
import { checkEncoding } from './encoding.ts'
import { StatusEvents } from './events.ts'
import { Router } from './router.ts'
import type { ConnectOptions } from './types.ts'
import { Alarm, Wheel } from './wheel.ts'

/** The ports of a client, and what `connect` takes. */
export interface ClientOptions extends ConnectOptions {
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly endpoints: string | readonly string[]
}

/** Connects: resolves once one node has answered. Tries all endpoints until the time is up. */
export async function createClient(options: ClientOptions): Promise<Client> {
  const { clock, random, network, timeout = 5000, callsMax = 10_000, pin = false } = options
  const addresses = parseEndpoints(options.endpoints)
  checkOptions(options, addresses, callsMax)
  const encodings = {
    key: checkEncoding(options.keyEncoding, 'utf8'),
    value: checkEncoding(options.valueEncoding, 'buffer'),
  }
  const wheel = new Wheel(clock)
  const clusterTime = new ClusterTime(clock)
  const events = new StatusEvents(options.logger ?? silentLogger)
  const shared = { clock, random, wheel, clusterTime, events, pin }
  const router = new Router({
    ...shared,
    addresses,
    network,
    clusterId: options.clusterId,
    onRoutable: (call) => calls.route(call),
  })
  const limits = { callsMax, timeoutMs: timeout, attemptMs: options.attemptTimeout }
  const calls = new Calls({ ...shared, ...limits }, router)
  try {
    await firstWelcome(router, wheel, clock, timeout, options.signal)
  } catch (error) {
    router.close()
    wheel.close()
    throw error
  }
  const { consistency = 'linearizable' } = options
  const parts = { calls, router, wheel, clock, random, clusterTime, events }
  return new Client({ ...parts, encodings, consistency, timeoutMs: timeout })
}

function checkOptions(
  options: ClientOptions,
  addresses: readonly string[],
  callsMax: number,
): void {
  checkTimeout(options.timeout)
  checkTimeout(options.attemptTimeout, 'attemptTimeout')
  if (options.pin === true && addresses.length !== 1) {
    throw usageError('`pin` talks to exactly one endpoint')
  }
  if (!Number.isSafeInteger(callsMax) || callsMax < 1) {
    throw usageError('`callsMax` is a whole number from 1 on')
  }
  const { consistency } = options
  if (consistency !== undefined && consistency !== 'linearizable' && consistency !== 'stale') {
    throw usageError("`consistency` is 'linearizable' or 'stale'")
  }
}

function firstWelcome(
  router: Router,
  wheel: Wheel,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void =>
      end(new QuorateError('QUORATE_ABORTED', 'connect: given up', { cause: signal?.reason }))
    const end = (error: QuorateError | undefined): void => {
      wheel.clear(limit)
      signal?.removeEventListener('abort', onAbort)
      if (error === undefined) resolve()
      else reject(notConnected(error))
    }
    const limit = new Alarm(() => {
      const { code, message, cause } = router.noRoute()
      end(new QuorateError(code, `connect: ${message} within ${timeoutMs} ms`, { cause }))
    })
    if (signal?.aborted === true) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const now = clock.monotonic()
    wheel.set(limit, now + timeoutMs, now)
    router.start(end)
  })
}

/** Nothing was asked of anybody, so nothing can have had an effect. */
function notConnected(error: QuorateError): QuorateError {
  const { code, message, details } = error
  return new QuorateError(code, message, { outcome: 'not-applied', details, cause: error.cause })
}
