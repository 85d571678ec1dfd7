package runtime

import (
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reach is what a confined process can get at in the file system. It is passed
// to the launcher as JSON.
type reach struct {
	// Read may be read and executed, Write also changed; what does not exist
	// is left out.
	Read  []string `json:"read"`
	Write []string `json:"write"`
}

// confinement reports whether the kernel can confine processes (Landlock).
func confinement() bool { return landlockVersion() > 0 }

func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// confine restricts the calling thread, and the program it becomes by exec, to
// its reach. It cannot be taken back. A confined process can also neither
// trace nor signal processes outside.
func confine(r reach) error {
	version := landlockVersion()
	if version == 0 {
		return nil
	}
	all := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1) // everything of version 1
	attr := unix.LandlockRulesetAttr{}
	if version >= 2 {
		all |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		all |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 5 {
		all |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	attr.Handled_access_fs = all
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0) //nolint:gosec // the kernel reads the struct at its address
	if errno != 0 {
		return fmt.Errorf("make a rule set: %w", errno)
	}
	defer closeFD(int(fd))
	read := uint64(unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR)
	for _, path := range r.Read {
		if err := allow(int(fd), path, read&all); err != nil {
			return err
		}
	}
	for _, path := range r.Write {
		if err := allow(int(fd), path, all); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("restrict: %w", errno)
	}
	return nil
}

// closeFD closes a descriptor that was only read through: there is nothing an
// error could have lost.
func closeFD(fd int) { _ = unix.Close(fd) }

func allow(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer closeFD(fd)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if !info.IsDir() {
		access &= unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
			unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	rule := struct {
		access uint64
		parent int32
	}{access, int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 { //nolint:gosec // as above
		return fmt.Errorf("allow %s: %w", path, errno)
	}
	return nil
}

// become limits and confines this process and then turns it into the program.
// It returns only on failure.
func become(l limits, r reach, argv, env []string) error {
	// The restriction is the thread's, and exec keeps that of its thread.
	goruntime.LockOSThread()
	if err := limit(os.Getpid(), l); err != nil {
		return err
	}
	if err := confine(r); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	return fmt.Errorf("exec %s: %w", argv[0], unix.Exec(argv[0], argv, env))
}

// dropCapabilities takes root's special powers away for the time after exec;
// one of them (performance monitoring) reads the memory of other processes
// past Landlock. Without root there is nothing to drop.
func dropCapabilities() error {
	for c := range uintptr(64) {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EPERM) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}
