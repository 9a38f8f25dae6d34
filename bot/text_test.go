package bot

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestStrangersTextStaysText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<!channel> & <@U0ANA>":              "&lt;!channel&gt; &amp; &lt;@U0ANA&gt;",
		"a\u202Eb\u200Bc\u2066d\uFEFFe\x07f": "abcdef",
		"two\nlines\tand  spaces":            "two lines and spaces",
		"`code`":                             "ʼcodeʼ",
		"\xff\xfebroken":                     "broken",
		"Ünïcödé 🔥":                          "Ünïcödé 🔥",
	} {
		if got := md(in, 100); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCutsAreMadeBetweenCharacters(t *testing.T) {
	t.Parallel()
	if got := cut(strings.Repeat("🔥", 10), 4); got != "🔥🔥🔥…" {
		t.Errorf("%q", got)
	}
	if got := md(strings.Repeat("&", 10), 12); got != "&amp;&amp;…" {
		t.Errorf("an entity is cut in two: %q", got)
	}
}

func FuzzMarkup(f *testing.F) {
	f.Add("<!channel> & `x` \u202E", 20)
	f.Add(strings.Repeat("&", 50), 7)
	f.Add("\xff\u0301\u0301", 1)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = max(1, n%300)
		got := md(s, n)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > n {
			t.Errorf("%d characters, limit %d, valid %v: %q", utf8.RuneCountInString(got), n, utf8.ValidString(got), got)
		}
		if strings.ContainsAny(got, "<>\n`\x00") {
			t.Errorf("%q", got)
		}
	})
}
