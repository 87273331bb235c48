package ctxfit

/*
#include <ctxfit.h>
#include <stdlib.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// Objective is what a choice is made for.
type Objective uint32

// The objectives.
const (
	ObjectiveDefault        Objective = C.CTXFIT_OBJECTIVE_DEFAULT         // FastestDecode, or LargestContext where the context is open
	ObjectiveLargestContext Objective = C.CTXFIT_OBJECTIVE_LARGEST_CONTEXT // of one sequence
	ObjectiveFastestDecode  Objective = C.CTXFIT_OBJECTIVE_FASTEST_DECODE  // at the context that is asked for
	ObjectiveBestQuality    Objective = C.CTXFIT_OBJECTIVE_BEST_QUALITY    // the best file type, then cache type, that holds context and rate
	ObjectiveMostSequences  Objective = C.CTXFIT_OBJECTIVE_MOST_SEQUENCES  // of the context that is asked for
)

// Open is what may be chosen, as bits. What is not open stays as the options say.
type Open uint32

// The choices.
const (
	OpenContext     Open = C.CTXFIT_OPEN_CONTEXT
	OpenSequences   Open = C.CTXFIT_OPEN_SEQUENCES
	OpenFileType    Open = C.CTXFIT_OPEN_FILE_TYPE
	OpenCacheType   Open = C.CTXFIT_OPEN_CACHE_TYPE
	OpenGPULayers   Open = C.CTXFIT_OPEN_GPU_LAYERS
	OpenTensorSplit Open = C.CTXFIT_OPEN_TENSOR_SPLIT
	OpenHostTensors Open = C.CTXFIT_OPEN_HOST_TENSORS // experts, or feed-forward matrices, on the host
	OpenUBatch      Open = C.CTXFIT_OPEN_UBATCH
	OpenFlash       Open = C.CTXFIT_OPEN_FLASH
	OpenNothing     Open = C.CTXFIT_OPEN_NOTHING // alone: evaluate the options as they stand
)

// Goal says what to choose, and what for. The zero value asks for the fastest decode with tensors placed where that is.
type Goal struct {
	Objective      Objective
	Open           Open     // 0: where tensors go, and what the objective is about
	LeastContext   uint64   // of one sequence, where it is open; 0 = 4096
	Depth          uint64   // tokens in the context when decode is judged; 0 = all of it
	LeastRate      float64  // tokens per second: slower is no answer
	WorstFileType  FileType // of an open file type; 0 = Q4_K_M
	WorstCacheType Quant    // of an open cache type: F16, Q8_0 or Q4_0; 0 = Q8_0
	NoChanges      bool     // where nothing fits, do not look for what would help
}

func (goal Goal) c() C.ctxfit_goal {
	var g C.ctxfit_goal
	g.struct_size = C.sizeof_ctxfit_goal
	g.objective = C.uint32_t(goal.Objective)
	g.open = C.uint32_t(goal.Open)
	g.least_ctx_seq_tokens = C.uint64_t(goal.LeastContext)
	g.depth_tokens = C.uint64_t(goal.Depth)
	g.least_decode_tokens_per_s = C.double(goal.LeastRate)
	g.worst_file_type = C.ctxfit_file_type(goal.WorstFileType)
	g.worst_cache_type = C.ctxfit_quant(goal.WorstCacheType)
	if goal.NoChanges {
		g.flags = C.CTXFIT_GOAL_F_NO_CHANGES
	}
	return g
}

// PlaceSummary is what was chosen.
type PlaceSummary struct {
	Found             bool      `json:"found"` // otherwise the rest tells of the nearest that was tried
	Objective         Objective `json:"objective"`
	Evaluations       int       `json:"evaluations"` // placements that were evaluated to the byte
	ContextSeq        uint64    `json:"ctx_seq"`     // of one sequence
	Sequences         int       `json:"sequences"`
	UBatch            int       `json:"n_ubatch"`
	FileType          FileType  `json:"file_type"` // 0 = as it was given
	KeyCache          Quant     `json:"type_k"`
	ValueCache        Quant     `json:"type_v"`
	HostLayers        int       `json:"host_layers"`        // whole layers on the host
	HostExpertLayers  int       `json:"host_expert_layers"` // further layers with experts, or feed-forward matrices, on the host
	ShortKind         LimitKind `json:"short_kind"`         // not found: which memory; 0 = the rate is too low
	ShortDevice       int       `json:"short_device"`       // not found: the device that lacks memory; -1 = none
	ShortBytes        uint64    `json:"short_bytes"`        // not found: bytes that it lacks
	DeviceWeightBytes uint64    `json:"device_weights_bytes"`
	HostWeightBytes   uint64    `json:"host_weights_bytes"`
	DecodeRate        float64   `json:"decode_tokens_per_s"` // 0 = unknown
	DeviceShare       float64   `json:"device_share"`        // of the bytes that a token reads
	Nodes             int       `json:"nodes"`               // linked machines that hold layers; 1 without links
	AloneFound        bool      `json:"alone_found"`         // of linked machines: the first alone, with its host, does it too
	AloneContextSeq   uint64    `json:"alone_ctx_seq"`       // context that it then has
	AloneDecodeRate   float64   `json:"alone_decode_tokens_per_s"`
	LinkBytesPerToken uint64    `json:"link_bytes_per_token"` // that cross between linked machines
	Reasons           int       `json:"reasons"`
	Changes           int       `json:"changes"`
}

// ChangeKind is what a change changes.
type ChangeKind uint32

// The kinds of changes.
const (
	ChangeCacheType ChangeKind = C.CTXFIT_CHANGE_CACHE_TYPE // the value is a [Quant]
	ChangeContext   ChangeKind = C.CTXFIT_CHANGE_CONTEXT    // tokens of one sequence
	ChangeSequences ChangeKind = C.CTXFIT_CHANGE_SEQUENCES
	ChangeFileType  ChangeKind = C.CTXFIT_CHANGE_FILE_TYPE // the value is a [FileType]
	ChangePlacement ChangeKind = C.CTXFIT_CHANGE_PLACEMENT // where tensors go
	ChangeDevice    ChangeKind = C.CTXFIT_CHANGE_DEVICE    // bytes of one more GPU
	ChangeHost      ChangeKind = C.CTXFIT_CHANGE_HOST      // bytes of host memory in all
)

// String returns the name that the JSON of a placement has.
func (k ChangeKind) String() string { return C.GoString(C.ctxfit_change_name(C.uint32_t(k))) }

// Change is the least change of a kind with which it fits.
type Change struct {
	Kind  ChangeKind `json:"kind"`
	Now   uint64     `json:"now"`
	Value uint64     `json:"value"`
	Text  string     `json:"text"`
}

// Place is a chosen placement, or the reason why there is none.
type Place struct{ handle handle }

func freePlace(p unsafe.Pointer) { C.ctxfit_place_free((*C.ctxfit_place)(p)) }

// Solve chooses how to run a model on a machine. Options state what is fixed. "Nothing fits" is an answer.
func Solve(model *Model, hardware *Hardware, goal Goal, options ...Option) (*Place, error) {
	return solve(model, hardware, nil, goal, options)
}

// SolveBeside is [Solve] with what runs beside the model: every placement that is tried counts it.
func SolveBeside(model *Model, hardware *Hardware, beside *Beside, goal Goal, options ...Option) (p *Place, err error) {
	err = beside.held(func(c *C.ctxfit_beside) (err error) {
		p, err = solve(model, hardware, c, goal, options)
		return err
	})
	return p, err
}

func solve(model *Model, hardware *Hardware, beside *C.ctxfit_beside, goal Goal, options []Option) (*Place, error) {
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
	g := goal.c()
	var place *C.ctxfit_place
	var status C.ctxfit_status
	if beside == nil {
		status = C.ctxfit_place_solve(m, h, (*C.ctxfit_plan_options)(&c.options), &g, nil, &place, &c.err)
	} else {
		status = C.ctxfit_place_solve_beside(m, h, (*C.ctxfit_plan_options)(&c.options), &g, beside, nil, &place, &c.err)
	}
	if status != C.CTXFIT_OK {
		return nil, failure(status, &c.err)
	}
	p := &Place{handle{object: unsafe.Pointer(place), free: freePlace}}
	runtime.SetFinalizer(p, (*Place).Close)
	return p, nil
}

func (p *Place) enter() *C.ctxfit_place {
	if p == nil {
		return nil
	}
	return (*C.ctxfit_place)(p.handle.enter())
}

// Close gives the memory back. A second Close does nothing.
func (p *Place) Close() error {
	if p != nil && p.handle.close() {
		runtime.SetFinalizer(p, nil)
	}
	return nil
}

// Summary returns what was chosen; the zero value when the placement is closed.
func (p *Place) Summary() PlaceSummary {
	place := p.enter()
	if place == nil {
		return PlaceSummary{}
	}
	defer p.handle.leave()
	var c C.ctxfit_place_summary
	c.struct_size = C.sizeof_ctxfit_place_summary
	if C.ctxfit_place_get_summary(place, &c) != C.CTXFIT_OK {
		return PlaceSummary{}
	}
	s := PlaceSummary{
		Found: c.found != 0, Objective: Objective(c.objective), Evaluations: int(c.evaluations), ContextSeq: uint64(c.ctx_seq_tokens),
		Sequences: int(c.sequences), UBatch: int(c.ubatch_tokens), FileType: FileType(c.file_type), KeyCache: Quant(c.kv_key),
		ValueCache: Quant(c.kv_value), HostLayers: int(c.host_layers), HostExpertLayers: int(c.host_expert_layers),
		ShortKind: LimitKind(c.short_kind), ShortDevice: -1, ShortBytes: uint64(c.short_bytes),
		DeviceWeightBytes: uint64(c.device_weights_bytes), HostWeightBytes: uint64(c.host_weights_bytes),
		DecodeRate: float64(c.decode_tokens_per_s), DeviceShare: float64(c.device_share), Reasons: int(c.reason_count),
		Changes: int(c.change_count), Nodes: int(c.nodes), AloneFound: c.alone_found != 0,
		AloneContextSeq: uint64(c.alone_ctx_seq_tokens), AloneDecodeRate: float64(c.alone_decode_tokens_per_s),
		LinkBytesPerToken: uint64(c.link_bytes_per_token),
	}
	if c.short_device != C.UINT32_MAX {
		s.ShortDevice = int(c.short_device)
	}
	return s
}

// Plan returns the plan of what was chosen, of the nearest that was tried where nothing fits; nil when the placement is closed. The
// placement's memory stays until the plan is closed too.
func (p *Place) Plan() *Plan {
	place := p.enter()
	if place == nil {
		return nil
	}
	plan := &Plan{handle{object: unsafe.Pointer(C.ctxfit_place_plan(place)), free: func(unsafe.Pointer) { p.handle.leave() }}}
	runtime.SetFinalizer(plan, (*Plan).Close)
	return plan
}

// Options returns the options that make this plan, of the model in the file type that was chosen, as one option.
func (p *Place) Options() (Option, error) {
	place := p.enter()
	if place == nil {
		return nil, ErrClosed
	}
	defer p.handle.leave()
	var c C.ctxfit_plan_options
	c.struct_size = C.sizeof_ctxfit_plan_options
	status := C.ctxfit_place_get_options(place, &c)
	if status != C.CTXFIT_OK {
		return nil, statusError(status, "options of a placement")
	}
	return optionOf(c), nil
}

func optionOf(c C.ctxfit_plan_options) Option {
	return func(o *planOptions) error { *o = planOptions(c); return nil }
}

// Reasons returns why it was chosen, in sentences; nil when the placement is closed.
func (p *Place) Reasons() []string {
	place := p.enter()
	if place == nil {
		return nil
	}
	defer p.handle.leave()
	var all []string
	for {
		s := C.ctxfit_place_reason(place, C.uint32_t(len(all)))
		if s == nil {
			return all
		}
		all = append(all, C.GoString(s))
	}
}

// Changes returns, where nothing fits, the least change of each kind with which it does; nil when the placement is closed.
func (p *Place) Changes() []Change {
	place := p.enter()
	if place == nil {
		return nil
	}
	defer p.handle.leave()
	var all []Change
	for {
		var c C.ctxfit_change
		c.struct_size = C.sizeof_ctxfit_change
		if C.ctxfit_place_get_change(place, C.uint32_t(len(all)), &c) != C.CTXFIT_OK {
			return all
		}
		all = append(all, Change{ChangeKind(c.kind), uint64(c.now), uint64(c.value), C.GoString(&c.text[0])})
	}
}

// JSON returns the placement as the command writes it ("schema":"ctxfit.place/1").
func (p *Place) JSON() ([]byte, error) {
	place := p.enter()
	if place == nil {
		return nil, ErrClosed
	}
	defer p.handle.leave()
	json, status := text(8192, func(buf *C.char, capacity C.size_t, length *C.size_t) C.ctxfit_status {
		return C.ctxfit_place_write_json(place, nil, buf, capacity, length)
	})
	return json, statusError(status, "JSON of a placement")
}

// MarshalJSON is [Place.JSON].
func (p *Place) MarshalJSON() ([]byte, error) { return p.JSON() }

// SetVerdict says whether models run on one machine.
type SetVerdict uint32

// The verdicts.
const (
	SetTogether SetVerdict = C.CTXFIT_SET_TOGETHER // all at the same time
	SetSwap     SetVerdict = C.CTXFIT_SET_SWAP     // each alone, not all at the same time
	SetNone     SetVerdict = C.CTXFIT_SET_NONE     // at least one does not even run alone
)

// PlaceSet is several models on one machine.
type PlaceSet struct {
	handle handle
	count  int
}

// SetMember is a model of a set, what is fixed of it, what is chosen for, and what runs beside it (nil: nothing).
type SetMember struct {
	Model   *Model
	Goal    Goal
	Options []Option
	Beside  *Beside
}

func freePlaceSet(p unsafe.Pointer) { C.ctxfit_place_set_free((*C.ctxfit_place_set)(p)) }

// SolveSet places several models at the same time, in this order: each takes of what those before it left.
func SolveSet(hardware *Hardware, members ...SetMember) (*PlaceSet, error) {
	if len(members) == 0 {
		return nil, invalid("SolveSet: no model")
	}
	h := hardware.enter()
	if h == nil {
		return nil, ErrClosed
	}
	defer hardware.handle.leave()
	count := len(members)
	models := (*[1 << 16]*C.ctxfit_model)(C.malloc(C.size_t(count) * C.size_t(unsafe.Sizeof((*C.ctxfit_model)(nil)))))
	defer C.free(unsafe.Pointer(models))
	options, goals := make([]C.ctxfit_plan_options, count), make([]C.ctxfit_goal, count)
	for i, member := range members {
		m := member.Model.enter()
		if m == nil {
			return nil, ErrClosed
		}
		defer member.Model.handle.leave()
		c, err := newCall(member.Options)
		if err != nil {
			return nil, err
		}
		models[i], options[i], goals[i] = m, C.ctxfit_plan_options(c.options), member.Goal.c()
		calls.Put(c)
	}
	var set *C.ctxfit_place_set
	err := holdAll(members, map[*Beside]*C.ctxfit_beside{}, func(lists map[*Beside]*C.ctxfit_beside) error {
		var e C.ctxfit_error
		if len(lists) == 0 {
			return failure(C.ctxfit_place_solve_set(&models[0], C.uint32_t(count), h, &options[0], &goals[0], nil, &set, &e), &e)
		}
		besides := (*[1 << 16]*C.ctxfit_beside)(C.calloc(C.size_t(count), C.size_t(unsafe.Sizeof((*C.ctxfit_beside)(nil)))))
		defer C.free(unsafe.Pointer(besides))
		for i, member := range members {
			besides[i] = lists[member.Beside]
		}
		return failure(C.ctxfit_place_solve_set_beside(&models[0], C.uint32_t(count), h, &options[0], &goals[0], &besides[0], nil, &set, &e), &e)
	})
	if err != nil {
		return nil, err
	}
	s := &PlaceSet{handle: handle{object: unsafe.Pointer(set), free: freePlaceSet}, count: count}
	runtime.SetFinalizer(s, (*PlaceSet).Close)
	return s, nil
}

// holdAll calls with the lists of all members, each of which is held once.
func holdAll(members []SetMember, held map[*Beside]*C.ctxfit_beside, call func(map[*Beside]*C.ctxfit_beside) error) error {
	for len(members) > 0 && (members[0].Beside == nil || held[members[0].Beside] != nil) {
		members = members[1:]
	}
	if len(members) == 0 {
		return call(held)
	}
	return members[0].Beside.held(func(c *C.ctxfit_beside) error {
		held[members[0].Beside] = c
		return holdAll(members[1:], held, call)
	})
}

func (s *PlaceSet) enter() *C.ctxfit_place_set {
	if s == nil {
		return nil
	}
	return (*C.ctxfit_place_set)(s.handle.enter())
}

// Close gives the memory back, once the placements and the machine that were asked for are closed too.
func (s *PlaceSet) Close() error {
	if s != nil && s.handle.close() {
		runtime.SetFinalizer(s, nil)
	}
	return nil
}

// Verdict says whether the models run together; 0 when the set is closed.
func (s *PlaceSet) Verdict() SetVerdict {
	set := s.enter()
	if set == nil {
		return 0
	}
	defer s.handle.leave()
	return SetVerdict(C.ctxfit_place_set_verdict(set))
}

// Places returns the placement of each model; nil when the set is closed.
func (s *PlaceSet) Places() []*Place {
	var all []*Place
	for i := 0; s != nil && i < s.count; i++ {
		set := s.enter()
		if set == nil {
			return nil
		}
		place := C.ctxfit_place_set_at(set, C.uint32_t(i))
		p := &Place{handle{object: unsafe.Pointer(place), free: func(unsafe.Pointer) { s.handle.leave() }}}
		runtime.SetFinalizer(p, (*Place).Close)
		all = append(all, p)
	}
	return all
}

// Rest returns the machine with what is left free: [Solve] on it says whether one more model is admitted. Nil when the set is closed.
func (s *PlaceSet) Rest() *Hardware {
	set := s.enter()
	if set == nil {
		return nil
	}
	h := &Hardware{handle{object: unsafe.Pointer(C.ctxfit_place_set_rest(set)), free: func(unsafe.Pointer) { s.handle.leave() }}}
	runtime.SetFinalizer(h, (*Hardware).Close)
	return h
}

// Argument is what an argument of llama.cpp's programs is to a plan.
type Argument uint32

// What arguments are.
const (
	ArgumentUnknown     Argument = C.CTXFIT_ARGUMENT_UNKNOWN
	ArgumentFollowed    Argument = C.CTXFIT_ARGUMENT_FOLLOWED     // an option
	ArgumentNoSize      Argument = C.CTXFIT_ARGUMENT_NO_SIZE      // no byte depends on it
	ArgumentNotCounted  Argument = C.CTXFIT_ARGUMENT_NOT_COUNTED  // it takes memory that a plan does not count
	ArgumentNotFollowed Argument = C.CTXFIT_ARGUMENT_NOT_FOLLOWED // it changes what is loaded in a way that options do not state
)

// FindArgument says what an argument is, and how many words of value follow it.
func FindArgument(name string) (Argument, int) {
	s, err := cString("the argument", name)
	if err != nil {
		return ArgumentUnknown, 0
	}
	defer freeString(s)
	var words C.uint32_t
	return Argument(C.ctxfit_place_find_argument(s, &words)), int(words)
}

// Line is what a line of llama-server or llama-cli says beside the options.
type Line struct {
	Program     string   // its last part; "" = the line starts with an argument
	Model       string   // -m, or the repository of -hf
	FileType    FileType // of -hf USER/REPOSITORY:TYPE
	Split       int      // proportions that -ts states
	OwnFit      *bool    // -fit; nil = not stated, then the program fits what is not stated
	NotCounted  string   // arguments whose memory comes on top
	NotFollowed string   // arguments that options do not state
	Options     Option   // everything else
}

// ReadLine reads a line as a shell would. An error carries the byte at which the fault is.
func ReadLine(line string) (Line, error) {
	s, err := cString("the line", line)
	if err != nil {
		return Line{}, err
	}
	defer freeString(s)
	var o C.ctxfit_plan_options
	var l C.ctxfit_line
	var e C.ctxfit_error
	o.struct_size = C.sizeof_ctxfit_plan_options
	l.struct_size = C.sizeof_ctxfit_line
	if status := C.ctxfit_place_read_line(s, &o, &l, &e); status != C.CTXFIT_OK {
		return Line{}, failure(status, &e)
	}
	read := Line{
		Program: C.GoString(&l.program[0]), Model: C.GoString(&l.model[0]), FileType: FileType(l.file_type), Split: int(l.split_count),
		NotCounted: C.GoString(&l.not_counted[0]), NotFollowed: C.GoString(&l.not_followed[0]), Options: optionOf(o),
	}
	if l.own_fit != C.CTXFIT_CHOICE_DEFAULT {
		on := l.own_fit == C.CTXFIT_CHOICE_ON
		read.OwnFit = &on
	}
	return read, nil
}

// WriteLine writes the line that runs these options, quoted for a shell. The program is "llama-server", "llama-cli" or a path to one.
func WriteLine(program, modelPath string, options ...Option) (string, error) {
	c, err := newCall(options)
	if err != nil {
		return "", err
	}
	defer calls.Put(c)
	p, err := cString("the program", program)
	if err != nil {
		return "", err
	}
	defer freeString(p)
	m, err := cString("the model's path", modelPath)
	if err != nil {
		return "", err
	}
	defer freeString(m)
	line, status := text(1024, func(buf *C.char, capacity C.size_t, length *C.size_t) C.ctxfit_status {
		return C.ctxfit_place_write_line((*C.ctxfit_plan_options)(&c.options), p, m, buf, capacity, length)
	})
	return string(line), statusError(status, "line of %s", program)
}
