package schemas_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/schemas"
)

var update = flag.Bool("update", false, "release the schemas as they are now")

// releasedIn holds every schema of an event as it was ever released:
// study.answer.submitted.v1.HASH.json, HASH being the first 8 digits of the SHA-256 of
// the file. Copies are added by `make release-schemas`; none ever changes or goes.
const releasedIn = "testdata/released"

// An event that was valid is valid for ever: no schema of a type breaks with one that was
// released.
func TestReleasedSchemasHold(t *testing.T) {
	now := map[string][]byte{}
	files, err := fs.Glob(schemas.Events, "events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if now[strings.TrimSuffix(path.Base(file), ".json")], err = schemas.Events.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	copies, err := filepath.Glob(releasedIn + "/*.json")
	if err != nil || len(copies) == 0 && !*update {
		t.Fatalf("%s holds no released schema (%v)", releasedIn, err)
	}
	held := map[string][]map[string]any{} // by type
	for _, file := range copies {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		typ, hash := releasedName(file)
		if want := hashOf(text); hash != want {
			t.Errorf("%s was changed after its release (its hash is %s): git checkout it, and change schemas/events/%s.json instead", file, want, typ)
			continue
		}
		held[typ] = append(held[typ], parse(t, file, text))
		if now[typ] == nil {
			t.Errorf("schemas/events/%s.json is gone, and events of the type are in logs: bring it back. %s", typ, mend(typ))
			continue
		}
		for _, c := range breaking(parse(t, file, text), parse(t, typ, now[typ])) {
			t.Error(complaint(typ, c))
		}
	}
	if !*update || t.Failed() {
		return
	}
	for typ, text := range now {
		if !contains(held[typ], parse(t, typ, text)) {
			file := fmt.Sprintf("%s/%s.%s.json", releasedIn, typ, hashOf(text))
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Logf("released schemas/%s", file)
		}
	}
}

// contains reports whether one of some schemas says the same as another, in whatever
// words.
func contains(some []map[string]any, schema map[string]any) bool {
	for _, one := range some {
		if reflect.DeepEqual(shape(one), shape(schema)) {
			return true
		}
	}
	return false
}

func releasedName(file string) (typ, hash string) {
	name := strings.TrimSuffix(filepath.Base(file), ".json")
	at := strings.LastIndexByte(name, '.')
	return name[:at], name[at+1:]
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:4])
}

func parse(t *testing.T, what string, text []byte) map[string]any {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return schema
}

// complaint says what is wrong with a schema, where, and how to mend it.
func complaint(typ string, c change) string {
	return fmt.Sprintf("schemas/events/%s.json breaks with what was released: %s: %s. %s", typ, c.where, c.what, mend(typ))
}

func mend(typ string) string {
	at := strings.LastIndex(typ, ".v") + len(".v")
	version, _ := strconv.Atoi(typ[at:])
	return fmt.Sprintf("Leave %s as it is, and make the change as %s%d with an upcaster: docs/extending.md", typ, typ[:at], version+1)
}
