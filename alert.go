package pointsman

import "time"

// AlertStatus is Alertmanager's word for the state of one alert.
type AlertStatus string

// The two states that Alertmanager's webhook (version "4") knows.
const (
	AlertFiring   AlertStatus = "firing"
	AlertResolved AlertStatus = "resolved"
)

// Alert is one alert of an Alertmanager webhook. Fingerprint and StartsAt together name one firing; the same pair
// arrives many times, because every group message is a snapshot that repeats what is known.
type Alert struct {
	Fingerprint  string            `json:"fingerprint"`
	StartsAt     time.Time         `json:"starts_at"`
	EndsAt       time.Time         `json:"ends_at,omitzero"`
	OverAt       time.Time         `json:"over_at,omitzero"` // when its end was received; zero where a person took it as over
	Status       AlertStatus       `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	GeneratorURL string            `json:"generator_url,omitempty"`
}

// Name is the value of the alertname label, or "alert" where a sender left it out.
func (a Alert) Name() string {
	if n := a.Labels["alertname"]; n != "" {
		return n
	}
	return "alert"
}

// same reports whether b is another report of the same firing as a.
func (a Alert) same(b Alert) bool {
	return a.Fingerprint == b.Fingerprint && a.StartsAt.Equal(b.StartsAt)
}
