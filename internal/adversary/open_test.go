package adversary

// unmended are faults of the verifier that were found here and are not mended yet: what
// draws them is left out until they are. It has to be empty in the end.
var unmended = map[string]bool{}
