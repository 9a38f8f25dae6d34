package configs

import (
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/pointsman/pointsman"
)

// envPrefix begins every variable: POINTSMAN_WEB_LISTEN.
const envPrefix = "POINTSMAN"

// foreign are variables of the command line, which the server does not read.
var foreign = []string{"POINTSMAN_CONFIG", "POINTSMAN_SOCKET", "POINTSMAN_SERVER", "POINTSMAN_TOKEN", "POINTSMAN_TOKEN_FILE"}

// scalarSections are the sections of single values, which the environment and flags may set too. People, targets and
// routes are lists: they stand in the file only, and never go through viper, which would lower-case their keys.
var scalarSections = []string{"web", "storage", "alertmanager", "slack", "pagerduty", "timings", "audit", "log"}

// Flags adds the flags of the settings that people change by hand. Their names are the paths in the file.
func Flags(flags *pflag.FlagSet) {
	for _, f := range [][2]string{
		{"web.listen", "address to listen on, host:port"},
		{"web.external_url", "how browsers reach this server"},
		{"web.socket", "Unix socket for the command line"},
		{"storage.driver", "sqlite or postgres"},
		{"storage.path", "SQLite database file"},
		{"log.level", "debug, info, warn or error"},
		{"log.format", "text or json"},
	} {
		flags.String(flagName(f[0]), "", f[1])
	}
}

func flagName(path string) string { return strings.ReplaceAll(path, "_", "-") }

func envName(path string) string {
	return envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// overlay sets what the environment and the flags say; a flag wins over the environment, that over the file.
func (c *checker) overlay(flags *pflag.FlagSet, env []string) {
	vars := map[string]string{}
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, envPrefix+"_") {
			vars[k] = v
		}
	}
	v := viper.New()
	known := slices.Clone(foreign)
	leaves(reflect.ValueOf(c.cfg).Elem(), "", func(path string, field reflect.Value) {
		known = append(known, envName(path))
		src := ""
		if s := vars[envName(path)]; s != "" {
			v.SetDefault(path, s) // read from env rather than by viper itself, so that tests need no process environment
			src = "environment " + envName(path)
		}
		if flags != nil {
			if f := flags.Lookup(flagName(path)); f != nil && f.Changed {
				if v.BindPFlag(path, f) == nil {
					src = "flag --" + f.Name
				}
			}
		}
		if src != "" {
			c.set(path, field, v.GetString(path), src)
		}
	})
	for name := range vars {
		if !slices.Contains(known, name) {
			text := "no setting has this name"
			if s := nearest(name, slices.Clone(known)); s != "" {
				text += ", did you mean " + s + "?"
			}
			c.warnings = append(c.warnings, pointsman.Fault{File: "environment " + name, Text: text})
		}
	}
}

// set writes one value as if it stood in the file. A list is written with commas.
func (c *checker) set(path string, field reflect.Value, value, src string) {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	if field.Kind() == reflect.Slice {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for one := range strings.SplitSeq(value, ",") {
			list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSpace(one)})
		}
		n = list
	}
	d := newDecoder(src)
	d.value(n, field, path)
	c.faults = append(c.faults, d.faults...)
	c.cfg.origin[path] = place{file: src}
}

// leaves visits every single value, and every list of texts, of the scalar sections.
func leaves(v reflect.Value, path string, visit func(string, reflect.Value)) {
	for name, f := range fieldsOf(v) {
		at := join(path, name)
		switch {
		case path == "" && !slices.Contains(scalarSections, name):
		case f.Kind() == reflect.Struct && f.Type() != timeType:
			leaves(f, at, visit)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() != reflect.String:
		case f.Kind() == reflect.Map || f.Kind() == reflect.Func || f.Kind() == reflect.Interface:
		default:
			visit(at, f)
		}
	}
}
