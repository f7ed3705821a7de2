package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gapwise/gapwise/internal/httpserver"
)

//go:embed static
var static embed.FS

// assets are the files that pages load. A file's name carries a hash of its
// content, so browsers may keep it for ever and never see an old one.
type assets struct {
	named map[string]string // style.css → style.0a1b2c3d4e5f.css
	files map[string]asset
}

type asset struct {
	content     []byte
	contentType string
}

func loadAssets() (*assets, error) {
	a := &assets{named: map[string]string{}, files: map[string]asset{}}
	err := fs.WalkDir(static, "static", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := static.ReadFile(file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		name, ext := path.Base(file), path.Ext(file)
		hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.named[name] = hashed
		a.files[hashed] = asset{content, mime.TypeByExtension(ext)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("web: static files: %w", err)
	}
	return a, nil
}

// path returns the address of a file, with its hash.
func (a *assets) path(name string) (string, error) {
	hashed, ok := a.named[name]
	if !ok {
		return "", fmt.Errorf("web: there is no static file %q", name)
	}
	return "/static/" + hashed, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	file, ok := a.files[r.PathValue("file")]
	if !ok {
		return httpserver.NotFound("there is no such file; reload the page that asked for it")
	}
	w.Header().Set("Content-Type", file.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(file.content)
	return err
}
