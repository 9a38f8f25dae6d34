package sim

import (
	"strings"

	"github.com/pointsman/pointsman"
)

// pages: I13. What parks a run wakes somebody for this run, in the same commit. A page for something else, such as nobody
// having decided in time, tells nobody that the run stands still.
func (j *ruling) pages(ev pointsman.Event) {
	switch ev.Type {
	case pointsman.EvRunParked:
		if at, still := j.unpaged[ev.Run]; still {
			j.violated("I13: %s was parked at %s and nobody was paged for it before it was parked again", ev.Run, at)
		}
		j.unpaged[ev.Run] = ev.At
	case pointsman.EvPageTriggered:
		if run, _, parked := strings.Cut(ev.Text, " is parked and needs a person: "); parked && j.unpaged[run].Equal(ev.At) {
			delete(j.unpaged, run)
		}
	}
}

// woken: at the end nobody was forgotten.
func (j *ruling) woken() {
	for run, at := range j.unpaged {
		j.violated("I13: %s was parked at %s and nobody was paged for it", run, at)
	}
}
