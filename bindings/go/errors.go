package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"syscall"
)

// Status says what kind of failure an [Error] is. A Status is itself an error, to be compared with [errors.Is].
type Status int32

// The kinds of failure.
const (
	ErrInvalidArgument Status = C.CTXFIT_E_INVALID_ARG  // nil, or a value outside its range
	ErrNoMemory        Status = C.CTXFIT_E_NO_MEMORY    // out of memory
	ErrNotFound        Status = C.CTXFIT_E_NOT_FOUND    // unknown name or missing key; the message holds the nearest names
	ErrBufferSize      Status = C.CTXFIT_E_BUFFER_SIZE  // does not reach Go programs
	ErrStructSize      Status = C.CTXFIT_E_STRUCT_SIZE  // does not reach Go programs
	ErrNewerStruct     Status = C.CTXFIT_E_NEWER_STRUCT // an option that the library which runs does not know
	ErrOverflow        Status = C.CTXFIT_E_OVERFLOW     // a byte count does not fit in 64 bits
	ErrIO              Status = C.CTXFIT_E_IO           // a file could not be opened or read; Detail is its errno
	ErrTruncated       Status = C.CTXFIT_E_TRUNCATED    // more input is needed: Detail is the length of the prefix wanted
	ErrMalformed       Status = C.CTXFIT_E_MALFORMED    // broken input: Offset says where
	ErrUnsupported     Status = C.CTXFIT_E_UNSUPPORTED  // well-formed but beyond this version
	ErrLimit           Status = C.CTXFIT_E_LIMIT        // a limit was hit; Detail is the limit
	ErrType            Status = C.CTXFIT_E_TYPE         // the key exists with another type
	ErrIncomplete      Status = C.CTXFIT_E_INCOMPLETE   // a model lacks a required fact; the message names it
	ErrRefused         Status = C.CTXFIT_E_REFUSED      // the engine refuses this combination; the message is its reason
	statusOK           Status = C.CTXFIT_OK
)

// Error returns one sentence for people.
func (s Status) Error() string { return C.GoString(C.ctxfit_status_message(C.ctxfit_status(s))) }

// Name returns the symbolic name that the library, its JSON and its documentation use, such as "CTXFIT_E_TYPE".
func (s Status) Name() string { return C.GoString(C.ctxfit_status_name(C.ctxfit_status(s))) }

// NoOffset is the Offset of an error that lies at no byte of an input.
const NoOffset uint64 = C.UINT64_MAX

// ErrClosed is what a closed handle, or one that was never made, answers.
var ErrClosed = errors.New("ctxfit: use of a closed or nil handle")

// Error is what every failing call of the library returns.
type Error struct {
	Status  Status
	Offset  uint64 // byte of the input at which the fault lies, or NoOffset
	Detail  uint64 // depends on the status, otherwise 0
	Message string // what is wrong, where, and what was expected; for people, not for matching
}

// Error returns the message.
func (e *Error) Error() string { return "ctxfit: " + e.Message }

// Unwrap returns the status, so that errors.Is(err, ctxfit.ErrNotFound) works.
func (e *Error) Unwrap() error { return e.Status }

// Is lets a file that could not be read match errors of the system, such as [fs.ErrNotExist].
func (e *Error) Is(target error) bool {
	return e.Status == ErrIO && e.Detail != 0 && errors.Is(syscall.Errno(e.Detail), target)
}

// failure turns what a constructor left in its ctxfit_error into an error of Go.
func failure(status C.ctxfit_status, e *C.ctxfit_error) error {
	if status == C.CTXFIT_OK {
		return nil
	}
	return &Error{Status: Status(status), Offset: uint64(e.offset), Detail: uint64(e.detail), Message: getString(e.message[:])}
}

// statusError is for functions that return a status alone; what says what was asked.
func statusError(status C.ctxfit_status, format string, args ...interface{}) error {
	if status == C.CTXFIT_OK {
		return nil
	}
	s := Status(status)
	return &Error{Status: s, Offset: NoOffset, Message: fmt.Sprintf(format, args...) + ": " + s.Error()}
}

// invalid is an argument that cannot even be handed to the library.
func invalid(format string, args ...interface{}) error {
	return &Error{Status: ErrInvalidArgument, Offset: NoOffset, Message: fmt.Sprintf(format, args...)}
}
