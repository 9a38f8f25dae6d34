//go:build unix && !linux

package service

import "syscall"

// ownGroup puts a child in a group of its own. Only Linux can let it die with us as well.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
