package schemas

import _ "embed"

// OpenAPI is openapi.yaml, the whole HTTP contract (OpenAPI 3.1).
//
//go:embed openapi.yaml
var OpenAPI []byte
