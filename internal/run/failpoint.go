//go:build failpoint

package run

import (
	"os"
	"strings"
	"syscall"
)

// failpoint kills the process, as kill -9 does, when SPHERA_FAILPOINT names
// this step type and boundary as "steptype:boundary", or as "@FILE" a file that
// does, so that a running process can be armed. The file named by
// SPHERA_FAILPOINT_MARK is created first, and its presence disarms the point,
// so that the process which resumes is not killed again, and of several
// processes one.
func failpoint(stepType, boundary string) {
	point := os.Getenv("SPHERA_FAILPOINT")
	if file, ok := strings.CutPrefix(point, "@"); ok {
		raw, err := os.ReadFile(file)
		if err != nil {
			return // not armed
		}
		point = string(raw)
	}
	if point != stepType+":"+boundary {
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
