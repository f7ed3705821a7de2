package outbox

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// A segment begins with its header: the magic and when the first record was
// written, in milliseconds. A record is four little-endian words of four bytes and
// the payload:
//
//	length of the payload | bytes of the file synced before | CRC-32C of all but this word
const (
	magic        = "gwoutbx1"
	fileHeader   = len(magic) + 8
	recordHeader = 12

	// MaxPayload bounds one record. It is more than the log takes.
	MaxPayload = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFileHeader(b []byte, written time.Time) []byte {
	b = append(b, magic...)
	return binary.LittleEndian.AppendUint64(b, uint64(written.UnixMilli()))
}

// appendRecord encodes a record that is written when synced bytes are safe.
func appendRecord(b []byte, synced int64, payload []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, uint32(synced))
	b = binary.LittleEndian.AppendUint32(b, checksum(b[start:start+8], payload))
	return append(b, payload...)
}

func checksum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
}

// parseRecord reads the record at the beginning of b. What is wrong with it is
// told in words for a person.
func parseRecord(b []byte) (payload []byte, synced int64, wrong string) {
	if len(b) < recordHeader {
		return nil, 0, fmt.Sprintf("%d bytes are no record", len(b))
	}
	length := int64(binary.LittleEndian.Uint32(b))
	if length == 0 || length > MaxPayload {
		return nil, 0, fmt.Sprintf("a length of %d is impossible", length)
	}
	if int64(len(b)) < recordHeader+length {
		return nil, 0, fmt.Sprintf("%d bytes of %d are there", len(b), recordHeader+length)
	}
	payload = b[recordHeader : recordHeader+length : recordHeader+length]
	if binary.LittleEndian.Uint32(b[8:]) != checksum(b[:8], payload) {
		return nil, 0, "the checksum differs"
	}
	return payload, int64(binary.LittleEndian.Uint32(b[4:])), ""
}

// scanned is what a segment's file holds.
type scanned struct {
	written time.Time // when its first record was
	records int
	end     int64  // where the sound records end
	wrong   string // with what comes then; empty: nothing comes
	synced  bool   // what is wrong was sound once
}

// scan reads the records of a whole file.
func scan(file []byte) scanned {
	var s scanned
	if len(file) == 0 {
		return s
	}
	if len(file) < fileHeader || string(file[:len(magic)]) != magic {
		s.wrong = "it doesn't begin as an outbox does"
		s.synced = syncedBeyond(file, 0)
		return s
	}
	s.written = time.UnixMilli(int64(binary.LittleEndian.Uint64(file[len(magic):])))
	for s.end = int64(fileHeader); s.end < int64(len(file)); {
		payload, _, wrong := parseRecord(file[s.end:])
		if wrong != "" {
			s.wrong = wrong
			s.synced = syncedBeyond(file, s.end)
			return s
		}
		s.end += recordHeader + int64(len(payload))
		s.records++
	}
	return s
}

// syncedBeyond looks behind a broken place for a sound record that was written
// after that place had been synced. Without one the place is the torn end of what
// was being written when the machine or the process died.
func syncedBeyond(file []byte, broken int64) bool {
	for at := broken + 1; at+recordHeader <= int64(len(file)); at++ {
		if length := binary.LittleEndian.Uint32(file[at:]); length == 0 || int64(length) > int64(len(file))-at-recordHeader {
			continue
		}
		if synced := int64(binary.LittleEndian.Uint32(file[at+4:])); synced <= broken || synced > at {
			continue
		}
		if _, _, wrong := parseRecord(file[at:]); wrong == "" {
			return true
		}
	}
	return false
}
