package service_test

import (
	"net/http"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/service"
)

// An address that nobody answers is a mistake of the configuration; one that says "not well" may be right.
func TestExamine_tells_a_wrong_address_from_an_ill_service(t *testing.T) {
	t.Parallel()
	target := health(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, "")
	well := health(t, func(http.ResponseWriter, *http.Request) {}, "")
	target.Health = append(target.Health, well.Health[0], service.Health{URL: "http://127.0.0.1:1/health"})
	var got []string
	for _, f := range (service.Config{target}).Examine(t.Context()) {
		got = append(got, f.Name+" "+string(f.Kind)+" "+string(f.Result))
		if f.Result != pointsman.Pass && (f.Text == "" || f.Clears == "") {
			t.Errorf("%+v does not say what is wrong, or what to do", f)
		}
	}
	for i, want := range []string{"service/api health[0] WARN fail", "service/api health[1] HARD pass", "service/api health[2] HARD fail"} {
		if i >= len(got) || got[i] != want {
			t.Errorf("found %q, want %q at %d", got, want, i)
		}
	}
}
