package evidence

// ParseBundle reads a bundle.json.
var ParseBundle = parseBundle
