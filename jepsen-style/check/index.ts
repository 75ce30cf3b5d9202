/**
 * `quorate/check`: is a history linearizable? For histories of the store, of other stores, and, with
 * a model of your own, of anything else.
 */
export { checkFiles, type CheckedFile, type CheckFilesOptions } from './check-files.ts'
export { checkHistory, type CheckOptions } from './check-history.ts'
export { checkByRevision, type RevisionCheck } from './by-revision.ts'
export type { Explanation, PartialOrder } from './explanation.ts'
export { illegal, legal, noKey, ownKey, type Model, type Step } from './model.ts'
export { casRegister, kvAppend, modelNames, modelOf, quorate } from './models/index.ts'
export type { HistoryVerdict, Verdict } from './verdict.ts'
export {
  formatLine,
  HistoryError,
  nemesisProcess,
  operationsOf,
  parseLine,
  readHistory,
  type EventType,
  type HistoryEvent,
  type Operation,
  type Outcome,
  type Place,
} from '../history/index.ts'
