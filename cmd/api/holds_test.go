package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

func (d *desk) Held(context.Context) (pointsman.Held, error) { return pointsman.Held{}, nil }

func (d *desk) Protect(ctx context.Context, target string, c pointsman.Protect) (pointsman.Answer, error) {
	c.Target.Name = target
	res, err := d.Do(ctx, c)
	return res.Answer, err
}

func TestProtectSaysWhatThePersonSaid(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	d := &desk{}
	status, _ := d.ask(t, http.MethodPost, "/api/v1/protect/lock", `{"target":"orders","for":"2h","reason":"vacuum full","token":3}`, "", &uid)
	got, ok := d.done[0].(pointsman.Protect)
	if status != http.StatusOK || !ok || got.Verb != pointsman.Lockout || got.Target.Name != "orders" || got.For != 2*time.Hour ||
		got.Reason != "vacuum full" || got.Token != 3 || got.By.Person.ID != "ana" || got.By.Door != pointsman.DoorCLI {
		t.Fatalf("%d %+v", status, got)
	}
	status, ans := d.ask(t, http.MethodPost, "/api/v1/protect/lock", `{"target":"orders","for":"two hours"}`, "", &uid)
	if status != http.StatusUnprocessableEntity || !strings.Contains(ans.Text, "two hours is no duration such as 2h") || len(d.done) != 1 {
		t.Fatalf("%d %q", status, ans.Text)
	}
	if status, _ := d.ask(t, http.MethodPost, "/api/v1/protect/lock", `{"target":"orders"}`, "forged", &uid); status != http.StatusUnauthorized || len(d.done) != 1 {
		t.Fatalf("a forged token: %d", status)
	}
	if status, _ := d.ask(t, http.MethodGet, "/api/v1/locks", "", "", &uid); status != http.StatusOK {
		t.Fatalf("list: %d", status)
	}
}

// Each of these would lock without an end, whatever its owner meant.
func TestALockThatWasMeantToEndIsNotMadeWithoutAnEnd(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	for body, want := range map[string]int{
		`{"target":"orders","until":"2h","reason":"vacuum full"}`: http.StatusBadRequest,
		`{"target":"orders","for":"0s","reason":"vacuum full"}`:   http.StatusUnprocessableEntity,
		`{"target":"orders","for":"-2h","reason":"vacuum full"}`:  http.StatusUnprocessableEntity,
	} {
		d := &desk{}
		if status, ans := d.ask(t, http.MethodPost, "/api/v1/protect/lock", body, "", &uid); status != want || len(d.done) != 0 {
			t.Errorf("%s: %d %q, %d commands reached the store", body, status, ans.Text, len(d.done))
		}
	}
}
