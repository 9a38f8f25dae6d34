package fakeslack

import (
	"testing"
	"time"
)

func TestMarkup(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	s := New(Config{Users: []User{{ID: "U1", Name: "ana", Real: "Ana Souza"}}, Channels: []ChannelConfig{{ID: "C1", Name: "dba"}}, Now: func() time.Time { return now }})
	for text, want := range map[string]string{
		"*bold* _it_ ~no~":                   "<strong>bold</strong> <em>it</em> <s>no</s>",
		"2*3*4 and snake_case_name":          "2*3*4 and snake_case_name",
		"*bold with `code * in` it*":         "<strong>bold with <code>code * in</code> it</strong>",
		"`a &lt; b`":                         "<code>a &lt; b</code>",
		"a\nb":                               "a<br>b",
		"&gt; quoted\n&gt; more\nnot":        "<blockquote>quoted<br>more</blockquote>not",
		"```x *y*\nz```":                     "<pre>x *y*\nz</pre>",
		"<@U1> in <#C1>":                     `<span class="mention">@Ana Souza</span> in <span class="mention">#dba</span>`,
		"<!here>":                            `<span class="mention loud">@here</span>`,
		"<https://example.org/?a=1&amp;b|x>": `<a href="https://example.org/?a=1&amp;b" target="_blank" rel="noopener noreferrer">x</a>`,
		"<javascript:alert(1)|x>":            "&lt;javascript:alert(1)|x&gt;",
		"<script>alert(1)</script>":          "&lt;script&gt;alert(1)&lt;/script&gt;",
		"&lt;!channel&gt;":                   "&lt;!channel&gt;",
		":fire: :nonsense: 12:30:45":         `<span class="emoji">🔥</span> :nonsense: 12:30:45`,
		"<!date^1795230720^{date_short_pretty} at {time}|03:12 UTC>": `<time datetime="2026-11-21T03:12:00Z" title="03:12 UTC">today at 3:12 AM</time>`,
		"<!date^1795057920^{date}, {ago}|x>":                         `<time datetime="2026-11-19T03:12:00Z" title="x">November 19th, 2026, 1 day ago</time>`,
		"unfinished *bold `code <link":                               "unfinished *bold `code &lt;link",
	} {
		if got := string(s.mrkdwn(text)); got != want {
			t.Errorf("%q draws\n  %s, want\n  %s", text, got, want)
		}
	}
}
