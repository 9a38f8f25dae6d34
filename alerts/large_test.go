package alerts_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/alerts"
)

// TestReceive_an_alert_with_very_many_annotations_is_cut_and_says_so: an entry of the log that is too long for an export could
// never be exported, and no other could beside it.
func TestReceive_an_alert_with_very_many_annotations_is_cut_and_says_so(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	large := alert("firing", "large", map[string]string{"alertname": "BackupMissing"})
	texts := map[string]string{}
	for i := range 200 {
		texts[strings.Repeat("a", i+1)] = strings.Repeat("<", 16<<10)
	}
	large["annotations"] = texts
	if code, text := d.post(t, bytes.NewReader(webhook(large))); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	kept := d.incidents()[0].First.Annotations
	total := 0
	for k, v := range kept {
		total += len(k) + len(v)
	}
	if said := kept["left_out_by_pointsman"]; total > 257<<10 || said != "185 of 200: together they have more than 256 KiB" {
		t.Errorf("%d bytes are kept, and of the others is said %q", total, said)
	}
}
