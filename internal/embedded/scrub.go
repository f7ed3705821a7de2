package embedded

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/highwayhash"
)

// The broker deletes a message securely in two steps: it notes that the message is gone, then it overwrites the bytes.
// When it dies between the two it never comes back to the bytes, and nobody can ask it to, since the message is gone.
// Scrubbing does so while the broker is stopped, in the format of its own overwriting (nats-server 2.15, filestore.go:
// eraseMsg, rebuildStateFromBufLocked). A block in any other form is left alone, and told.

// A record is a header (length, sequence, time, length of the subject), the subject, headers and payload, and a
// checksum over sequence and time and all that follows, but for the length of headers.
const (
	recordHeader   = 22
	recordChecksum = 8
	recordOverhead = recordHeader + recordChecksum

	headersBit   = 1 << 31 // of the length: the message has headers
	erasedBit    = 1 << 63 // of the sequence: the record was overwritten
	tombstoneBit = 1 << 62 // of the sequence: the record tells of a deletion
)

var errNoBlock = errors.New("it isn't a block of messages as this version knows them")

// scrub overwrites the messages of a stream, in the folder of a broker that isn't running, that have one of the
// sequences, and returns how many it found.
func scrub(dir, stream string, has func(seq uint64) bool) (found int, err error) {
	folder := filepath.Join(dir, "jetstream", "$G", "streams", stream, "msgs")
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("scrub %s: %w", stream, err)
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		switch {
		case strings.HasSuffix(path, ".blk.tmp"): // the overwriting of a block that was never finished
			err = os.Remove(path)
		case strings.HasSuffix(path, ".blk"):
			var n int
			n, err = scrubBlock(path, stream, has)
			found += n
		}
		if err != nil {
			return found, fmt.Errorf("scrub %s: %w", path, err)
		}
	}
	if found == 0 {
		return 0, nil
	}
	// What the broker remembers of its blocks may say otherwise now: it reads them again.
	if err := os.Remove(filepath.Join(folder, "index.db")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return found, fmt.Errorf("scrub %s: %w", stream, err)
	}
	return found, nil
}

func scrubBlock(path, stream string, has func(seq uint64) bool) (found int, err error) {
	block, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	key := sha256.Sum256([]byte(stream + "-" + strings.TrimSuffix(filepath.Base(path), ".blk")))
	for at := 0; at < len(block); {
		record, seq, err := nextRecord(block[at:], key[:])
		if err != nil {
			return 0, fmt.Errorf("byte %d: %w", at, err)
		}
		if record == nil {
			break // torn by a crash: the broker cuts it off
		}
		if seq&(erasedBit|tombstoneBit) == 0 && has(seq) {
			if err := eraseRecord(record, seq, key[:]); err != nil {
				return 0, err
			}
			found++
		}
		at += len(record)
	}
	if found == 0 {
		return 0, nil
	}
	return found, writeFileAtomic(path, block)
}

// nextRecord returns the record that a block begins with; none where the block ends within it.
func nextRecord(block, key []byte) (record []byte, seq uint64, err error) {
	if len(block) < recordHeader {
		return nil, 0, nil
	}
	length := binary.LittleEndian.Uint32(block)
	size := int(length &^ headersBit)
	if size < recordOverhead {
		return nil, 0, errNoBlock
	}
	if size > len(block) {
		return nil, 0, nil
	}
	record = block[:size]
	subject := int(binary.LittleEndian.Uint16(record[20:]))
	body := record[recordHeader : size-recordChecksum]
	rest := subject
	if length&headersBit != 0 {
		rest += 4
	}
	if rest > len(body) {
		return nil, 0, errNoBlock
	}
	sum, err := checksum(key, record[4:20], body[:subject], body[rest:])
	if err != nil || !bytes.Equal(sum, record[size-recordChecksum:]) {
		return nil, 0, errNoBlock
	}
	return record, binary.LittleEndian.Uint64(record[4:]), nil
}

// eraseRecord makes a record what the broker makes of an erased one.
func eraseRecord(record []byte, seq uint64, key []byte) error {
	size := len(record)
	clear(record[:recordHeader])
	binary.LittleEndian.PutUint32(record, uint32(size)) // without headers: all is body now
	binary.LittleEndian.PutUint64(record[4:], seq|erasedBit)
	body := record[recordHeader : size-recordChecksum]
	_, _ = rand.Read(body) // never fails
	sum, err := checksum(key, record[4:20], body)
	copy(record[size-recordChecksum:], sum)
	return err
}

func checksum(key []byte, parts ...[]byte) ([]byte, error) {
	hash, err := highwayhash.New64(key)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		_, _ = hash.Write(part) // never fails
	}
	return hash.Sum(nil), nil
}
