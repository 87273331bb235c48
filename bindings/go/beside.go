package ctxfit

/*
#include <stdlib.h>

#include <ctxfit.h>
*/
import "C"

import (
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// MaxBeside is the most entries of a [Beside].
const MaxBeside = C.CTXFIT_MAX_BESIDE

// BesideKind is what runs beside a model.
type BesideKind uint32

// What runs beside a model.
const (
	BesideDraft     BesideKind = C.CTXFIT_BESIDE_DRAFT     // a smaller model that drafts tokens
	BesideNextN     BesideKind = C.CTXFIT_BESIDE_NEXTN     // the model's own next-token-prediction blocks, drafting
	BesideAdapter   BesideKind = C.CTXFIT_BESIDE_ADAPTER   // LoRA
	BesideProjector BesideKind = C.CTXFIT_BESIDE_PROJECTOR // eyes or ears
)

// String returns the name that the JSON of a plan has ("draft").
func (k BesideKind) String() string { return C.GoString(C.ctxfit_beside_name(C.uint32_t(k))) }

// MarshalText returns the name.
func (k BesideKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Beside is a list of what runs beside a model in the same process, for [NewPlanBeside].
type Beside struct {
	handle handle
	mutex  sync.Mutex // a list is not filled while a plan reads it
	drafts []*Model   // borrowed by the list
}

// NewBeside returns an empty list.
func NewBeside() (*Beside, error) {
	var c *C.ctxfit_beside
	var e C.ctxfit_error
	if status := C.ctxfit_beside_new(nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	b := &Beside{handle: handle{object: unsafe.Pointer(c), free: func(p unsafe.Pointer) { C.ctxfit_beside_free((*C.ctxfit_beside)(p)) }}}
	runtime.SetFinalizer(b, (*Beside).Close)
	return b, nil
}

// Close gives the memory back. A second Close does nothing.
func (b *Beside) Close() error {
	if b != nil && b.handle.close() {
		runtime.SetFinalizer(b, nil)
	}
	return nil
}

func (b *Beside) enter() *C.ctxfit_beside {
	if b == nil {
		return nil
	}
	return (*C.ctxfit_beside)(b.handle.enter())
}

// Count returns how many entries the list has; 0 when it is closed.
func (b *Beside) Count() int {
	c := b.enter()
	if c == nil {
		return 0
	}
	defer b.handle.leave()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return int(C.ctxfit_beside_count(c))
}

// Draft says how a draft runs. What is zero is the engine's default; names in brackets are the options of llama-server.
type Draft struct {
	Tokens          int    // most that it drafts at once (--spec-draft-n-max)
	Context         uint64 // of its own, in older builds (-cd)
	Devices         []int  // places of devices in the plan that it may use (-devd); nil: all; none: the host alone
	GPULayers       int    // (-ngld) 0 = all
	OnHost          bool   // no layer on a GPU (-ngld 0)
	CPUExpertLayers int    // (-ncmoed) the first n layers keep their experts on the host; -1 = all
	Key, Value      Quant  // of its cache (-ctkd, -ctvd); F16 whatever the model has
	Overrides       string // (-otd) pattern=buffer pieces
}

func (d *Draft) options(o *C.ctxfit_draft_options) error {
	o.struct_size = C.sizeof_ctxfit_draft_options
	o.ctx_tokens = C.uint64_t(d.Context)
	o.kv_key, o.kv_value = C.ctxfit_quant(d.Key), C.ctxfit_quant(d.Value)
	for _, place := range d.Devices {
		if place < 0 || place > 62 {
			return invalid("Draft.Devices: %d is no place of a device", place)
		}
		o.devices |= 1 << uint(place)
	}
	if d.Devices != nil && len(d.Devices) == 0 {
		o.devices = C.CTXFIT_DEVICES_NONE
	}
	if err := putCount(&o.draft_tokens, "Draft.Tokens", d.Tokens); err != nil {
		return err
	}
	if err := putCount(&o.gpu_layers, "Draft.GPULayers", d.GPULayers); err != nil {
		return err
	}
	if d.OnHost {
		o.gpu_layers = C.CTXFIT_GPU_LAYERS_NONE
	}
	if d.CPUExpertLayers == -1 {
		o.cpu_expert_layers = C.CTXFIT_ALL_LAYERS
	} else if err := putCount(&o.cpu_expert_layers, "Draft.CPUExpertLayers", d.CPUExpertLayers); err != nil {
		return err
	}
	return putString(o.overrides[:], "Draft.Overrides", d.Overrides)
}

// AddDraft adds a draft model, which must stay open as long as plans are made with the list.
func (b *Beside) AddDraft(draft *Model, how Draft) error {
	c := b.enter()
	if c == nil {
		return ErrClosed
	}
	defer b.handle.leave()
	m := draft.enter()
	if m == nil {
		return ErrClosed
	}
	defer draft.handle.leave()
	var o C.ctxfit_draft_options
	if err := how.options(&o); err != nil {
		return err
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var e C.ctxfit_error
	if status := C.ctxfit_beside_add_draft(c, m, &o, &e); status != C.CTXFIT_OK {
		return failure(status, &e)
	}
	b.drafts = append(b.drafts, draft)
	return nil
}

// AddNextN lets the model's own next-token-prediction blocks draft; only Tokens, Key and Value of how are theirs.
func (b *Beside) AddNextN(how Draft) error {
	c := b.enter()
	if c == nil {
		return ErrClosed
	}
	defer b.handle.leave()
	var o C.ctxfit_draft_options
	if err := how.options(&o); err != nil {
		return err
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var e C.ctxfit_error
	return failure(C.ctxfit_beside_add_nextn(c, &o, &e), &e)
}

// AddAdapter adds a LoRA adapter, whose tensors lie where those of the model lie that they belong to.
func (b *Beside) AddAdapter(header *GGUF) error {
	return b.add(header, func(c *C.ctxfit_beside, h *C.ctxfit_gguf, e *C.ctxfit_error) C.ctxfit_status {
		return C.ctxfit_beside_add_adapter(c, h, e)
	})
}

// AddProjector adds a projector.
func (b *Beside) AddProjector(header *GGUF, how Projector) error {
	var o C.ctxfit_projector_options
	if err := how.options(&o); err != nil {
		return err
	}
	return b.add(header, func(c *C.ctxfit_beside, h *C.ctxfit_gguf, e *C.ctxfit_error) C.ctxfit_status {
		return C.ctxfit_beside_add_projector(c, h, &o, e)
	})
}

// AddParts adds what a model of a store brings along, as Ollama runs it: its projector, its adapters and, with a model, that model's own
// prediction blocks where its parameters have a draft_num_predict. A draft model is left out, as [Beside.LeaveOut] notes it.
func (b *Beside) AddParts(file *Modelfile, model *Model) error {
	c := b.enter()
	if c == nil {
		return ErrClosed
	}
	defer b.handle.leave()
	f := file.enter()
	if f == nil {
		return ErrClosed
	}
	defer file.handle.leave()
	var m *C.ctxfit_model
	if model != nil {
		if m = model.enter(); m == nil {
			return ErrClosed
		}
		defer model.handle.leave()
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var e C.ctxfit_error
	return failure(C.ctxfit_beside_add_parts(c, f, m, &e), &e)
}

// LeaveOut notes a file that comes with the model and that no plan counts: plans with the list warn of it. bytes are those of its tensors,
// 0 where they are not known.
func (b *Beside) LeaveOut(part Part, name string, bytes uint64) error {
	c := b.enter()
	if c == nil {
		return ErrClosed
	}
	defer b.handle.leave()
	text, err := cString("the name", name)
	if err != nil {
		return err
	}
	defer freeString(text)
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var e C.ctxfit_error
	return failure(C.ctxfit_beside_leave_out(c, C.uint32_t(part), text, C.uint64_t(bytes), &e), &e)
}

// SetName names an entry for plans, by its place in the list: by its file, say.
func (b *Beside) SetName(index int, name string) error {
	c := b.enter()
	if c == nil {
		return ErrClosed
	}
	defer b.handle.leave()
	if index < 0 || index >= MaxBeside || strings.IndexByte(name, 0) >= 0 {
		return invalid("SetName: %d, %q", index, name)
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var e C.ctxfit_error
	return failure(C.ctxfit_beside_set_name(c, C.uint32_t(index), text, &e), &e)
}

func (b *Beside) add(header *GGUF, add func(*C.ctxfit_beside, *C.ctxfit_gguf, *C.ctxfit_error) C.ctxfit_status) error {
	c := b.enter()
	if c == nil {
		return ErrClosed
	}
	defer b.handle.leave()
	h := header.enter()
	if h == nil {
		return ErrClosed
	}
	defer header.handle.leave()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var e C.ctxfit_error
	return failure(add(c, h, &e), &e)
}

// held calls with the list, which nobody fills meanwhile, and whose drafts stay open.
func (b *Beside) held(call func(*C.ctxfit_beside) error) error {
	c := b.enter()
	if c == nil {
		return ErrClosed
	}
	defer b.handle.leave()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, draft := range b.drafts {
		if draft.enter() == nil {
			return ErrClosed
		}
		defer draft.handle.leave()
	}
	return call(c)
}

// NewPlanBeside is [NewPlan] with what runs beside the model: [ErrRefused] also where the engine does not run the model with it (a draft
// with another vocabulary, an adapter of another model), [ErrUnsupported] where this engine's way with it is not modelled.
func NewPlanBeside(model *Model, hardware *Hardware, beside *Beside, options ...Option) (p *Plan, err error) {
	err = beside.held(func(c *C.ctxfit_beside) (err error) {
		p, err = newPlan(model, hardware, C.uintptr_t(uintptr(unsafe.Pointer(c))), options)
		return err
	})
	return p, err
}

// BestFileTypeBeside is [BestFileType] with what runs beside the model.
func BestFileTypeBeside(model *Model, hardware *Hardware, beside *Beside, options ...Option) (best FileType, err error) {
	err = beside.held(func(c *C.ctxfit_beside) (err error) {
		best, err = bestFileType(model, hardware, c, options)
		return err
	})
	return best, err
}

// PlanBeside is what one entry takes on one device, or on all.
type PlanBeside struct {
	Kind            BesideKind `json:"kind"`
	Name            string     `json:"name"` // of the draft, type of the projector, architecture of the adapter
	ComputeExact    bool       `json:"compute_exact"`
	Layers          int        `json:"layers"`            // of a draft whose weights are there
	DraftTokens     int        `json:"draft_tokens"`      // most that it drafts at once
	ContextSeq      uint64     `json:"n_ctx_seq"`         // of a draft: of one sequence
	WeightsBytes    uint64     `json:"weights_bytes"`     //
	KVBytes         uint64     `json:"kv_bytes"`          // of a draft: caches of every kind
	RecurrentBytes  uint64     `json:"recurrent_bytes"`   // of a draft: state of recurrent layers
	ComputeBytes    uint64     `json:"compute_bytes"`     // of an adapter, by how much the model's buffers may grow
	ComputeLowBytes uint64     `json:"compute_low_bytes"` //
	OutputBytes     uint64     `json:"output_bytes"`      // of a draft: logits, on the host
	TotalBytes      uint64     `json:"total_bytes"`       // sum of the parts above
}

// Beside returns what runs beside the model, an entry each, summed over all devices; nil when the plan is closed.
func (p *Plan) Beside() []PlanBeside { return p.besideOn(C.UINT32_MAX) }

// BesideOn returns the same on one device, by its place; nil past the last.
func (p *Plan) BesideOn(device int) []PlanBeside {
	if device < 0 {
		return nil
	}
	return p.besideOn(C.uint32_t(device))
}

func (p *Plan) besideOn(device C.uint32_t) []PlanBeside {
	plan := p.enter()
	if plan == nil {
		return nil
	}
	defer p.handle.leave()
	var all []PlanBeside
	for {
		var c C.ctxfit_plan_beside
		c.struct_size = C.sizeof_ctxfit_plan_beside
		if C.ctxfit_plan_get_beside(plan, C.uint32_t(len(all)), device, &c) != C.CTXFIT_OK {
			return all
		}
		all = append(all, PlanBeside{Kind: BesideKind(c.kind), Name: getString(c.name[:]), ComputeExact: c.compute_exact != 0,
			Layers: int(c.layers), DraftTokens: int(c.draft_tokens), ContextSeq: uint64(c.n_ctx_seq), WeightsBytes: uint64(c.weights_bytes),
			KVBytes: uint64(c.kv_bytes), RecurrentBytes: uint64(c.recurrent_bytes), ComputeBytes: uint64(c.compute_bytes),
			ComputeLowBytes: uint64(c.compute_low_bytes), OutputBytes: uint64(c.output_bytes), TotalBytes: uint64(c.total_bytes)})
	}
}
