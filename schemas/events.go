package schemas

import "embed"

// Events holds events/<type>.json, the JSON Schema of each type of study event.
//
//go:embed events/*.json
var Events embed.FS
