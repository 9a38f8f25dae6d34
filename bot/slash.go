package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// help is what the bare command answers.
const help = "*What I can do*\n" +
	"`/pointsman status` – open incidents, and which targets are held by a run\n" +
	"`/pointsman incident INC-7` – the card of one incident\n" +
	"`/pointsman runbooks` – the runbooks, their owners and review dates\n" +
	"`/pointsman run RUNBOOK [target | name=value …] [WHY]` – propose a runbook; others approve it on its card. `mode=incident`, `planned` or `drill` says what for, `incident=INC-7` in which incident\n" +
	"`/pointsman killswitch` – the kill switches; `killswitch engage NAME WHY`, `killswitch release NAME WHY`\n" +
	"`/pointsman locks` – what is frozen, locked by people or held by runs\n" +
	"`/pointsman lock TARGET [2h] WHY`, `unlock TARGET [WHY]` – keep runs away from a target\n" +
	"`/pointsman freeze [2h] WHY`, `unfreeze [WHY]` – stop all automation; kill switches can still be engaged\n" +
	"Approving happens on the card, with the evidence in sight."

// words is a slash command taken apart.
type words struct {
	verb string
	args []string
}

func parse(text string) words {
	f := strings.Fields(clean(text))
	if len(f) == 0 {
		return words{verb: "help"}
	}
	return words{verb: strings.ToLower(f[0]), args: f[1:]}
}

// rest are the words from the i-th on, as a sentence.
func (w words) rest(i int) string {
	if i >= len(w.args) {
		return ""
	}
	return strings.Join(w.args[i:], " ")
}

func (w words) at(i int) string {
	if i >= len(w.args) {
		return ""
	}
	return w.args[i]
}

// command handles the slash command. The answer goes with the acknowledgement and only the person sees it.
func (h *Handler) command(ctx context.Context, c slack.SlashCommand) outcome {
	by, why := h.account(c.TeamID, c.UserID)
	if why != "" {
		h.refused.tell(ctx, by, why)
		return reply(md(why, 300))
	}
	if !h.often.may(by.Ref) {
		return reply(tooOften)
	}
	w := parse(c.Text)
	if w.verb != "help" && !by.Known() {
		h.refused.tell(ctx, by, c.Command+" "+w.verb+" is for people of the configuration only")
		return reply(md(notListed(by), 300))
	}
	to := reader{url: c.ResponseURL, channel: c.ChannelID, user: c.UserID}
	once := "slack/command/" + c.TriggerID
	var out outcome
	switch w.verb {
	case "help":
		out = reply(help)
	case "status":
		out = h.status(ctx)
	case "runbooks":
		out = reply(h.runbooks(h.deps.Now()))
	case "run":
		out = h.run(ctx, w, by, once)
	case "incident":
		out = h.incident(ctx, w.at(0))
	case "locks":
		out = h.locks(ctx)
	case "lock", "unlock", "freeze", "unfreeze":
		out = h.hold(ctx, w, by, once)
	case "killswitch":
		out = h.killswitch(ctx, w, by, to, c.TriggerID, once)
	default:
		out = reply("I do not know " + code(w.verb, 40) + ".\n" + help)
	}
	if out.err != nil {
		// Slack shows only its own error for a command that is not answered, so this one is answered in words.
		h.log.ErrorContext(ctx, "slack command not carried out", "err", out.err)
		return reply("✋ The store did not answer, so this may not have been done. Try again in a moment: it is done once.")
	}
	return out
}

func reply(text string, blocks ...slack.Block) outcome {
	return outcome{payload: private(text, blocks...)}
}

// run asks for a runbook: leading words with = are parameters, one bare word before the reason is the target.
func (h *Handler) run(ctx context.Context, w words, by pointsman.Actor, once string) outcome {
	name := w.at(0)
	if name == "" {
		return reply("Which runbook? `/pointsman run RUNBOOK [target | name=value …] [WHY]`\n" + h.runbooks(h.deps.Now()))
	}
	args, reason := h.arguments(name, w.args[1:])
	args, incident := pointsman.InIncident(args)
	offer, err := h.deps.Desk.Offer(name, args)
	if err != nil {
		return reply("✋ " + md(err.Error(), 1000) + "\n`/pointsman run RUNBOOK [target | name=value …] [WHY]`")
	}
	res, err := h.deps.Store.Do(ctx, pointsman.Request{Incident: incident, Key: offer.Key(), Offer: offer, Reason: reason, By: by, Once: once})
	if err != nil {
		return outcome{err: err}
	}
	return reply(mark(res.Answer) + md(sentence(res.Answer.Text), 1000))
}

// arguments takes the reason off. A runbook without a target has no bare argument, so all of it is the reason.
func (h *Handler) arguments(name string, in []string) (args []string, reason string) {
	bare := 1
	for _, rb := range h.deps.Desk.Runbooks() {
		if rb.Name == name && rb.Target == "" {
			bare = 0
		}
	}
	for i, a := range in {
		switch {
		case strings.Contains(a, "=") && !strings.HasPrefix(a, "="):
			if !strings.HasPrefix(a, "mode=") && !strings.HasPrefix(a, "incident=") {
				bare = 0 // who names parameters names the target, too
			}
		case bare > 0:
			bare--
		default:
			return args, strings.Join(in[i:], " ")
		}
		args = append(args, a)
	}
	return args, ""
}

// status lists the open incidents, youngest last, and what runs hold.
func (h *Handler) status(ctx context.Context) outcome {
	const most = 15
	open, err := h.deps.Read.Incidents(ctx, true, most+1)
	if err != nil {
		return outcome{err: err}
	}
	held, err := h.deps.Holds.Held(ctx)
	if err != nil {
		return outcome{err: err}
	}
	locks := holdLines(held.Protections, h.deps.Now())
	if len(open) == 0 {
		return reply(strings.Join(append([]string{"✅ No incident is open."}, locks...), "\n"))
	}
	var lines []string
	for i, inc := range open {
		if i == most {
			lines = append(lines, "_… and more_")
			break
		}
		st, err := h.deps.Read.State(ctx, inc.ID)
		if err != nil {
			return outcome{err: err}
		}
		v := ViewOf(st, h.deps.Now())
		lines = append(lines, fmt.Sprintf("%s · since %s", Text(v), at(v.Since)))
		if r, ok := st.OpenRun(); ok && r.Holds {
			locks = append(locks, fmt.Sprintf("🔒 %s is held by %s (%s)", md(r.Target.Key(), 80), md(r.ID, 40), md(string(r.State), 20)))
		}
	}
	text := "*" + plural(min(len(open), most), "open incident") + "*\n" + strings.Join(append(lines, locks...), "\n")
	return reply(text)
}

// runbooks lists what there is; one past its review says so, because a stale procedure is a trap at night.
func (h *Handler) runbooks(now time.Time) string {
	all := h.deps.Desk.Runbooks()
	lines := []string{"*" + plural(len(all), "runbook") + "*"}
	for i, rb := range all {
		if i == 40 {
			lines = append(lines, fmt.Sprintf("_… and %d more in the configuration_", len(all)-i))
			break
		}
		s := code(rb.Name, 60) + " – " + md(rb.Title, 100) + " · " + md(rb.Owner, 40)
		if !rb.Review.IsZero() {
			s += " · review " + rb.Review.Format("2006-01-02")
			if rb.Review.Before(now) {
				s += " ⚠️ overdue"
			}
		}
		lines = append(lines, s)
	}
	return strings.Join(lines, "\n")
}

// incident shows a card privately, with a link to the one in the channel.
func (h *Handler) incident(ctx context.Context, id string) outcome {
	id = strings.ToUpper(id)
	if !strings.HasPrefix(id, "INC-") {
		if id == "" || strings.Trim(id, "0123456789") != "" {
			return reply("Which incident? `/pointsman incident INC-7`; `/pointsman status` lists the open ones.")
		}
		id = "INC-" + id
	}
	st, err := h.deps.Read.State(ctx, id)
	if e, ok := asError(err); ok && e.Code == pointsman.CodeNotFound || err == nil && st.Incident.State == "" {
		return reply("There is no incident " + code(id, 20) + ".")
	}
	if err != nil {
		return outcome{err: err}
	}
	v, err := viewOf(ctx, st, h.deps.Pages, h.deps.Now)
	if err != nil {
		return outcome{err: err}
	}
	v.Quiet = true
	blocks := Card(v)
	if link := h.link(ctx, id); link != "" && len(blocks) < maxBlocks {
		blocks = append(blocks, small("<"+link+"|Open the card in the channel>"))
	}
	return reply(Text(v), blocks...)
}

// link is the address of the card; none if Slack does not say it in time.
func (h *Handler) link(ctx context.Context, incident string) string {
	ref, found, err := h.deps.Read.Ref(ctx, follower, incident, destCard)
	channel, ts, ok := strings.Cut(ref, "/")
	if err != nil || !found || !ok {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	link, err := h.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: channel, Ts: ts})
	if err != nil || strings.ContainsAny(link, "<>|") {
		return ""
	}
	return link
}
