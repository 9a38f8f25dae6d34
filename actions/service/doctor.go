package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

// noAnswer is the value of a fact about an address that did not answer.
const noAnswer = "no answer"

// doctor asks health addresses.
type doctor struct{ client *http.Client }

func newDoctor() doctor {
	return doctor{&http.Client{
		// A new connection each time, and no proxy: a kept connection answers while nobody new gets through.
		Transport: &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 10 * time.Second},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Host != via[0].URL.Host {
				return fmt.Errorf("redirected to another host, %s", req.URL.Host)
			}
			if len(via) > 3 {
				return errors.New("redirected more than 3 times")
			}
			return nil
		},
	}}
}

// round asks all addresses at once and reports whether all answered well.
func (d doctor) round(ctx context.Context, t Target) ([]pointsman.Fact, bool) {
	facts := make([]pointsman.Fact, len(t.Health))
	var wg sync.WaitGroup
	for i, h := range t.Health {
		wg.Go(func() { facts[i] = d.ask(ctx, t, h) })
	}
	wg.Wait()
	for _, f := range facts {
		if f.Result != pointsman.Pass {
			return facts, false
		}
	}
	return facts, true
}

func (d doctor) ask(ctx context.Context, t Target, h Health) pointsman.Fact {
	f := pointsman.Fact{
		Name: "health of " + t.Name, Limit: fmt.Sprintf("status %d", h.status()), Source: h.shown(), At: time.Now().UTC(), Result: pointsman.Fail,
	}
	if len(t.Health) > 1 {
		f.Name += " at " + h.shown()
	}
	began := time.Now()
	status, body, err := d.fetch(ctx, h.URL)
	took := pointsman.Span(time.Since(began))
	switch {
	case err != nil:
		f.Value = noAnswer
		f.Text = fmt.Sprintf("%s does not answer at %s: %v", t.Name, h.shown(), cause(err))
	case status != h.status():
		f.Value = fmt.Sprintf("%d after %s", status, took)
		f.Text = fmt.Sprintf("%s answers %d at %s, well is %d", t.Name, status, h.shown(), h.status())
	case !bytes.Contains(body, []byte(h.Contains)):
		f.Value = fmt.Sprintf("%d after %s, without %q", status, took, h.Contains)
		f.Text = fmt.Sprintf("%s answers %d at %s, but the answer does not contain %q", t.Name, status, h.shown(), h.Contains)
	default:
		f.Value, f.Result = fmt.Sprintf("%d after %s", status, took), pointsman.Pass
	}
	return f
}

func (d doctor) fetch(ctx context.Context, address string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("User-Agent", "pointsman")
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}

// cause is the error without the method and the address, which the sentence says already.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
