package fakeslack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Facts of Socket Mode: https://docs.slack.dev/apis/events-api/using-socket-mode. The size of an answer is what Slack
// accepts; a larger one it drops without a word.
const (
	maxSockets     = 10
	maxSocketReply = 20_480
	redeliveries   = 3
	pingEvery      = 5 * time.Second
	leaveWithin    = 10 * time.Second
)

// socket is one Socket Mode connection of the app.
type socket struct {
	conn    *websocket.Conn
	write   sync.Mutex
	gone    chan struct{}
	leaving bool // told to disconnect: nothing new is sent on it
}

func (c *socket) send(v any) error {
	c.write.Lock()
	defer c.write.Unlock()
	return c.conn.WriteJSON(v)
}

func (s *Slack) openConnection(*call) (reply, error) {
	ticket := s.next("ticket")
	s.tickets[ticket] = true
	return reply{"url": strings.Replace(s.cfg.BaseURL, "http", "ws", 1) + "/socket?ticket=" + ticket + "&app_id=" + s.cfg.AppID}, nil
}

func (s *Slack) serveSocket(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	valid, crowded := s.tickets[ticket], len(s.sockets) >= maxSockets
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !valid || crowded {
		http.Error(w, "this link is used up", http.StatusForbidden)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // clients say https://api.slack.com
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &socket{conn: conn, gone: make(chan struct{})}
	defer s.forget(c)
	s.mu.Lock()
	s.sockets = append(s.sockets, c)
	n := len(s.sockets)
	s.mu.Unlock()
	hello := reply{"type": "hello", "num_connections": n, "connection_info": reply{"app_id": s.cfg.AppID}, "debug_info": reply{"host": "fake", "approximate_connection_time": 18060}}
	if c.send(hello) != nil {
		return
	}
	s.mu.Lock()
	s.notify()
	s.mu.Unlock()
	go c.keepAlive()
	s.readAcks(c)
}

func (s *Slack) readAcks(c *socket) {
	for {
		_, raw, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		var ack struct {
			EnvelopeID string          `json:"envelope_id"`
			Payload    json.RawMessage `json:"payload"`
		}
		if len(raw) >= maxSocketReply || json.Unmarshal(raw, &ack) != nil {
			continue
		}
		s.mu.Lock()
		if waiting := s.pending[ack.EnvelopeID]; waiting != nil {
			select {
			case waiting <- ack.Payload:
			default: // acknowledged twice, after a redelivery
			}
		}
		s.mu.Unlock()
	}
}

// keepAlive pings, without which clients take the connection for dead.
func (c *socket) keepAlive() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		if c.conn.WriteControl(websocket.PingMessage, []byte("ping"), time.Now().Add(pingEvery)) != nil {
			return
		}
		select {
		case <-tick.C:
		case <-c.gone:
			return
		}
	}
}

func (s *Slack) forget(c *socket) {
	c.conn.Close()
	close(c.gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = slices.DeleteFunc(s.sockets, func(o *socket) bool { return o == c })
	s.notify()
}

// Connections counts the open Socket Mode connections that still take requests.
func (s *Slack) Connections() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sockets {
		if !c.leaving {
			n++
		}
	}
	return n
}

// WaitConnected blocks until the app has a Socket Mode connection.
func (s *Slack) WaitConnected(ctx context.Context) error {
	return s.wait(ctx, "no Socket Mode connection", func() bool { return s.pick() != nil })
}

// pick takes the connections in turn: any of them gets any request. The caller holds mu.
func (s *Slack) pick() *socket {
	for i, c := range s.sockets {
		if !c.leaving {
			s.sockets = append(slices.Delete(slices.Clone(s.sockets), i, i+1), c)
			return c
		}
	}
	return nil
}

// Disconnect tells every connection to go, with Slack's reason: "warning", "refresh_requested" or "link_disabled". Those
// that stay are cut after ten seconds; link_disabled cuts at once.
func (s *Slack) Disconnect(reason string) {
	s.mu.Lock()
	all := slices.Clone(s.sockets)
	for _, c := range all {
		c.leaving = true
	}
	s.mu.Unlock()
	for _, c := range all {
		// A connection that died meanwhile has left already.
		_ = c.send(reply{"type": "disconnect", "reason": reason, "debug_info": reply{"host": "fake"}})
		if reason == "link_disabled" {
			c.conn.Close()
			continue
		}
		time.AfterFunc(leaveWithin, func() { c.conn.Close() })
	}
}

// CutConnections drops every Socket Mode connection without a word, as a network does.
func (s *Slack) CutConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sockets {
		c.conn.Close()
	}
}

// envelope sends a request over Socket Mode and waits for its acknowledgement. When none comes in time, or the connection
// dies first, it is sent again, on whatever connection there is then.
func (s *Slack) envelope(ctx context.Context, kind string, payload map[string]any) (Reply, error) {
	acked := make(chan []byte, 1)
	s.mu.Lock()
	id := s.next("envelope-")
	s.pending[id] = acked
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.pending, id)
		s.mu.Unlock()
	}()
	message := reply{"envelope_id": id, "type": kind, "payload": payload, "accepts_response_payload": true}
	began := time.Now()
	for attempt := range redeliveries + 1 {
		if attempt > 0 {
			message["retry_attempt"], message["retry_reason"] = attempt, "timeout"
		}
		body, err := s.sendOnce(ctx, message, acked)
		if !errors.Is(err, ErrTimeout) {
			return Reply{Status: http.StatusOK, Body: body, Took: time.Since(began)}, err
		}
	}
	return Reply{Took: time.Since(began)}, fmt.Errorf("%s: %w", id, ErrTimeout)
}

func (s *Slack) sendOnce(ctx context.Context, message reply, acked chan []byte) ([]byte, error) {
	within, cancel := context.WithTimeout(ctx, s.cfg.AckWithin)
	defer cancel()
	var c *socket
	err := s.wait(within, "no Socket Mode connection and no request URL", func() bool { c = s.pick(); return c != nil })
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	if err != nil || c.send(message) != nil {
		return nil, ErrTimeout
	}
	select {
	case body := <-acked:
		return body, nil
	case <-within.Done():
	case <-c.gone:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, ErrTimeout
}
