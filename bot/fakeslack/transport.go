package fakeslack

import (
	"bytes"
	"io"
	"net/http"
)

// Transport carries requests to a handler inside the process, without a socket, so that both ends can live in a synctest
// bubble: give it to the Slack client as &http.Client{Transport: fakeslack.Transport(slack)}, and to the fake, around the
// app's handler, as Config.Client. A handler that aborts is a broken connection.
func Transport(h http.Handler) http.RoundTripper { return inProcess{h} }

type inProcess struct{ handler http.Handler }

// RoundTrip runs the handler and gives up waiting when the request's context ends.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	done := make(chan *recorder, 1)
	go func() {
		rec := &recorder{header: http.Header{}}
		defer func() {
			if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // a panic is no error that somebody wrapped
				rec = nil
			} else if p != nil {
				panic(p) // a fault of the handler, not a cut line
			}
			done <- rec
		}()
		t.handler.ServeHTTP(rec, in)
	}()
	select {
	case rec := <-done:
		if rec == nil {
			return nil, io.ErrUnexpectedEOF
		}
		return rec.response(r), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// recorder keeps an answer; it is used by one goroutine and read after that has ended.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func (r *recorder) response(req *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: http.StatusText(r.status), StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.header, Body: io.NopCloser(&r.body), ContentLength: int64(r.body.Len()), Request: req,
	}
}
