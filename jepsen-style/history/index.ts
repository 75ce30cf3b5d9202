/** Histories: their format, and how they are read, written and paired. */
export { nemesisProcess } from './event.ts'
export type { EventType, FaultNote, HistoryEvent } from './event.ts'
export { HistoryError, type Place } from './history-error.ts'
export { formatLine, lineOf, parseLine } from './line.ts'
export { operationsOf, type Operation, type Outcome } from './operation.ts'
export { readHistory } from './read.ts'
export { HistoryWriter, type NewEvent } from './write.ts'
