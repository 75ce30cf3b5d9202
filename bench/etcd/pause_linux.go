package main

import (
	"syscall"
	"time"
)

// pause waits as finely as the kernel can, some 0.05 ms too long. A process with nothing else to do
// would sleep up to a millisecond too long in time.Sleep, because it then waits for the network with
// a limit in whole milliseconds; in an open loop that would be counted as the store's latency.
func pause(d time.Duration) {
	span := syscall.NsecToTimespec(int64(d))
	// A signal may cut it short: the loop that waits looks at the clock again.
	_ = syscall.Nanosleep(&span, nil)
}
