/**
 * The ports: everything through which Quorate meets the world.
 *
 * Time, chance, files and sockets reach the code only through the four interfaces of this file,
 * given in constructors. `src/system/` holds their real versions; a simulation gives its own, and
 * then runs the same node, log, state machine and client from a seed.
 */

/** Cancels what it was given for. Calling it twice, or too late, does nothing. */
export type Cancel = () => void

/** Time. Monotonic time judges durations; the wall clock only steers cluster time. */
export interface Clock {
  /** Milliseconds since an arbitrary moment, with fractions; never goes back. */
  monotonic(): number
  /** Milliseconds since 1970-01-01 UTC, whole; may jump in either direction. */
  wall(): number
  /** Calls back once, after at least `delayMs` of monotonic time. */
  timer(delayMs: number, callback: () => void): Cancel
  /**
   * Calls back once, soon, but after input that has already arrived was handed over. It is how
   * requests of one turn of the event loop are gathered, and how a node that was stopped for a
   * while reads its sockets before it judges time-outs.
   */
  soon(callback: () => void): void
}

/** Entropy. Each component gets its own, so that a draw in one does not shift the others. */
export interface Random {
  /** A whole number, `0 ≤ n < 2^32`, evenly distributed. */
  uint32(): number
  /** `length` random bytes. */
  bytes(length: number): Uint8Array
}

/** Files. Every promise rejects with the operating system's error; callers decide what is fatal. */
export interface Disk {
  /** Creates one directory and missing parents. Durable after `syncDirectory` of the parents. */
  makeDirectory(path: string): Promise<void>
  /** Names in a directory, sorted by code unit; undefined where there is no such directory. */
  list(path: string): Promise<readonly string[] | undefined>
  /** Size in bytes; undefined where there is no such file. */
  size(path: string): Promise<number | undefined>
  /** The whole file, refused (rejects) above `bytesMax`; undefined where there is none. */
  readFile(path: string, bytesMax: number): Promise<Uint8Array | undefined>
  /**
   * Opens a file. `create`: must not exist. `write`: must exist, for reading and writing.
   * `read`: must exist, for reading.
   */
  open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile>
  /** Renames, replacing what was there. Durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>
  /** Removes a file or a directory with all that is in it; does nothing where there is none. */
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals in this directory durable. */
  syncDirectory(path: string): Promise<void>
  /** Of the file system where `path` is; undefined where nobody can tell. */
  space(path: string): Promise<DiskSpace | undefined>
  /**
   * Takes a lock that goes with the process. Rejects with `QUORATE_LOCKED` where another holds it.
   */
  lock(path: string): Promise<DiskLock>
}

/** How much room a file system has, in bytes. */
export interface DiskSpace {
  /** What this user may still write. */
  readonly free: number
  /** Its size. */
  readonly total: number
}

/** An open file. Offsets and sizes are bytes. */
export interface DiskFile {
  /** Reads up to `length` bytes at `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Writes all buffers, one behind the other, from `offset` on; rejects unless all were written. */
  write(buffers: readonly Uint8Array[], offset: number): Promise<void>
  /** Sets the file's length; what is added reads as zeros. */
  truncate(length: number): Promise<void>
  /** Makes everything written so far durable (fdatasync). */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A held lock. */
export interface DiskLock {
  release(): Promise<void>
}

/** Message-oriented, ordered, reliable connections: frames of bytes in, frames of bytes out. */
export interface Network {
  /** Binds and listens. Rejects with `QUORATE_PORT_IN_USE` where the port is taken. */
  listen(options: ListenOptions): Promise<Listener>
  /** Connects. Rejects with `QUORATE_CONNECTION_LOST` if it can't within `timeoutMs`. */
  connect(address: string, options: ConnectOptions): Promise<Connection>
}

/** What a listener is told. */
export interface ListenOptions {
  /** `host:port`; port 0 asks for a free one. */
  readonly address: string
  /** A larger frame closes its connection. */
  readonly frameBytesMax: number
  /** A connection above this number is refused at once. */
  readonly connectionsMax: number
  /** Called in the turn in which a connection is open; it must set the handlers there and then. */
  readonly onConnection: (connection: Connection) => void
  /** Answers plain HTTP GET requests on the same port; without it they get 404. */
  readonly onHttp?: (path: string) => HttpReply
}

/** An answer to a plain HTTP request. */
export interface HttpReply {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** What a dialler is told. */
export interface ConnectOptions {
  readonly frameBytesMax: number
  readonly timeoutMs: number
}

/** A bound port. */
export interface Listener {
  /** `host:port` as bound: where port 0 was asked for, the port that was given. */
  readonly address: string
  /** Stops listening and closes all connections. */
  close(): Promise<void>
}

/** What a connection's owner wants to hear. */
export interface ConnectionHandlers {
  /** One whole frame. The bytes are the receiver's to keep. */
  onFrame(frame: Uint8Array): void
  /** Called once, after the last frame, whoever closed. */
  onClose(reason: string): void
  /** Called when `bufferedBytes` has fallen to zero after having been above it. */
  onDrain?(): void
}

/** One open connection. */
export interface Connection {
  /** The other side's address, for people. */
  readonly remote: string
  /** Bytes accepted by `send` that the operating system has not taken yet. */
  readonly bufferedBytes: number
  /** Must be called in the turn in which the connection was handed over. */
  setHandlers(handlers: ConnectionHandlers): void
  /** Queues a frame; ignored after close. Callers bound what they queue by `bufferedBytes`. */
  send(frame: Uint8Array): void
  /** Stops, or takes up again, the reading of frames: back-pressure on the sender. */
  pauseReading(): void
  resumeReading(): void
  /** Closes; what was sent before still goes out if the other side reads it. */
  close(reason: string): void
}
