package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/endpoint"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/actions/patroni"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/service"
	"github.com/pointsman/pointsman/alerts"
)

// Targets are the things that runs change, by kind.
type Targets struct {
	Postgres   postgres.Config   `yaml:"postgres"`
	KillSwitch killswitch.Config `yaml:"killswitch"`
	Service    service.Config    `yaml:"service"`
	Endpoint   endpoint.Config   `yaml:"endpoint"`
	Patroni    patroni.Config    `yaml:"patroni"`
}

// targetKinds are the words by which runbooks name them.
func targetKinds() []string {
	return slices.Sorted(maps.Keys(fieldsOf(reflect.ValueOf(Targets{}))))
}

// AlertTargets are all configured targets with the matchers by which labels select them.
func (c *Config) AlertTargets() []alerts.Target {
	var out []alerts.Target
	add := func(kind string, i int, name, environment string, match []string) {
		out = append(out, alerts.Target{
			Target: pointsman.Target{Kind: kind, Name: name, Environment: environment}, Match: match,
			Path: fmt.Sprintf("targets.%s[%d].match", kind, i),
		})
	}
	for i, t := range c.Targets.Postgres {
		add("postgres", i, t.Name, t.Environment, t.Match)
		if len(t.Poolers) > 0 {
			out[len(out)-1].Says = map[string]string{"pooler": "pgbouncer"} // which runbook fits is no alert's to know
		}
	}
	for i, t := range c.Targets.KillSwitch {
		add("killswitch", i, t.Name, t.Environment, t.Match)
	}
	for i, t := range c.Targets.Service {
		add("service", i, t.Name, t.Environment, t.Match)
	}
	for i, t := range c.Targets.Endpoint {
		add("endpoint", i, t.Name, t.Environment, t.Match)
	}
	for i, t := range c.Targets.Patroni {
		add("patroni", i, t.Name, t.Environment, t.Match)
	}
	return out
}

// Drills reports whether exercises may change the target with the key, such as "postgres/orders".
func (c *Config) Drills(key string) bool {
	kind, name, _ := strings.Cut(key, "/")
	switch kind {
	case "postgres":
		return slices.ContainsFunc(c.Targets.Postgres, func(t postgres.Cluster) bool { return t.Name == name && t.Drills })
	case "killswitch":
		return slices.ContainsFunc(c.Targets.KillSwitch, func(t killswitch.Switch) bool { return t.Name == name && t.Drills })
	case "service":
		return slices.ContainsFunc(c.Targets.Service, func(t service.Target) bool { return t.Name == name && t.Drills })
	case "patroni":
		return slices.ContainsFunc(c.Targets.Patroni, func(t patroni.Cluster) bool { return t.Name == name && t.Drills })
	case "endpoint":
		return slices.ContainsFunc(c.Targets.Endpoint, func(t endpoint.Target) bool { return t.Name == name && t.Drills })
	}
	return false
}

// digest is the SHA-256 of everything about the targets that decides what a plan would do. It is part of each plan, so
// a changed target takes the votes of a waiting proposal away; people and routes are not in it, for they do not.
// Passwords are left out: the digest is published with the log.
func digest(t Targets) string {
	b, err := json.Marshal(plain(reflect.ValueOf(t), "", false))
	if err != nil {
		return "" // cannot happen: plain makes maps, lists, texts and numbers only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// plain turns a section into maps and lists with the keys of the file and without its secrets.
func plain(v reflect.Value, key string, secret bool) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem(), key, secret)
	case reflect.Struct:
		out := map[string]any{}
		fields := fieldsOf(v)
		for name, f := range fields {
			if f.IsZero() {
				continue
			}
			_, twin := fields[name+"_file"]
			out[name] = plain(f, name, twin || f.Type() == reflect.TypeFor[Secret]())
		}
		return out
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i), key, secret)
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[fmt.Sprint(k)] = plain(v.MapIndex(k), key, secret)
		}
		return out
	case reflect.String:
		switch {
		case secret && key == "dsn":
			return withoutPassword(v.String())
		case secret && v.String() != "":
			return redacted
		}
		return v.String()
	}
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprint(v.Interface())
}

var (
	urlPassword = regexp.MustCompile(`(://[^:/?#@]*):[^@/]*@`)
	keyPassword = regexp.MustCompile(`(?i)\b((?:ssl)?password)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]*)`)
)

// withoutPassword keeps the host, database and user of a DSN, which people need to see.
func withoutPassword(dsn string) string {
	dsn = urlPassword.ReplaceAllString(dsn, "$1:"+redacted+"@")
	if strings.Count(dsn, "@") > 1 && strings.Contains(dsn, "://") { // a password with an @ or / that nobody escaped
		return redacted
	}
	return keyPassword.ReplaceAllString(dsn, "$1="+redacted)
}
