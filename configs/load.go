package configs

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pointsman/pointsman"
)

// Load reads the file, then the environment (POINTSMAN_SECTION_KEY) and the flags over it, reads the runbooks and
// checks all of it. The warnings are things that work and deserve a look. The error joins every fault; each is a
// pointsman.Fault. flags may be nil.
func Load(path string, flags *pflag.FlagSet) (*Config, []pointsman.Fault, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, pointsman.Fault{File: path, Text: reason(err) + "; name the configuration with --config"}
	}
	return read(path, data, flags, os.Environ())
}

func read(path string, data []byte, flags *pflag.FlagSet, env []string) (*Config, []pointsman.Fault, error) {
	cfg := Default()
	cfg.File = path
	d := newDecoder(path)
	if !d.decode(data, &cfg) {
		return nil, nil, Joined(d.faults) // the rest would only say that everything is missing
	}
	cfg.origin = d.places()
	c := &checker{cfg: &cfg, faults: d.faults, told: map[string]bool{}}
	for _, f := range d.faults {
		c.told[f.Path] = true
	}
	c.overlay(flags, env)
	cfg.Route.Default = cfg.Timings.UpdateEvery
	c.runbooks()
	c.all()
	cfg.Digest = digest(cfg.Targets)
	if faults := unique(c.faults, path); len(faults) > 0 {
		return nil, unique(c.warnings, path), faulty{Joined(faults), cfg.Runbooks}
	}
	return &cfg, unique(c.warnings, path), nil
}

// faulty is the error of a configuration that could be read, with the runbooks that could be.
type faulty struct {
	error
	books []pointsman.Runbook
}

// Unwrap gives the faults.
func (f faulty) Unwrap() error { return f.error }

// Beside returns the runbooks that were read beside the faults of Load's error, so that theirs can be told as well.
func Beside(err error) []pointsman.Runbook {
	f, _ := errors.AsType[faulty](err)
	return f.books
}

// Faults takes the error of Load apart again.
func Faults(err error) []pointsman.Fault {
	var out []pointsman.Fault
	if f, ok := errors.AsType[pointsman.Fault](err); ok {
		out = append(out, f)
	}
	if one, ok := err.(interface{ Unwrap() error }); ok {
		return Faults(one.Unwrap()) // somebody said more around them
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		out = out[:0]
		for _, e := range many.Unwrap() {
			out = append(out, Faults(e)...)
		}
	}
	return out
}

// Joined is the error that joins the faults, nil where there are none; Faults takes it apart.
func Joined(in []pointsman.Fault) error {
	errs := make([]error, len(in))
	for i, f := range in {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// Ordered sorts faults by file and line, and drops what two rooms found alike.
func Ordered(in []pointsman.Fault) []pointsman.Fault { return unique(in, "") }

// unique sorts by file and line, the configuration before its runbooks, and drops what two checks found alike.
func unique(in []pointsman.Fault, first string) []pointsman.Fault {
	slices.SortStableFunc(in, func(a, b pointsman.Fault) int {
		switch {
		case a.File == b.File && a.Line == b.Line:
			return strings.Compare(a.Path, b.Path)
		case a.File == b.File:
			return a.Line - b.Line
		case a.File == first:
			return -1
		case b.File == first:
			return 1
		}
		return strings.Compare(a.File, b.File)
	})
	return slices.Compact(in)
}

// place is where a value was written.
type place struct {
	file string
	line int
}

func (d *decoder) places() map[string]place {
	out := make(map[string]place, len(d.lines))
	for path, line := range d.lines {
		out[path] = place{d.file, line}
	}
	return out
}

// Locate gives faults of rooms, which know paths only, their file and line: those of the path, or of the nearest
// section around it.
func (c *Config) Locate(faults ...pointsman.Fault) []pointsman.Fault {
	for i := range faults {
		f := &faults[i]
		if f.File != "" {
			continue
		}
		f.File = c.File
		for p := f.Path; p != ""; p = parent(p) {
			if at, ok := c.origin[p]; ok {
				f.File, f.Line = at.file, at.line
				break
			}
		}
	}
	return faults
}

func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i > 0 {
		return path[:i]
	}
	return ""
}
