package killswitch

import (
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

func TestClockThatIsAnHourAheadIsTold(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{time.Hour, -time.Hour} {
		if f := (Switch{Name: "trading"}).clock(offset); f.Result != pointsman.Fail || f.Clears == "" {
			t.Errorf("offset %s: %+v", offset, f)
		}
	}
	if f := (Switch{Name: "trading"}).clock(-time.Millisecond); f.Result != pointsman.Pass {
		t.Errorf("%+v", f)
	}
}
