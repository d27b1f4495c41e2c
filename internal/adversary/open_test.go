package adversary

// unmended are faults of the verifier that were found here and are not mended yet: what
// draws them is left out until they are. It has to be empty in the end.
var unmended = map[string]bool{
	"F8":  true, // a checkpoint of a named key, whose rotation is gone, is called foreign
	"F9":  true, // a replay of another trail's v1 manifest is visited after the doubt
	"F10": true, // after an honest half-done expiry, events are counted that are not in scope
	"F12": true, // a v1 manifest that was put back has no lock, and had promised none
	"F13": true, // what is refused behind a window, or before a pinned end, is called missing
	"F14": true, // a pinned end that a gap took away is called missing
	"F15": true, // a thief of a replaced key leads a window into tiles and a tree of his own
	"F16": true, // the oldest version at the first place had expired, the loser stays
	"F17": true, // a replaced key begins a log anew where manifest 0 has expired
	"F18": true, // another trail's manifests beside a v1 log are called a fork
	"F19": true, // as F17, through a window
	"F21": true, // a key goes on from a place that has expired, before older versions of what followed
	"F20": true, // a rotation to the key itself at manifest 0
}
