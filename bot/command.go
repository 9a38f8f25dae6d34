package bot

import (
	"strings"
	"unicode/utf8"
)

// maxCommand is the longest command that is shown, in characters as Slack counts them.
const maxCommand = 2_000

// entities are the three characters that Slack wants escaped; it shows them as they were, also in code.
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// command shows what a person will paste, in code: whole and exactly as it is, or not at all. One whose end is missing, or
// whose lines were joined, may be valid and do something else. elsewhere says where it can be had.
func command(cmd, elsewhere string) string {
	shown := entities.Replace(cmd)
	switch {
	case clean(cmd) != cmd || strings.Contains(cmd, "```") || utf8.RuneCountInString(shown) > maxCommand:
		return "_Slack would cut or change the command: " + code(elsewhere, 100) + " prints it_"
	case line(cmd) == cmd && !strings.Contains(cmd, "`"):
		return "`" + shown + "`"
	}
	return "```\n" + shown + "\n```" // keeps lines and blanks, and ends at no single backquote
}

// commanded is a command after the words that say what it is for.
func commanded(what, cmd, elsewhere string) string {
	c := command(cmd, elsewhere)
	if strings.HasPrefix(c, "```") {
		return what + ":\n" + c
	}
	return what + ": " + c
}

// printed is the command line that prints everything of an incident, commands to paste among it.
func printed(incident string) string { return "pointsman incidents " + incident }
