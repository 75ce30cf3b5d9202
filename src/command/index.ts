/** Commands: what stands in the log, its bytes, and what may enter. */
export type * from './types.ts'
export { defaultLimits, defaultSettings, sessionAheadMsMax, tokenAheadMsMax } from './types.ts'
export {
  batchOperationsMax,
  commandLength,
  decodeCommand,
  decodeEntry,
  encodeCommand,
  encodeEntry,
  encodeOperation,
  entryStamp,
  operationCount,
  operationLength,
  operationSlice,
  payloadHash,
  payloadHashBytes,
  sessionBytes,
} from './codec.ts'
export { ByteReader, ByteWriter, byteString, bytesEqual, malformed, timeMax } from './bytes.ts'
export { checkCommand } from './check.ts'
export { clusterVersionKnown, settingInRange } from './settings.ts'
export {
  decodeMemberContext,
  encodeMemberContext,
  isPriority,
  priorityMax,
  type MemberContext,
} from './member.ts'
