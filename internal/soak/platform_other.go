//go:build !linux

package soak

import (
	"errors"
	"syscall"
)

var errNotLinux = errors.New("soak: needs Linux, whose processes and file systems it breaks; run it there")

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// MountsAttributes is for Linux alone.
func MountsAttributes() (*syscall.SysProcAttr, error) { return nil, errNotLinux }

// KeepMounts is for Linux alone.
func KeepMounts() error { return errNotLinux }

func mountSmall(string, int64) error { return errNotLinux }
func resize(string, int64) error     { return errNotLinux }
func unmount(string) error           { return errNotLinux }
func used(string) (int64, error)     { return 0, errNotLinux }
