package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
)

// stands shows where the run stands and the command that decides exactly that, as approve does without a digest.
func (c *client) stands(cmd *cobra.Command, id string, verb pointsman.Verb) error {
	var st pointsman.State
	if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/incidents/"+segment(pointsman.IncidentOf(id)), nil, &st); err != nil {
		return err
	}
	r, ok := st.Run(id)
	if !ok && !strings.Contains(id, "/") {
		r, ok = st.OpenRun()
	}
	if !ok {
		return fmt.Errorf("there is no open run %s", id)
	}
	out := cmd.OutOrStdout()
	printState(out, pointsman.State{Incident: st.Incident, Runs: []pointsman.Run{r}})
	if why := r.Refuses(verb, time.Now()); why != "" {
		return errors.New(why)
	}
	exact, needs := "--at "+r.Mark(), "--at is needed"
	if verb == pointsman.VerbAccept {
		exact, needs = exact+" --digest "+pointsman.ShortDigest(r.Question.Digest), "--at and --digest are needed"
	}
	fmt.Fprintf(out, "\nWhat would happen: %s. To say it to exactly this:\n  pointsman steer %s %s %s --reason WHY\n", clean(r.Foretell(verb)), r.ID, verb, exact)
	return errors.New("nothing was changed: " + needs + ", and the run by its own name")
}
