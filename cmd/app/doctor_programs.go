package app

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

// examinePrograms looks whether the commands of services and endpoints are there to be run. Nothing is run.
func examinePrograms(cfg *configs.Config) []pointsman.Fact {
	var out []pointsman.Fact
	look := func(name string, argv []string) {
		if len(argv) == 0 {
			return
		}
		if _, err := exec.LookPath(argv[0]); err != nil {
			out = append(out, problemFact(name, fmt.Sprintf("%s cannot be run here: %v", argv[0], err), "install it, or give its whole path, executable by the server's user"))
			return
		}
		out = append(out, readyFact(name, argv[0]+" is there and may be run"))
	}
	for _, t := range cfg.Targets.Service {
		for _, name := range slices.Sorted(maps.Keys(t.Commands)) {
			look("service/"+t.Name+" command "+name, t.Commands[name])
		}
	}
	for _, t := range cfg.Targets.Endpoint {
		look("endpoint/"+t.Name+" show", t.Show)
		look("endpoint/"+t.Name+" set", t.Set)
	}
	return out
}
