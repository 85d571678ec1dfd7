//go:build failpoint

package run

import (
	"os"
	"syscall"
)

// failpoint kills the process, as kill -9 does, when SPHERA_FAILPOINT names
// this step type and boundary as "steptype:boundary". The file named by
// SPHERA_FAILPOINT_MARK is created first, and its presence disarms the point,
// so that the process which resumes is not killed again.
func failpoint(stepType, boundary string) {
	if os.Getenv("SPHERA_FAILPOINT") != stepType+":"+boundary {
		return
	}
	mark, err := os.OpenFile(os.Getenv("SPHERA_FAILPOINT_MARK"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	if err := mark.Close(); err != nil {
		return
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {}
}
