package fakeslack_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

func modal() slack.ModalViewRequest {
	reason := slack.NewInputBlock("reason", plainText("Reason"), nil, slack.NewPlainTextInputBlockElement(plainText("why"), "text"))
	class := slack.NewInputBlock("class", plainText("Class"), nil, slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("pick"), "pick", options(2)...))
	class.Optional = true
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText("Break glass"), Submit: plainText("Go"), CallbackID: "break-glass", PrivateMetadata: "INC-41",
		Blocks: slack.Blocks{BlockSet: []slack.Block{section("A second person is *paged*."), reason, class}},
	}
}

func TestATriggerOpensOneModalWithinThreeSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		triggers := make(chan string, 1)
		s, c := world(t, fakeslack.Config{Client: inProcess(func(_ http.ResponseWriter, r *http.Request) {
			cmd, err := slack.SlashCommandParse(r)
			if err != nil {
				t.Error(err)
			}
			triggers <- cmd.TriggerID
		}), CommandURL: "http://app.test/commands"})
		trigger := func() string {
			if _, err := s.Slash(t.Context(), "U0ANA", "C0INC", "/pointsman", "run"); err != nil {
				t.Fatal(err)
			}
			return <-triggers
		}
		open := func(id string) string {
			_, err := c.OpenViewContext(t.Context(), id, modal())
			got, _ := code(err)
			return got
		}
		fresh := trigger()
		if got := open(fresh); got != "" {
			t.Fatal(got)
		}
		if got := open(fresh); got != "exchanged_trigger_id" {
			t.Errorf("second use: %q", got)
		}
		if got := open("1.2.3"); got != "invalid_trigger_id" {
			t.Errorf("invented: %q", got)
		}
		late := trigger()
		time.Sleep(3*time.Second + time.Millisecond) // synctest: no time passes
		if got := open(late); got != "expired_trigger_id" {
			t.Errorf("late: %q", got)
		}
	})
}

func inProcess(h http.HandlerFunc) *http.Client {
	return &http.Client{Transport: fakeslack.Transport(h)}
}

func TestAModalIsFilledInRefusedAndTaken(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	answers := make(chan string, 2)
	answers <- `{"response_action":"errors","errors":{"reason":"Say why, in ten characters or more"}}`
	answers <- ``
	seen := make(chan slack.InteractionCallback, 2)
	app(t, s, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		if strings.HasSuffix(r.URL.Path, "commands") {
			cmd, err := slack.SlashCommandParse(r)
			if err != nil {
				t.Error(err)
			}
			if _, err := c.OpenViewContext(r.Context(), cmd.TriggerID, modal()); err != nil {
				t.Error(err)
			}
			return
		}
		in, err := slack.InteractionCallbackParse(r)
		if err != nil {
			t.Error(err)
		}
		seen <- in
		w.Write([]byte(<-answers))
	})
	story := s.Story(t)
	story.Channel("C0INC").Slash("U0ANA", "/pointsman", "break-glass INC-41")
	v := story.WaitView("U0ANA", "Break glass", "A second person is paged.")
	if _, err := s.SubmitView(t.Context(), "U0ANA", v.ID, nil); err == nil || !strings.Contains(err.Error(), "Reason: please complete") {
		t.Errorf("a required field was left empty: %v", err)
	}
	story.Submit(v, map[string]string{"Reason": "short", "pick": "v1"})
	if got := story.WaitView("U0ANA").Errors["reason"]; !strings.HasPrefix(got, "Say why") {
		t.Errorf("the modal shows %q", got)
	}
	story.Submit(v, map[string]string{"reason": "the primary is gone", "pick": "v1"})
	<-seen
	in := <-seen
	values := in.View.State.Values
	if in.Type != slack.InteractionTypeViewSubmission || in.View.CallbackID != "break-glass" || in.View.PrivateMetadata != "INC-41" ||
		values["reason"]["text"].Value != "the primary is gone" || values["class"]["pick"].SelectedOption.Value != "v1" {
		t.Errorf("submitted %+v", in.View)
	}
	if _, err := s.SubmitView(t.Context(), "U0ANA", v.ID, nil); err == nil {
		t.Error("the modal is still open")
	}
}

func TestViewsAreRefused(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	open := func(change func(*slack.ModalViewRequest)) string {
		got := ""
		s.SetRequestURLs("http://app.test", "")
		v := modal()
		change(&v)
		app(t, s, func(_ http.ResponseWriter, r *http.Request, _ []byte) {
			cmd, _ := slack.SlashCommandParse(r)
			_, err := c.OpenViewContext(r.Context(), cmd.TriggerID, v)
			_, got = code(err)
		})
		s.Story(t).Channel("C0INC").Slash("U0ANA", "/pointsman", "x")
		return got
	}
	for want, change := range map[string]func(*slack.ModalViewRequest){
		"must be less than 25 characters [json-pointer:/view/title/text]": func(v *slack.ModalViewRequest) { v.Title = plainText(strings.Repeat("x", 25)) },
		"needs submit": func(v *slack.ModalViewRequest) { v.Submit = nil },
		"must be less than 3001 characters [json-pointer:/view/private_metadata]": func(v *slack.ModalViewRequest) { v.PrivateMetadata = strings.Repeat("x", 3001) },
		"[json-pointer:/view/blocks/0/text/type]":                                 func(v *slack.ModalViewRequest) { v.Blocks.BlockSet[0] = slack.NewHeaderBlock(mrkdwn("x")) },
	} {
		if got := open(change); !strings.Contains(got, want) {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
}
