package killswitch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman/actions"
)

// The answer to the commit is lost, and then nobody is there any more. That nothing was sent is true of the last try only;
// said of the step it would be taken for "not engaged".
func TestATryThatMayHaveWrittenIsNotForgotten(t *testing.T) {
	lost, nobody, cut := errors.New("commit on trading: connection reset"), actions.NotSent(errors.New("connection refused")), errors.New("deadline exceeded")
	type try struct {
		done written
		err  error
	}
	asked := try{written{Asked: true}, lost}
	for name, tc := range map[string]struct {
		tries []try // the last one again and again
		want  error
	}{
		"lost, then nobody":     {[]try{asked, {err: nobody}}, lost},
		"nobody, then lost":     {[]try{{err: nobody}, asked}, lost},
		"nobody all the time":   {[]try{{err: nobody}}, nobody},
		"lost, then it holds":   {[]try{asked, {done: written{Already: true}}}, nil},
		"the last is cut short": {[]try{{err: nobody}, {err: cut}}, nobody},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				n := 0
				_, err := insist(ctx, func(ctx context.Context, _ string) (written, error) {
					now := tc.tries[min(n, len(tc.tries)-1)]
					n++
					if errors.Is(now.err, cut) {
						<-ctx.Done()
					}
					return now.done, now.err
				}, actions.Input{})
				if !errors.Is(err, tc.want) {
					t.Errorf("%v, want %v", err, tc.want)
				}
			})
		})
	}
}
