package actions

import (
	"fmt"
	"strings"
)

// Shell returns the words as one line that a POSIX shell reads as exactly these words. Words of harmless characters stay as
// they are; every other stands in single quotes, in which a shell replaces nothing, and so does the empty one.
func Shell(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsFunc(w, harms) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func harms(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-", r)
}

// Remark is a line among commands by hand that is read and, where it is pasted with the others, does nothing. It must hold nothing
// that a shell which knows no comments at its prompt would take for more than words: no quote of either kind, above all.
func Remark(format string, args ...any) string {
	return "# " + strings.Map(func(r rune) rune {
		if strings.ContainsRune("'\"`$&;|<>(){}*?!\\~\n\r", r) {
			return -1
		}
		return r
	}, fmt.Sprintf(format, args...))
}

// NotDone is a line by hand that runs nothing and says, where it is pasted, what a person does in its place: for what no command
// may be written for, such as one on a server that nobody knows the way to.
func NotDone(format string, args ...any) string {
	return "echo " + Shell("NOT DONE: "+fmt.Sprintf(format, args...)) + "; false"
}
