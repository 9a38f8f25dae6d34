package service

import "syscall"

// ownGroup puts a child in a group of its own, and lets it die with us: a command must not go on after a crash while
// a successor already decides what became of it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
