package ctxfit

import (
	"sync/atomic"
	"unsafe"
)

// handle owns an object of the library. It counts who is inside the library with it, so that Close may come from any goroutine at any
// moment: the last one out frees.
type handle struct {
	object unsafe.Pointer // never written again, so that it may be read without a lock
	free   func(unsafe.Pointer)
	users  atomic.Int64 // twice the number of calls under way, plus 1 when closed
}

// enter returns the object, and leave must follow; nil when the handle is closed.
func (h *handle) enter() unsafe.Pointer {
	if h.object == nil {
		return nil
	}
	for {
		n := h.users.Load()
		if n&1 != 0 {
			return nil
		}
		if h.users.CompareAndSwap(n, n+2) {
			return h.object
		}
	}
}

// leave ends what enter began. Being a method, it also keeps the handle from the garbage collector until then.
func (h *handle) leave() {
	if h.users.Add(-2) == 1 {
		h.free(h.object)
	}
}

// close says whether the handle was open.
func (h *handle) close() bool {
	if h.object == nil {
		return false
	}
	for {
		n := h.users.Load()
		if n&1 != 0 {
			return false
		}
		if h.users.CompareAndSwap(n, n+1) {
			if n == 0 {
				h.free(h.object)
			}
			return true
		}
	}
}
