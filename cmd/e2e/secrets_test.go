package e2e

import (
	"archive/zip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// password is that of every DSN. The servers here ask for none, and take any. In an address it is written in another way.
const password = "password/of@the-stage"

// withPassword gives a DSN of the lab the password.
func withPassword(dsn string) string {
	return strings.Replace(dsn, "@", ":"+url.QueryEscape(password)+"@", 1)
}

// secrets are all that the program was given of what proves who one is.
func (s *stage) secrets() map[string]string {
	s.t.Helper()
	key, err := os.ReadFile(filepath.Join(s.dir, "audit.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	set := s.slack.Config()
	all := map[string]string{
		"the bot's token": set.BotToken, "the app's token": set.AppToken, "the signing secret": set.SigningSecret, "the webhook's token": webhookToken,
		"the key of PagerDuty": pagerKey, "the password of a DSN": password, "the probe's token": probeToken, "the key of the log": strings.TrimSpace(string(key)),
	}
	for _, who := range []string{"ana", "ben", "chi", "dee", "eli", "eve"} {
		all["the token of "+who] = tokenOf(who)
	}
	return all
}

// nothingLeaked looks for every secret in all that leaves the program: what it logged, what it told Slack and PagerDuty, and
// an export of its record.
func (s *stage) nothingLeaked(export fs.FS) {
	s.t.Helper()
	said := map[string]string{"the log of the program": "", "Slack": s.toldSlack()}
	log, err := os.ReadFile(filepath.Join(s.dir, "pointsman.log"))
	if err != nil {
		s.t.Error(err)
	}
	said["the log of the program"] = string(log)
	if s.pager != nil {
		said["PagerDuty"] = s.toldPager()
	}
	err = fs.WalkDir(export, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(export, name)
		said["the export's "+name] = string(text)
		return err
	})
	if err != nil || len(said["the export's rows.jsonl"]) == 0 || len(said["Slack"]) == 0 || len(log) == 0 {
		s.t.Errorf("there is nothing to look at: %v", err)
	}
	for what, secret := range s.secrets() {
		for where, text := range said {
			if at := leak(text, secret); at >= 0 {
				s.t.Errorf("LEAKED: %s stands in %s: …%s…", what, where, text[max(0, at-100):min(len(text), at+200)])
			}
		}
	}
}

// leak is where the secret stands in the text in one of the forms in which it may be written, or -1.
func leak(text, secret string) int {
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)), url.QueryEscape(secret)} {
		if at := strings.Index(text, form); at >= 0 {
			return at
		}
	}
	return -1
}

func (s *stage) toldSlack() string {
	var out strings.Builder
	for _, c := range s.slack.Calls("") {
		for name, value := range c.Args {
			fmt.Fprintf(&out, "%s %s=%s\n", c.Method, name, value)
		}
	}
	return out.String()
}

// toldPager leaves out the key where it belongs, once in each request.
func (s *stage) toldPager() string {
	var out strings.Builder
	for _, ev := range s.pager.Events() {
		out.WriteString(strings.Replace(string(ev.Body), `"routing_key":"`+pagerKey+`"`, "", 1) + "\n")
	}
	return out.String()
}

// exported opens the export that wholeLogIsIntact made.
func (s *stage) exported() fs.FS {
	s.t.Helper()
	file, err := zip.OpenReader(filepath.Join(s.dir, "whole.zip"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = file.Close() })
	return file
}

// A look that finds nothing must be one that would have found it.
func TestALeakIsSeenInEachForm(t *testing.T) {
	t.Parallel()
	const secret = "p/w@1"
	for _, text := range []string{"x p/w@1 y", "x cC93QDE= y", "x 702f774031 y", "x postgres://u:p%2Fw%401@h/d y"} {
		if leak(text, secret) < 0 {
			t.Errorf("not seen in %q", text)
		}
	}
	if leak("postgres://u:xxxxx@h/d", secret) >= 0 {
		t.Error("seen where it is not")
	}
}
