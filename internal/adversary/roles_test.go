package adversary

// Whose key an attacker has.
const (
	current  = "current"
	replaced = "replaced"
	expired  = "expired"
	other    = "other"
)

// role is who attacks, and what he can do.
type role struct {
	name string
	key  string
}
