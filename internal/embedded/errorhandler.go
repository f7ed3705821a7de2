package embedded

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The engine is built as a command-line tool, and such a tool ends itself on any error that a thread of its own does not
// handle. A failed log-in is such an error: one wrong password over the native protocol, or a port scanner's bytes, would
// end the engine for everyone. A server logs the error and drops the connection. The library has no switch for this, so
// the child gives the tool's error handler (the C++ class KillingErrorHandler) the methods of the class that it derives
// from, which do nothing; the connection is dropped and logged elsewhere. Both are found by their run-time type
// information, not by addresses of one build. A test connects with a wrong password, and so tells a later engine that
// needs this no more, or differs.
const (
	killingHandler = "\x0019KillingErrorHandler\x00"
	harmlessParent = "\x00N4Poco12ErrorHandlerE\x00"

	// A virtual table, in words: offset to top, type, two destructors, then the three methods exception(…).
	tableTop       = -1
	tableFirst     = 3
	tableEnd       = 6
	wordSize       = 8
	typeNameOffset = 1 // words from a type's start to the pointer to its name
)

// tameErrorHandler changes the loaded library in memory. entry is the address of its function entryName.
func tameErrorHandler(library, entryName string, entry uintptr) error {
	f, err := elf.Open(library)
	if err != nil {
		return fmt.Errorf("error handler: %w", err)
	}
	defer func() { _ = f.Close() }()
	image, err := mapImage(f, entryName, entry)
	if err != nil {
		return fmt.Errorf("error handler: %w", err)
	}
	var tables [2][]uintptr
	for i, name := range []string{killingHandler, harmlessParent} {
		if tables[i], err = image.virtualTable(name); err != nil {
			return fmt.Errorf("error handler: class %q: %w", name, err)
		}
	}
	return overwrite(tables[0][tableFirst:tableEnd], tables[1][tableFirst:tableEnd])
}

// image is the loaded library, as far as types are concerned.
type image struct {
	base    uintptr
	strings *elf.Section // holds the names of types; read from the file, so that it takes no memory
	words   []uintptr    // the relocated constant data: types and virtual tables
	start   uintptr      // the address of words[0]
}

func mapImage(f *elf.File, entryName string, entry uintptr) (*image, error) {
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		if s.Name != entryName {
			continue
		}
		rodata, relro := f.Section(".rodata"), f.Section(".data.rel.ro")
		if rodata == nil || relro == nil {
			return nil, errors.New("the library has not the expected sections")
		}
		m := &image{base: entry - uintptr(s.Value), strings: rodata}
		m.start = m.base + uintptr(relro.Addr)
		m.words = unsafe.Slice((*uintptr)(at(m.start)), relro.Size/wordSize)
		return m, nil
	}
	return nil, fmt.Errorf("the library has no symbol %s", entryName)
}

// virtualTable finds a class's table by the name of its type: name ← type ← table. It starts at the pointer to the type.
func (m *image) virtualTable(name string) ([]uintptr, error) {
	offset, err := indexInSection(m.strings, []byte(name))
	if err != nil {
		return nil, err
	}
	nameAddr := m.base + uintptr(m.strings.Addr) + uintptr(offset) + 1 // after the zero that ends the string before
	for i, word := range m.words {
		if word != nameAddr || i < typeNameOffset {
			continue
		}
		typeAddr := m.start + uintptr(i-typeNameOffset)*wordSize
		for j := 1; j+tableEnd <= len(m.words); j++ {
			// A type derived from this one points to it too, but after a pointer, not after a zero.
			if m.words[j] == typeAddr && m.words[j+tableTop] == 0 {
				return m.words[j : j+tableEnd], nil
			}
		}
	}
	return nil, errors.New("no virtual table found")
}

// indexInSection searches the section's part of the file piece by piece.
func indexInSection(s *elf.Section, what []byte) (int64, error) {
	const piece = 1 << 20
	buf := make([]byte, piece+len(what))
	for offset := int64(0); offset < int64(s.Size); offset += piece {
		n, err := s.ReadAt(buf, offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := bytes.Index(buf[:n], what); i >= 0 {
			return offset + int64(i), nil
		}
	}
	return 0, errors.New("not found")
}

// overwrite copies src over dst, which lies in pages that the loader has made read-only.
func overwrite(dst, src []uintptr) error {
	pageSize := uintptr(unix.Getpagesize())
	first := uintptr(unsafe.Pointer(&dst[0]))
	from := first &^ (pageSize - 1)
	to := (first + uintptr(len(dst))*wordSize + pageSize - 1) &^ (pageSize - 1)
	pages := unsafe.Slice((*byte)(at(from)), to-from)
	if err := unix.Mprotect(pages, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return fmt.Errorf("error handler: unprotect: %w", err)
	}
	copy(dst, src)
	if err := unix.Mprotect(pages, unix.PROT_READ); err != nil {
		return fmt.Errorf("error handler: protect: %w", err)
	}
	return nil
}

// at is the memory at an address outside of Go's heap.
func at(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }
