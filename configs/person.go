package configs

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"regexp"

	"github.com/pointsman/pointsman"
)

// Person is a human being with the accounts by which they are known. However many there are, they count once.
type Person struct {
	ID        string   `yaml:"id"`
	Name      string   `yaml:"name"`
	Slack     string   `yaml:"slack"` // team and user: T0123/U0ANA
	UnixUID   *uint32  `yaml:"unix_uid"`
	Token     Secret   `yaml:"token"` // for the command line over the network
	TokenFile string   `yaml:"token_file"`
	Roles     []string `yaml:"roles"`
	Line      int      `yaml:"-"`
}

func (p Person) noun() pointsman.Person {
	return pointsman.Person{ID: p.ID, Name: p.Name, Roles: p.Roles}
}

var slackForm = regexp.MustCompile(`^T[A-Z0-9]{2,20}/[UW][A-Z0-9]{2,20}$`)

// Directory finds people by their accounts.
type Directory struct {
	people []pointsman.Person
	slack  map[string]int
	uid    map[uint32]int
	tokens []tokenOf
}

type tokenOf struct {
	sum    [sha256.Size]byte
	person int
}

// Directory builds the lookups and reads the token files. The error joins what is wrong with each, as pointsman.Fault.
func (c *Config) Directory() (*Directory, error) {
	d := &Directory{slack: map[string]int{}, uid: map[uint32]int{}}
	var faults []pointsman.Fault
	for i, p := range c.People {
		d.people = append(d.people, p.noun())
		if p.Slack != "" {
			d.slack[p.Slack] = i
		}
		if p.UnixUID != nil {
			d.uid[*p.UnixUID] = i
		}
		if p.Token == "" && p.TokenFile == "" {
			continue
		}
		if why := d.learn(p, i); why != "" {
			faults = append(faults, pointsman.Fault{Path: fmt.Sprintf("people[%d].token_file", i), Text: fmt.Sprintf("token of %s: %s", p.ID, why)})
		}
	}
	if len(faults) > 0 {
		return nil, Joined(c.Locate(faults...))
	}
	return d, nil
}

// learn adds the person's token, or says why it cannot be. When the configuration was checked the same was said of the files
// as they were then.
func (d *Directory) learn(p Person, i int) string {
	token, err := ReadSecret(p.Token.Reveal(), p.TokenFile)
	if err != nil {
		return err.Error()
	}
	if why := pointsman.WeakToken(token); why != "" {
		return p.TokenFile + ": " + why
	}
	sum := sha256.Sum256([]byte(token))
	for _, other := range d.tokens {
		if other.sum == sum {
			return fmt.Sprintf("it is that of %s too; one token is one person", d.people[other.person].ID)
		}
	}
	d.tokens = append(d.tokens, tokenOf{sum, i})
	return ""
}

// People are all of them, in the order of the file.
func (d *Directory) People() []pointsman.Person { return d.people }

// BySlack finds the person with the Slack account.
func (d *Directory) BySlack(team, user string) (pointsman.Person, bool) {
	i, ok := d.slack[team+"/"+user]
	return d.at(i, ok)
}

// ByUID finds the person with the Unix user id.
func (d *Directory) ByUID(uid uint32) (pointsman.Person, bool) {
	i, ok := d.uid[uid]
	return d.at(i, ok)
}

// ByToken finds the person with the token. It compares all of them in constant time.
func (d *Directory) ByToken(token string) (pointsman.Person, bool) {
	sum := sha256.Sum256([]byte(token))
	found, ok := 0, false
	for _, t := range d.tokens {
		if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 {
			found, ok = t.person, true
		}
	}
	return d.at(found, ok)
}

func (d *Directory) at(i int, ok bool) (pointsman.Person, bool) {
	if !ok {
		return pointsman.Person{}, false
	}
	return d.people[i], true
}
