package event

// Publication is a version of a catalog or a model, as the event's type says.
type Publication struct {
	Version string
	Content string
}

func (f *fields) publication(*Event) *Publication {
	const what = "the catalog or model written out as text"
	version := f.identifier(required, "version", "the version's id", MaxID)
	content := f.bytes(required, "content", what, MaxPublication)
	if content != nil && len(content) == 0 {
		f.fail(CodeEmpty, "content", "empty; send %s", what)
	}
	return &Publication{Version: version, Content: string(content)}
}

type publicationWire struct {
	Version string `json:"version"`
	Content string `json:"content"`
}

func (p *Publication) wire() any { return publicationWire{p.Version, p.Content} }
