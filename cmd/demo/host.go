package demo

import (
	"net"
	"net/http"
	"strings"
)

// ownHost answers under the names of this machine alone: a foreign name that leads to 127.0.0.1 would make our page one
// of the foreign site, with the right to press its buttons.
func ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if host != "localhost" && !net.ParseIP(host).IsLoopback() {
			http.Error(w, "this page answers as 127.0.0.1 or localhost only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
