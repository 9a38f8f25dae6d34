package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
)

// atGate votes at the gate of a run. Without digest and gate it shows what waits and the command for exactly that.
func (c *client) atGate(cmd *cobra.Command, run, verdict, digest, gate, reason string) error {
	if digest != "" && gate != "" {
		return c.answer(cmd, "/api/v1/votes", map[string]string{"id": run, "digest": digest, "gate": gate, "verdict": verdict, "reason": reason})
	}
	var st pointsman.State
	if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/incidents/"+segment(pointsman.IncidentOf(run)), nil, &st); err != nil {
		return err
	}
	r, ok := st.Run(run)
	if !ok {
		return fmt.Errorf("there is no run %s", run)
	}
	i, at := r.AtGate()
	if !at {
		return fmt.Errorf("%s waits at no gate: %s", run, r.Standing())
	}
	out := cmd.OutOrStdout()
	printState(out, pointsman.State{Incident: st.Incident, Runs: []pointsman.Run{r}})
	p, _ := st.Proposal(r.Proposal)
	g := r.Steps[i].Gate
	fmt.Fprintf(out, "\nThe gate needs %s (%s so far) until %s. To %s exactly this:\n  pointsman %s %s --digest %s --gate %s\n",
		g.Policy, r.Tally(i, p.Requester), pointsman.Clock(g.ExpiresAt), verdict, verdict, r.ID, pointsman.ShortDigest(r.Digest), r.Mark())
	return errors.New("nothing was decided: --digest and --gate are needed")
}
