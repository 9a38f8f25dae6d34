package pointsman

import (
	"math"
	"strings"
	"testing"
	"time"
)

// A time that somebody left out is far away from every other one: the difference must neither end the program nor be said.
func TestATimeThatWasNotSaidIsNotSaid(t *testing.T) {
	t.Parallel()
	if got := Span(time.Time{}.Sub(night)); !strings.HasPrefix(got, "-106751d") {
		t.Errorf("the longest time back is %q", got)
	}
	if got := Span(math.MaxInt64); !strings.HasPrefix(got, "106751d") {
		t.Errorf("the longest time is %q", got)
	}
	held := Lock{Target: "postgres/orders", Run: "INC-9/R1"}.Sentence()
	if want := "postgres/orders is held by INC-9/R1; it is free when that run ends, or when somebody aborts it"; held != want {
		t.Errorf("%q, want %q", held, want)
	}
	for _, tt := range []struct {
		name       string
		start, end time.Time
		fires      string
		resolved   string
	}{
		{"both", night, night.Add(2 * time.Minute), "PrimaryDown fires since " + Clock(night), "PrimaryDown resolved after 2m"},
		{"no end", night.Add(-time.Minute), time.Time{}, "PrimaryDown fires since " + Clock(night.Add(-time.Minute)), "PrimaryDown resolved after "},
		{"neither", time.Time{}, time.Time{}, "PrimaryDown fires", "PrimaryDown resolved"},
		{"an end before the start, by two clocks", night, night.Add(-time.Hour), "PrimaryDown fires since " + Clock(night), "PrimaryDown resolved"},
		{"a start in a thousand years", night.AddDate(1000, 0, 0), time.Time{}, "PrimaryDown fires since " + Clock(night), "PrimaryDown resolved"},
	} {
		s := begin(t)
		s.do(webhook(primaryDown("f1", tt.start, AlertFiring)))
		over := primaryDown("f1", tt.start, AlertResolved)
		over.EndsAt = tt.end
		s.do(webhook(over))
		if got := s.last(EvAlertFiring); got != tt.fires {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.fires)
		}
		if got := s.last(EvAlertResolved); !strings.HasPrefix(got, tt.resolved) || strings.Contains(got, "-") || len(got) > len(tt.resolved)+12 {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.resolved)
		}
	}
}

// A label that reads backwards, or that holds letters which no font draws, is the same trap at every door.
func TestWhatNobodySeesIsToldFromLetters(t *testing.T) {
	t.Parallel()
	for _, r := range "\x00\x1b\n\u0085\u00AD\u200B\u200D\u202E\u2028\u2029\u2066\uE000\uFEFF\U000E0001\U000E0041\U000E0010\u3164\u115F\uFFA0\u034F\u180E\uFE0F\U000E0100\u2800" {
		if !Unseen(r) {
			t.Errorf("%U is taken for a letter", r)
		}
	}
	for _, r := range "aé\u00A0 🔥漢\u0301ʼ–\uFFFD" {
		if Unseen(r) {
			t.Errorf("%U is left out", r)
		}
	}
}
