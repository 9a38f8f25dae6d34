package killswitch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

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

// A column that takes no reason at all must not make it ask as fast as it can, nor hide why it failed.
func TestAReasonThatNeverFitsIsShortenedAndThenWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var lengths []int
		_, err := insist(ctx, func(_ context.Context, reason string) (written, error) {
			lengths = append(lengths, len([]rune(reason)))
			if len(lengths) > 100 {
				cancel()
			}
			return written{}, &pgconn.PgError{Code: "22001", Message: "value too long"}
		}, actions.Input{Reason: strings.Repeat("x", 600)})
		if !tooLong(err) {
			t.Errorf("error %v, want the database's own", err)
		}
		if want := []int{500, 50, 20, 0}; len(lengths) > 20 || !slices.Equal(lengths[:4], want) {
			t.Errorf("%d tries with lengths %v, want %v and then one each quarter of a second", len(lengths), lengths, want)
		}
	})
}
