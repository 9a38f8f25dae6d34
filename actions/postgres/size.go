package postgres

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is a number of bytes, written "16MiB", "512kB" or plain "1024". kB, MB and GB mean powers of 1024 too, as in
// PostgreSQL's own settings.
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	in := strings.TrimSpace(string(text))
	digits := strings.TrimRight(in, "kKMGTiBb ")
	unit := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(in[len(digits):])), "B"), "I")
	shift, known := map[string]int{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[unit]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 0 || n > 1<<62>>shift {
		return fmt.Errorf("size %q is not like 16MiB", in)
	}
	*s = Size(n << shift)
	return nil
}
