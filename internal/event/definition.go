package event

// definition is all that this package knows of one type of event.
type definition struct {
	typ  Type
	is   func(data Data) bool          // whether data is of this type, as far as data tells
	read func(f *fields, e *Event) any // the data, in this type's own shape
	next Type                          // the version that took its place; empty for the newest
	up   func(old any) any             // from this type's shape to that of next
}

// newest defines a type by how its data is read. is tells it from other types that carry
// the same Go type; nil where data leaves that to the caller, or where there are no others.
func newest[D Data](typ Type, is func(D) bool, read func(*fields, *Event) D) definition {
	return definition{
		typ: typ,
		is: func(data Data) bool {
			d, ok := data.(D)
			return ok && (is == nil || is(d))
		},
		read: func(f *fields, e *Event) any { return read(f, e) },
	}
}

// older defines a version of a type that next took the place of: how its data is read, in
// the shape that it had, and the upcaster from there to the shape of next. An upcaster is a
// pure function and knows an answer to everything that read lets pass.
func older[Old, New any](typ, next Type, read func(*fields, *Event) Old, upcast func(Old) New) definition {
	return definition{
		typ:  typ,
		is:   func(Data) bool { return false }, // it is written no more
		read: func(f *fields, e *Event) any { return read(f, e) },
		next: next,
		up: func(old any) any {
			data, _ := old.(Old) // what read returned, or what the version before was upcast to
			return upcast(data)
		},
	}
}

// definitionOf returns the definition of a type; nil for an unknown one.
func definitionOf(t Type) *definition {
	for i := range definitions {
		if definitions[i].typ == t {
			return &definitions[i]
		}
	}
	return nil
}

// decode reads the data of an event whose envelope has been read, and brings it into the
// newest shape.
func (d *definition) decode(f *fields, e *Event) Data {
	shape := d.read(f, e)
	for d.next != "" {
		shape, d = d.up(shape), definitionOf(d.next)
	}
	data, _ := shape.(Data) // as newest demands
	return data
}
