package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// Part is a kind of part that an Ollama model has.
type Part uint32

// The kinds of parts.
const (
	PartModel     Part = C.CTXFIT_PART_MODEL     // weights: FROM, or the model layer
	PartProjector Part = C.CTXFIT_PART_PROJECTOR // eyes or ears
	PartAdapter   Part = C.CTXFIT_PART_ADAPTER   // LoRA
	PartDraft     Part = C.CTXFIT_PART_DRAFT
	PartTemplate  Part = C.CTXFIT_PART_TEMPLATE
	PartSystem    Part = C.CTXFIT_PART_SYSTEM
)

// Modelfile is what an Ollama model is made of, from a Modelfile or from Ollama's store.
type Modelfile struct{ handle handle }

func newModelfile(c *C.ctxfit_modelfile) *Modelfile {
	m := &Modelfile{handle{object: unsafe.Pointer(c), free: func(p unsafe.Pointer) { C.ctxfit_modelfile_free((*C.ctxfit_modelfile)(p)) }}}
	runtime.SetFinalizer(m, (*Modelfile).Close)
	return m
}

// ParseModelfile reads the text of a Modelfile.
func ParseModelfile(text []byte) (*Modelfile, error) {
	data := append(append(make([]byte, 0, len(text)+1), text...), 0) // so that there is a first byte
	var c *C.ctxfit_modelfile
	var e C.ctxfit_error
	if status := C.ctxfit_modelfile_parse((*C.char)(unsafe.Pointer(&data[0])), C.size_t(len(text)), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModelfile(c), nil
}

// OllamaModel looks a model up, [host/][namespace/]model[:tag], in a store: the folder that OLLAMA_MODELS names, or ~/.ollama/models.
func OllamaModel(root, name string) (*Modelfile, error) {
	r, err := cString("the root", root)
	if err != nil {
		return nil, err
	}
	defer freeString(r)
	n, err := cString("the name", name)
	if err != nil {
		return nil, err
	}
	defer freeString(n)
	var c *C.ctxfit_modelfile
	var e C.ctxfit_error
	if status := C.ctxfit_modelfile_from_store(r, n, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModelfile(c), nil
}

func (m *Modelfile) enter() *C.ctxfit_modelfile {
	if m == nil {
		return nil
	}
	return (*C.ctxfit_modelfile)(m.handle.enter())
}

// Close gives the memory back. A second Close does nothing.
func (m *Modelfile) Close() error {
	if m != nil && m.handle.close() {
		runtime.SetFinalizer(m, nil)
	}
	return nil
}

// Parts are paths, names or texts of a kind of part.
func (m *Modelfile) Parts(kind Part) []string {
	c := m.enter()
	if c == nil {
		return nil
	}
	defer m.handle.leave()
	var parts []string
	for {
		part := C.ctxfit_modelfile_part(c, C.uint32_t(kind), C.uint32_t(len(parts)))
		if part == nil {
			return parts
		}
		parts = append(parts, C.GoString(part))
	}
}

// ParameterFlags are parameters of a model that options of a plan have.
type ParameterFlags uint32

// The parameters that [WithParameters] takes.
const (
	ParameterNumCtx   ParameterFlags = C.CTXFIT_PARAMETER_NUM_CTX   // [WithModelContext]
	ParameterNumBatch ParameterFlags = C.CTXFIT_PARAMETER_NUM_BATCH // [WithBatch]
	ParameterNumGPU   ParameterFlags = C.CTXFIT_PARAMETER_NUM_GPU   // [WithGPULayers]
	ParameterUseMmap  ParameterFlags = C.CTXFIT_PARAMETER_USE_MMAP  // [WithMmap]
)

// WithParameters takes the parameters that a model has in Ollama, where the engine is Ollama and the options before it do not state the
// same: it stands behind them. base has those of the model that own is made from, or is nil.
func WithParameters(own, base *Modelfile) Option {
	return func(o *planOptions) error {
		_, err := own.apply(base, o)
		return err
	}
}

// Applied says which parameters [WithParameters] takes behind these options.
func (m *Modelfile) Applied(base *Modelfile, options ...Option) (ParameterFlags, error) {
	c, err := newCall(options)
	if err != nil {
		return 0, err
	}
	defer calls.Put(c)
	return m.apply(base, &c.options)
}

func (m *Modelfile) apply(base *Modelfile, o *planOptions) (ParameterFlags, error) {
	own := m.enter()
	if own == nil {
		return 0, ErrClosed
	}
	defer m.handle.leave()
	var b *C.ctxfit_modelfile
	if base != nil {
		if b = base.enter(); b == nil {
			return 0, ErrClosed
		}
		defer base.handle.leave()
	}
	var set C.uint32_t
	var e C.ctxfit_error
	options := C.ctxfit_plan_options(*o)
	if status := C.ctxfit_plan_apply_parameters(&options, own, b, &set, &e); status != C.CTXFIT_OK {
		return 0, failure(status, &e)
	}
	*o = planOptions(options)
	return ParameterFlags(set), nil
}

// Parameter is one of a model.
type Parameter struct{ Name, Value string }

// Parameters are those of the model as they stand.
func (m *Modelfile) Parameters() []Parameter {
	c := m.enter()
	if c == nil {
		return nil
	}
	defer m.handle.leave()
	var all []Parameter
	for i := C.uint32_t(0); i < C.ctxfit_modelfile_parameter_count(c); i++ {
		all = append(all, Parameter{C.GoString(C.ctxfit_modelfile_parameter_name(c, i)), C.GoString(C.ctxfit_modelfile_parameter_value(c, i))})
	}
	return all
}

// Number is a parameter that is a whole number or a flag, such as num_ctx; [ErrNotFound] where it is not there.
func (m *Modelfile) Number(parameter string) (int64, error) {
	p, err := cString("the parameter", parameter)
	if err != nil {
		return 0, err
	}
	defer freeString(p)
	c := m.enter()
	if c == nil {
		return 0, ErrClosed
	}
	defer m.handle.leave()
	var value C.int64_t
	if status := C.ctxfit_modelfile_get_i64(c, p, &value); status != C.CTXFIT_OK {
		return 0, statusError(status, "parameter %q", parameter)
	}
	return int64(value), nil
}
