/** What usually lies behind an error, and what to do next: one entry a code. */
import type { ErrorCode } from '../errors.ts'
import { exitCodes } from './io.ts'

/** For people, beside the message that says what happened. */
export interface Explanation {
  readonly cause: string
  /** A command, or what to do if no command helps. */
  readonly next: string
  /** The exit code, where the outcome does not decide it. */
  readonly exitCode: number
}

const usage = exitCodes.usage
const conflict = exitCodes.conflict
const unavailable = exitCodes.unavailable
const unexpected = exitCodes.unexpected

/** Every code has an entry: the compiler holds that. */
export const explanations: Readonly<Record<ErrorCode, Explanation>> = {
  QUORATE_USAGE: {
    cause: 'what was asked for cannot be meant, or does not fit what is there',
    next: 'quorate --help',
    exitCode: usage,
  },
  QUORATE_TOO_LARGE: {
    cause: 'keys may have up to 4 KiB, values up to 1 MiB, tokens up to 256 bytes',
    next: 'split the value over several keys, or store a reference to it',
    exitCode: usage,
  },
  QUORATE_CONFLICT: {
    cause: 'the record was changed since you read its revision',
    next: 'quorate get <key> -o json shows its revision now; decide again, then repeat',
    exitCode: conflict,
  },
  QUORATE_MISMATCH: {
    cause: 'another call with this token, or on this key with --once, stored another value first',
    next: 'quorate get <key> -o json shows what is stored',
    exitCode: conflict,
  },
  QUORATE_ABORTED: {
    cause: 'the command was interrupted',
    next: 'run it again',
    exitCode: unexpected,
  },
  QUORATE_CLOSED: {
    cause: 'the client was closed while the call was under way',
    next: 'run the command again',
    exitCode: unexpected,
  },
  QUORATE_TOKEN_EXPIRED: {
    cause: 'the token is older than the retention, so nobody knows whether it was used',
    next: 'quorate settings list shows tokenRetentionMs; replays from further back use --once',
    exitCode: conflict,
  },
  QUORATE_TOKEN_AHEAD: {
    cause: "--token-time is more than 7 days ahead of the cluster's time",
    next: 'check --token-time and its clock; quorate doctor tells if cluster time is behind instead',
    exitCode: usage,
  },
  QUORATE_TOKEN_CANCELLED: {
    cause: 'somebody fenced the token, so that no late copy of the write can have an effect',
    next: 'if the write is still wanted, make it again with a new token',
    exitCode: conflict,
  },
  QUORATE_TOKENS_FULL: {
    cause: 'the cluster remembers as many tokens as it may',
    next: 'quorate settings list shows tokensMax and tokenRetentionMs; raise one, lower the other',
    exitCode: unavailable,
  },
  QUORATE_SESSION_EXPIRED: {
    cause: 'the client wrote nothing for so long that the cluster forgot its session',
    next: 'run the command again: it opens a new session',
    exitCode: unavailable,
  },
  QUORATE_SESSION_AHEAD: {
    cause: "the session was born ahead of the cluster's time by more than an hour",
    next: "quorate status, and check the clocks of the nodes' machines",
    exitCode: unavailable,
  },
  QUORATE_SESSIONS_FULL: {
    cause: 'the cluster has as many open sessions as it may',
    next: 'close idle clients; quorate settings list shows sessionsMax and sessionExpiryMs',
    exitCode: unavailable,
  },
  QUORATE_SESSION_WINDOW: {
    cause: 'one client has more unanswered writes than a session may have',
    next: 'write with fewer calls at once, or from several clients',
    exitCode: unavailable,
  },
  QUORATE_SESSION_FORGOTTEN: {
    cause: 'the cluster has already forgotten the answer to this write',
    next: 'quorate get <key> -o json shows what is stored',
    exitCode: unexpected,
  },
  QUORATE_SEQUENCE_REUSED: {
    cause: 'two different writes came under one number of one session: a bug in a client',
    next: "keep the client's log, and quorate status: they tell which write it was",
    exitCode: unexpected,
  },
  QUORATE_NOT_LEADER: {
    cause: 'the node that was asked does not lead, and the leader is not among the endpoints',
    next: 'quorate status, then name all nodes with -e',
    exitCode: unavailable,
  },
  QUORATE_NO_QUORUM: {
    cause: 'fewer than a majority of the nodes are up and connected with each other',
    next: 'quorate status; a local node is started with quorate cluster restart <node>',
    exitCode: unavailable,
  },
  QUORATE_LEADERSHIP_LOST: {
    cause: 'the leader changed while the call was under way',
    next: 'run the command again; with --token a repeated write is safe',
    exitCode: unavailable,
  },
  QUORATE_OVERLOADED: {
    cause: 'more work waits than the node or this client may hold',
    next: 'wait a little and run the command again, with less at once',
    exitCode: unavailable,
  },
  QUORATE_TIMEOUT: {
    cause: 'the cluster is busy, paused, or cut off, or has no majority',
    next: 'quorate status; a longer --timeout helps if the cluster is only slow',
    exitCode: unavailable,
  },
  QUORATE_CONNECTION_LOST: {
    cause: 'no node runs at these endpoints, or the network is cut',
    next: 'quorate cluster up starts a local cluster; -e names the endpoints of another one',
    exitCode: unavailable,
  },
  QUORATE_STOPPING: {
    cause: 'the node is being stopped',
    next: 'run the command again: another node will answer',
    exitCode: unavailable,
  },
  QUORATE_SCAN_LOST: {
    cause: 'the node that held the scan went away, or the scan was idle for too long',
    next: 'run it again; --from continues where it ended',
    exitCode: unavailable,
  },
  QUORATE_SCANS_FULL: {
    cause: 'the node has as many open scans as it may',
    next: 'wait until some have ended and run the command again',
    exitCode: unavailable,
  },
  QUORATE_EXPORT_LOST: {
    cause: 'the node that was read from went away, or its state was replaced meanwhile',
    next: 'run the command again, with -e at another node if this one stays away',
    exitCode: unavailable,
  },
  QUORATE_DISK_FULL: {
    cause: 'the disk of the leader has less free than the floor, so that only reads are served',
    next: 'quorate doctor names the node and what is free; make room there, and writes go on',
    exitCode: unavailable,
  },
  QUORATE_MEMBERSHIP: {
    cause: 'the change does not fit the members as they are, or would cost the quorum',
    next: 'quorate member list shows who takes part and how far each is',
    exitCode: conflict,
  },
  QUORATE_TRANSFER: {
    cause: 'the node that was to lead is away, has no vote, or could not catch up in time',
    next: 'quorate member list; then quorate leader transfer with another node, or none',
    exitCode: unavailable,
  },
  QUORATE_REMOVED: {
    cause: 'the node was taken out of the cluster, and its name may not be used again',
    next: 'quorate member list shows who takes part; a new node needs a new id',
    exitCode: unexpected,
  },
  QUORATE_PROTOCOL: {
    cause: 'something other than a quorate node listens there, or one of another version',
    next: "check the endpoints; client commands go to a node's client port, not to its peer port",
    exitCode: unexpected,
  },
  QUORATE_WRONG_CLUSTER: {
    cause: 'the endpoints belong to different clusters, or a port has passed to another cluster',
    next: 'quorate status -o json shows clusterId; check -e and QUORATE_ENDPOINTS',
    exitCode: unexpected,
  },
  QUORATE_WRONG_NODE: {
    cause: 'another node than the one meant answers at this address',
    next: 'compare --peers with quorate status',
    exitCode: unexpected,
  },
  QUORATE_WRONG_INCARNATION: {
    cause: "the node's directory was made anew, so it has forgotten the votes of its old life",
    next: 'quorate member replace puts a new node, under a new name, in its place',
    exitCode: unexpected,
  },
  QUORATE_PORT_IN_USE: {
    cause: 'another program, or a node that still runs, listens there',
    next: 'stop it, or choose other ports: quorate cluster up --port <port>',
    exitCode: unexpected,
  },
  QUORATE_LOCKED: {
    cause: 'another process uses this directory',
    next: 'quorate cluster status shows which nodes run',
    exitCode: unexpected,
  },
  QUORATE_NOT_INITIALISED: {
    cause: 'the directory was never set up, or is not the one you mean',
    next: 'quorate cluster up makes a local cluster, quorate node init the directory of one node',
    exitCode: unexpected,
  },
  QUORATE_ALREADY_INITIALISED: {
    cause: 'the directory belongs to a node already',
    next: 'quorate node start --data-dir <directory> starts it',
    exitCode: unexpected,
  },
  QUORATE_FORMAT_TOO_NEW: {
    cause: 'a newer quorate wrote this data',
    next: 'use that version, or a later one',
    exitCode: unexpected,
  },
  QUORATE_CORRUPT: {
    cause: 'the bytes on disk are not those that were written: a failing disk, or another program',
    next: 'keep a copy of the file; docs/operations.md, corruption, says how the node comes back',
    exitCode: unexpected,
  },
  QUORATE_STORAGE: {
    cause: 'the operating system could not read or write: a full or failing disk, or its rights',
    next: "df -h and the system's log; then start the node again",
    exitCode: unexpected,
  },
  QUORATE_INTERNAL: {
    cause: 'a bug in quorate',
    next: "keep the message above, the node's log and its data directory: they show the bug",
    exitCode: unexpected,
  },
}
