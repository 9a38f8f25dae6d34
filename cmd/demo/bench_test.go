package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// BenchmarkFailover measures from the click on Approve to the first verified write on the new primary, and beside it,
// in turns, a plain shell script that does no more than it must: each on a pair of its own that just lost its primary.
// Run it with -benchtime 30x.
func BenchmarkFailover(b *testing.B) {
	var ours, scripts []time.Duration
	for range b.N {
		ours = append(ours, approveToWrite(b))
		scripts = append(scripts, script(b))
	}
	report(b, "pointsman", ours)
	report(b, "script", scripts)
	b.ReportMetric(float64(at(ours, 50))/float64(at(scripts, 50)), "p50-ratio")
	b.ReportMetric(0, "ns/op") // setting the stage is most of it and says nothing
}

func approveToWrite(b *testing.B) time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	s := &show{Options: Options{Auto: true, In: strings.NewReader(""), Out: io.Discard, Export: b.TempDir()}, began: time.Now()}
	defer func() {
		if err := s.close(); err != nil {
			b.Fatal(err)
		}
	}()
	var took time.Duration
	err := func() error {
		if err := s.setTheStage(ctx); err != nil {
			return err
		}
		if err := s.business(ctx); err != nil {
			return err
		}
		if err := s.stage.pair.KillPrimary(); err != nil {
			return err
		}
		id, err := s.proposed(ctx)
		if err != nil {
			return err
		}
		// The card must stand in the channel before the clock starts: a person clicks on what they see.
		card, err := s.stage.slack.Channel(channel).WaitMessage(ctx, "Approve")
		if err != nil {
			return err
		}
		clicked := time.Now()
		if _, err := card.Click(ctx, "U0ANA", "Approve"); err != nil {
			return err
		}
		if err := s.verifiedWrite(ctx, id); err != nil {
			return err
		}
		took = time.Since(clicked)
		if _, err := s.carriedOut(ctx, id); err != nil {
			return err
		}
		return s.provenByOurselves(ctx)
	}()
	if err != nil {
		b.Fatal(err)
	}
	return took
}

// verifiedWrite waits for the step that proves a write; for what comes after it no client waits.
func (s *show) verifiedWrite(ctx context.Context, id string) error {
	return s.await(ctx, id, "the verified write", 2*time.Minute, func(st pointsman.State) (bool, error) {
		run := st.Runs[len(st.Runs)-1]
		i := slices.IndexFunc(run.Steps, func(step pointsman.RunStep) bool { return step.Name == "verify" })
		return i >= 0 && run.Steps[i].State == pointsman.StepDone, nil
	})
}

// bareScript is what people write: is it dead, promote, write. It neither fences nor verifies, and keeps no record.
const bareScript = `
pg_isready -q -h 127.0.0.1 -p "$OLD" && exit 1
$AS "$BIN/pg_ctl" promote -s -w -D "$DATA"
until psql -qAt "$DSN" -c "INSERT INTO pointsman_heartbeat VALUES (9, now(), 'script') ON CONFLICT (id) DO UPDATE SET at = now()" 2>/dev/null; do sleep 0.02; done
`

func script(b *testing.B) time.Duration {
	b.Helper()
	pair, err := lab.StartPair(b.Context(), lab.PairOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer pair.Close()
	// The same customers as on our side: they knock at the door of the new primary all the time.
	if err := pair.Primary.Exec(b.Context(), ordersTable); err != nil {
		b.Fatal(err)
	}
	shop, leave := context.WithCancel(b.Context())
	defer leave()
	buyers := &customers{dsn: pair.ClientDSN(lab.App)}
	go buyers.run(shop)
	if err := lab.Await(b.Context(), func(context.Context) error {
		if buyers.written.Load() < 20 {
			return errors.New("no business yet")
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	if err := pair.KillPrimary(); err != nil {
		b.Fatal(err)
	}
	bin, err := exec.Command("pg_config", "--bindir").Output()
	if err != nil {
		bin, err = exec.Command("sh", "-c", "ls -d /usr/lib/postgresql/*/bin | tail -1").Output()
	}
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), "sh", "-euc", bareScript)
	cmd.Env = append(os.Environ(), "BIN="+strings.TrimSpace(string(bin)), "DATA="+pair.Standby.DataDir(), "DSN="+pair.ClientDSN(lab.Pointsman), fmt.Sprintf("OLD=%d", pair.Primary.Port))
	if os.Getuid() == 0 {
		cmd.Env = append(cmd.Env, "AS=setpriv --reuid=postgres --regid=postgres --clear-groups") // pg_ctl refuses root
	}
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("script: %v\n%s", err, out)
	}
	return time.Since(began)
}

func at(in []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(in))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

func report(b *testing.B, who string, in []time.Duration) {
	b.Helper()
	for _, p := range []int{50, 95, 100} {
		b.ReportMetric(float64(at(in, p).Milliseconds()), fmt.Sprintf("ms-%s-p%d", who, p))
	}
	b.Logf("%s: p50 %v, p95 %v, max %v of %d", who, at(in, 50), at(in, 95), at(in, 100), len(in))
}
