package embedded

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The engine's library takes no notice of a write that failed: when the disk gets full in the middle of an insert, or of
// a merge, the part is committed with empty files. An insert so lost is acknowledged like any other, and a table with
// such a part can't be read. So the child gives the library another function for write: it ends the process when the
// disk failed, before anything can rest on what was not written. The insert is then not acknowledged, the engine comes
// back once there is room, and drops what it had not finished. A test fails writes, and so tells a later engine that
// needs this no more.
const exitDiskFailed = 28

// failStop is write(2) in machine code: ask the kernel; on "no space left", "input/output error", "file too large" and
// "quota exceeded" end the process; on any other error let the C library ask again, which sets errno.
var failStop = []byte{
	0xb8, 0x01, 0x00, 0x00, 0x00, //       mov  eax, 1 (write)
	0x0f, 0x05, //                         syscall
	0x48, 0x85, 0xc0, //                   test rax, rax
	0x78, 0x01, //                         js   failed
	0xc3,                         // ret
	0x48, 0x83, 0xf8, 0x100 - 28, //       failed: cmp rax, -ENOSPC
	0x74, 0x1f, //                         je   end
	0x48, 0x83, 0xf8, 0x100 - 5, //        cmp  rax, -EIO
	0x74, 0x19, //                         je   end
	0x48, 0x83, 0xf8, 0x100 - 27, //       cmp  rax, -EFBIG
	0x74, 0x13, //                         je   end
	0x48, 0x83, 0xf8, 0x100 - 122, //      cmp  rax, -EDQUOT
	0x74, 0x0d, //                         je   end
	0x49, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, // mov  r11, the library's own write
	0x41, 0xff, 0xe3, //                   jmp  r11
	0xbf, exitDiskFailed, 0x00, 0x00, 0x00, // end: mov edi, exitDiskFailed
	0xb8, 0xe7, 0x00, 0x00, 0x00, //       mov  eax, 231 (exit_group)
	0x0f, 0x05, //                         syscall
}

// ownWrite is where the address of the library's own write goes.
const ownWrite = 39

// failStopOnDiskErrors changes the loaded library in memory. entry is the address of its function entryName.
func failStopOnDiskErrors(library, entryName string, entry uintptr) error {
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		return fmt.Errorf("disk errors: no way known on %s/%s to end the engine when a write fails; "+
			"never let its disk get full", runtime.GOOS, runtime.GOARCH)
	}
	f, err := elf.Open(library)
	if err != nil {
		return fmt.Errorf("disk errors: %w", err)
	}
	defer func() { _ = f.Close() }()
	slot, err := callSlot(f, "write", entryName, entry)
	if err != nil {
		return fmt.Errorf("disk errors: %w", err)
	}
	code, err := unix.Mmap(-1, 0, len(failStop), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return fmt.Errorf("disk errors: %w", err)
	}
	copy(code, failStop)
	binary.LittleEndian.PutUint64(code[ownWrite:], uint64(*slot))
	if err := unix.Mprotect(code, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return fmt.Errorf("disk errors: %w", err)
	}
	*slot = uintptr(unsafe.Pointer(&code[0]))
	return nil
}

// callSlot finds the word through which the library calls a function of the C library.
func callSlot(f *elf.File, name, entryName string, entry uintptr) (*uintptr, error) {
	image, err := mapImage(f, entryName, entry)
	if err != nil {
		return nil, err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	section := f.Section(".rela.plt")
	if section == nil {
		return nil, errors.New("the library has no section .rela.plt")
	}
	relocations, err := section.Data()
	if err != nil {
		return nil, err
	}
	const size = 24 // offset, symbol and type, addend
	for ; len(relocations) >= size; relocations = relocations[size:] {
		info := binary.LittleEndian.Uint64(relocations[8:])
		i := int(elf.R_SYM64(info)) - 1 // the list leaves out symbol 0
		if i >= 0 && i < len(symbols) && symbols[i].Name == name && elf.R_X86_64(elf.R_TYPE64(info)) == elf.R_X86_64_JMP_SLOT {
			offset := binary.LittleEndian.Uint64(relocations)
			if readOnly(f, offset) {
				return nil, fmt.Errorf("the library's way to %s can't be changed once it is loaded", name)
			}
			return (*uintptr)(at(image.base + uintptr(offset))), nil
		}
	}
	return nil, fmt.Errorf("the library does not call %s", name)
}

// readOnly tells whether the loader has made an address read-only after it filled it in.
func readOnly(f *elf.File, addr uint64) bool {
	for _, p := range f.Progs {
		if p.Type == elf.PT_GNU_RELRO && addr >= p.Vaddr && addr < p.Vaddr+p.Memsz {
			return true
		}
	}
	return false
}
