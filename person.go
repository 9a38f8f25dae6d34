package pointsman

import "slices"

// Person is one human being of the configuration. However many accounts they own, they count once.
type Person struct {
	ID    string   `json:"id"`
	Name  string   `json:"name,omitempty"`
	Roles []string `json:"roles,omitempty"`
}

// Has reports whether the person holds the role.
func (p Person) Has(role string) bool { return slices.Contains(p.Roles, role) }

// Door is the way by which somebody reached us.
type Door string

// The doors. A decision carries its door into the audit log.
const (
	DoorAlertmanager Door = "alertmanager"
	DoorSlack        Door = "slack"
	DoorCLI          Door = "cli"
	DoorHTTP         Door = "http"
	DoorEngine       Door = "engine"
	DoorClock        Door = "clock"
	DoorWatch        Door = "watch" // a loop that looks at targets
)

// Actor is who asked for a change. Person.ID is empty for the program itself, and for somebody whom the
// configuration does not know; Ref then still says which account it was.
type Actor struct {
	Person Person `json:"person,omitzero"`
	Door   Door   `json:"door"`
	Ref    string `json:"ref,omitempty"` // "T0123/U0456", "uid 1000", "token ops-laptop"
}

// String is how an actor is named in sentences.
func (a Actor) String() string {
	switch {
	case a.Person.Name != "":
		return a.Person.Name
	case a.Person.ID != "":
		return a.Person.ID
	case a.Ref != "":
		return a.Ref
	}
	return string(a.Door)
}

// Known reports whether the configuration knows the person behind the actor.
func (a Actor) Known() bool { return a.Person.ID != "" }
