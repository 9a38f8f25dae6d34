package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// grouped is the failover with a look at both regions at the same time after it.
func grouped(p *pointsman.Plan) {
	for _, region := range []string{"eu", "us"} {
		p.Steps = append(p.Steps, pointsman.PlanStep{
			Name: "healthy-" + region, Kind: "http.check", With: []byte(`{"service":"` + region + `"}`), Timeout: time.Minute,
			Summary: "verify that " + region + " is healthy at 1 address(es), 3 times in a row", Group: pointsman.Group{Name: "healthy"}, SkipBy: []string{"dba"},
		})
	}
}

func (s *tale) grouped() *tale {
	s.t.Helper()
	return s.alert().switchoverRefused().readyWith(failover(needs(1), grouped))
}

func (s *tale) inGroup() *tale {
	s.t.Helper()
	s.grouped().vote(ana, pointsman.Approve, "")
	s.must(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, Facts: s.facts(), People: map[string]pointsman.Person{"ana": ana}})
	return s.stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "").stepEnds(2, pointsman.StepDone, "").stepEnds(3, pointsman.StepDone, "")
}

// TestCard_groups shows the members of a group under its line, before and while it is carried out and when it is parked.
func TestCard_groups(t *testing.T) {
	t.Parallel()
	bad := pointsman.Fact{Name: "us at https://us.example/health", Value: "503", Source: "http.check", At: night, Result: pointsman.Fail, Text: "us answers 503, well is 200"}
	for name, told := range map[string]func(*tale) *tale{
		"group_ready":   (*tale).grouped,
		"group_running": func(s *tale) *tale { return s.inGroup().stepEnds(4, pointsman.StepDone, "") },
		"group_parked": func(s *tale) *tale {
			return s.inGroup().stepEnds(5, pointsman.StepFailed, "us answers 503, well is 200", bad).stepEnds(4, pointsman.StepDone, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blocks := told(begin(t)).drawn(name)
			if text := textOf(blocks); !strings.Contains(text, "⇉ 5. *healthy*, at the same time:") || !strings.Contains(text, "5.2. verify that us is healthy") {
				t.Error(text)
			}
		})
	}
}

func TestAGroupReadsAsOneStepInASentence(t *testing.T) {
	t.Parallel()
	v := ViewOf(begin(t).grouped().state, night)
	got := strings.Join(flow(v.Proposals[0].Steps), ", ")
	if want := "healthy (verify that eu is healthy at 1 address(es), 3 times in a row and verify that us is healthy at 1 address(es), 3 times in a row, at the same time)"; !strings.HasSuffix(got, want) {
		t.Error(got)
	}
}
