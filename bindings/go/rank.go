package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

// RankRow is one row of a listing: a model of the catalog on a machine, or a machine of the catalog under a model.
type RankRow struct {
	ID               string   `json:"id"`          // of the model, or of the machine
	FileType         FileType `json:"file_type"`   // of the model
	Fit              Fit      `json:"fit"`         // never FitNone
	CPUExperts       bool     `json:"cpu_experts"` // it fits with all experts on the host only
	ComputeExact     bool     `json:"compute_exact"`
	PriceUSD         int      `json:"price_usd"` // of a machine; 0 = not known
	PriceYear        int      `json:"price_year"`
	Context          uint64   `json:"n_ctx_seq"`      // of one sequence
	Trained          uint64   `json:"trained_tokens"` // context that the model is made for; 0 = not stated
	Parameters       uint64   `json:"parameters"`
	ParametersActive uint64   `json:"parameters_active"`        // for one token
	Weights          uint64   `json:"weights_bytes"`            // over all devices
	Cache            uint64   `json:"cache_bytes"`              // caches and states, over all devices
	Total            uint64   `json:"total_bytes"`              // over all devices
	Margin           int64    `json:"margin_bytes"`             // smallest usable - total of all devices
	Decode           float64  `json:"decode_tokens_per_s"`      // of one sequence at an empty context; 0 = not known
	DecodeFull       float64  `json:"decode_full_tokens_per_s"` // of one sequence at a full context; 0 = not known
	Prompt           float64  `json:"prompt_s"`                 // seconds for a prompt as long as the context; 0 = not known
}

func rankRow(id string, r *C.ctxfit_rank_row) RankRow {
	return RankRow{
		ID: id, FileType: FileType(r.file_type), Fit: Fit(r.fit), CPUExperts: r.cpu_experts != 0, ComputeExact: r.compute_exact != 0,
		PriceUSD: int(r.price_usd), PriceYear: int(r.price_year), Context: uint64(r.n_ctx_seq), Trained: uint64(r.trained_tokens),
		Parameters: uint64(r.parameters), ParametersActive: uint64(r.parameters_active), Weights: uint64(r.weights_bytes),
		Cache: uint64(r.cache_bytes), Total: uint64(r.total_bytes), Margin: int64(r.margin_bytes),
		Decode: float64(r.decode_tokens_per_s), DecodeFull: float64(r.decode_full_tokens_per_s), Prompt: float64(r.prompt_s),
	}
}

func rankRows(n C.uint32_t) []C.ctxfit_rank_row {
	rows := make([]C.ctxfit_rank_row, n)
	for i := range rows {
		rows[i].struct_size = C.sizeof_ctxfit_rank_row
	}
	return rows
}

// RankModels returns the models of the catalog that a machine runs, the largest first. Each is in the best file type that fits, from best
// (0 = the largest) down to least (0 = the smallest); where the two are equal all are in that one.
func RankModels(hardware *Hardware, best, least FileType, options ...Option) ([]RankRow, error) {
	c, err := newCall(options)
	if err != nil {
		return nil, err
	}
	defer calls.Put(c)
	h := hardware.enter()
	if h == nil {
		return nil, ErrClosed
	}
	defer hardware.handle.leave()
	rows := rankRows(C.ctxfit_model_catalog_count())
	var count C.size_t
	var e C.ctxfit_error
	status := C.ctxfit_rank_models(h, C.ctxfit_file_type(best), C.ctxfit_file_type(least), (*C.ctxfit_plan_options)(&c.options), nil,
		&rows[0], C.size_t(len(rows)), &count, &e)
	if status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	ranked := make([]RankRow, count)
	for i := range ranked {
		ranked[i] = rankRow(C.GoString(C.ctxfit_model_catalog_id(rows[i].place)), &rows[i])
	}
	return ranked, nil
}

// RankMachines returns the machines of the catalog that run a model as it is, the cheapest first. The filter may ask for parts too.
func RankMachines(model *Model, filter HardwareFilter, options ...Option) ([]RankRow, error) {
	c, err := newCall(options)
	if err != nil {
		return nil, err
	}
	defer calls.Put(c)
	var f C.ctxfit_hw_filter
	if err := filter.put(&f); err != nil {
		return nil, err
	}
	m := model.enter()
	if m == nil {
		return nil, ErrClosed
	}
	defer model.handle.leave()
	rows := rankRows(C.ctxfit_hw_catalog_count())
	var count C.size_t
	var e C.ctxfit_error
	status := C.ctxfit_rank_machines(m, &f, (*C.ctxfit_plan_options)(&c.options), nil, &rows[0], C.size_t(len(rows)), &count, &e)
	if status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	ranked := make([]RankRow, count)
	for i := range ranked {
		ranked[i] = rankRow(C.GoString(C.ctxfit_hw_catalog_id(rows[i].place)), &rows[i])
	}
	return ranked, nil
}
