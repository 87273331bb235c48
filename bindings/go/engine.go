package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

// Engine is a program that runs models, in a version: its rules decide how many bytes a context takes.
type Engine struct {
	Name    string `json:"name"`    // "llama.cpp"
	Version string `json:"version"` // "0.7.0"
	Build   uint32 `json:"build"`   // build number that the rules are taken for; 0: the engine does not count builds
	Known   bool   `json:"known"`   // false: the rules of the nearest known version are used
}

// String returns the engine as [WithEngine] takes it.
func (e Engine) String() string { return e.Name + "@" + e.Version }

func engineFrom(c *C.ctxfit_engine_info) Engine {
	return Engine{Name: getString(c.name[:]), Version: getString(c.version[:]), Build: uint32(c.build), Known: c.known != 0}
}

// Engines returns the known engine versions; of one engine the newest comes first.
func Engines() []Engine {
	all := make([]Engine, 0, C.ctxfit_engine_count())
	for i := 0; i < cap(all); i++ {
		var c C.ctxfit_engine_info
		c.struct_size = C.sizeof_ctxfit_engine_info
		if C.ctxfit_engine_get(C.uint32_t(i), &c) == C.CTXFIT_OK {
			all = append(all, engineFrom(&c))
		}
	}
	return all
}

// ParseEngine reads "llama.cpp", "llama.cpp@b10472" or "llama.cpp@0.7.0"; "" is the newest llama.cpp.
func ParseEngine(name string) (Engine, error) {
	s, err := cString("the engine's name", name)
	if err != nil {
		return Engine{}, err
	}
	defer freeString(s)
	var c C.ctxfit_engine_info
	var e C.ctxfit_error
	c.struct_size = C.sizeof_ctxfit_engine_info
	if status := C.ctxfit_engine_from_name(s, &c, &e); status != C.CTXFIT_OK {
		return Engine{}, failure(status, &e)
	}
	return engineFrom(&c), nil
}
