package store

import (
	"context"
	"time"
)

// Changed returns a channel that is closed at the next change; call it again before looking, so that a change between
// looking and waiting is not missed. A loop that waits on it also looks once a second by itself: a notice between
// processes can be lost.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// listen passes on the notices of other processes. After a lost connection it wakes everybody, because notices of
// the time between are gone.
func (s *Store) listen(ctx context.Context) {
	for {
		err := s.db.listen(ctx, s.self, s.wake)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("notices of other replicas interrupted; polling goes on", "err", err)
		pause := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}
