package ctxfit

// By default the library is found through pkg-config. With the build tag ctxfit_source it is the static one that
// "cmake -S . -B build && cmake --build build" makes in the source tree around this folder.

/*
#cgo !ctxfit_source pkg-config: ctxfit
#cgo ctxfit_source CFLAGS: -I${SRCDIR}/../../include -DCTXFIT_STATIC
#cgo ctxfit_source LDFLAGS: ${SRCDIR}/../../build/libctxfit.a -lm
#include <ctxfit.h>
#include <stdlib.h>
*/
import "C"

import (
	"math"
	"strings"
	"unsafe"
)

// Unlimited is a number of bytes or tokens that has no limit.
const Unlimited uint64 = C.UINT64_MAX

// cString returns a copy of s for C, which the caller frees. A NUL inside would silently cut it.
func cString(what, s string) (*C.char, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, invalid("%s %q holds a NUL byte", what, s)
	}
	return C.CString(s), nil
}

func freeString(s *C.char) { C.free(unsafe.Pointer(s)) }

// putString writes s into a char array of a struct, all of whose bytes are 0.
func putString(dst []C.char, what, s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return invalid("%s %q holds a NUL byte", what, s)
	}
	if len(s) >= len(dst) {
		return invalid("%s is %d bytes long, at most %d are possible", what, len(s), len(dst)-1)
	}
	for i := 0; i < len(s); i++ {
		dst[i] = C.char(s[i])
	}
	return nil
}

func getString(src []C.char) string {
	n := 0
	for n < len(src) && src[n] != 0 {
		n++
	}
	return C.GoStringN(&src[0], C.int(n))
}

// putCount writes a count of Go into a field of C, which has no negative numbers.
func putCount(dst *C.uint32_t, what string, n int) error {
	if n < 0 || uint64(n) > math.MaxUint32 {
		return invalid("%s: %d is not between 0 and %d", what, n, uint32(math.MaxUint32))
	}
	*dst = C.uint32_t(n)
	return nil
}

func flag(value C.uint32_t, bit C.uint32_t) bool { return value&bit != 0 }

// text fills a buffer by a function that follows snprintf.
func text(size int, write func(buf *C.char, capacity C.size_t, length *C.size_t) C.ctxfit_status) ([]byte, C.ctxfit_status) {
	for {
		var length C.size_t
		buf := make([]byte, size)
		status := write((*C.char)(unsafe.Pointer(&buf[0])), C.size_t(size), &length)
		if status == C.CTXFIT_OK {
			return buf[:length:length], status
		}
		if status != C.CTXFIT_E_BUFFER_SIZE {
			return nil, status
		}
		size = int(length) + 1
	}
}

// Version returns the version of the library that runs, such as "0.1.0".
func Version() string { return C.GoString(C.ctxfit_version_string()) }

// VersionNumber returns the version of the library that runs as one comparable number: major<<16 | minor<<8 | patch.
func VersionNumber() uint32 { return uint32(C.ctxfit_version_number()) }

// HeaderVersion is the version of the headers that this package was built with, in the form of [VersionNumber].
const HeaderVersion uint32 = C.CTXFIT_VERSION_NUMBER
