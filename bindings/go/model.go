package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Model says what must be stored and computed: layers, caches, experts, and every tensor with its format.
type Model struct{ handle handle }

func newModel(c *C.ctxfit_model) *Model {
	m := &Model{handle{object: unsafe.Pointer(c), free: func(p unsafe.Pointer) { C.ctxfit_model_free((*C.ctxfit_model)(p)) }}}
	runtime.SetFinalizer(m, (*Model).Close)
	return m
}

// Catalog makes a model of the built-in catalog in a file type; [FileTypeDefault] is as published. The name is an id
// ("qwen3-coder-30b-a3b"), a name on Hugging Face ("Qwen/Qwen3-Coder-30B-A3B-Instruct") or another that people type ("qwen3-coder:30b").
func Catalog(name string, fileType FileType) (*Model, error) {
	s, err := cString("the name", name)
	if err != nil {
		return nil, err
	}
	defer freeString(s)
	var c *C.ctxfit_model
	var e C.ctxfit_error
	if status := C.ctxfit_model_from_catalog(s, C.ctxfit_file_type(fileType), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModel(c), nil
}

// FromText makes a model of one line of text: the architecture and its GGUF keys without the architecture's prefix, such as
// "qwen3 block_count=36 embedding_length=4096 attention.head_count=32 ... vocab_size=151936".
func FromText(text string, fileType FileType) (*Model, error) {
	s, err := cString("the text", text)
	if err != nil {
		return nil, err
	}
	defer freeString(s)
	var c *C.ctxfit_model
	var e C.ctxfit_error
	if status := C.ctxfit_model_from_text(s, C.ctxfit_file_type(fileType), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModel(c), nil
}

// FromConfig makes a model of the text of a Hugging Face config.json; of a model with eyes or ears, its text decoder.
// [FileTypeDefault] is the precision of the plain checkpoint. [Model.Notes] says what had to be guessed.
func FromConfig(config []byte, fileType FileType) (*Model, error) {
	var c *C.ctxfit_model
	var e C.ctxfit_error
	text := append(make([]byte, 0, len(config)+1), config...)
	text = append(text, 0) // so that there is a first byte
	status := C.ctxfit_model_from_config((*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(config)), C.ctxfit_file_type(fileType), nil, &c, &e)
	if status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModel(c), nil
}

// Notes says what the source left open or what was read as something else, a sentence each; nil after Close.
func (m *Model) Notes() []string {
	model := m.enter()
	if model == nil {
		return nil
	}
	defer m.handle.leave()
	var notes []string
	for {
		note := C.ctxfit_model_note(model, C.uint32_t(len(notes)))
		if note == nil {
			return notes
		}
		notes = append(notes, C.GoString(note))
	}
}

// OpenModel makes a model of a GGUF file, of a split model the first shard; or of what "hf:owner/repository[:tag]",
// "lmstudio:publisher/model[@quantization]" or "ollama:name[:tag]" means on this disk, see [LookUp].
func OpenModel(path string, options ...GGUFOption) (*Model, error) {
	if isStored(path) {
		return openStored(path, options)
	}
	header, err := OpenGGUF(path, options...)
	if err != nil {
		return nil, err
	}
	defer header.Close()
	return header.Model()
}

// Model makes a model of the header, of any architecture.
func (g *GGUF) Model() (*Model, error) {
	header := g.enter()
	if header == nil {
		return nil, ErrClosed
	}
	defer g.handle.leave()
	var c *C.ctxfit_model
	var e C.ctxfit_error
	if status := C.ctxfit_model_from_gguf(header, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModel(c), nil
}

// FromLayers makes a model of a description. Of info Embedding and Vocabulary are needed; TrainedTokens, EmbeddingInputs,
// PerLayerEmbedding and Tied are taken; Name and Architecture may be "". Without an architecture the tensors are those that the
// numbers of the layers imply.
func FromLayers(info ModelInfo, layers []Layer, fileType FileType) (*Model, error) {
	name, err := cString("the name", info.Name)
	if err != nil {
		return nil, err
	}
	defer freeString(name)
	var arch *C.char
	if info.Architecture != "" {
		if arch, err = cString("the architecture", info.Architecture); err != nil {
			return nil, err
		}
		defer freeString(arch)
	}
	var ci C.ctxfit_model_info
	if err = info.put(&ci); err != nil {
		return nil, err
	}
	list := make([]C.ctxfit_layer_info, len(layers)+1) // so that there is a first one
	for i := range layers {
		layers[i].put(&list[i])
	}
	var c *C.ctxfit_model
	var e C.ctxfit_error
	status := C.ctxfit_model_from_layers(name, arch, &ci, &list[0], C.size_t(len(layers)), C.ctxfit_file_type(fileType), nil, &c, &e)
	if status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModel(c), nil
}

// Requantize returns the same model in another file type, by the rules of llama-quantize, as if from full precision.
func (m *Model) Requantize(fileType FileType) (*Model, error) {
	model := m.enter()
	if model == nil {
		return nil, ErrClosed
	}
	defer m.handle.leave()
	var c *C.ctxfit_model
	var e C.ctxfit_error
	if status := C.ctxfit_model_requantize(model, C.ctxfit_file_type(fileType), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModel(c), nil
}

func (m *Model) enter() *C.ctxfit_model {
	if m == nil {
		return nil
	}
	return (*C.ctxfit_model)(m.handle.enter())
}

// Close gives the memory back. A second Close does nothing.
func (m *Model) Close() error {
	if m != nil && m.handle.close() {
		runtime.SetFinalizer(m, nil)
	}
	return nil
}

// RopeScaling is how positions are stretched beyond the length of pre-training.
type RopeScaling uint32

// The kinds of rope scaling.
const (
	RopeScalingNone     RopeScaling = C.CTXFIT_ROPE_SCALING_NONE
	RopeScalingLinear   RopeScaling = C.CTXFIT_ROPE_SCALING_LINEAR
	RopeScalingYarn     RopeScaling = C.CTXFIT_ROPE_SCALING_YARN
	RopeScalingLongRope RopeScaling = C.CTXFIT_ROPE_SCALING_LONGROPE
	RopeScalingLlama3   RopeScaling = C.CTXFIT_ROPE_SCALING_LLAMA3 // factors stored as a tensor
)

var ropeScalingNames = map[RopeScaling]string{
	RopeScalingNone: "none", RopeScalingLinear: "linear", RopeScalingYarn: "yarn", RopeScalingLongRope: "longrope",
	RopeScalingLlama3: "llama3",
}

// String returns the name.
func (r RopeScaling) String() string { return enumName(uint32(r), ropeScalingNames[r]) }

// MarshalText returns the name.
func (r RopeScaling) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ModelInfo says what the whole model is. Zero where it does not apply.
type ModelInfo struct {
	Name              string      `json:"name"`         // for people, "" if unnamed
	Architecture      string      `json:"architecture"` // as in general.architecture ("qwen3moe")
	FileType          FileType    `json:"file_type"`    // as stated or as asked for; 0 = unknown
	Layers            int         `json:"layers"`       // of the trunk
	NextNLayers       int         `json:"nextn_layers"` // next-token-prediction blocks behind the trunk
	Embedding         int         `json:"embedding"`    // hidden width
	EmbeddingInputs   int         `json:"embedding_inputs"`
	Vocabulary        int         `json:"vocabulary"`
	Heads             int         `json:"heads"`               // of the widest layer
	Experts           int         `json:"experts"`             // of the layer with most
	ExpertsUsed       int         `json:"experts_used"`        // per token, in that layer
	PerLayerEmbedding int         `json:"per_layer_embedding"` // its width, 0 = none
	RopeScaling       RopeScaling `json:"rope_scaling"`
	RopeFactor        float64     `json:"rope_factor"`          // 0 = none or unstated
	RopeOriginal      uint64      `json:"rope_original_tokens"` // length before scaling, 0 = unstated
	TrainedTokens     uint64      `json:"trained_tokens"`       // context that the model is made for, scaling included
	Parameters        uint64      `json:"parameters"`
	ParametersActive  uint64      `json:"parameters_active"` // without the routed experts that a token does not use
	TensorCount       uint64      `json:"tensor_count"`      // in the file
	TensorBytes       uint64      `json:"tensor_bytes"`      // unpadded
	DataBytes         uint64      `json:"data_bytes"`        // each tensor padded to its alignment
	Tied              bool        `json:"tied"`              // the output matrix is the token embedding
	UnknownArch       bool        `json:"unknown_arch"`      // no rules for this architecture: generic cache, compute only as a band
	FromFile          bool        `json:"from_file"`         // tensors were read from a file
	Recurrent         bool        `json:"recurrent"`         // no attention at all
	Hybrid            bool        `json:"hybrid"`            // attention and recurrent state
	NoCache           bool        `json:"no_cache"`          // encoders and diffusion models: nothing is cached
	ContextUnstated   bool        `json:"context_unstated"`  // the source states no trained length
}

func (i *ModelInfo) put(c *C.ctxfit_model_info) error {
	c.struct_size = C.sizeof_ctxfit_model_info
	if i.Tied {
		c.flags = C.CTXFIT_MODEL_F_TIED
	}
	c.trained_tokens = C.uint64_t(i.TrainedTokens)
	for _, count := range []struct {
		to   *C.uint32_t
		what string
		n    int
	}{
		{&c.embedding, "Embedding", i.Embedding}, {&c.embedding_inputs, "EmbeddingInputs", i.EmbeddingInputs},
		{&c.vocabulary, "Vocabulary", i.Vocabulary}, {&c.per_layer_embedding, "PerLayerEmbedding", i.PerLayerEmbedding},
	} {
		if err := putCount(count.to, count.what, count.n); err != nil {
			return err
		}
	}
	return nil
}

// Info returns what the whole model is.
func (m *Model) Info() (ModelInfo, error) {
	model := m.enter()
	if model == nil {
		return ModelInfo{}, ErrClosed
	}
	defer m.handle.leave()
	var c C.ctxfit_model_info
	c.struct_size = C.sizeof_ctxfit_model_info
	if status := C.ctxfit_model_get_info(model, &c); status != C.CTXFIT_OK {
		return ModelInfo{}, statusError(status, "facts of a model")
	}
	return ModelInfo{
		Name: C.GoString(C.ctxfit_model_name(model)), Architecture: C.GoString(C.ctxfit_model_arch(model)),
		FileType: FileType(c.file_type), Layers: int(c.layers), NextNLayers: int(c.nextn_layers), Embedding: int(c.embedding),
		EmbeddingInputs: int(c.embedding_inputs), Vocabulary: int(c.vocabulary), Heads: int(c.heads), Experts: int(c.experts),
		ExpertsUsed: int(c.experts_used), PerLayerEmbedding: int(c.per_layer_embedding), RopeScaling: RopeScaling(c.rope_scaling),
		RopeFactor: float64(c.rope_factor), RopeOriginal: uint64(c.rope_original_tokens), TrainedTokens: uint64(c.trained_tokens),
		Parameters: uint64(c.parameters), ParametersActive: uint64(c.parameters_active), TensorCount: uint64(c.tensor_count),
		TensorBytes: uint64(c.tensor_bytes), DataBytes: uint64(c.data_bytes),
		Tied: flag(c.flags, C.CTXFIT_MODEL_F_TIED), UnknownArch: flag(c.flags, C.CTXFIT_MODEL_F_UNKNOWN_ARCH),
		FromFile: flag(c.flags, C.CTXFIT_MODEL_F_FROM_FILE), Recurrent: flag(c.flags, C.CTXFIT_MODEL_F_RECURRENT),
		Hybrid: flag(c.flags, C.CTXFIT_MODEL_F_HYBRID), NoCache: flag(c.flags, C.CTXFIT_MODEL_F_NO_CACHE),
		ContextUnstated: flag(c.flags, C.CTXFIT_MODEL_F_CONTEXT_UNSTATED),
	}, nil
}

// String returns the name, the file type and the size.
func (m *Model) String() string {
	info, err := m.Info()
	if err != nil {
		return "(" + err.Error() + ")"
	}
	name := info.Name
	if name == "" {
		name = info.Architecture
	}
	stored := ""
	if c, err := m.Checkpoint(); err == nil && c.QuantMethod != "" {
		stored = ", checkpoint of " + c.QuantMethod
	}
	return fmt.Sprintf("%s %v%s, %.1f B parameters, %d bytes", name, info.FileType, stored, float64(info.Parameters)/1e9, info.DataBytes)
}

// Attention is how a layer attends.
type Attention uint32

// The kinds of attention.
const (
	AttentionNone    Attention = C.CTXFIT_ATTENTION_NONE
	AttentionFull    Attention = C.CTXFIT_ATTENTION_FULL    // every earlier token
	AttentionSliding Attention = C.CTXFIT_ATTENTION_SLIDING // the last WindowTokens
	AttentionChunked Attention = C.CTXFIT_ATTENTION_CHUNKED // the current chunk of WindowTokens
	AttentionLatent  Attention = C.CTXFIT_ATTENTION_LATENT  // one compressed vector per token is cached
)

var attentionNames = map[Attention]string{
	AttentionNone: "none", AttentionFull: "full", AttentionSliding: "sliding", AttentionChunked: "chunked", AttentionLatent: "latent",
}

// String returns the name.
func (a Attention) String() string { return enumName(uint32(a), attentionNames[a]) }

// MarshalText returns the name.
func (a Attention) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// StateKind is what keeps a state of constant size in a layer.
type StateKind uint32

// The kinds of state.
const (
	StateNone      StateKind = C.CTXFIT_STATE_NONE
	StateMamba     StateKind = C.CTXFIT_STATE_MAMBA
	StateMamba2    StateKind = C.CTXFIT_STATE_MAMBA2
	StateDeltaNet  StateKind = C.CTXFIT_STATE_DELTA_NET  // gated delta net (Qwen3-Next)
	StateKDA       StateKind = C.CTXFIT_STATE_KDA        // Kimi delta attention
	StateShortConv StateKind = C.CTXFIT_STATE_SHORT_CONV // LFM2
	StateRWKV      StateKind = C.CTXFIT_STATE_RWKV
)

var stateNames = map[StateKind]string{
	StateNone: "none", StateMamba: "mamba", StateMamba2: "mamba2", StateDeltaNet: "delta_net", StateKDA: "kda",
	StateShortConv: "short_conv", StateRWKV: "rwkv",
}

// String returns the name.
func (s StateKind) String() string { return enumName(uint32(s), stateNames[s]) }

// MarshalText returns the name.
func (s StateKind) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// FeedForward is the feed-forward part of a layer.
type FeedForward uint32

// The kinds of feed-forward parts.
const (
	FeedForwardNone  FeedForward = C.CTXFIT_FF_NONE
	FeedForwardPlain FeedForward = C.CTXFIT_FF_PLAIN // up, down
	FeedForwardGated FeedForward = C.CTXFIT_FF_GATED // gate, up, down
	FeedForwardMoE   FeedForward = C.CTXFIT_FF_MOE   // experts, perhaps with shared ones
)

var feedForwardNames = map[FeedForward]string{
	FeedForwardNone: "none", FeedForwardPlain: "plain", FeedForwardGated: "gated", FeedForwardMoE: "moe",
}

// String returns the name.
func (f FeedForward) String() string { return enumName(uint32(f), feedForwardNames[f]) }

// MarshalText returns the name.
func (f FeedForward) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Layer is one layer of a model. Zero where it does not apply.
type Layer struct {
	Cache          bool        `json:"cache"`         // owns a KV cache; otherwise reuses an earlier layer's, or caches nothing
	NextN          bool        `json:"nextn"`         // a next-token-prediction block behind the trunk
	PlainExperts   bool        `json:"plain_experts"` // experts have no gate matrix
	Attention      Attention   `json:"attention"`
	State          StateKind   `json:"state"`
	FeedForward    FeedForward `json:"feed_forward"`
	Heads          uint32      `json:"heads"`            // of queries
	KVHeads        uint32      `json:"kv_heads"`         // as cached: 1 for latent attention
	KeySize        uint32      `json:"key_size"`         // per head, elements
	ValueSize      uint32      `json:"value_size"`       // per head, elements
	WindowTokens   uint32      `json:"window_tokens"`    // window or chunk
	CacheKElems    uint32      `json:"cache_k_elems"`    // cached per token
	CacheVElems    uint32      `json:"cache_v_elems"`    // cached per token; 0 for latent attention
	KVRank         uint32      `json:"kv_rank"`          // latent attention: compressed width
	QRank          uint32      `json:"q_rank"`           // latent attention: rank of the query projection
	RopeSize       uint32      `json:"rope_size"`        // rotated elements of a head
	IndexerHeads   uint32      `json:"indexer_heads"`    // sparse attention
	IndexerSize    uint32      `json:"indexer_size"`     // sparse attention: cached per token
	ConvKernel     uint32      `json:"conv_kernel"`      // of the state: convolution length
	StateSize      uint32      `json:"state_size"`       // of the state: per head or channel
	StateInner     uint32      `json:"state_inner"`      // of the state: inner width
	StateHeads     uint32      `json:"state_heads"`      // of the state: heads, or the time-step rank of Mamba
	StateGroups    uint32      `json:"state_groups"`     // of the state
	ConvStateElems uint32      `json:"conv_state_elems"` // kept per sequence for the convolution
	RecurrentElems uint32      `json:"recurrent_elems"`  // kept per sequence for the recurrence
	FFWidth        uint32      `json:"ff_width"`         // dense part
	Experts        uint32      `json:"experts"`          // routed experts
	ExpertsUsed    uint32      `json:"experts_used"`     // routed experts per token
	ExpertWidth    uint32      `json:"expert_width"`     // of one routed expert
	SharedWidth    uint32      `json:"shared_width"`     // of all shared experts together
	CompressRatio  uint32      `json:"compress_ratio"`   // tokens that share one entry of the compressed cache, 0 = none
}

// numbers are the fields that are alike on both sides, in pairs.
func (l *Layer) numbers(c *C.ctxfit_layer_info) [25]struct {
	c    *C.uint32_t
	here *uint32
} {
	return [...]struct {
		c    *C.uint32_t
		here *uint32
	}{
		{&c.heads, &l.Heads}, {&c.kv_heads, &l.KVHeads}, {&c.key_size, &l.KeySize}, {&c.value_size, &l.ValueSize},
		{&c.window_tokens, &l.WindowTokens}, {&c.cache_k_elems, &l.CacheKElems}, {&c.cache_v_elems, &l.CacheVElems},
		{&c.kv_rank, &l.KVRank}, {&c.q_rank, &l.QRank}, {&c.rope_size, &l.RopeSize}, {&c.indexer_heads, &l.IndexerHeads},
		{&c.indexer_size, &l.IndexerSize}, {&c.conv_kernel, &l.ConvKernel}, {&c.state_size, &l.StateSize},
		{&c.state_inner, &l.StateInner}, {&c.state_heads, &l.StateHeads}, {&c.state_groups, &l.StateGroups},
		{&c.conv_state_elems, &l.ConvStateElems}, {&c.recurrent_elems, &l.RecurrentElems}, {&c.ff_width, &l.FFWidth},
		{&c.experts, &l.Experts}, {&c.experts_used, &l.ExpertsUsed}, {&c.expert_width, &l.ExpertWidth},
		{&c.shared_width, &l.SharedWidth}, {&c.compress_ratio, &l.CompressRatio},
	}
}

func (l *Layer) put(c *C.ctxfit_layer_info) {
	c.struct_size = C.sizeof_ctxfit_layer_info
	if l.Cache {
		c.flags |= C.CTXFIT_LAYER_F_CACHE
	}
	if l.NextN {
		c.flags |= C.CTXFIT_LAYER_F_NEXTN
	}
	if l.PlainExperts {
		c.flags |= C.CTXFIT_LAYER_F_PLAIN_EXPERTS
	}
	c.attention, c.state, c.feed_forward = C.uint32_t(l.Attention), C.uint32_t(l.State), C.uint32_t(l.FeedForward)
	for _, n := range l.numbers(c) {
		*n.c = C.uint32_t(*n.here)
	}
}

func layerFrom(c *C.ctxfit_layer_info) Layer {
	l := Layer{
		Cache: flag(c.flags, C.CTXFIT_LAYER_F_CACHE), NextN: flag(c.flags, C.CTXFIT_LAYER_F_NEXTN),
		PlainExperts: flag(c.flags, C.CTXFIT_LAYER_F_PLAIN_EXPERTS),
		Attention:    Attention(c.attention), State: StateKind(c.state), FeedForward: FeedForward(c.feed_forward),
	}
	for _, n := range l.numbers(c) {
		*n.here = uint32(*n.c)
	}
	return l
}

// Layers returns the layers; next-token-prediction blocks follow the trunk. It returns nil when the model is closed.
func (m *Model) Layers() []Layer {
	model := m.enter()
	if model == nil {
		return nil
	}
	defer m.handle.leave()
	var all []Layer
	for {
		var c C.ctxfit_layer_info
		c.struct_size = C.sizeof_ctxfit_layer_info
		if C.ctxfit_model_get_layer(model, C.uint32_t(len(all)), &c) != C.CTXFIT_OK {
			return all
		}
		all = append(all, layerFrom(&c))
	}
}

// Tensors returns the tensors; nil when the model is closed.
func (m *Model) Tensors() []Tensor {
	model := m.enter()
	if model == nil {
		return nil
	}
	defer m.handle.leave()
	var all []Tensor
	for {
		var c C.ctxfit_tensor_info
		c.struct_size = C.sizeof_ctxfit_tensor_info
		at := C.uint64_t(len(all))
		if C.ctxfit_model_get_tensor(model, at, &c) != C.CTXFIT_OK {
			return all
		}
		all = append(all, tensorFrom(&c, C.ctxfit_model_tensor_name(model, at)))
	}
}

// ModelEntry is one entry of the catalog of models.
type ModelEntry struct {
	ID            string `json:"id"`              // "qwen3-coder-30b-a3b"
	HuggingFaceID string `json:"hugging_face_id"` // "Qwen/Qwen3-Coder-30B-A3B-Instruct"
	Source        string `json:"source"`          // where the facts come from
}

// ModelCatalog returns the models that [Catalog] knows.
func ModelCatalog() []ModelEntry {
	all := make([]ModelEntry, C.ctxfit_model_catalog_count())
	for i := range all {
		at := C.uint32_t(i)
		all[i] = ModelEntry{
			ID: C.GoString(C.ctxfit_model_catalog_id(at)), HuggingFaceID: C.GoString(C.ctxfit_model_catalog_hf_id(at)),
			Source: C.GoString(C.ctxfit_model_catalog_source(at)),
		}
	}
	return all
}
