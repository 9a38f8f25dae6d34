package configs

import (
	"fmt"
	"reflect"

	"github.com/pointsman/pointsman"
)

// Within returns what is wrong with the configuration where web and slack stay those of the running one, as after a
// reload: the webhook's lock is changed at once, and the server behind it keeps its address and its certificate until a
// restart. An open door that is right for 127.0.0.1 would stand in the network, a client certificate would be asked for
// where there is no TLS, people of another workspace would be turned away one and all, and whom no door of the running
// server recognises approves nothing.
func (c *Config) Within(running *Config) []pointsman.Fault {
	if c.Web == running.Web && reflect.DeepEqual(c.Slack, running.Slack) {
		return nil // it was judged as a whole
	}
	mixed := *c
	mixed.Web, mixed.Slack = running.Web, running.Slack
	check := &checker{cfg: &mixed, told: map[string]bool{}}
	check.web()
	check.people()
	check.brakes()
	check.approvals()
	for i := range check.faults {
		check.faults[i].Text += fmt.Sprintf("; what the file says of web and slack needs a restart, until then the server runs on %s as it was started", running.Web.Listen)
	}
	return check.faults
}
