package api

import (
	"net/http"
	"strings"
)

// Bearer is the token that the request carries, and whether it says at all who is calling. Then it counts and nothing else: a
// header that is no bearer token, which nobody is known by, must not fall back on the account of the process that sent it.
func Bearer(req *http.Request) (token string, says bool) {
	header := req.Header.Get("Authorization")
	if header == "" {
		return "", false
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110, section 11.1
		return "", true
	}
	return strings.TrimSpace(token), true
}
