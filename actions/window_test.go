package actions

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(t testing.TB, s string) time.Time {
	t.Helper()
	out, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWindows(t *testing.T) {
	t.Parallel()
	night := Window{Name: "night", From: "22:00", To: "06:00"}
	weekend := Window{Name: "weekend", Days: []string{"sat"}, From: "02:00", To: "05:00", Zone: "Europe/Berlin"}
	friday := Window{Name: "friday", Days: []string{"fri"}, From: "18:00", To: "00:00"}
	saturday := Window{Name: "saturday", Days: []string{"sat"}, From: "00:00", To: "00:00"}
	feast := Window{Name: "feast", From: "2026-12-24 12:00", To: "2026-12-27 06:00", Zone: "Europe/Berlin"}
	missing := Window{Name: "missing", Days: []string{"sun"}, From: "02:10", To: "02:40", Zone: "Europe/Berlin"}
	for name, c := range map[string]struct {
		list []Window
		at   string
		in   string // the window, empty for none
		ends string
		next string // where it is outside
	}{
		"before midnight":                        {[]Window{night}, "2026-11-20T23:00:00Z", "night", "2026-11-21T06:00:00Z", ""},
		"after midnight":                         {[]Window{night}, "2026-11-21T05:59:59Z", "night", "2026-11-21T06:00:00Z", ""},
		"its end is outside":                     {[]Window{night}, "2026-11-21T06:00:00Z", "", "", "2026-11-21T22:00:00Z"},
		"its beginning is inside":                {[]Window{night}, "2026-11-21T22:00:00Z", "night", "2026-11-22T06:00:00Z", ""},
		"zone in winter":                         {[]Window{weekend}, "2026-11-21T01:30:00Z", "weekend", "2026-11-21T04:00:00Z", ""},
		"zone in summer":                         {[]Window{weekend}, "2026-07-04T00:30:00Z", "weekend", "2026-07-04T03:00:00Z", ""},
		"next week":                              {[]Window{weekend}, "2026-11-21T04:00:00Z", "", "", "2026-11-28T01:00:00Z"},
		"windows that follow each other are one": {[]Window{saturday, friday}, "2026-11-20T19:00:00Z", "friday", "2026-11-22T00:00:00Z", ""},
		"once":                                   {[]Window{feast}, "2026-12-24T11:30:00Z", "feast", "2026-12-27T05:00:00Z", ""},
		"once, before":                           {[]Window{feast}, "2026-12-24T10:30:00Z", "", "", "2026-12-24T11:00:00Z"},
		"once, after":                            {[]Window{feast}, "2026-12-27T05:00:00Z", "", "", ""},
		"in an hour that spring leaves out the times move on": {[]Window{missing}, "2026-03-29T01:20:00Z", "missing", "2026-03-29T01:40:00Z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, until, in := inside(c.list, at(t, c.at))
			if w.Name != c.in || in != (c.in != "") || in && !until.Equal(at(t, c.ends)) {
				t.Errorf("inside: %q until %s, want %q until %s", w.Name, until.UTC(), c.in, c.ends)
			}
			if in {
				return
			}
			_, from, comes := opens(c.list, at(t, c.at))
			if comes != (c.next != "") || comes && !from.Equal(at(t, c.next)) {
				t.Errorf("opens at %s (%v), want %s", from.UTC(), comes, c.next)
			}
		})
	}
}

// TestWindowsAgreeWithTheClock: whether a moment is inside is told by the wall clock of the zone alone; inside and opens
// must agree with it at every moment, also where the clocks are changed.
func TestWindowsAgreeWithTheClock(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		from, length := rapid.IntRange(0, 23).Draw(t, "from"), rapid.IntRange(1, 23).Draw(t, "hours")
		day := rapid.IntRange(0, 6).Draw(t, "day")
		w := Window{Name: "w", Days: []string{weekdays[day]}, From: hour(from), To: hour(from + length), Zone: "Europe/Berlin"}
		moment := time.Unix(rapid.Int64Range(1767225600, 1798761600).Draw(t, "at"), 0)
		local := moment.In(zone)
		since := (int(local.Weekday())-day+7)%7*24 + local.Hour() - from // hours since it began, by the wall clock
		want := since >= 0 && since < length || since+7*24 >= 0 && since+7*24 < length
		if _, until, in := inside([]Window{w}, moment); in != want || in && !until.After(moment) {
			t.Fatalf("%s at %s: inside %v until %s, the wall clock says %v", w, local, in, until, want)
		}
		if _, next, ok := opens([]Window{w}, moment); !want && (!ok || next.Before(moment) || next.Sub(moment) > 8*24*time.Hour) {
			t.Fatalf("%s at %s: opens at %s", w, local, next)
		}
	})
}

func hour(n int) string { return time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC).Format(dayTime) }
