package schemas

import _ "embed" // for the directive below

// Catalog is the JSON Schema of one file of a course (YAML or JSON).
//
//go:embed catalog.schema.json
var Catalog []byte
