package alerts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// batch is how many alerts one command carries. A storm of ten thousand is stored in several short transactions.
const batch = 500

// maxOffers bounds the runbooks offered for one incident: a storm over a hundred targets must not become a hundred
// cards' worth of checks.
const maxOffers = 20

// Commands sorts the alerts of a message into incidents, in the order in which they first appear: one command each,
// or several where there are very many alerts. Firing alerts go before resolved ones, so that an incident is never
// closed by one command and opened again by the next.
func (r *Router) Commands(m Message) []pointsman.ReceiveAlerts {
	var out []pointsman.ReceiveAlerts
	for _, g := range r.groups(m) {
		out = append(out, g.commands(r, m)...)
	}
	return out
}

func (r *Router) groups(m Message) (all []*group) {
	byKey := map[string]*group{}
	for _, a := range m.Alerts {
		var seen []string // two routes may lead to the same incident: both say what comes of it, and the alert is there once
		for _, n := range r.root.match(a.Labels) {
			offers := r.offers(n, a.Labels)
			key := incidentKey(n, a, offers, m)
			g := byKey[key]
			if g == nil {
				g = &group{key: key}
				byKey[key], all = g, append(all, g)
			}
			if !slices.Contains(seen, key) {
				seen = append(seen, key)
				g.add(a)
			}
			if a.Status != pointsman.AlertResolved { // what is over needs no runbook and wakes nobody
				g.route(n, offers)
			}
		}
	}
	return all
}

// incidentKey says to which incident an alert belongs: by the route's labels, else by the target that its runbook
// acts on, else by Alertmanager's own grouping.
func incidentKey(n *node, a pointsman.Alert, offers []pointsman.Offer, m Message) string {
	if key := byLabels(n.incidentBy, a.Labels); key != "" {
		return key
	}
	for _, o := range offers {
		if k := o.Target.Key(); k != "" {
			return short("target:" + k)
		}
	}
	if m.GroupKey == "" { // cut off, or not from Alertmanager
		return short(fmt.Sprintf("group:%s:{alertname=%s}", m.Receiver, quoted(a.Name())))
	}
	return short(fmt.Sprintf("group:%s:%s", m.Receiver, line(m.GroupKey, maxLabel)))
}

// byLabels is empty where the alert has none of the labels: else all strangers would be one incident.
func byLabels(names []string, set map[string]string) string {
	var parts []string
	said := false
	for _, n := range names {
		said = said || set[n] != ""
		parts = append(parts, fmt.Sprintf("%s=%q", n, set[n]))
	}
	if !said {
		return ""
	}
	return short("labels:{" + strings.Join(parts, ",") + "}")
}

// short bounds a key, which is a column with an index; the digest keeps long ones apart.
func short(key string) string {
	const limit = 300
	if len(key) <= limit {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return strings.ToValidUTF8(key[:limit-24], "") + "#" + hex.EncodeToString(sum[:10])
}

// group is the alerts of one incident in one message.
type group struct {
	key      string
	routes   []*node // of what fires
	firing   []pointsman.Alert
	resolved []pointsman.Alert
	offers   []pointsman.Offer
}

func (g *group) add(a pointsman.Alert) {
	if a.Status == pointsman.AlertResolved {
		g.resolved = append(g.resolved, a)
		return
	}
	g.firing = append(g.firing, a)
}

// route adds what a route says of the incident.
func (g *group) route(n *node, offers []pointsman.Offer) {
	if !slices.Contains(g.routes, n) {
		g.routes = append(g.routes, n)
	}
	for _, o := range offers {
		if len(g.offers) < maxOffers && !slices.ContainsFunc(g.offers, func(p pointsman.Offer) bool { return sameOffer(o, p) }) {
			g.offers = append(g.offers, o)
		}
	}
}

func sameOffer(a, b pointsman.Offer) bool {
	if a.Runbook != b.Runbook || a.Target != b.Target || len(a.Params) != len(b.Params) {
		return false
	}
	for k, v := range a.Params {
		if w, ok := b.Params[k]; !ok || w != v {
			return false
		}
	}
	return true
}

func (g *group) commands(r *Router, m Message) []pointsman.ReceiveAlerts {
	every, esc := r.clocks(g.routes, g.offers)
	all := slices.Concat(g.firing, g.resolved)
	base := pointsman.ReceiveAlerts{
		Key: g.key, Title: title(all[0]), Severity: worst(g.firing), Target: g.target(), Truncated: m.Truncated, Cut: m.Cut,
		Offers: g.offers, Update: every, Escalate: esc,
	}
	var out []pointsman.ReceiveAlerts
	for chunk := range slices.Chunk(all, batch) {
		c := base
		c.Alerts = chunk
		out = append(out, c)
	}
	return out
}

// target is what the incident is about: the one target of its offers. Offers for two different targets leave it open.
func (g *group) target() pointsman.Target {
	var found pointsman.Target
	for _, o := range g.offers {
		switch {
		case o.Target == (pointsman.Target{}) || o.Target == found:
		case found == (pointsman.Target{}):
			found = o.Target
		default:
			if k := strings.TrimPrefix(g.key, "target:"); k != g.key {
				continue // the key names the first one
			}
			return pointsman.Target{}
		}
	}
	return found
}

// title is what people call the incident: the alert's name and its summary.
func title(a pointsman.Alert) string {
	name := line(a.Name(), 80)
	if s := line(a.Annotations["summary"], 160); s != "" {
		return name + ": " + s
	}
	return name
}

// worst is the most severe word among the alerts, lower case, or nothing where nobody says one.
func worst(in []pointsman.Alert) string {
	best := ""
	for _, a := range in {
		if s := strings.ToLower(line(a.Labels["severity"], 32)); pointsman.Worse(s, best) {
			best = s
		}
	}
	return best
}
