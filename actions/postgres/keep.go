package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// gap is how long nobody may have watched before a kept sample stops bounding a loss: the primary could have come back
// and written in between.
const gap = time.Minute

// kept is a Sample as it is written to the file.
type kept struct {
	Sample
	KeptAt   time.Time `json:"kept_at"`
	PeakAt   time.Time `json:"peak_at"`
	FromLSN  LSN       `json:"from_lsn"`
	FromAt   time.Time `json:"from_at"`
	MissedAt time.Time `json:"missed_at"`
}

// Keep makes the samples outlive the process: they are read from the file now, and written to it with each new one. A
// run that a crash interrupted could otherwise not go on: of a primary that died before the restart nothing would be
// known, so the loss that was approved could not be compared with the loss as it is now. The error says why the file
// cannot be read; what it holds is then not used.
func (c *Clusters) Keep(file string) error { return c.samples.keep(file) }

func (m *memory) keep(file string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.file = file
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var all map[string]kept
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err != nil {
		return fmt.Errorf("samples of the primaries: %w", err)
	}
	for cluster, k := range all {
		m.last[cluster] = k.sample(m.now())
	}
	return nil
}

// sample is what a kept one says now.
func (k kept) sample(now time.Time) Sample {
	k.peakAt, k.fromLSN, k.fromAt, k.missedAt = k.PeakAt, k.FromLSN, k.FromAt, k.MissedAt
	if now.Sub(k.KeptAt) > gap {
		k.LostAt, k.missedAt, k.Silent, k.StoppedAt = time.Time{}, time.Time{}, false, time.Time{} // the sample is then as old as it is, and says so
	}
	return k.Sample
}

func (s Sample) kept(at time.Time) kept {
	return kept{Sample: s, KeptAt: at, PeakAt: s.peakAt, FromLSN: s.fromLSN, FromAt: s.fromAt, MissedAt: s.missedAt}
}

// set remembers a sample. The file is replaced as a whole: half of one would be none. The caller holds mu.
func (m *memory) set(cluster string, s Sample) {
	m.last[cluster] = s
	if m.seen == nil {
		m.seen = map[string]time.Time{}
	}
	m.seen[cluster] = m.now()
	if m.file == "" {
		return
	}
	all := map[string]kept{}
	for name, s := range m.last {
		all[name] = s.kept(m.now())
	}
	raw, err := json.Marshal(all)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(m.file), 0o700)
	}
	fresh := m.file + ".new"
	if err == nil {
		err = os.WriteFile(fresh, raw, 0o600)
	}
	if err == nil {
		err = os.Rename(fresh, m.file)
	}
	if err != nil {
		m.log.Warn("samples of the primaries not kept", "err", err)
	}
}
