// Package jsontext is the one room for JSON as text: it brings JSON to one canonical
// form, which every strict parser reads alike, and looks into texts of that form without
// decoding them. It knows neither events nor telemetry.
package jsontext
