package postgres

import (
	"fmt"
	"strconv"
	"strings"
)

// LSN is a position in the write-ahead log, in bytes. 0 is "not known".
type LSN uint64

// ParseLSN reads PostgreSQL's text form, "0/3000148"; an empty text is 0.
func ParseLSN(s string) (LSN, error) {
	if s == "" {
		return 0, nil
	}
	high, low, ok := strings.Cut(s, "/")
	if !ok {
		return 0, fmt.Errorf("lsn %q has no slash", s)
	}
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("lsn %q: %w", s, err)
	}
	l, err := strconv.ParseUint(low, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("lsn %q: %w", s, err)
	}
	return LSN(h<<32 | l), nil
}

// String is PostgreSQL's text form.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) }

// Beyond is how many bytes l is ahead of other; 0 when it is not.
func (l LSN) Beyond(other LSN) int64 {
	if l <= other {
		return 0
	}
	return int64(l - other)
}
