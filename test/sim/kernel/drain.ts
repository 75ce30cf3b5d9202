/**
 * Lets every promise chain go on that can, at once and without leaving the present turn: what was
 * queued by `nextTick` and all microtasks, until there are none. So a lifetime is one synchronous
 * run, and a hundred thousand events cost no turn of the real event loop.
 */

/** Node's own way "to emulate a tick manually", as its bootstrap says. */
function find(): () => void {
  const tick: unknown = Reflect.get(process, '_tickCallback')
  if (typeof tick !== 'function') {
    throw new Error('this Node has no process._tickCallback: the simulation cannot run on it')
  }
  return () => void Reflect.apply(tick, process, [])
}

/** Must not be called from within a promise's callback: there it would do nothing. */
export const settlePromises: () => void = find()
