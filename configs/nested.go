package configs

import (
	"fmt"
	"path/filepath"
	"strings"
)

// nested warns of runbooks that lie one folder too deep, where nothing is read.
func (c *checker) nested() {
	for i, folder := range c.cfg.Folders {
		deep, _ := filepath.Glob(filepath.Join(folder, "*", "*.yaml")) // of a pattern that is none there are no files
		for _, f := range deep {
			dir := filepath.Dir(f)
			if strings.HasPrefix(filepath.Base(dir), ".") {
				continue // Kubernetes makes these beside the files of a ConfigMap
			}
			c.warn(fmt.Sprintf("runbooks[%d]", i), "%s is not read: folders inside a folder are left out; name %s under runbooks as well, if it is meant", f, dir)
		}
	}
}
