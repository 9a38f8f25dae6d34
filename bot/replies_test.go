package bot

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

// severed is a network in which nobody can be reached.
type severed struct{}

func (severed) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connect: connection refused")
}

// Who reads such an address may write in the app's name for half an hour, also over the approval card that was clicked.
func TestTheAddressOfAPrivateAnswerIsNotLogged(t *testing.T) {
	t.Parallel()
	fake := fakeslack.New(fakeslack.Config{})
	t.Cleanup(fake.Close)
	var said strings.Builder
	api := slack.New("xoxb-1", slack.OptionAPIURL("http://slack.example/api/"), slack.OptionHTTPClient(&http.Client{Transport: fakeslack.Transport(fake)}))
	r := newReplies(Config{}, api, &http.Client{Transport: severed{}}, slog.New(slog.NewTextHandler(&said, nil)))
	for _, address := range []string{"https://hooks.slack.com/actions/T0POINTS/1/s3cret", "https://hooks.slack.com/actions/T0POINTS/1/s3cret?%zz"} {
		said.Reset()
		r.tell(t.Context(), reader{url: address, user: "U0ANA"}, "it is approved")
		if log := said.String(); strings.Contains(log, "s3cret") || strings.Contains(log, "/actions") || !strings.Contains(log, "connection refused") {
			t.Errorf("%s: the log says %s", address, log)
		}
	}
}
