package app

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// bodyWithin is how long a request may take to bring its body: the largest webhook has 32 MiB, which is 4.5 Mbit/s.
const bodyWithin = time.Minute

// Hurried ends the connection of a request whose body is not there within the given time. The port is open to strangers:
// one who sends a byte now and then would hold a connection and its memory for ever, also after being turned away, because
// the server reads what is left of a body before it answers.
func Hurried(next http.Handler, within time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		if r.ContentLength != 0 && conn.SetReadDeadline(time.Now().Add(within)) == nil {
			r.Body = &arriving{r.Body, conn}
		}
		next.ServeHTTP(w, r)
	})
}

// arriving is a body with a deadline, which ends with it: what is done with a request may take longer.
type arriving struct {
	io.ReadCloser
	conn *http.ResponseController
}

// Read implements io.Reader.
func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = a.conn.SetReadDeadline(time.Time{}) // it could be set, so it can be taken back
	}
	return n, err
}
