package soak

import (
	"fmt"
	"os"
	"syscall"
)

// childAttributes let a child die with this process, and keep a terminal's Ctrl-C
// from it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// MountsAttributes start a process in a mount namespace of its own, where it may
// mount small file systems that vanish with it. Who isn't root becomes root of a user
// namespace for that.
func MountsAttributes() (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attributes, nil
}

// KeepMounts makes sure that what is mounted in this namespace stays in it.
func KeepMounts() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("soak: make mounts private: %w", err)
	}
	return nil
}

// mountSmall mounts a file system of so many bytes on a folder.
func mountSmall(dir string, size int64) error {
	err := syscall.Mount("gapwise-soak", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", size))
	if err != nil {
		return fmt.Errorf("soak: mount a small file system on %s: %w (disks can be full only where this user may mount: "+
			"as root with CAP_SYS_ADMIN, or in a user namespace)", dir, err)
	}
	return nil
}

// resize changes how many bytes such a file system holds; it can't be fewer than are used.
func resize(dir string, size int64) error {
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("soak: resize the file system on %s to %d bytes: %w", dir, size, err)
	}
	return nil
}

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }

// used is how many bytes the file system of a folder holds.
func used(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("soak: space on %s: %w", dir, err)
	}
	return int64(st.Blocks-st.Bfree) * st.Bsize, nil
}
