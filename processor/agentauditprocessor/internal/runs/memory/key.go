package memory

// Sender is who sent a request: who authenticated, and how. The zero Sender is all who
// did not.
type Sender struct{ By, Issuer, Name string }

// Resource is what a record comes from.
type Resource struct{ Service, Instance string }

// kind tells apart what is remembered under an id.
type kind uint8

const (
	kindTrace        kind = iota // a run: the records of a trace
	kindConversation             // a run: the records of a session that carry no trace id
	kindSession                  // what outlasts the runs of a session
	kindLoose                    // calls of a resource that are of no run
)

// Key names a run or a session of a sender.
type Key struct {
	kind kind
	of   Resource // "" of a trace, which several may share
	id   string
}

// Trace is the key of the run of a trace.
func Trace(id [16]byte) Key { return Key{kind: kindTrace, id: string(id[:])} }

// Conversation is the key of the run of a session whose records carry no trace id.
func Conversation(of Resource, session string) Key {
	return Key{kind: kindConversation, of: of, id: session}
}

func session(of Resource, id string) Key { return Key{kind: kindSession, of: of, id: id} }

func loose(of Resource) Key { return Key{kind: kindLoose, of: of} }
