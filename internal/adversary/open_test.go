package adversary

// unmended are faults that were found and are not mended yet: what draws them is left out
// until they are. Empty when all is well.
var unmended = map[string]bool{"F4": true, "F5": true, "F6": true, "F7": true}
