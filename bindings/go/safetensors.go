package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// DType is a type of elements in a safetensors file.
type DType uint32

// The types of elements.
const (
	DTypeUnknown    DType = C.CTXFIT_DTYPE_UNKNOWN
	DTypeBool       DType = C.CTXFIT_DTYPE_BOOL
	DTypeU8         DType = C.CTXFIT_DTYPE_U8
	DTypeI8         DType = C.CTXFIT_DTYPE_I8
	DTypeU16        DType = C.CTXFIT_DTYPE_U16
	DTypeI16        DType = C.CTXFIT_DTYPE_I16
	DTypeU32        DType = C.CTXFIT_DTYPE_U32
	DTypeI32        DType = C.CTXFIT_DTYPE_I32
	DTypeU64        DType = C.CTXFIT_DTYPE_U64
	DTypeI64        DType = C.CTXFIT_DTYPE_I64
	DTypeF16        DType = C.CTXFIT_DTYPE_F16
	DTypeBF16       DType = C.CTXFIT_DTYPE_BF16
	DTypeF32        DType = C.CTXFIT_DTYPE_F32
	DTypeF64        DType = C.CTXFIT_DTYPE_F64
	DTypeC64        DType = C.CTXFIT_DTYPE_C64
	DTypeF8E4M3     DType = C.CTXFIT_DTYPE_F8_E4M3
	DTypeF8E5M2     DType = C.CTXFIT_DTYPE_F8_E5M2
	DTypeF8E8M0     DType = C.CTXFIT_DTYPE_F8_E8M0
	DTypeF6E2M3     DType = C.CTXFIT_DTYPE_F6_E2M3
	DTypeF6E3M2     DType = C.CTXFIT_DTYPE_F6_E3M2
	DTypeF4         DType = C.CTXFIT_DTYPE_F4
	DTypeF8E4M3FNUZ DType = C.CTXFIT_DTYPE_F8_E4M3FNUZ
	DTypeF8E5M2FNUZ DType = C.CTXFIT_DTYPE_F8_E5M2FNUZ
)

// String returns the name as files spell it ("F8_E4M3").
func (d DType) String() string {
	name := C.ctxfit_dtype_name(C.uint32_t(d))
	if name == nil {
		return enumName(uint32(d), "")
	}
	return C.GoString(name)
}

// MarshalText returns the name.
func (d DType) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Safetensors are the tensors of one file, or of all files of a checkpoint, sorted by name.
type Safetensors struct{ handle handle }

func newSafetensors(c *C.ctxfit_safetensors) *Safetensors {
	s := &Safetensors{handle{object: unsafe.Pointer(c), free: func(p unsafe.Pointer) { C.ctxfit_safetensors_free((*C.ctxfit_safetensors)(p)) }}}
	runtime.SetFinalizer(s, (*Safetensors).Close)
	return s
}

// OpenSafetensors reads the header of a .safetensors file, or those of all files of a .safetensors.index.json.
func OpenSafetensors(path string) (*Safetensors, error) {
	p, err := cString("the path", path)
	if err != nil {
		return nil, err
	}
	defer freeString(p)
	var c *C.ctxfit_safetensors
	var e C.ctxfit_error
	if status := C.ctxfit_safetensors_open(p, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newSafetensors(c), nil
}

// ParseSafetensors reads a header from the first bytes of a file, whose whole size is 0 where it is unknown. Where they are too few it
// fails with [ErrTruncated], and Detail of the [*Error] is the length of the prefix that it wants.
func ParseSafetensors(data []byte, fileBytes uint64) (*Safetensors, error) {
	first := unsafe.Pointer(new(byte)) // of an empty prefix
	if len(data) > 0 {
		first = unsafe.Pointer(&data[0])
	}
	var c *C.ctxfit_safetensors
	var e C.ctxfit_error
	if status := C.ctxfit_safetensors_parse(first, C.size_t(len(data)), C.uint64_t(fileBytes), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newSafetensors(c), nil
}

// JoinSafetensors makes one of those of all files of a checkpoint. The parts stay the caller's.
func JoinSafetensors(parts ...*Safetensors) (*Safetensors, error) {
	if len(parts) == 0 {
		return nil, invalid("JoinSafetensors: no parts")
	}
	list := make([]*C.ctxfit_safetensors, len(parts))
	for i, part := range parts {
		if list[i] = part.enter(); list[i] == nil {
			return nil, ErrClosed
		}
		defer part.handle.leave()
	}
	var c *C.ctxfit_safetensors
	var e C.ctxfit_error
	if status := C.ctxfit_safetensors_join(&list[0], C.size_t(len(list)), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newSafetensors(c), nil
}

func (s *Safetensors) enter() *C.ctxfit_safetensors {
	if s == nil {
		return nil
	}
	return (*C.ctxfit_safetensors)(s.handle.enter())
}

// Close gives the memory back. A second Close does nothing.
func (s *Safetensors) Close() error {
	if s != nil && s.handle.close() {
		runtime.SetFinalizer(s, nil)
	}
	return nil
}

// Shards is the number of files; Bytes those of all tensors. Both are 0 after Close.
func (s *Safetensors) Shards() int {
	c := s.enter()
	if c == nil {
		return 0
	}
	defer s.handle.leave()
	return int(C.ctxfit_safetensors_shard_count(c))
}

// Bytes is what all tensors hold.
func (s *Safetensors) Bytes() uint64 {
	c := s.enter()
	if c == nil {
		return 0
	}
	defer s.handle.leave()
	return uint64(C.ctxfit_safetensors_tensor_bytes(c))
}

// HFTensor is a tensor of a safetensors file.
type HFTensor struct {
	Name   string   `json:"name"`
	DType  DType    `json:"dtype"`
	Dims   []uint64 `json:"dims"`   // as in the file, the last runs fastest
	Shard  int      `json:"shard"`  // file of a checkpoint, from 0
	Offset uint64   `json:"offset"` // from the start of the data section of its file
	Bytes  uint64   `json:"bytes"`
}

func hfTensor(c *C.ctxfit_safetensors, index C.uint64_t) (HFTensor, error) {
	var t C.ctxfit_hf_tensor
	t.struct_size = C.sizeof_ctxfit_hf_tensor
	if status := C.ctxfit_safetensors_get_tensor(c, index, &t); status != C.CTXFIT_OK {
		return HFTensor{}, statusError(status, "tensor %d", uint64(index))
	}
	dims := make([]uint64, 0, t.n_dims)
	for i := 0; i < int(t.n_dims); i++ {
		dims = append(dims, uint64(t.dims[i]))
	}
	return HFTensor{Name: C.GoString(C.ctxfit_safetensors_tensor_name(c, index)), DType: DType(t.dtype), Dims: dims, Shard: int(t.shard),
		Offset: uint64(t.offset), Bytes: uint64(t.bytes)}, nil
}

// Tensors are all tensors, sorted by name.
func (s *Safetensors) Tensors() ([]HFTensor, error) {
	c := s.enter()
	if c == nil {
		return nil, ErrClosed
	}
	defer s.handle.leave()
	all := make([]HFTensor, 0, C.ctxfit_safetensors_tensor_count(c))
	for i := C.uint64_t(0); i < C.ctxfit_safetensors_tensor_count(c); i++ {
		t, err := hfTensor(c, i)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// Tensor finds a tensor by its name.
func (s *Safetensors) Tensor(name string) (HFTensor, error) {
	n, err := cString("the name", name)
	if err != nil {
		return HFTensor{}, err
	}
	defer freeString(n)
	c := s.enter()
	if c == nil {
		return HFTensor{}, ErrClosed
	}
	defer s.handle.leave()
	var index C.uint64_t
	if status := C.ctxfit_safetensors_find_tensor(c, n, &index); status != C.CTXFIT_OK {
		return HFTensor{}, statusError(status, "tensor %q", name)
	}
	return hfTensor(c, index)
}

// CheckpointQuant is how the weights of a checkpoint are quantized.
type CheckpointQuant uint32

// The kinds of quantization.
const (
	CheckpointQuantNone         CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_NONE
	CheckpointQuantFP8          CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_FP8
	CheckpointQuantAWQ          CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_AWQ
	CheckpointQuantGPTQ         CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_GPTQ
	CheckpointQuantMXFP4        CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_MXFP4
	CheckpointQuantNVFP4        CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_NVFP4
	CheckpointQuantInteger      CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_INTEGER // compressed-tensors
	CheckpointQuantBitsAndBytes CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_BITSANDBYTES
	CheckpointQuantMLX          CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_MLX
	CheckpointQuantOther        CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_OTHER // a method that is not known
	CheckpointQuantEXL3         CheckpointQuant = C.CTXFIT_CHECKPOINT_QUANT_EXL3  // ExLlamaV3
)

var checkpointQuantNames = map[CheckpointQuant]string{
	CheckpointQuantNone: "none", CheckpointQuantFP8: "fp8", CheckpointQuantAWQ: "awq", CheckpointQuantGPTQ: "gptq",
	CheckpointQuantMXFP4: "mxfp4", CheckpointQuantNVFP4: "nvfp4", CheckpointQuantInteger: "integer",
	CheckpointQuantBitsAndBytes: "bitsandbytes", CheckpointQuantMLX: "mlx", CheckpointQuantOther: "other",
	CheckpointQuantEXL3: "exl3",
}

// String returns the name.
func (q CheckpointQuant) String() string { return enumName(uint32(q), checkpointQuantNames[q]) }

// MarshalText returns the name.
func (q CheckpointQuant) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// Checkpoint is what a model was made of, in its own format.
type Checkpoint struct {
	Measured       bool            `json:"measured"`   // the bytes were read from the files' headers
	Incomplete     bool            `json:"incomplete"` // files are missing, or shorter than their headers say
	Differs        bool            `json:"differs"`    // the files hold something else than config.json describes, see [Model.Notes]
	Quant          CheckpointQuant `json:"quant"`
	QuantBits      int             `json:"quant_bits"`   // of a quantized weight, 0 = unknown or none
	QuantGroup     int             `json:"quant_group"`  // elements along a row that share a scale
	QuantMethod    string          `json:"quant_method"` // as the configuration states it
	Shards         int             `json:"shards"`
	Tensors        uint64          `json:"tensors"`
	Bytes          uint64          `json:"bytes"`
	LayerBytes     uint64          `json:"layer_bytes"` // of the trunk's layers, without routed experts
	ExpertBytes    uint64          `json:"expert_bytes"`
	EmbeddingBytes uint64          `json:"embedding_bytes"`
	OutputBytes    uint64          `json:"output_bytes"`
	NextNBytes     uint64          `json:"nextn_bytes"`
	OtherBytes     uint64          `json:"other_bytes"`     // eyes, ears
	BitsPerWeight  float64         `json:"bits_per_weight"` // EXL3: on average; else 0
	OutputBits     int             `json:"output_bits"`     // EXL3: of the output matrix; else 0
	KVQuant        Quant           `json:"kv_quant"`        // of the cache that it is made for; [QuantDefault] = none
}

// Checkpoint is what the model was made of; [ErrNotFound] where that was no config.json.
func (m *Model) Checkpoint() (Checkpoint, error) {
	model := m.enter()
	if model == nil {
		return Checkpoint{}, ErrClosed
	}
	defer m.handle.leave()
	var c C.ctxfit_checkpoint_info
	c.struct_size = C.sizeof_ctxfit_checkpoint_info
	if status := C.ctxfit_model_get_checkpoint(model, &c); status != C.CTXFIT_OK {
		return Checkpoint{}, statusError(status, "the checkpoint of a model")
	}
	return Checkpoint{Measured: c.flags&C.CTXFIT_CHECKPOINT_F_MEASURED != 0, Incomplete: c.flags&C.CTXFIT_CHECKPOINT_F_INCOMPLETE != 0,
		Differs: c.flags&C.CTXFIT_CHECKPOINT_F_DIFFERS != 0, KVQuant: Quant(c.kv_quant), Quant: CheckpointQuant(c.quant), QuantBits: int(c.quant_bits),
		QuantGroup: int(c.quant_group), QuantMethod: C.GoString(&c.quant_method[0]), Shards: int(c.shards), Tensors: uint64(c.tensors),
		Bytes: uint64(c.total_bytes), LayerBytes: uint64(c.layer_bytes), ExpertBytes: uint64(c.expert_bytes),
		EmbeddingBytes: uint64(c.embedding_bytes), OutputBytes: uint64(c.output_bytes), NextNBytes: uint64(c.nextn_bytes),
		OtherBytes: uint64(c.other_bytes), BitsPerWeight: float64(c.quant_bits_hundredths) / 100, OutputBits: int(c.output_bits)}, nil
}

// CheckpointLayer is what a layer of the trunk holds in the checkpoint, without and with routed experts.
func (m *Model) CheckpointLayer(index int) (dense, experts uint64, err error) {
	model := m.enter()
	if model == nil {
		return 0, 0, ErrClosed
	}
	defer m.handle.leave()
	var c C.ctxfit_checkpoint_layer
	c.struct_size = C.sizeof_ctxfit_checkpoint_layer
	if status := C.ctxfit_model_get_checkpoint_layer(model, C.uint32_t(index), &c); status != C.CTXFIT_OK {
		return 0, 0, statusError(status, "layer %d of the checkpoint", index)
	}
	return uint64(c.dense_bytes), uint64(c.expert_bytes), nil
}

// FromCheckpoint is [FromConfig] for a checkpoint whose headers are at hand: [Model.Checkpoint] then has its bytes.
func FromCheckpoint(config []byte, weights *Safetensors, fileType FileType) (*Model, error) {
	w := weights.enter()
	if w == nil {
		return nil, ErrClosed
	}
	defer weights.handle.leave()
	text := append(make([]byte, 0, len(config)+1), config...)
	text = append(text, 0) // so that there is a first byte
	var c *C.ctxfit_model
	var e C.ctxfit_error
	status := C.ctxfit_model_from_hf((*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(config)), w, C.ctxfit_file_type(fileType), nil, &c, &e)
	if status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModel(c), nil
}

// OpenCheckpoint makes a model of the folder of a checkpoint, a file of its weights, or their index: config.json, the headers of the
// weights, and the file beside them that says how they are quantized, if config.json does not. A download that did not end is a model
// still: [Model.Checkpoint] and [Model.Notes] say what is missing, and where the files are of another model than config.json describes.
func OpenCheckpoint(path string, fileType FileType) (*Model, error) {
	p, err := cString("the path", path)
	if err != nil {
		return nil, err
	}
	defer freeString(p)
	var c *C.ctxfit_model
	var e C.ctxfit_error
	if status := C.ctxfit_model_open_checkpoint(p, C.ctxfit_file_type(fileType), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModel(c), nil
}
