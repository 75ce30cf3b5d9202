/** The thread of a hard group of keys: judges what it is given, and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import type { HardTask } from './crew.ts'
import { judge } from './judge.ts'
import { modelOf } from './models/index.ts'

// Not parsed: it comes from this very module's counterpart, in the same process.
const task: HardTask = workerData
const model = modelOf(task.model)
if (model === undefined) throw new Error(`no model ${task.model}`)
const judgement = judge(
  model,
  { keys: task.keys, operations: task.operations },
  {
    deadline: performance.now() + task.timeMs,
    memoryBytesMax: task.memoryBytesMax,
    stepsMax: Number.POSITIVE_INFINITY,
  },
)
parentPort?.postMessage(judgement)
