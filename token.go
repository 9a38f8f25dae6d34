package pointsman

import "fmt"

// leastToken is how many characters a token has at least: who guesses one over the network enters as its owner.
const leastToken = 16

// WeakToken says why a token is too short to be one, and what to do; empty for one that will do.
func WeakToken(token string) string {
	if n := len(token); n < leastToken {
		return fmt.Sprintf("the token has %d characters, at least %d are needed; make one with: openssl rand -hex 32", n, leastToken)
	}
	return ""
}
