package store

import (
	"context"
	"fmt"
	"time"
)

// Changed returns a channel that is closed soon after the next change; call it again before looking, so that a change
// between looking and waiting is not missed. A loop that waits on it also looks once a second by itself: a notice between
// processes can be lost.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Handed is Changed for the worker of this process: it is closed also when a run lies ready for it, and that at once.
func (s *Store) Handed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handed
}

// behind is how long the loops are left asleep after a commit. What has to be quick was handed out with the commit itself, a
// card to its way out and a run to its worker, and need not share the database with all loops that look for what else there
// is; and the commits of a storm wake them once and not each by itself.
const behind = 4 * time.Millisecond

// wake has the loops look soon.
func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.waking {
		s.waking = true
		time.AfterFunc(behind, s.rouse)
	}
}

func (s *Store) rouse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waking = false
	close(s.changed)
	s.changed = make(chan struct{})
	s.hand()
}

// hand wakes the worker. The lock is held.
func (s *Store) hand() {
	close(s.handed)
	s.handed = make(chan struct{})
}

// notice is what other processes are told of a commit: by whom, and the end of the log. Older versions say only by whom.
func notice(self string, end Tail) string { return fmt.Sprintf("%s %d %s", self, end.Seq, end.Hash) }

func readNotice(text string) (who string, end Tail) {
	if n, _ := fmt.Sscanf(text, "%s %d %s", &who, &end.Seq, &end.Hash); n < 3 {
		return who, Tail{}
	}
	return who, end
}

// listen passes on the notices of other processes. After a lost connection it wakes everybody, because notices of
// the time between are gone.
func (s *Store) listen(ctx context.Context) {
	for {
		err := s.db.listen(ctx, s.self, func(end Tail) {
			if s.know(end); end.Seq == 0 { // the first one, or an older version's: nobody says where the log ends
				_ = s.whole(ctx, s.db.direct) // what it finds it remembers
			}
			s.wake()
		})
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
