package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
	"github.com/pointsman/pointsman/store/audit"
)

// examineKey looks at the key that signs the log. It does not make one: the server does at its first start.
func examineKey(ctx context.Context, cfg *configs.Config) pointsman.Fact {
	file := cfg.Audit.KeyFile
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		if signed, is := signedByOther(ctx, cfg, ""); is {
			return otherKey(signed, fmt.Sprintf("its key %s is gone: the next start makes another one", file), file)
		}
		if err := takesFiles(filepath.Dir(file)); err != nil {
			return problemFact("audit key", "the key cannot be made: "+err.Error(), "give the folder to the server's user, or set audit.key_file")
		}
		return readyFact("audit key", "the key "+file+" will be made at the first start")
	}
	if err != nil {
		return problemFact("audit key", err.Error(), "set audit.key_file to a file of the server's user")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return problemFact("audit key", fmt.Sprintf("%s can be read by others (%v), who could then sign a rewritten log", file, info.Mode().Perm()), "chmod 600 "+file)
	}
	key, err := LoadKey(file)
	if err != nil {
		return problemFact("audit key", err.Error(), "restore the file from the backup")
	}
	if signed, is := signedByOther(ctx, cfg, key.Public); is {
		return otherKey(signed, fmt.Sprintf("%s holds another key, %s", file, key.Origin()), file)
	}
	return readyFact("audit key", "the log is signed with "+file)
}

// signedByOther returns the newest checkpoint of the log where another key than this one signed it. What cannot be told from
// outside is not held against the key: the server says it at its start.
func signedByOther(ctx context.Context, cfg *configs.Config, public string) (audit.Checkpoint, bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	note, err := cfg.Storage.LastSigned(ctx)
	if err != nil || note == nil {
		return audit.Checkpoint{}, false
	}
	if public != "" {
		if _, err := audit.OpenCheckpoint(note, public); err == nil {
			return audit.Checkpoint{}, false
		}
	}
	signed, err := audit.ReadCheckpoint(note)
	return signed, err == nil
}

func otherKey(signed audit.Checkpoint, but, file string) pointsman.Fact {
	return problemFact("audit key", fmt.Sprintf("the log is signed by %s up to entry %d, and %s", signed.Origin, signed.Size, but),
		"restore "+file+" from its backup; an auditor who trusts the old key takes what another one signs for a rewritten log, unless somebody they believe gives them the new one (pointsman audit key)")
}
