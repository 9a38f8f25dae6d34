package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shelf is a Shelf in memory.
type shelf map[string][]byte

func (s shelf) PutSample(_ context.Context, cluster, node string, doc []byte) error {
	s[cluster+"/"+node] = doc
	return nil
}

func (s shelf) Samples(context.Context, string) (out [][]byte, err error) {
	for _, doc := range s {
		out = append(out, doc)
	}
	return out, nil
}

// TestShare: what one replica saw of a primary before it died, another one that takes the promotion over knows too.
func TestShare(t *testing.T) {
	t.Parallel()
	at := time.Now().UTC().Truncate(time.Microsecond)
	dead := Sample{
		Primary: "pg-1", SystemID: "7", Timeline: 1, LSN: 5000, At: at, Rate: 2000, Beat: at, LostAt: at.Add(time.Second),
		peakAt: at, fromLSN: 4000, fromAt: at, missedAt: at.Add(time.Second),
	}
	earlier := dead
	earlier.LSN, earlier.At, earlier.LostAt = 4500, at.Add(-time.Second), at
	alive := dead
	alive.LostAt, alive.missedAt = time.Time{}, time.Time{}
	silent := dead
	silent.LostAt, silent.Silent = at, true
	promoted := Sample{Primary: "pg-2", SystemID: "7", Timeline: 2, LSN: 5100, At: at.Add(time.Minute), Before: "pg-1"}
	stranger := dead
	stranger.SystemID, stranger.LSN = "8", 9000
	for name, one := range map[string]struct{ known, theirs, want Sample }{
		"it never saw the primary":                             {Sample{}, dead, dead},
		"it saw the primary earlier":                           {earlier, dead, dead},
		"it saw the primary later":                             {dead, earlier, dead},
		"it saw the same, and not yet that it was lost":        {alive, dead, dead},
		"it saw only that it was silent, the other it stopped": {silent, dead, dead},
		"it saw it stop, the other only that it was silent":    {dead, silent, dead},
		"another one was promoted meanwhile":                   {dead, promoted, promoted},
		"it knows of the promotion and the other does not":     {promoted, dead, promoted},
		"that is another database system":                      {dead, stranger, dead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			between := shelf{}
			this, other := New(Config{{Name: "orders"}}, nil), New(Config{{Name: "orders"}}, nil)
			other.samples.set("orders", one.theirs)
			if err := (Sharer{other, between}).once(t.Context()); err != nil {
				t.Fatal(err)
			}
			if one.known.Known() {
				this.samples.set("orders", one.known)
			}
			for range 2 { // fetched, put, and fetched again
				if err := (Sharer{this, between}).once(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(one.want, this.samples.of("orders"), cmp.AllowUnexported(Sample{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
