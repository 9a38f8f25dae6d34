package app

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

// examinePrograms looks whether the configured commands are there to be run, and whether only their owner can change what
// would then run as our user, in the middle of a failover. None is run here.
func examinePrograms(cfg *configs.Config) []pointsman.Fact {
	var out []pointsman.Fact
	look := func(name string, argv []string) {
		if len(argv) > 0 {
			out = append(out, examineProgram(name, argv))
		}
	}
	for _, t := range cfg.Targets.Postgres {
		at := "postgres/" + t.Name + " "
		look(at+"fence.command", t.Fence.Command)
		look(at+"fence.network", t.Fence.Network)
		look(at+"fence.network_undo", t.Fence.NetworkUndo)
		look(at+"node_hook.command", t.NodeHook.Command)
	}
	for _, t := range cfg.Targets.Service {
		for _, name := range slices.Sorted(maps.Keys(t.Commands)) {
			look("service/"+t.Name+" command "+name, t.Commands[name])
		}
		for _, name := range t.Env {
			if _, set := os.LookupEnv(name); !set {
				out = append(out, warnFact("service/"+t.Name+" env "+name, "it is not set here, so its commands get nothing for it", "set "+name+" for the server, or look with the server's own environment"))
			}
		}
	}
	for _, t := range cfg.Targets.Endpoint {
		look("endpoint/"+t.Name+" show", t.Show)
		look("endpoint/"+t.Name+" set", t.Set)
	}
	return out
}

func examineProgram(name string, argv []string) pointsman.Fact {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return problemFact(name, fmt.Sprintf("%s cannot be run here: %v", argv[0], bare(err)), "install it, or give its whole path, executable by the server's user")
	}
	for i, file := range append([]string{path}, argv[1:]...) {
		if i > 0 && !filepath.IsAbs(file) {
			continue // an argument, and no file that we could know
		}
		if loose := changeable(file); loose != "" {
			return problemFact(name, fmt.Sprintf("everybody on this machine can change %s, which runs as our user", loose), "chmod o-w "+loose)
		}
	}
	return readyFact(name, argv[0]+" is there and may be run")
}

// bare is what the system says, without the path that the sentence has already.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e.Err
	}
	return err
}

// changeable returns the file, or its folder, where everybody may write to it. In a folder like /tmp nobody can replace
// what is another's.
func changeable(file string) string {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return "" // an argument that only looks like a path
	}
	info, err := os.Stat(real)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if info.Mode().Perm()&0o002 != 0 {
		return real
	}
	folder := filepath.Dir(real)
	if info, err := os.Stat(folder); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
		return folder
	}
	return ""
}
