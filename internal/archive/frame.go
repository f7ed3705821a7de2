package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// The size of a frame: the lines that are compressed together, with a checksum of
// their own. So damage is told to a thousand lines, and what is decoded is checked
// before it is looked at.
const (
	frameLines = 1000
	frameBytes = 1 << 20 // a line more at most
)

// maxLine bounds a line: a message of the log has at most 8 MiB, a third more in
// base64, and the rest of a line.
const maxLine = 12 << 20

// maxFrame bounds a frame, compressed and not.
const maxFrame = frameBytes + maxLine

// frames reads a file frame by frame.
type frames struct {
	from       *bufio.Reader
	decoder    *zstd.Decoder
	compressed []byte
	plain      []byte
}

func newFrames(from io.Reader) (*frames, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return nil, err
	}
	return &frames{from: bufio.NewReaderSize(from, 256<<10), decoder: decoder}, nil
}

func (f *frames) close() { f.decoder.Close() }

// next returns the lines of the next frame, io.EOF after the last. They are
// overwritten by the one after.
func (f *frames) next() ([]byte, error) {
	f.compressed = f.compressed[:0]
	if err := f.read(); err != nil {
		return nil, err
	}
	var err error
	f.plain, err = f.decoder.DecodeAll(f.compressed, f.plain[:0])
	if err == nil && (len(f.plain) == 0 || f.plain[len(f.plain)-1] != '\n') {
		err = errors.New("a frame doesn't end with a line")
	}
	return f.plain, err
}

// read reads one frame: its header, its blocks, its checksum.
func (f *frames) read() error {
	start, err := f.from.Peek(zstd.HeaderMaxSize)
	if len(start) == 0 {
		return err // io.EOF, or why nothing could be read
	}
	var header zstd.Header
	if err := header.Decode(start); err != nil {
		return err
	}
	if header.Skippable || !header.HasCheckSum {
		return errors.New("a frame isn't one that an export writes")
	}
	if err := f.take(header.HeaderSize); err != nil {
		return err
	}
	for last := false; !last; {
		if err := f.take(3); err != nil {
			return err
		}
		b := f.compressed[len(f.compressed)-3:]
		block := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		last = block&1 != 0
		size := block >> 3
		if block>>1&3 == 1 { // one byte, repeated
			size = 1
		}
		if err := f.take(size); err != nil {
			return err
		}
	}
	return f.take(4)
}

// take adds n bytes to what is to be decoded.
func (f *frames) take(n int) error {
	at := len(f.compressed)
	if at+n > maxFrame {
		return fmt.Errorf("a frame is larger than %d bytes", maxFrame)
	}
	f.compressed = append(f.compressed, make([]byte, n)...)
	_, err := io.ReadFull(f.from, f.compressed[at:])
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
