package audit

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The stand-alone verifier of the documentation shares no code with this package: where both agree, the format is what
// the documentation says.
func TestPythonVerifier_agrees_with_ours(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is not in PATH: install it (apt-get install python3), it runs the stand-alone verifier of the documentation")
	}
	const logs = 100
	dir := t.TempDir()
	var paths []string
	for seed := range logs {
		rnd := random(seed)
		b := write(t, newKey(t, "ops.example/prod"), rnd, bodies(rnd, 1+rnd.IntN(60)))
		x := b.some(t, rnd, 1)
		if seed%2 == 0 {
			x = b.whole(t)
		}
		path := filepath.Join(dir, fmt.Sprint(seed))
		if err := WriteDir(path, x); err != nil {
			t.Fatal(err)
		}
		if seed%4 >= 2 { // a changed, a removed or an added byte in one of the files
			names := append([]string{manifestFile}, listed...)
			name := filepath.Join(path, names[rnd.IntN(len(names))])
			raw, err := os.ReadFile(name)
			if err != nil || len(raw) == 0 {
				name = filepath.Join(path, rowsFile)
				raw, _ = os.ReadFile(name)
			}
			i := rnd.IntN(len(raw))
			switch rnd.IntN(3) {
			case 0:
				raw[i] ^= 1
			case 1:
				raw = append(raw[:i], raw[i+1:]...)
			default:
				raw = append(raw, raw[i])
			}
			if err := os.WriteFile(name, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if seed%3 == 0 {
			path = zipOf(t, path)
		}
		paths = append(paths, path)
	}
	out, err := exec.CommandContext(t.Context(), python, append([]string{"testdata/verify.py"}, paths...)...).Output()
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(answers) != logs {
		t.Fatalf("%d answers for %d exports: %v", len(answers), logs, err)
	}
	count := map[Verdict]int{}
	for i, path := range paths {
		rep, err := VerifyPath(path, Trust{})
		if (answers[i] == "intact") != (rep.Verdict == Intact) {
			t.Errorf("log %d: python says %q, we say %v: %v %+v", i, answers[i], rep.Verdict, err, rep.Faults)
		}
		if want := i%4 < 2; want != (rep.Verdict == Intact) {
			t.Errorf("log %d: verdict %v, %v %+v", i, rep.Verdict, err, rep)
		}
		count[rep.Verdict]++
	}
	if count[Intact] < logs/3 || count[Touched] < logs/3 {
		t.Errorf("the sample shows little: %v", count)
	}
}

func zipOf(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Create(dir + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	if err := errors.Join(z.AddFS(os.DirFS(dir)), z.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
