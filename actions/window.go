package actions

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is a span of time that comes again every week, or comes once: "22:00" to "06:00" on some weekdays, or
// "2026-12-24 12:00" to "2026-12-27 06:00". It includes its beginning and not its end.
type Window struct {
	Name string   `yaml:"name"`
	Days []string `yaml:"days"` // mon to sun, the days on which it begins; every day where none is named
	From string   `yaml:"from"`
	To   string   `yaml:"to"`   // not later than From means the next day
	Zone string   `yaml:"zone"` // "Europe/Berlin"; UTC where none is named
}

// String names the window and says when it is.
func (w Window) String() string {
	s := w.From + " to " + w.To + " " + zoneName(w.Zone)
	if len(w.Days) > 0 {
		s = strings.Join(w.Days, " ") + " " + s
	}
	return w.Name + " (" + s + ")"
}

func zoneName(z string) string {
	if z == "" {
		return "UTC"
	}
	return z
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const (
	dayTime = "15:04"
	dated   = "2006-01-02 15:04"
)

// span is a window that was read.
type span struct {
	Window
	zone     *time.Location
	from, to time.Time // of a weekly one only the time of day
	weekly   bool
}

func (w Window) read() (span, error) {
	s := span{Window: w}
	var err error
	if s.zone, err = time.LoadLocation(zoneName(w.Zone)); err != nil || w.Zone == "Local" {
		return s, fmt.Errorf("zone %q is no time zone such as Europe/Berlin", w.Zone)
	}
	for _, d := range w.Days {
		if !slices.Contains(weekdays, d) {
			return s, fmt.Errorf("%q is no day; write sun, mon, tue, wed, thu, fri or sat", d)
		}
	}
	a, errA := time.Parse(dayTime, w.From)
	b, errB := time.Parse(dayTime, w.To)
	if errA == nil && errB == nil {
		s.from, s.to, s.weekly = a, b, true
		return s, nil
	}
	a, errA = time.ParseInLocation(dated, w.From, s.zone)
	b, errB = time.ParseInLocation(dated, w.To, s.zone)
	switch {
	case errA != nil || errB != nil:
		return s, fmt.Errorf("from %q and to %q are neither both times of day such as 22:00 nor both such as 2026-12-24 22:00", w.From, w.To)
	case len(w.Days) > 0:
		return s, fmt.Errorf("a window that comes once has no days; leave days out, or write from and to without a date")
	case !b.After(a):
		return s, fmt.Errorf("it ends at %s, which is not after its beginning at %s", w.To, w.From)
	}
	s.from, s.to = a, b
	return s, nil
}

// next is the occurrence that contains at, or else the next one that begins after it; false where none comes any more.
func (s span) next(at time.Time) (from, to time.Time, ok bool) {
	if !s.weekly {
		return s.from, s.to, s.to.After(at)
	}
	local := at.In(s.zone)
	for i := -1; i <= 8; i++ { // from yesterday, whose window may reach over midnight
		y, m, d := local.AddDate(0, 0, i).Date()
		day := time.Date(y, m, d, 12, 0, 0, 0, s.zone).Weekday()
		if len(s.Days) > 0 && !slices.Contains(s.Days, weekdays[day]) {
			continue
		}
		from = time.Date(y, m, d, s.from.Hour(), s.from.Minute(), 0, 0, s.zone)
		if !s.to.After(s.from) {
			d++
		}
		to = time.Date(y, m, d, s.to.Hour(), s.to.Minute(), 0, 0, s.zone)
		if to.After(at) && to.After(from) { // an hour that the clock leaves out in spring is no window
			return from, to, true
		}
	}
	return time.Time{}, time.Time{}, false
}

// inside finds a window that contains at, and when none of them does any more. Windows may follow each other.
func inside(list []Window, at time.Time) (w Window, until time.Time, ok bool) {
	until = at
	for range 100 { // windows that follow each other without a gap for ever have no end: then it is said to be far
		moved := false
		for _, one := range list {
			s, err := one.read()
			if err != nil {
				continue // refused when the configuration was read
			}
			if from, to, comes := s.next(until); comes && !from.After(until) {
				if !ok {
					w, ok = one, true
				}
				until, moved = to, true
			}
		}
		if !moved {
			break
		}
	}
	return w, until, ok
}

// opens finds the window that begins next after at.
func opens(list []Window, at time.Time) (w Window, from time.Time, ok bool) {
	for _, one := range list {
		s, err := one.read()
		if err != nil {
			continue
		}
		if begin, _, comes := s.next(at); comes && (!ok || begin.Before(from)) {
			w, from, ok = one, begin, true
		}
	}
	return w, from, ok
}
