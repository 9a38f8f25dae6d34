package fakeslack_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

func TestCallsGoWrongOnDemand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := world(t, fakeslack.Config{RetryAfter: 30 * time.Second})
		try := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, _, err := c.PostMessageContext(ctx, "C0INC", slack.MsgOptionText("x", false))
			return err
		}
		for _, test := range []struct {
			mode   fakeslack.Mode
			fits   func(error) bool
			posted int
		}{
			{fakeslack.RateLimited, func(err error) bool {
				limited, ok := errors.AsType[*slack.RateLimitedError](err)
				return ok && limited.RetryAfter == 30*time.Second
			}, 0},
			{fakeslack.ServerError, func(err error) bool {
				status, ok := errors.AsType[slack.StatusCodeError](err)
				return ok && status.Code == 500
			}, 0},
			{fakeslack.Drop, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }, 0},
			{fakeslack.Hang, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }, 0},
			{fakeslack.DropAfter, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }, 1},
			{fakeslack.HangAfter, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }, 1},
			{"fatal_error", func(err error) bool { got, _ := code(err); return got == "fatal_error" }, 0},
		} {
			before := len(s.Channel("C0INC").Messages())
			s.FailNext("chat.postMessage", 1, test.mode)
			if err := try(); !test.fits(err) {
				t.Errorf("%s: %v", test.mode, err)
			}
			if n := len(s.Channel("C0INC").Messages()) - before; n != test.posted {
				t.Errorf("%s: %d messages posted, want %d", test.mode, n, test.posted)
			}
			if err := try(); err != nil {
				t.Errorf("after %s: %v", test.mode, err)
			}
		}
	})
}

func TestOnlyWhatSaysTheTextGoesWrong(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	s.FailSaying("chat.postMessage", "gone", "fatal_error")
	post := func(text string) error {
		_, _, err := c.PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText(text, false))
		return err
	}
	for range 2 {
		if got, _ := code(post("it is gone")); got != "fatal_error" {
			t.Errorf("a message that says it went through: %q", got)
		}
		if err := post("it is here"); err != nil {
			t.Errorf("a message that does not say it: %v", err)
		}
	}
	s.FailNext("chat.postMessage", 0, "")
	if err := post("it is gone"); err != nil {
		t.Errorf("after the end of it: %v", err)
	}
}

func TestPostsAreLimitedForEachChannel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := world(t, fakeslack.Config{})
		s.LimitPosts(1, 3)
		for range 3 {
			post(t, c, slack.MsgOptionText("x", false))
		}
		_, _, err := c.PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText("x", false))
		limited, ok := errors.AsType[*slack.RateLimitedError](err)
		if !ok {
			t.Fatal(err)
		}
		if _, _, err := c.PostMessageContext(t.Context(), "U0ANA", slack.MsgOptionText("elsewhere", false)); err != nil {
			t.Error(err)
		}
		time.Sleep(limited.RetryAfter) // synctest: no time passes
		post(t, c, slack.MsgOptionText("x", false))
	})
}

func TestASlowOrBrokenAppIsShownToThePerson(t *testing.T) {
	t.Parallel()
	s, _ := world(t, fakeslack.Config{CommandURL: "http://127.0.0.1:1/nobody"})
	if _, err := s.Slash(t.Context(), "U0ANA", "C0INC", "/pointsman", "status"); err == nil {
		t.Error("nobody listens, and it went well")
	}
	s.Story(t).Channel("C0INC").WaitEphemeral("U0ANA", `/pointsman failed with the error "dispatch_failed"`)
}
