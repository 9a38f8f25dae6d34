package actions

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// twoParts is an effect of two parts: it remembers what it is about to do, and hangs in the middle.
type twoParts struct {
	*points
	seen    []string // the memos with which Verify was asked
	earlier []string // what each attempt was told of the one before
}

func (a *twoParts) Apply(ctx context.Context, in Input) (Outcome, error) {
	a.change(func(*points) { a.earlier = append(a.earlier, string(in.Earlier)) })
	if err := in.Remember(json.RawMessage(`{"part":"one"}`), "one is next"); err != nil {
		return Outcome{}, err
	}
	return a.points.Apply(ctx, in)
}

func (a *twoParts) Verify(ctx context.Context, in Input) (pointsman.Evidence, error) {
	a.change(func(*points) { a.seen = append(a.seen, string(in.Memo)) })
	return a.points.Verify(ctx, in)
}

func TestSuccessorReadsWhatWasRememberedBeforeTheCrash(t *testing.T) {
	story(t, func(w *world) {
		parts := &twoParts{points: w.throw}
		var err error
		if w.kinds, err = NewRegistry(nil, w.fence, parts); err != nil {
			t.Fatal(err)
		}
		first := w.work("a")
		p := w.propose()
		w.throw.change(func(p *points) { p.hang = true })
		w.approve(p)
		synctest.Wait()
		first() // dies in the middle of Apply
		w.throw.change(func(p *points) { p.hang = false })
		defer w.work("b")()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
		if got := strings.Join(parts.seen, " "); !strings.Contains(got, `{"part":"one"}`) {
			t.Fatalf("the successor verified with the memos %q", got)
		}
	})
}

// What the first attempt had begun is the second one's to finish, and to undo.
func TestTheNextAttemptKnowsWhatTheOneBeforeHadBegun(t *testing.T) {
	story(t, func(w *world) {
		parts := &twoParts{points: w.throw}
		var err error
		if w.kinds, err = NewRegistry(nil, w.fence, parts); err != nil {
			t.Fatal(err)
		}
		first := w.work("a")
		p := w.propose()
		w.throw.change(func(p *points) { p.hang = true })
		w.approve(p)
		synctest.Wait()
		first() // dies in the middle of Apply
		w.throw.change(func(p *points) { p.hang, p.set = false, false })
		defer w.work("b")()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		r := w.wantRun(pointsman.RunDone, "")
		if got := strings.Join(parts.earlier, ", "); got != `, {"part":"one"}` || string(r.Steps[1].Earlier) != `{"part":"one"}` {
			t.Fatalf("the attempts were told %q of the one before, the run says %s", got, r.Steps[1].Earlier)
		}
	})
}
