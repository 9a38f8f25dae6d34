package alerts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// Message is what we use of an Alertmanager webhook, version "4".
type Message struct {
	Receiver  string
	GroupKey  string
	Alerts    []pointsman.Alert
	Truncated int  // alerts that the sender left out
	Cut       bool // we read no further, because of our limits
}

// Bounds of one text in an alert. Longer ones are cut: no label that selects anything is so long, and whatever one
// sender writes must fit into a row, an event and a card.
const (
	maxLabel      = 4 << 10
	maxAnnotation = 16 << 10
)

// And how much of all of an alert's labels, or annotations, is kept: an entry of the log that is too long for a row of an
// export could never be exported, nor could the whole log.
const (
	maxLabels      = 128 << 10
	maxAnnotations = 256 << 10
)

// leftOut is the label or annotation that says how many others are not kept.
const leftOut = "left_out_by_pointsman"

// maxAlerts bounds the memory that a message takes: an alert of Alertmanager's has 170 bytes at least, so no message within
// the size limit has so many.
const maxAlerts = 200_000

var errMany = errors.New("the message has too many alerts")

// errNotJSON says that the body can never be read, however often it is sent.
var errNotJSON = errors.New("the body is not the JSON of an Alertmanager webhook")

// decode reads a webhook as it streams in, at most limit bytes of it. It is lenient, because Alertmanager's message
// grows (0.34 added notification_reason and routeLabels): unknown fields are passed over and an alert with a field of
// the wrong type loses only that field. A body over the limit yields its whole alerts with Cut set: answering 413
// would lose them all. encoding/json bounds the nesting at 10,000. An error that is not errNotJSON is the connection's, and
// says nothing of the message.
func decode(body io.Reader, limit int64) (Message, error) {
	arrives := &arrival{Reader: body}
	lr := &io.LimitedReader{R: arrives, N: limit}
	dec := json.NewDecoder(lr)
	var m Message
	var status string
	err := object(dec, func(key string) error {
		switch key {
		case "receiver":
			return lenient(dec, &m.Receiver)
		case "groupKey":
			return lenient(dec, &m.GroupKey)
		case "status":
			return lenient(dec, &status)
		case "truncatedAlerts":
			return lenient(dec, &m.Truncated)
		case "alerts":
			return list(dec, func() error {
				if len(m.Alerts) == maxAlerts {
					return errMany
				}
				var w wireAlert
				if err := lenient(dec, &w); err != nil {
					return err
				}
				m.Alerts = append(m.Alerts, w.alert())
				return nil
			})
		}
		var skip json.RawMessage
		return dec.Decode(&skip)
	})
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows after its end")
		}
	}
	m.settle(status)
	if err != nil && lr.N <= 0 || errors.Is(err, errMany) {
		m.Cut = true
		return m, nil
	}
	if err != nil && arrives.broken != nil {
		return Message{}, arrives.broken
	}
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", errNotJSON, err)
	}
	return m, nil
}

// arrival tells a body that is no JSON from one that did not arrive: only the second is worth sending again.
type arrival struct {
	io.Reader
	broken error
}

// Read implements io.Reader.
func (a *arrival) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		a.broken = err
	}
	return n, err
}

// object reads a JSON object, calling each for every key; each must read the value.
func object(dec *json.Decoder, each func(key string) error) error {
	if err := delim(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := tok.(string)
		if err := each(key); err != nil {
			return err
		}
	}
	return delim(dec, '}')
}

// list reads a JSON array, or null in its place.
func list(dec *json.Decoder, each func() error) error {
	tok, err := dec.Token()
	if err != nil || tok == nil {
		return err
	}
	if tok != json.Delim('[') {
		return fmt.Errorf("alerts is %v, want a list", tok)
	}
	for dec.More() {
		if err := each(); err != nil {
			return err
		}
	}
	return delim(dec, ']')
}

func delim(dec *json.Decoder, want rune) error {
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim(want) {
		return fmt.Errorf("found %v, want %c", tok, want)
	}
	return nil
}

// lenient decodes one value; a part of the wrong type is left out and the rest kept.
func lenient(dec *json.Decoder, v any) error {
	err := dec.Decode(v)
	if _, wrong := errors.AsType[*json.UnmarshalTypeError](err); wrong {
		return nil
	}
	return err
}

type wireAlert struct {
	Status       string `json:"status"`
	Labels       texts  `json:"labels"`
	Annotations  texts  `json:"annotations"`
	StartsAt     moment `json:"startsAt"`
	EndsAt       moment `json:"endsAt"`
	GeneratorURL string `json:"generatorURL"`
	Fingerprint  string `json:"fingerprint"`
}

// texts is a map of strings in which another type of value is shown as its JSON instead of being an error.
type texts map[string]string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*map[string]string)(t)) == nil {
		return nil
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(b, &raw) != nil {
		return nil // not an object: no labels
	}
	*t = make(texts, len(raw))
	for k, v := range raw {
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		(*t)[k] = s
	}
	return nil
}

// moment is a time that is zero where it cannot be read.
type moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (m *moment) UnmarshalJSON(b []byte) error {
	if m.Time.UnmarshalJSON(b) != nil || m.Year() > 9999 || m.Year() < 1 {
		m.Time = time.Time{}
	}
	return nil
}

func (w wireAlert) alert() pointsman.Alert {
	a := pointsman.Alert{
		Status: pointsman.AlertStatus(w.Status), StartsAt: w.StartsAt.UTC(), Fingerprint: line(w.Fingerprint, 64),
		Labels: bounded(w.Labels, maxLabel, maxLabels), Annotations: bounded(w.Annotations, maxAnnotation, maxAnnotations), GeneratorURL: line(w.GeneratorURL, maxLabel),
	}
	if a.Status == pointsman.AlertResolved {
		a.EndsAt = w.EndsAt.UTC()
	}
	if a.Fingerprint == "" {
		a.Fingerprint = fingerprint(a.Labels)
	}
	return a
}

// bounded cuts what is too long, leaves out what is too much, says so, and takes out what a PostgreSQL text column refuses: one NUL in a label must not make
// a webhook fail for ever.
func bounded(in map[string]string, limit, all int) map[string]string {
	out := make(map[string]string, len(in))
	clean := func(s string, n int) string {
		return cut(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD"), n)
	}
	kept, missing := 0, 0
	for _, k := range sorted(in) {
		name, value := clean(k, 200), clean(in[k], limit)
		if kept += len(name) + len(value); kept > all {
			missing++
			continue
		}
		out[name] = value
	}
	if missing > 0 {
		out[leftOut] = fmt.Sprintf("%d of %d: together they have more than %d KiB", missing, len(in), all>>10)
	}
	return out
}

// fingerprint names an alert whose sender did not: the same labels give the same name.
func fingerprint(set map[string]string) string {
	h := sha256.New()
	for _, k := range sorted(set) {
		fmt.Fprintf(h, "%q=%q,", k, set[k])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// settle fills in what the message says about all its alerts. A status that nobody knows counts as firing: unknown is
// never success.
func (m *Message) settle(status string) {
	m.Receiver, m.Truncated = line(m.Receiver, 200), max(m.Truncated, 0)
	for i := range m.Alerts {
		a := &m.Alerts[i]
		if a.Status == "" {
			a.Status = pointsman.AlertStatus(status)
		}
		if a.Status != pointsman.AlertResolved {
			a.Status = pointsman.AlertFiring
		}
	}
}
