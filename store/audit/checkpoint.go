package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint says that the log named Origin has, in its first Size entries, the Merkle root Root. Signed, it is three
// lines and a signature (C2SP tlog-checkpoint). Origin is always the name of the signing key.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   [32]byte
}

func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, tlog.Hash(c.Root))
}

// Key signs checkpoints and exports. It is not printed with its secret part.
type Key struct {
	Public string // the verifier key: what auditors are given
	signer note.Signer
}

// NewKey returns a new Ed25519 key as two lines of text: secret is for a file that only the server reads, public is
// what --key takes. name is the log's origin, for example pointsman.example/prod: no spaces and no plus sign.
func NewKey(name string) (secret, public string, err error) {
	secret, public, err = note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", fmt.Errorf("audit key %q: %w", name, err)
	}
	if _, err := note.NewSigner(secret); err != nil {
		return "", "", fmt.Errorf("audit key %q: the name must have no spaces and no plus sign", name)
	}
	return secret, public, nil
}

// ParseKey reads a secret key made by NewKey; white space around it is ignored. The error never holds the secret.
func ParseKey(secret string) (Key, error) {
	secret = strings.TrimSpace(secret)
	signer, err := note.NewSigner(secret)
	if err != nil {
		return Key{}, errors.New("not a signing key of this program (PRIVATE+KEY+name+...); put the right file back, or name another path for a new key")
	}
	// NewSigner accepted it, so the fifth field is base64 (which may hold plus signs) of an algorithm byte and a seed.
	fields := strings.SplitN(secret, "+", 5)
	raw, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return Key{}, errors.New("not an Ed25519 key")
	}
	pub, _ := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	public, err := note.NewEd25519VerifierKey(signer.Name(), pub)
	if err != nil {
		return Key{}, fmt.Errorf("audit key %q: %w", signer.Name(), err)
	}
	return Key{Public: public, signer: signer}, nil
}

// Origin returns the name of the key and of the logs it signs.
func (k Key) Origin() string { return k.signer.Name() }

// Sign returns the signed checkpoint of the first size entries with the given root. The caller must never sign two
// different roots for one size, so it signs only committed entries.
func (k Key) Sign(size uint64, root [32]byte) ([]byte, error) {
	return k.sign(Checkpoint{Origin: k.Origin(), Size: size, Root: root}.text())
}

func (k Key) sign(text string) ([]byte, error) {
	msg, err := note.Sign(&note.Note{Text: text}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("sign as %s: %w", k.Origin(), err)
	}
	return msg, nil
}

// OpenCheckpoint returns the checkpoint in msg if one of the verifier keys, whose name is its origin, signed it.
func OpenCheckpoint(msg []byte, keys ...string) (Checkpoint, error) {
	text, signers, err := openNote(msg, keys)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseCheckpoint(text)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, name := range signers {
		if name == c.Origin {
			return c, nil
		}
	}
	return Checkpoint{}, fmt.Errorf("checkpoint of %q is signed by %q, not by its origin", c.Origin, signers)
}

// ReadCheckpoint returns the checkpoint in msg without looking at its signatures.
func ReadCheckpoint(msg []byte) (Checkpoint, error) {
	text, _, ok := strings.Cut(string(msg), "\n\n")
	if !ok {
		return Checkpoint{}, errors.New("checkpoint: not a signed note")
	}
	return parseCheckpoint(text + "\n")
}

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	// The text ends with a newline, so the last part is empty. Extension lines are refused: nothing here reads them.
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return Checkpoint{}, errors.New("checkpoint: want three lines: origin, size, root")
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || size > maxSeq || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("checkpoint: size %q is not a number of entries", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] {
		return Checkpoint{}, fmt.Errorf("checkpoint: root %q is not a SHA-256 in base64", lines[2])
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// openNote returns the text of a signed note and the names of the known keys that signed it.
func openNote(msg []byte, keys []string) (text string, signers []string, err error) {
	known, err := verifiers(keys)
	if err != nil {
		return "", nil, err
	}
	n, err := note.Open(msg, known)
	if err != nil {
		return "", nil, err
	}
	for _, s := range n.Sigs {
		// The lenient decoder ignores spare bits, so another spelling of the same signature would pass.
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return "", nil, fmt.Errorf("signature of %s: %w", s.Name, err)
		}
		signers = append(signers, s.Name)
	}
	return n.Text, signers, nil
}

func verifiers(keys []string) (note.Verifiers, error) {
	var list []note.Verifier
	seen := map[string]bool{}
	for _, key := range keys {
		key = strings.TrimSpace(key)
		if seen[key] { // the same key twice would be refused as ambiguous
			continue
		}
		seen[key] = true
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("key %q: not a verifier key (name+hash+base64): %w", key, err)
		}
		list = append(list, v)
	}
	return note.VerifierList(list...), nil
}

// keyName shortens a verifier key to what people compare: name and key hash.
func keyName(key string) string {
	name, rest, _ := strings.Cut(strings.TrimSpace(key), "+")
	hash, _, _ := strings.Cut(rest, "+")
	return name + "+" + hash
}
