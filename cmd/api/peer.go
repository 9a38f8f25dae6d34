package api

import (
	"context"
	"net"
	"strconv"
)

type peerKey struct{}

// WithPeer notes the uid of a Unix socket's peer in the connection's context, for http.Server.ConnContext. The kernel
// vouches for it, so no secret is needed on the machine itself.
func WithPeer(ctx context.Context, conn net.Conn) context.Context {
	if uid, ok := peerUID(conn); ok {
		return context.WithValue(ctx, peerKey{}, uid)
	}
	return ctx
}

// PeerUID is the uid that WithPeer noted.
func PeerUID(ctx context.Context) (uint32, bool) {
	uid, ok := ctx.Value(peerKey{}).(uint32)
	return uid, ok
}

func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
