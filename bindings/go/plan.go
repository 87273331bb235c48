package ctxfit

/*
#include <ctxfit.h>

// Results by value, and handles as numbers: nothing is moved to Go's heap for a call, by Go 1.19 neither.
typedef struct { ctxfit_check check; ctxfit_status status; } check_result;
typedef struct { ctxfit_estimate estimate; ctxfit_status status; } estimate_result;

static ctxfit_status plan_make(uintptr_t model, uintptr_t hw, const ctxfit_plan_options *options, uintptr_t beside, uintptr_t *out,
                               ctxfit_error *error)
{
    ctxfit_plan  *plan;
    ctxfit_status status = beside == 0 ? ctxfit_plan_make((const ctxfit_model *)model, (const ctxfit_hw *)hw, options, NULL, &plan, error)
                                       : ctxfit_plan_make_beside((const ctxfit_model *)model, (const ctxfit_hw *)hw, options,
                                                                 (const ctxfit_beside *)beside, NULL, &plan, error);

    *out = (uintptr_t)plan;
    return status;
}

static check_result plan_check(uintptr_t plan, uint64_t prompt, uint64_t cached, uint64_t output, double deadline_s)
{
    check_result   r = { CTXFIT_CHECK_INIT, CTXFIT_OK };
    ctxfit_request request = CTXFIT_REQUEST_INIT;

    request.prompt_tokens = prompt;
    request.cached_tokens = cached;
    request.output_tokens = output;
    request.deadline_s = deadline_s;
    r.status = ctxfit_plan_check((const ctxfit_plan *)plan, &request, &r.check);
    return r;
}

static estimate_result plan_decode_rate(uintptr_t plan, uint64_t depth)
{
    estimate_result r = { CTXFIT_ESTIMATE_INIT, CTXFIT_OK };

    r.status = ctxfit_plan_get_decode_rate((const ctxfit_plan *)plan, depth, &r.estimate);
    return r;
}

static estimate_result plan_prompt_time(uintptr_t plan, uint64_t prompt, uint64_t cached)
{
    estimate_result r = { CTXFIT_ESTIMATE_INIT, CTXFIT_OK };

    r.status = ctxfit_plan_get_prompt_time((const ctxfit_plan *)plan, prompt, cached, &r.estimate);
    return r;
}
*/
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// Plan is the answer: whether a model fits a machine under an engine, with how much context, how fast, and what limits it.
type Plan struct{ handle handle }

// call is what a plan is asked with. Nothing in it outlives the call, so that its memory is used again.
type call struct {
	options planOptions
	err     C.ctxfit_error
	plan    C.uintptr_t
	best    C.ctxfit_file_type
}

var calls = sync.Pool{New: func() interface{} { return new(call) }}

// newCall takes a call from the pool and hands it the options; the caller puts it back.
func newCall(options []Option) (*call, error) {
	c := calls.Get().(*call)
	*c = call{}
	c.options.struct_size = C.sizeof_ctxfit_plan_options
	for _, option := range options {
		if err := option(&c.options); err != nil {
			calls.Put(c)
			return nil, err
		}
	}
	return c, nil
}

func freePlan(p unsafe.Pointer) { C.ctxfit_plan_free((*C.ctxfit_plan)(p)) }

// NewPlan plans a run. An engine that refuses the combination is [ErrRefused]; an option out of range is [ErrInvalidArgument].
func NewPlan(model *Model, hardware *Hardware, options ...Option) (*Plan, error) {
	return newPlan(model, hardware, 0, options)
}

func newPlan(model *Model, hardware *Hardware, beside C.uintptr_t, options []Option) (*Plan, error) {
	c, err := newCall(options)
	if err != nil {
		return nil, err
	}
	defer calls.Put(c)
	m := model.enter()
	if m == nil {
		return nil, ErrClosed
	}
	defer model.handle.leave()
	h := hardware.enter()
	if h == nil {
		return nil, ErrClosed
	}
	defer hardware.handle.leave()
	status := C.plan_make(C.uintptr_t(uintptr(unsafe.Pointer(m))), C.uintptr_t(uintptr(unsafe.Pointer(h))),
		(*C.ctxfit_plan_options)(&c.options), beside, &c.plan, &c.err)
	if status != C.CTXFIT_OK {
		return nil, failure(status, &c.err)
	}
	// Not a conversion, which vet takes for one of Go's own addresses.
	p := &Plan{handle{object: *(*unsafe.Pointer)(unsafe.Pointer(&c.plan)), free: freePlan}}
	runtime.SetFinalizer(p, (*Plan).Close)
	return p, nil
}

// BestFileType returns the best (largest) file type of the model that still fits with these options; [FileTypeDefault] when none does.
func BestFileType(model *Model, hardware *Hardware, options ...Option) (FileType, error) {
	return bestFileType(model, hardware, nil, options)
}

func bestFileType(model *Model, hardware *Hardware, beside *C.ctxfit_beside, options []Option) (FileType, error) {
	c, err := newCall(options)
	if err != nil {
		return FileTypeDefault, err
	}
	defer calls.Put(c)
	m := model.enter()
	if m == nil {
		return FileTypeDefault, ErrClosed
	}
	defer model.handle.leave()
	h := hardware.enter()
	if h == nil {
		return FileTypeDefault, ErrClosed
	}
	defer hardware.handle.leave()
	if beside == nil {
		status := C.ctxfit_plan_best_file_type(m, h, (*C.ctxfit_plan_options)(&c.options), nil, &c.best, &c.err)
		return FileType(c.best), failure(status, &c.err)
	}
	status := C.ctxfit_plan_best_file_type_beside(m, h, (*C.ctxfit_plan_options)(&c.options), beside, nil, &c.best, &c.err)
	return FileType(c.best), failure(status, &c.err)
}

func (p *Plan) enter() *C.ctxfit_plan {
	if p == nil {
		return nil
	}
	return (*C.ctxfit_plan)(p.handle.enter())
}

// number is for the functions above: memory of C does not move.
func number(plan *C.ctxfit_plan) C.uintptr_t { return C.uintptr_t(uintptr(unsafe.Pointer(plan))) }

// Close gives the memory back. A second Close does nothing.
func (p *Plan) Close() error {
	if p != nil && p.handle.close() {
		runtime.SetFinalizer(p, nil)
	}
	return nil
}

// Summary returns the verdict; [FitUnknown] when the plan is closed.
func (p *Plan) Summary() Summary {
	plan := p.enter()
	if plan == nil {
		return Summary{}
	}
	defer p.handle.leave()
	var c C.ctxfit_plan_summary
	c.struct_size = C.sizeof_ctxfit_plan_summary
	if C.ctxfit_plan_get_summary(plan, &c) != C.CTXFIT_OK {
		return Summary{}
	}
	return summaryFrom(&c)
}

// Decisions returns what the engine itself goes by.
func (p *Plan) Decisions() Decisions {
	plan := p.enter()
	if plan == nil {
		return Decisions{}
	}
	defer p.handle.leave()
	var c C.ctxfit_plan_engine
	c.struct_size = C.sizeof_ctxfit_plan_engine
	if C.ctxfit_plan_get_engine(plan, &c) != C.CTXFIT_OK {
		return Decisions{}
	}
	return decisionsFrom(&c)
}

// Compare returns what differs between this plan (A) and another one (B), and why; nil when either is closed.
func (p *Plan) Compare(other *Plan) []Difference {
	mine := p.enter()
	if mine == nil {
		return nil
	}
	defer p.handle.leave()
	theirs := other.enter()
	if theirs == nil {
		return nil
	}
	defer other.handle.leave()
	var all []Difference
	for {
		var c C.ctxfit_difference
		c.struct_size = C.sizeof_ctxfit_difference
		if C.ctxfit_plan_compare(mine, theirs, C.uint32_t(len(all)), &c) != C.CTXFIT_OK {
			return all
		}
		all = append(all, Difference{Kind: DifferenceKind(c.kind), A: uint64(c.a), B: uint64(c.b), Reason: getString(c.reason[:]), Bytes: int64(c.bytes)})
	}
}

// Devices returns what each device holds, the host last; nil when the plan is closed.
func (p *Plan) Devices() []PlanDevice {
	plan := p.enter()
	if plan == nil {
		return nil
	}
	defer p.handle.leave()
	var all []PlanDevice
	for {
		var c C.ctxfit_plan_device
		c.struct_size = C.sizeof_ctxfit_plan_device
		if C.ctxfit_plan_get_device(plan, C.uint32_t(len(all)), &c) != C.CTXFIT_OK {
			return all
		}
		all = append(all, planDeviceFrom(&c))
	}
}

// Constraints returns every limit of the context of one sequence, the smallest (binding) first; nil when the plan is closed.
func (p *Plan) Constraints() []Constraint {
	plan := p.enter()
	if plan == nil {
		return nil
	}
	defer p.handle.leave()
	var all []Constraint
	for {
		var c C.ctxfit_constraint
		c.struct_size = C.sizeof_ctxfit_constraint
		if C.ctxfit_plan_get_constraint(plan, C.uint32_t(len(all)), &c) != C.CTXFIT_OK {
			return all
		}
		all = append(all, constraintFrom(&c))
	}
}

// Warnings returns what one should know about the plan, in sentences; nil when the plan is closed.
func (p *Plan) Warnings() []string {
	plan := p.enter()
	if plan == nil {
		return nil
	}
	defer p.handle.leave()
	var all []string
	for {
		s := C.ctxfit_plan_warning(plan, C.uint32_t(len(all)))
		if s == nil {
			return all
		}
		all = append(all, C.GoString(s))
	}
}

// DecodeRate returns the tokens per second of one sequence that has depth tokens in its context.
func (p *Plan) DecodeRate(depth uint64) (Rate, error) {
	plan := p.enter()
	if plan == nil {
		return Rate{}, ErrClosed
	}
	defer p.handle.leave()
	r := C.plan_decode_rate(number(plan), C.uint64_t(depth))
	if r.status != C.CTXFIT_OK {
		return Rate{}, statusError(r.status, "decode rate at %d tokens", depth)
	}
	return rateFrom(&r.estimate), nil
}

// PlanPart is what one decoded token costs on one device.
type PlanPart struct {
	Blocks             int     `json:"blocks"`                // mixers and feed-forwards of the layers there
	WeightBytes        uint64  `json:"weight_bytes"`          // weights read: of experts those in use
	CacheBytes         uint64  `json:"cache_bytes"`           // caches read
	StateBytes         uint64  `json:"state_bytes"`           // recurrent state, read and written
	LinkBytes          uint64  `json:"link_bytes"`            // hidden states, results and logits that cross its link
	CopiedBytesPerPass uint64  `json:"copied_bytes_per_pass"` // of a prompt: the host's weights that each micro-batch brings there
	Seconds            float64 `json:"seconds"`               // 0 = unknown, or nothing there
	LinkSeconds        float64 `json:"link_seconds"`          // not part of Seconds; 0 = no link stated
}

// Part returns what a decoded token costs on a device by its place, with depth tokens in the context.
func (p *Plan) Part(device int, depth uint64) (PlanPart, error) {
	plan := p.enter()
	if plan == nil {
		return PlanPart{}, ErrClosed
	}
	defer p.handle.leave()
	var c C.ctxfit_plan_part
	c.struct_size = C.sizeof_ctxfit_plan_part
	if status := C.ctxfit_plan_get_part(plan, C.uint32_t(device), C.uint64_t(depth), &c); status != C.CTXFIT_OK {
		return PlanPart{}, statusError(status, "part of device %d", device)
	}
	return PlanPart{int(c.blocks), uint64(c.weight_bytes), uint64(c.cache_bytes), uint64(c.state_bytes), uint64(c.link_bytes),
		uint64(c.copied_bytes_per_pass), float64(c.seconds), float64(c.link_seconds)}, nil
}

// PromptTime returns how long a prompt takes of which the first cached tokens are in the cache already.
func (p *Plan) PromptTime(prompt, cached uint64) (Time, error) {
	plan := p.enter()
	if plan == nil {
		return Time{}, ErrClosed
	}
	defer p.handle.leave()
	r := C.plan_prompt_time(number(plan), C.uint64_t(prompt), C.uint64_t(cached))
	if r.status != C.CTXFIT_OK {
		return Time{}, statusError(r.status, "time of a prompt of %d tokens, %d cached", prompt, cached)
	}
	return timeFrom(&r.estimate), nil
}

// Check holds a request against the plan. It allocates nothing and takes no lock, so it may stand in the hot path of a server.
func (p *Plan) Check(request Request) (Check, error) {
	plan := p.enter()
	if plan == nil {
		return Check{}, ErrClosed
	}
	defer p.handle.leave()
	r := C.plan_check(number(plan), C.uint64_t(request.Prompt), C.uint64_t(request.Cached), C.uint64_t(request.Output),
		C.double(request.Deadline.Seconds()))
	if r.status != C.CTXFIT_OK {
		return Check{}, statusError(r.status, "request of %d tokens, %d cached, deadline %v", request.Prompt, request.Cached, request.Deadline)
	}
	return checkFrom(&r.check), nil
}

// JSON returns the plan as the library and the command write it ("schema":"ctxfit.plan/1"), byte for byte.
func (p *Plan) JSON() ([]byte, error) { return p.json(nil) }

// JSONWithID is [Plan.JSON] with a string that is repeated as "id".
func (p *Plan) JSONWithID(id string) ([]byte, error) {
	s, err := cString("the id", id)
	if err != nil {
		return nil, err
	}
	defer freeString(s)
	return p.json(s)
}

// MarshalJSON is [Plan.JSON].
func (p *Plan) MarshalJSON() ([]byte, error) { return p.json(nil) }

func (p *Plan) json(id *C.char) ([]byte, error) {
	plan := p.enter()
	if plan == nil {
		return nil, ErrClosed
	}
	defer p.handle.leave()
	json, status := text(4096, func(buf *C.char, capacity C.size_t, length *C.size_t) C.ctxfit_status {
		return C.ctxfit_plan_write_json(plan, id, buf, capacity, length)
	})
	return json, statusError(status, "JSON of a plan")
}

// String returns the verdict on one line.
func (p *Plan) String() string {
	s := p.Summary()
	if s.Fit == FitUnknown {
		return "(" + ErrClosed.Error() + ")"
	}
	return s.String()
}
