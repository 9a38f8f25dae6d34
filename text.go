package pointsman

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Count writes a number and what is counted: "1 alert", "2 alerts".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return itoa(n) + " " + what + "s"
}

// Bytes writes a byte count with thousands separators, as people compare figures: "213,792 B".
func Bytes(n int64) string {
	s := strconv.FormatInt(n, 10)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		s = "-" + s
	}
	return s + " B"
}

// Span writes a duration as people say it at night: "4.1 s", "2m 10s", "1h 5m".
func Span(d time.Duration) string {
	switch {
	case d == math.MinInt64: // its opposite is itself: the difference to a time that was never set
		return "-" + Span(math.MaxInt64)
	case d < 0:
		return "-" + Span(-d)
	case d < time.Second:
		return itoa(int(d.Milliseconds())) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return pair(int(d/time.Minute), "m", int(d%time.Minute/time.Second), "s")
	case d < 48*time.Hour:
		return pair(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "m")
	}
	return pair(int(d/(24*time.Hour)), "d", int(d%(24*time.Hour)/time.Hour), "h")
}

func pair(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return itoa(a) + unitA
	}
	return itoa(a) + unitA + " " + itoa(b) + unitB
}

// Clock writes a time of day in UTC, the one zone that everybody on a call shares.
func Clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// Unseen reports whether nobody sees the character and a terminal or a renderer obeys it: control characters, the marks that turn
// the direction of writing round, what has no width, separators of lines, private use, and the letters of tags. Every door that
// shows a stranger's text asks here, so that none of them forgets one.
func Unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp, unicode.Variation_Selector, blank) || r >= 0xE0000 && r <= 0xE007F
}

// blank are letters, marks and symbols that are drawn as nothing: the Hangul fillers, the joiner of graphemes, the empty pattern
// of Braille. https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
var blank = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x034F, Hi: 0x034F, Stride: 1},
	{Lo: 0x115F, Hi: 0x1160, Stride: 1},
	{Lo: 0x180B, Hi: 0x180F, Stride: 1},
	{Lo: 0x2800, Hi: 0x2800, Stride: 1},
	{Lo: 0x3164, Hi: 0x3164, Stride: 1},
	{Lo: 0xFFA0, Hi: 0xFFA0, Stride: 1},
}}
