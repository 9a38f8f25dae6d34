package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// The form that asks for a reason.
const (
	formID    = "pointsman_reason"
	reasonID  = "reason" // block and action of its one field
	maxReason = 1000
)

// closing says what becomes of alerts that still fire. Alertmanager repeats them; a firing that was taken as over is
// remembered for as long as the incident could be opened again.
var closing = "Alerts that still fire are taken as over. One that fires anew, or is repeated after more than " +
	pointsman.Span(pointsman.ReopenWithin) + ", opens an incident again."

// form is what the form remembers of the request that opened it. Like a button's value it only says where it belongs.
type form struct {
	Do      string `json:"do"`
	Route   string `json:"route,omitempty"`
	Name    string `json:"name,omitempty"` // of a kill switch
	Channel string `json:"channel,omitempty"`
	Answer  string `json:"answer,omitempty"` // the request's response address; the one way into a conversation without the bot

	foretold string // what will happen, in one sentence
}

// Verbs that only the slash command knows.
const (
	doEngage  = "engage"
	doRelease = "release"
)

// asks are the titles (24 characters at most), the buttons and the questions.
var asks = map[string]struct{ title, submit, label, hint string }{
	doApprove:    {"Approve", "Approve", "Why?", "This runbook wants a reason; it is what others read afterwards."},
	doDeny:       {"Deny", "Deny", "Why not?", "A denial is final; the reason stands on the card."},
	doPause:      {"Pause the run", "Pause", "Why?", "The target stays locked until somebody resumes or aborts."},
	doStop:       {"Stop after this step", "Stop", "Why?", "The target stays locked until somebody resumes or aborts."},
	doResume:     {"Resume the run", "Resume", "Why may it go on?", "It is what others read afterwards."},
	doRetry:      {"Run the step again", "Retry", "Why is it safe to try again?", "The checks of the step come first."},
	doAccept:     {"Accept these figures", "Accept", "Why is it acceptable?", "It holds for exactly these figures; above them it asks again."},
	doDone:       {"Mark the step done", "Mark done", "What was done, and how do you know?", "The run goes on with the next step."},
	doSkip:       {"Skip the step", "Skip", "Why is it not needed?", "It stays left out for the rest of the run."},
	doAbort:      {"Abort the run", "Abort", "Why?", "It is what others read afterwards."},
	doUpdate:     {"Write an update", "Send", "What should people know?", "It goes to everybody who is kept informed."},
	doClose:      {"Close the incident", "Close", "Why?", closing},
	doEngage:     {"Engage a kill switch", "Engage", "Why?", "At least 10 characters; it is what others read afterwards."},
	doUngraceful: {"Go on ungracefully", "Go on", "Why not wait any longer?", "An attempt at work keeps its form."},
	doRelease:    {"Release a kill switch", "Ask for release", "Why is it safe again?", "Others approve the release on its card."},
}

func (f form) view(about string) slack.ModalViewRequest {
	a := asks[f.Do]
	input := slack.NewPlainTextInputBlockElement(nil, reasonID).WithMultiline(true).WithMinLength(3).WithMaxLength(maxReason)
	input.FocusOnLoad = true
	blocks := []slack.Block{quote(about, 300)}
	if f.foretold != "" {
		blocks = append(blocks, section("*What will happen:* "+md(f.foretold, 900)+"."))
	}
	field := slack.NewInputBlock(reasonID, plain(a.label, 150), plain(a.hint, 150), input)
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: formID, PrivateMetadata: f.memory(), Title: plain(a.title, 24), Submit: plain(a.submit, 24),
		Close: plain("Not now", 24), Blocks: slack.Blocks{BlockSet: append(blocks, field)},
	}
}

// maxMemory is what Slack keeps of a form for us, in characters: https://docs.slack.dev/reference/views
const maxMemory = 3000

// memory is the form as Slack gives it back. An address that does not fit is left out: there are other ways to answer.
func (f form) memory() string {
	meta, err := json.Marshal(f)
	if err == nil && len(meta) > maxMemory && f.Answer != "" {
		f.Answer = ""
		return f.memory()
	}
	if err != nil {
		return "" // our own strings: they encode
	}
	return string(meta)
}

// ask opens the form. A trigger lives three seconds, so this happens before anything else.
func (h *Handler) ask(ctx context.Context, trigger string, f form, by pointsman.Actor, to reader) outcome {
	if !by.Known() {
		h.refused.tell(ctx, by, f.Do+" is for people of the configuration only")
		return h.say(to, notListed(by))
	}
	f.Channel, f.Answer = to.channel, to.url
	about := f.Name
	if r, ok := parseRoute(f.Route); ok {
		about = r.ID
		switch {
		case f.Do == doAccept:
			about += ", question " + r.Digest
		case r.Digest != "":
			about += ", plan " + r.Digest
		}
	}
	if _, err := h.api.OpenViewContext(ctx, trigger, f.view(about)); err != nil {
		h.log.WarnContext(ctx, "form not opened", "actor", by.Ref, "err", err)
		return h.say(to, "Slack did not open the form; click again. Nothing was decided.")
	}
	return outcome{}
}

// submitted carries out what the form was opened for. What does not count is said inside the form.
func (h *Handler) submitted(ctx context.Context, cb slack.InteractionCallback, by pointsman.Actor) outcome {
	var f form
	if err := json.Unmarshal([]byte(cb.View.PrivateMetadata), &f); err != nil || cb.View.CallbackID != formID {
		h.refused.tell(ctx, by, "a form was submitted that is not ours")
		return fault("This form is not one of mine.")
	}
	reason := cut(strings.TrimSpace(clean(answered(cb.View))), maxReason)
	if reason == "" {
		return fault("Please write something; it is what others read afterwards.")
	}
	to := reader{url: f.Answer, channel: f.Channel, user: cb.User.ID}
	// The form may be sent again with another text after a fault; the same text is the same request.
	sum := sha256.Sum256([]byte(reason))
	once := "slack/form/" + cb.View.ID + "/" + hex.EncodeToString(sum[:8])
	if f.Do == doEngage || f.Do == doRelease {
		return h.turn(ctx, f.Do, f.Name, reason, by, to, once, true)
	}
	r, ok := parseRoute(f.Route)
	if !ok {
		return fault("This form has lost what it was opened for; close it and click again.")
	}
	cmd := f.command(r, reason, by, once)
	if cmd == nil {
		return fault("This form does nothing any more.")
	}
	res, err := h.deps.Store.Do(ctx, cmd)
	return h.formAnswer(res.Answer, err, to)
}

// steers: the action decides on a run. Its id is the verb of the reducer.
func steers(do string) bool { return slices.Contains(pointsman.Verbs(), pointsman.Verb(do)) }

func (f form) command(r route, reason string, by pointsman.Actor, once string) pointsman.Command {
	if steers(f.Do) {
		return pointsman.Steer{Run: r.ID, Verb: pointsman.Verb(f.Do), Mark: r.Mark, Digest: r.Digest, Reason: reason, By: by, Once: once}
	}
	switch f.Do {
	case doApprove:
		return ballot(r, pointsman.Approve, reason, by, once)
	case doDeny:
		return ballot(r, pointsman.Deny, reason, by, once)
	case doUpdate:
		return pointsman.WriteUpdate{Incident: r.ID, Text: reason, By: by, Once: once}
	case doClose:
		return pointsman.CloseIncident{Incident: r.ID, Reason: reason, By: by, Once: once}
	}
	return nil
}

// formAnswer closes the form and tells the person what happened, or says inside the form why nothing did.
func (h *Handler) formAnswer(ans pointsman.Answer, err error, to reader) outcome {
	if err != nil {
		return outcome{err: err} // not acknowledged: the form stays open with Slack's own error
	}
	if !ans.OK() && ans.Code != pointsman.CodeUnderway {
		return fault(ans.Text)
	}
	return h.say(to, mark(ans)+sentence(ans.Text))
}

func fault(text string) outcome {
	return outcome{payload: slack.NewErrorsViewSubmissionResponse(map[string]string{reasonID: cut(line(text), 600)})}
}

func answered(v slack.View) string {
	if v.State == nil {
		return ""
	}
	return v.State.Values[reasonID][reasonID].Value
}
