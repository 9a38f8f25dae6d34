package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// interactionOf reads a request. A click brings the whole card along, of which only is wanted which message it was: reading the
// blocks takes as long as several questions to the database.
func interactionOf(payload []byte) (cb slack.InteractionCallback, err error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(payload, &parts); err != nil {
		return cb, err
	}
	var message struct {
		Timestamp       string `json:"ts"`
		ThreadTimestamp string `json:"thread_ts"`
	}
	if card, ok := parts["message"]; ok {
		if err := json.Unmarshal(card, &message); err != nil {
			return cb, err
		}
		delete(parts, "message")
	}
	rest, err := json.Marshal(parts)
	if err != nil {
		return cb, err
	}
	err = json.Unmarshal(rest, &cb)
	cb.Message.Timestamp, cb.Message.ThreadTimestamp = message.Timestamp, message.ThreadTimestamp
	return cb, err
}

// interaction handles a click or a submitted form.
func (h *Handler) interaction(ctx context.Context, cb slack.InteractionCallback) outcome {
	to := reader{url: cb.ResponseURL, channel: cb.Channel.ID, user: cb.User.ID, thread: cb.Message.ThreadTimestamp}
	turnAway := func(why string) outcome {
		if cb.Type == slack.InteractionTypeViewSubmission {
			return fault(why) // a form has no channel, and one that closes looks as if it were carried out
		}
		return h.say(to, why)
	}
	by, why := h.who(cb)
	if why != "" {
		h.refused.tell(ctx, by, why)
		return turnAway(why)
	}
	if !h.often.may(by.Ref) {
		return turnAway(tooOften)
	}
	switch cb.Type {
	case slack.InteractionTypeBlockActions:
		if n := len(cb.ActionCallback.BlockActions); n != 1 { // Slack sends one
			return h.say(to, fmt.Sprintf("This click names %d buttons, so nothing was carried out. Click again.", n))
		}
		return h.click(ctx, cb, *cb.ActionCallback.BlockActions[0], by, to)
	case slack.InteractionTypeViewSubmission:
		return h.submitted(ctx, cb, by)
	case slack.InteractionTypeViewClosed:
		return outcome{} // nobody waits for an answer to that
	}
	return h.say(to, "I do nothing with a request of this kind ("+string(cb.Type)+"), so nothing was carried out.")
}

var tooOften = fmt.Sprintf("More than %d requests in a short time; this one was not carried out. Try again in %s.", clickBurst, pointsman.Span(clickEvery))

// who finds the person. The team is the user's own: in a shared channel the message's team is another one. Only who is
// listed in the configuration can decide, so guests and strangers are unknown people unless somebody listed them.
func (h *Handler) who(cb slack.InteractionCallback) (pointsman.Actor, string) {
	team := cb.User.TeamID
	if team == "" {
		team = cb.Team.ID
	}
	by, why := h.account(team, cb.User.ID)
	if u := cb.User; why == "" && (u.IsBot || u.IsAppUser || u.Deleted || u.IsRestricted || u.IsUltraRestricted || u.IsStranger) {
		return by, "bots, guests and deactivated accounts decide nothing here"
	}
	return by, why
}

func (h *Handler) account(team, user string) (pointsman.Actor, string) {
	by := pointsman.Actor{Door: pointsman.DoorSlack, Ref: team + "/" + user}
	switch {
	case user == "" || user == "USLACKBOT":
		return by, "the request names no person"
	case team != h.team:
		return by, "the account belongs to another workspace than the one that is configured"
	}
	if p, known := h.deps.People.BySlack(team, user); known {
		by.Person = p
	}
	return by, ""
}

// say is a private answer and nothing else.
func (h *Handler) say(to reader, text string, blocks ...slack.Block) outcome {
	return outcome{after: func(ctx context.Context) { h.replies.tell(ctx, to, md(text, 2500), blocks...) }}
}

// undecided says that the store did not answer; the request is not acknowledged, so Slack marks the button as failed.
func (h *Handler) undecided(to reader, err error) outcome {
	out := h.say(to, "The store did not answer, so this may not have been decided. Click again in a moment: it counts once.")
	out.err = err
	return out
}

// click carries out what a button says.
func (h *Handler) click(ctx context.Context, cb slack.InteractionCallback, a slack.BlockAction, by pointsman.Actor, to reader) outcome {
	verb, value := a.ActionID, a.Value
	if verb == doMore {
		verb, value, _ = strings.Cut(a.SelectedOption.Value, " ")
	}
	r, ok := parseRoute(value)
	if !ok {
		h.refused.tell(ctx, by, "a button carries what none of ours does")
		return h.say(to, "This button is not one of mine.")
	}
	// Action and message, not the team: ids of one team differ between the members of a shared channel.
	once := strings.Join([]string{"slack/click", by.Ref, a.ActionID, a.ActionTs, cb.Message.Timestamp}, "/")
	if steers(verb) {
		return h.askSteer(ctx, cb.TriggerID, r, pointsman.Verb(verb), by, to)
	}
	switch verb {
	case doApprove:
		return h.approve(ctx, cb, r, by, to, once)
	case doRecheck:
		return h.do(ctx, pointsman.Recheck{Proposal: r.ID, By: by, Once: once}, to)
	case doPlan:
		return h.showPlan(ctx, cb.TriggerID, r, by, to)
	case doDeny, doUpdate, doClose:
		return h.ask(ctx, cb.TriggerID, form{Do: verb, Route: r.String()}, by, to)
	}
	return h.say(to, "This button does nothing any more; look at the card again.")
}

// do gives the command to the store and its answer to the person.
func (h *Handler) do(ctx context.Context, cmd pointsman.Command, to reader) outcome {
	res, err := h.deps.Store.Do(ctx, cmd)
	if err != nil {
		return h.undecided(to, err)
	}
	return h.answered(res.Answer, to)
}

// answered tells the person what the store answered, in its words.
func (h *Handler) answered(a pointsman.Answer, to reader) outcome {
	return h.say(to, mark(a)+sentence(a.Text))
}

func mark(a pointsman.Answer) string {
	switch {
	case a.OK():
		return "✅ "
	case a.Code == pointsman.CodeUnderway: // a tick would be read as done
		return "⏳ "
	}
	return "✋ "
}

// sentence begins with a capital, unless the first word is a name.
func sentence(s string) string {
	if len(s) > 0 && s[0] >= 'a' && s[0] <= 'z' && strings.HasPrefix(s, "you") {
		return "Y" + s[1:]
	}
	return s
}

// approve counts the vote, and asks for a reason where the policy wants one: nobody who clicks should wait for a look at what
// nearly no runbook wants.
func (h *Handler) approve(ctx context.Context, cb slack.InteractionCallback, r route, by pointsman.Actor, to reader, once string) outcome {
	res, err := h.deps.Store.Do(ctx, ballot(r, pointsman.Approve, "", by, once))
	switch {
	case err != nil:
		return h.undecided(to, err)
	case res.Answer.Code == pointsman.CodeInvalid && wantsReason(res.State, r.ID):
		return h.ask(ctx, cb.TriggerID, form{Do: doApprove, Route: r.String()}, by, to)
	}
	return h.answered(res.Answer, to)
}

func wantsReason(st pointsman.State, id string) bool {
	if run, ok := st.Run(id); ok {
		i, at := run.AtGate()
		return at && run.Steps[i].Gate.Policy.ReasonRequired
	}
	p, ok := st.Proposal(id)
	return ok && p.State == pointsman.ProposalReady && p.Already == "" && p.Policy.ReasonRequired && strings.TrimSpace(p.Reason) == ""
}

// ballot is the vote that a button means: the button of a gate names a run, the one of a card its proposal.
func ballot(r route, verdict pointsman.Verdict, reason string, by pointsman.Actor, once string) pointsman.CastVote {
	v := pointsman.CastVote{Digest: r.Digest, Verdict: verdict, Reason: reason, By: by, Once: once}
	if strings.Contains(r.ID, "/R") {
		v.Run, v.Mark = r.ID, r.Mark
		return v
	}
	v.Proposal = r.ID
	return v
}

// askSteer opens the form for a decision on a run; it says in one sentence what will happen to the run as it stands now.
// The mark says where the person saw it stand: "done" must not mark the step after the one that was meant.
func (h *Handler) askSteer(ctx context.Context, trigger string, r route, verb pointsman.Verb, by pointsman.Actor, to reader) outcome {
	f := form{Do: string(verb), Route: r.String()}
	if !by.Known() {
		return h.ask(ctx, trigger, f, by, to)
	}
	st, err := h.deps.Read.State(ctx, pointsman.IncidentOf(r.ID))
	if err != nil {
		return h.undecided(to, err)
	}
	run, ok := st.Run(r.ID)
	if !ok {
		return h.say(to, "There is no run "+r.ID+".")
	}
	if why := run.Refuses(verb, h.deps.Now()); why != "" {
		return h.say(to, "✋ "+why)
	}
	if verb == pointsman.VerbAccept && pointsman.ShortDigest(run.Question.Digest) != r.Digest {
		return h.say(to, "✋ "+run.ID+" asks for other figures by now; look at the card again")
	}
	f.foretold = run.Foretell(verb)
	return h.ask(ctx, trigger, f, by, to)
}

func notListed(by pointsman.Actor) string {
	return by.String() + " is not a person of the configuration; an operator can add the account under people."
}
