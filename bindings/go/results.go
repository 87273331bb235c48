package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// Fit says whether a run fits.
type Fit uint32

// The verdicts.
const (
	FitUnknown Fit = C.CTXFIT_FIT_UNKNOWN
	FitAll     Fit = C.CTXFIT_FIT_ALL   // every part fits, and every layer is on a GPU (or the machine has none)
	FitSplit   Fit = C.CTXFIT_FIT_SPLIT // every part fits, with some weights or caches on the host beside a GPU
	FitNone    Fit = C.CTXFIT_FIT_NONE  // at least one device has too little memory
)

var fitNames = map[Fit]string{FitUnknown: "unknown", FitAll: "all", FitSplit: "split", FitNone: "none"}

// String returns the name that the JSON of a plan has.
func (f Fit) String() string { return enumName(uint32(f), fitNames[f]) }

// MarshalText returns the name.
func (f Fit) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Fits says whether every part fits.
func (f Fit) Fits() bool { return f == FitAll || f == FitSplit }

// Summary is what the engine makes of the options, and the verdict.
type Summary struct {
	Fit            Fit    `json:"fit"`
	Context        uint64 `json:"n_ctx"`     // whole context after the engine's padding
	ContextSeq     uint64 `json:"n_ctx_seq"` // of one sequence
	Sequences      int    `json:"n_seq"`
	Batch          int    `json:"n_batch"`  // tokens that one call may process
	UBatch         int    `json:"n_ubatch"` // tokens that one pass processes
	FlashAttention bool   `json:"flash_attn"`
	UnifiedCache   bool   `json:"kv_unified"`      // sequences share one cache
	Streams        int    `json:"streams"`         // separate caches
	KVCells        uint64 `json:"kv_cells"`        // tokens that one stream of the full cache holds; 0 = no such cache
	WindowCells    uint64 `json:"swa_cells"`       // tokens that one stream of the window cache holds; 0 = no such cache
	GPULayers      int    `json:"gpu_layers"`      // on GPUs, output layer included
	OutputDevice   int    `json:"output_device"`   // place of the device of the output layer
	Devices        int    `json:"devices"`         // host included, which is the last
	Constraints    int    `json:"constraints"`     // how many Constraints returns
	Warnings       int    `json:"warnings"`        // how many Warnings returns
	Pipeline       bool   `json:"pipeline"`        // inputs are kept four times to overlap devices
	Margin         int64  `json:"margin_bytes"`    // least that is left on any device; negative: bytes missing
	MaxContext     uint64 `json:"max_ctx_seq"`     // largest context of one sequence that fits; 0 = none
	MaxSequences   int    `json:"max_sequences"`   // most sequences of ContextSeq each that fit; 0 = none
	ComputeExact   bool   `json:"compute_exact"`   // compute buffers are exact; otherwise an upper bound
	WeightsBytes   uint64 `json:"weights_bytes"`   // this and the next: sums over all devices
	KVBytes        uint64 `json:"kv_bytes"`        // all caches
	RecurrentBytes uint64 `json:"recurrent_bytes"` // state of recurrent layers
	ComputeBytes   uint64 `json:"compute_bytes"`   // buffers of the graph
	OutputBytes    uint64 `json:"output_bytes"`    // logits and embeddings
	BesideBytes    uint64 `json:"beside_bytes"`    // what runs beside the model
	TotalBytes     uint64 `json:"total_bytes"`     // everything above
	Engine         Engine `json:"engine"`          // whose rules were followed
	Besides        int    `json:"beside_count"`    // how many Beside returns
}

func summaryFrom(c *C.ctxfit_plan_summary) Summary {
	return Summary{
		Fit: Fit(c.fit), Context: uint64(c.n_ctx), ContextSeq: uint64(c.n_ctx_seq), Sequences: int(c.n_seq), Batch: int(c.n_batch),
		UBatch: int(c.n_ubatch), FlashAttention: c.flash_attention != 0, UnifiedCache: c.kv_unified != 0, Streams: int(c.streams),
		KVCells: uint64(c.kv_cells), WindowCells: uint64(c.swa_cells), GPULayers: int(c.gpu_layers), OutputDevice: int(c.output_device),
		Devices: int(c.device_count), Constraints: int(c.constraint_count), Warnings: int(c.warning_count), Pipeline: c.pipeline != 0,
		Margin: int64(c.margin_bytes), MaxContext: uint64(c.max_ctx_seq_tokens), MaxSequences: int(c.max_sequences),
		ComputeExact: c.compute_exact != 0, WeightsBytes: uint64(c.weights_bytes), KVBytes: uint64(c.kv_bytes),
		RecurrentBytes: uint64(c.recurrent_bytes), ComputeBytes: uint64(c.compute_bytes), OutputBytes: uint64(c.output_bytes),
		TotalBytes: uint64(c.total_bytes), Engine: engineFrom(&c.engine), BesideBytes: uint64(c.beside_bytes), Besides: int(c.beside_count),
	}
}

// String returns the verdict on one line.
func (s Summary) String() string {
	context := fmt.Sprintf("%d tokens", s.Context)
	if s.Sequences > 1 {
		context = fmt.Sprintf("%d tokens for %d sequences", s.Context, s.Sequences)
	}
	switch {
	case s.Fit == FitNone && s.Margin < 0:
		return fmt.Sprintf("does not fit: %s, %d bytes missing", context, -s.Margin)
	case s.Fit == FitSplit:
		return fmt.Sprintf("fits with a part on the host: %s, %d bytes to spare", context, s.Margin)
	case s.Fit == FitAll:
		return fmt.Sprintf("fits: %s, %d bytes to spare", context, s.Margin)
	}
	return fmt.Sprintf("%v: %s", s.Fit, context)
}

// ContextSource says where the context of a plan comes from.
type ContextSource uint32

// The sources of a context.
const (
	ContextFromRequest ContextSource = C.CTXFIT_CTX_FROM_REQUEST // it was asked for
	ContextFromFile    ContextSource = C.CTXFIT_CTX_FROM_FILE    // the Modelfile
	ContextFromServer  ContextSource = C.CTXFIT_CTX_FROM_SERVER  // the server's setting
	ContextFromMemory  ContextSource = C.CTXFIT_CTX_FROM_MEMORY  // the engine's default for this much GPU memory
	ContextFromModel   ContextSource = C.CTXFIT_CTX_FROM_MODEL   // the trained length
)

var contextSourceNames = map[ContextSource]string{ContextFromRequest: "request", ContextFromFile: "file", ContextFromServer: "server",
	ContextFromMemory: "memory", ContextFromModel: "model"}

// String returns the name that the JSON of a plan has.
func (s ContextSource) String() string { return enumName(uint32(s), contextSourceNames[s]) }

// Decisions is what an engine itself goes by, where it has rules of its own; zero where it has not.
type Decisions struct {
	ContextSource  ContextSource
	Context        uint64 // its setting for the context, before it is padded
	DefaultMemory  uint64 // GPU memory by which a default context was chosen
	PredictedBytes uint64 // its own estimate of the model with its cache
	AvailableBytes uint64 // memory that it holds the estimate against
	Serial         bool   // it does not run the sequences that were asked for at the same time
	Pool           Pool   // of a paged cache
}

// Pool is the paged cache of vLLM; zero for other engines. Blocks are those that are left where profiling finds the most; MostBlocks
// where it finds the least.
type Pool struct {
	TensorRanks   int
	Stages        int
	Groups        int // of layers that each take blocks
	BlockTokens   int
	BlockBytes    uint64 // on the first stage
	Bytes         uint64
	Blocks        uint64
	MostBlocks    uint64
	Tokens        uint64 // what the engine's log calls the size of the cache
	MostTokens    uint64
	RequestBlocks uint64  // that one request of the planned context takes
	Longest       uint64  // the longest request, up to the planned context
	Concurrency   float64 // requests of the planned context at the same time
	StateSlots    uint64  // of recurrent states in it (SGLang)
}

func decisionsFrom(c *C.ctxfit_plan_engine) Decisions {
	return Decisions{
		ContextSource: ContextSource(c.ctx_source), Context: uint64(c.ctx_tokens), DefaultMemory: uint64(c.default_memory_bytes),
		PredictedBytes: uint64(c.predicted_bytes), AvailableBytes: uint64(c.available_bytes), Serial: c.serial != 0,
		Pool: Pool{
			TensorRanks: int(c.tensor_ranks), Stages: int(c.stages), Groups: int(c.groups), BlockTokens: int(c.block_tokens),
			BlockBytes: uint64(c.block_bytes), Bytes: uint64(c.pool_bytes), Blocks: uint64(c.pool_blocks),
			MostBlocks: uint64(c.pool_most_blocks), Tokens: uint64(c.pool_tokens), MostTokens: uint64(c.pool_most_tokens),
			RequestBlocks: uint64(c.request_blocks), Longest: uint64(c.longest_tokens), Concurrency: float64(c.concurrency),
			StateSlots: uint64(c.state_slots),
		},
	}
}

// DifferenceKind says in what two plans differ.
type DifferenceKind uint32

// The kinds of differences.
const (
	DiffersFit          DifferenceKind = C.CTXFIT_DIFFERS_FIT
	DiffersContext      DifferenceKind = C.CTXFIT_DIFFERS_CONTEXT
	DiffersSequences    DifferenceKind = C.CTXFIT_DIFFERS_SEQUENCES
	DiffersBatch        DifferenceKind = C.CTXFIT_DIFFERS_BATCH
	DiffersUsable       DifferenceKind = C.CTXFIT_DIFFERS_USABLE
	DiffersWeights      DifferenceKind = C.CTXFIT_DIFFERS_WEIGHTS
	DiffersCache        DifferenceKind = C.CTXFIT_DIFFERS_CACHE
	DiffersState        DifferenceKind = C.CTXFIT_DIFFERS_STATE
	DiffersCompute      DifferenceKind = C.CTXFIT_DIFFERS_COMPUTE
	DiffersOutput       DifferenceKind = C.CTXFIT_DIFFERS_OUTPUT
	DiffersTotal        DifferenceKind = C.CTXFIT_DIFFERS_TOTAL
	DiffersMaxContext   DifferenceKind = C.CTXFIT_DIFFERS_MAX_CONTEXT
	DiffersMaxSequences DifferenceKind = C.CTXFIT_DIFFERS_MAX_SEQUENCES
	DiffersBeside       DifferenceKind = C.CTXFIT_DIFFERS_BESIDE
)

// String returns the name that keys of the JSON have ("kv_bytes").
func (k DifferenceKind) String() string { return C.GoString(C.ctxfit_difference_name(C.uint32_t(k))) }

// Difference is one difference between two plans.
type Difference struct {
	Kind   DifferenceKind
	A, B   uint64
	Reason string // why, in words, from the rules of both engines
	Bytes  int64  // B - A where these are bytes: those of all parts add up to that of the total; otherwise 0
}

// PlanDevice is one device of a plan. Its JSON is that of the plan.
type PlanDevice struct {
	Name            string     `json:"name"` // the engine's ("CUDA0", "host")
	ID              string     `json:"id"`   // of the hardware
	Kind            DeviceKind `json:"kind"`
	Backend         Backend    `json:"-"`
	CapacityBytes   uint64     `json:"capacity_bytes"` // memory, or the GPU's budget of unified memory
	UsableBytes     uint64     `json:"usable_bytes"`   // less the reserve; Unlimited = not stated
	WeightsBytes    uint64     `json:"weights_bytes"`
	KVBytes         uint64     `json:"kv_bytes"`        // cache that spans the context
	KVWindowBytes   uint64     `json:"kv_swa_bytes"`    // cache of sliding windows and chunks
	RecurrentBytes  uint64     `json:"recurrent_bytes"` // state of recurrent layers
	KVOtherBytes    uint64     `json:"kv_other_bytes"`  // indexer
	ComputeBytes    uint64     `json:"compute_bytes"`   // exact or upper bound, see Summary.ComputeExact
	ComputeLowBytes uint64     `json:"compute_low_bytes"`
	OutputBytes     uint64     `json:"output_bytes"`           // logits, on the host
	BesideBytes     uint64     `json:"beside_bytes,omitempty"` // what runs beside the model
	TowerBytes      uint64     `json:"tower_bytes,omitempty"`  // of the weights: eyes and ears
	TotalBytes      uint64     `json:"total_bytes"`
	FreeBytes       int64      `json:"free_bytes"` // usable - total; negative: bytes missing
	Layers          int        `json:"layers"`     // whose weights are here
}

func planDeviceFrom(c *C.ctxfit_plan_device) PlanDevice {
	return PlanDevice{
		Name: getString(c.name[:]), ID: getString(c.id[:]), Kind: DeviceKind(c.kind), Backend: Backend(c.backend),
		CapacityBytes: uint64(c.capacity_bytes), UsableBytes: uint64(c.usable_bytes), WeightsBytes: uint64(c.weights_bytes),
		KVBytes: uint64(c.kv_bytes), KVWindowBytes: uint64(c.kv_swa_bytes), RecurrentBytes: uint64(c.recurrent_bytes),
		KVOtherBytes: uint64(c.kv_other_bytes), ComputeBytes: uint64(c.compute_bytes), ComputeLowBytes: uint64(c.compute_low_bytes),
		OutputBytes: uint64(c.output_bytes), TotalBytes: uint64(c.total_bytes), FreeBytes: int64(c.free_bytes), Layers: int(c.layers),
		BesideBytes: uint64(c.beside_bytes), TowerBytes: uint64(c.tower_bytes),
	}
}

// String returns the device and its bytes on one line.
func (d PlanDevice) String() string {
	if d.UsableBytes == Unlimited {
		return fmt.Sprintf("%s (%s): %d bytes", d.Name, d.ID, d.TotalBytes)
	}
	return fmt.Sprintf("%s (%s): %d of %d bytes", d.Name, d.ID, d.TotalBytes, d.UsableBytes)
}

// MarshalJSON writes the device as the JSON of a plan does: null where nothing is stated.
func (d PlanDevice) MarshalJSON() ([]byte, error) {
	type plain PlanDevice
	if d.UsableBytes != Unlimited {
		return json.Marshal(plain(d))
	}
	return json.Marshal(struct { // the outer fields hide those of the same name
		plain
		CapacityBytes *uint64 `json:"capacity_bytes"`
		UsableBytes   *uint64 `json:"usable_bytes"`
		FreeBytes     *int64  `json:"free_bytes"`
	}{plain: plain(d)})
}

// LimitKind says what limits the context of one sequence.
type LimitKind uint32

// The kinds of limits.
const (
	LimitConfigured  LimitKind = C.CTXFIT_LIMIT_CONFIGURED   // of WithLimit
	LimitRequested   LimitKind = C.CTXFIT_LIMIT_REQUESTED    // the context that was asked for
	LimitSlots       LimitKind = C.CTXFIT_LIMIT_SLOTS        // the same, divided among the sequences
	LimitTrained     LimitKind = C.CTXFIT_LIMIT_TRAINED      // what the model is made for
	LimitRopeScaling LimitKind = C.CTXFIT_LIMIT_ROPE_SCALING // beyond it quality may fall; never binding
	LimitDevice      LimitKind = C.CTXFIT_LIMIT_DEVICE       // memory of a device
	LimitGPUBudget   LimitKind = C.CTXFIT_LIMIT_GPU_BUDGET   // the part of unified memory that a GPU may use
	LimitHost        LimitKind = C.CTXFIT_LIMIT_HOST         // host memory
	LimitEngine      LimitKind = C.CTXFIT_LIMIT_ENGINE       // a rule of the engine
)

// String returns the name that the JSON of a plan has ("slots").
func (k LimitKind) String() string { return C.GoString(C.ctxfit_limit_name(C.uint32_t(k))) }

// MarshalText returns the name.
func (k LimitKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// NoDevice is the Device of a limit that is no device's.
const NoDevice = -1

// Constraint is one limit of the context of one sequence.
type Constraint struct {
	Kind    LimitKind `json:"kind"`
	Device  int       `json:"device"`       // place of the device of a memory limit, otherwise NoDevice
	Limit   uint64    `json:"limit_tokens"` // context that it allows; Unlimited = it does not limit
	Slack   int64     `json:"slack_bytes"`  // of a memory limit: bytes left at the planned context; negative: missing
	Binding bool      `json:"binding"`      // the smallest limit
	Source  string    `json:"source"`       // where the limit comes from, in words
	Fits    uint64    `json:"fits_tokens"`  // of a memory limit: the longest known to fit; Unlimited = bytes there do not depend on it
}

func constraintFrom(c *C.ctxfit_constraint) Constraint {
	device := NoDevice
	if c.device != C.UINT32_MAX {
		device = int(c.device)
	}
	return Constraint{
		Kind: LimitKind(c.kind), Device: device, Limit: uint64(c.limit_tokens), Slack: int64(c.slack_bytes), Binding: c.binding != 0,
		Source: getString(c.source[:]), Fits: uint64(c.fits_tokens),
	}
}

// String returns the limit on one line.
func (c Constraint) String() string {
	if c.Limit == Unlimited && c.Fits == Unlimited {
		return fmt.Sprintf("%v: any context, %s", c.Kind, c.Source)
	}
	if c.Limit == Unlimited {
		return fmt.Sprintf("%v: %d tokens or more, %s", c.Kind, c.Fits, c.Source)
	}
	return fmt.Sprintf("%v: %d tokens, %s", c.Kind, c.Limit, c.Source)
}

// MarshalJSON writes null for a limit that does not limit, and no device where there is none.
func (c Constraint) MarshalJSON() ([]byte, error) {
	type plain Constraint
	out := struct {
		plain
		Device *int    `json:"device,omitempty"`
		Limit  *uint64 `json:"limit_tokens"`
		Fits   any     `json:"fits_tokens,omitempty"`
		Slack  *int64  `json:"slack_bytes"`
	}{plain: plain(c)}
	if c.Limit != Unlimited {
		out.Limit = &c.Limit
	}
	if c.Slack != math.MaxInt64 { // memory that is not stated
		out.Slack = &c.Slack
	}
	if c.Device != NoDevice {
		out.Device = &c.Device
		out.Fits = c.Fits
		if c.Fits == Unlimited {
			out.Fits = (*uint64)(nil) // null: the key stays
		}
	}
	return json.Marshal(out)
}

// Basis says where an estimate comes from.
type Basis uint32

// The bases.
const (
	BasisUnknown    Basis = C.CTXFIT_BASIS_UNKNOWN
	BasisCalibrated Basis = C.CTXFIT_BASIS_CALIBRATED // on published measurements
	BasisMeasured   Basis = C.CTXFIT_BASIS_MEASURED   // on the real machine
)

var basisNames = map[Basis]string{BasisUnknown: "unknown", BasisCalibrated: "calibrated", BasisMeasured: "measured"}

// String returns the name that the JSON of a plan has.
func (b Basis) String() string { return enumName(uint32(b), basisNames[b]) }

// MarshalText returns the name.
func (b Basis) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// Rate is a number of tokens per second with its band; Value is 0 when it is unknown.
type Rate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Basis Basis   `json:"basis"`
}

func rateFrom(c *C.ctxfit_estimate) Rate {
	return Rate{Value: float64(c.value), Low: float64(c.low), High: float64(c.high), Basis: Basis(c.basis)}
}

// String returns the rate and its band.
func (r Rate) String() string {
	if r.Basis == BasisUnknown {
		return "unknown"
	}
	return fmt.Sprintf("%.1f tokens/s (%.1f to %.1f)", r.Value, r.Low, r.High)
}

// Time is a duration with its band; Value is 0 when it is unknown.
type Time struct {
	Value time.Duration `json:"value"`
	Low   time.Duration `json:"low"`
	High  time.Duration `json:"high"`
	Basis Basis         `json:"basis"`
}

// duration makes a time.Duration of seconds. What is longer than 292 years is that long.
func duration(seconds C.double) time.Duration {
	ns := float64(seconds) * float64(time.Second)
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

func timeFrom(c *C.ctxfit_estimate) Time {
	return Time{Value: duration(c.value), Low: duration(c.low), High: duration(c.high), Basis: Basis(c.basis)}
}

// String returns the time and its band.
func (t Time) String() string {
	if t.Basis == BasisUnknown {
		return "unknown"
	}
	round := func(d time.Duration) time.Duration {
		if d >= time.Minute {
			return d.Round(time.Second)
		}
		return d.Round(time.Millisecond)
	}
	return fmt.Sprintf("%v (%v to %v)", round(t.Value), round(t.Low), round(t.High))
}

// Request is what [Plan.Check] holds against a plan.
type Request struct {
	Prompt   uint64        `json:"prompt_tokens"` // whole prompt, cached part included
	Cached   uint64        `json:"cached_tokens"` // of the prompt, already in the cache
	Output   uint64        `json:"output_tokens"` // most that may be generated
	Deadline time.Duration `json:"deadline"`      // for prompt and output together; 0 = none
}

// Outcome is what is wrong with a request, as bits; 0 is nothing.
type Outcome uint32

// The bits of an outcome.
const (
	CheckOK       Outcome = C.CTXFIT_CHECK_OK
	CheckOverflow Outcome = C.CTXFIT_CHECK_OVERFLOW // longer than the limit
	CheckTooSlow  Outcome = C.CTXFIT_CHECK_TOO_SLOW // later than the deadline
	CheckNoFit    Outcome = C.CTXFIT_CHECK_NO_FIT   // the model does not fit in the first place
)

// String returns the names of the bits, with + between.
func (o Outcome) String() string {
	if o == CheckOK {
		return "ok"
	}
	var names []string
	for _, bit := range []struct {
		bit  Outcome
		name string
	}{{CheckOverflow, "overflow"}, {CheckTooSlow, "too_slow"}, {CheckNoFit, "no_fit"}} {
		if o&bit.bit != 0 {
			names = append(names, bit.name)
		}
	}
	return strings.Join(names, "+")
}

// MarshalText returns the names of the bits.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Check is the answer to a request.
type Check struct {
	Outcome       Outcome       `json:"outcome"`
	Overflow      uint64        `json:"overflow_tokens"` // beyond the limit; 0 = none
	Limit         uint64        `json:"limit_tokens"`    // that the request was held against
	LimitKind     LimitKind     `json:"limit_kind"`      // whose limit that is
	Expected      time.Duration `json:"expected"`        // 0 = unknown
	ExpectedLow   time.Duration `json:"expected_low"`
	ExpectedHigh  time.Duration `json:"expected_high"`
	Late          time.Duration `json:"late"`                  // how much later than the deadline
	LargestPrompt uint64        `json:"largest_prompt_tokens"` // that would pass with the same cached and output tokens; 0 = none
}

func checkFrom(c *C.ctxfit_check) Check {
	return Check{
		Outcome: Outcome(c.outcome), Overflow: uint64(c.overflow_tokens), Limit: uint64(c.limit_tokens), LimitKind: LimitKind(c.limit_kind),
		Expected: duration(c.expected_s), ExpectedLow: duration(c.expected_low_s), ExpectedHigh: duration(c.expected_high_s),
		Late: duration(c.late_s), LargestPrompt: uint64(c.largest_prompt_tokens),
	}
}

// OK says whether the request passes.
func (c Check) OK() bool { return c.Outcome == CheckOK }

// String says what is wrong, or that nothing is.
func (c Check) String() string {
	if c.OK() {
		return fmt.Sprintf("ok, about %v", c.Expected.Round(time.Second))
	}
	var faults []string
	if c.Outcome&CheckNoFit != 0 {
		faults = append(faults, "the model does not fit the machine")
	}
	if c.Outcome&CheckOverflow != 0 {
		faults = append(faults, fmt.Sprintf("%d tokens beyond the %v limit of %d", c.Overflow, c.LimitKind, c.Limit))
	}
	if c.Outcome&CheckTooSlow != 0 {
		faults = append(faults, fmt.Sprintf("takes %v, %v too long", c.Expected.Round(time.Second), c.Late.Round(time.Second)))
	}
	return fmt.Sprintf("%s; a prompt of %d tokens would pass", strings.Join(faults, ", "), c.LargestPrompt)
}
