package audit

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// maxSmall bounds, in bytes, the files that are read at once: all but rows.jsonl and those only summed.
const maxSmall = 4 << 20

// VerifyFS verifies an export whose files stand at the top of fsys: an unpacked directory, or a zip.Reader.
func VerifyFS(fsys fs.FS, t Trust) (Report, error) {
	if _, err := fs.Stat(fsys, rowsFile); err != nil {
		return Report{}, fmt.Errorf("not an export: it holds no %s", rowsFile)
	}
	v := verification{keys: t.Keys}
	inside := v.keyInside(fsys)
	v.checkpointFile(fsys, inside)
	m := v.manifestFile(fsys, inside)
	v.consistencyFile(fsys)
	if err := v.readAnchors(t.Anchors); err != nil {
		return Report{}, err
	}
	v.others(fsys, m)
	err := v.rowsFile(fsys, m)
	return v.conclude(), err
}

// keyInside reads key.txt, which counts only when the caller trusts no key of his own: it is a claim, not a proof.
func (v *verification) keyInside(fsys fs.FS) string {
	raw, err := readSmall(fsys, keyFile)
	if err != nil {
		v.fault(0, BadFile, "%v", err)
		return ""
	}
	inside := strings.TrimSuffix(string(raw), "\n")
	if _, err := verifiers([]string{inside}); err != nil {
		v.fault(0, BadFile, "%s holds no verifier key", keyFile)
		return ""
	}
	if len(v.keys) == 0 {
		v.keys, v.ownKey = []string{inside}, true
	}
	return inside
}

func (v *verification) checkpointFile(fsys fs.FS, inside string) {
	msg, err := readSmall(fsys, checkpointFile)
	if err != nil {
		v.fault(0, BadFile, "%v", err)
		return
	}
	c, err := OpenCheckpoint(msg, v.keys...)
	if err != nil {
		_, err2 := OpenCheckpoint(msg, inside)
		v.unsigned(checkpointFile, err, err2)
		return
	}
	v.signed = &c
	v.pins = []pin{{c.Size, c.Root, fmt.Sprintf("the signed checkpoint of %d entries", c.Size), NotSigned}}
}

// manifestFile returns the signed manifest, or one without sums when there is none to trust.
func (v *verification) manifestFile(fsys fs.FS, inside string) manifest {
	msg, err := readSmall(fsys, manifestFile)
	if err != nil {
		v.fault(0, BadFile, "%v", err)
		return manifest{}
	}
	text, _, err := openNote(msg, v.keys)
	if err != nil {
		_, _, err2 := openNote(msg, []string{inside})
		v.unsigned(manifestFile, err, err2)
		return manifest{}
	}
	m, err := parseManifest(text)
	if err != nil {
		v.fault(0, BadFile, "%v", err)
		return manifest{}
	}
	v.Subject = m.subject
	return m
}

// unsigned tells a file signed by the export's own key, which is not the one given, from one with no good signature.
func (v *verification) unsigned(name string, given, inside error) {
	switch {
	case inside == nil:
		v.fault(0, WrongKey, "%s is signed by the key inside the export, not by the one given, %s", name, v.keyNames())
	case name == checkpointFile:
		v.fault(0, BadCheckpoint, "%s: %v", name, given)
	default:
		v.fault(0, BadFile, "%s: %v", name, given)
	}
}

// consistencyFile reads proofs, which need no trust: a wrong one proves nothing.
func (v *verification) consistencyFile(fsys fs.FS) {
	raw, err := readSmall(fsys, consistencyFile)
	if err != nil {
		v.fault(0, BadFile, "%v", err)
		return
	}
	v.grown = map[uint64][]tlog.Hash{}
	for line := range strings.Lines(string(raw)) {
		var g grown
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			v.fault(0, BadFile, "%s: %v", consistencyFile, err)
			return
		}
		v.grown[g.Size] = g.Proof
	}
}

// others compares the sums of all files but the rows, and names the files nothing vouches for.
func (v *verification) others(fsys fs.FS, m manifest) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		v.fault(0, BadFile, "%v", err)
	}
	for _, e := range entries {
		if !slices.Contains(listed, e.Name()) && e.Name() != manifestFile {
			v.strangers = true
			v.lacks("%q is not part of the export: nothing vouches for it", e.Name())
		}
	}
	if m.sums == nil {
		return
	}
	for _, name := range listed[1:] {
		sum, err := sumFile(fsys, name)
		switch {
		case name == timelineFile && m.sums[name] == "" && err != nil: // the whole log has none
		case err != nil && m.sums[name] != "":
			v.fault(0, BadFile, "%v", err)
		default:
			v.compareSum(name, m, sum)
		}
	}
}

func (v *verification) compareSum(name string, m manifest, sum string) {
	if m.sums[name] != sum {
		v.fault(0, BadFile, "%s is not the file that was signed: its SHA-256 is %.12s, the manifest says %.12s", name, sum, m.sums[name])
	}
}

func (v *verification) rowsFile(fsys fs.FS, m manifest) error {
	f, err := openRegular(fsys, rowsFile)
	if err != nil {
		return err
	}
	defer f.Close()
	var want func() (uint64, bool)
	if m.sums != nil {
		next, stop := iter.Pull(m.wants())
		defer stop()
		want = next
	}
	sum := sha256.New()
	before := len(v.Faults)
	if err := v.rows(io.TeeReader(f, sum), want); err != nil {
		return fmt.Errorf("%s: %w", rowsFile, err)
	}
	// After a fault in the rows the rest was not read, and the fault says more than the sum.
	if len(v.Faults) == before && m.sums != nil {
		v.compareSum(rowsFile, m, sumOf(sum))
	}
	return nil
}

func readSmall(fsys fs.FS, name string) ([]byte, error) {
	f, err := openRegular(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxSmall {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, maxSmall)
	}
	return raw, nil
}

func sumFile(fsys fs.FS, name string) (string, error) {
	f, err := openRegular(fsys, name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return sumOf(sum), nil
}

// openRegular refuses pipes and devices before opening them, which could block for ever.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return fsys.Open(name)
}
