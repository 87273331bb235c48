package ctxfit

/*
#include <ctxfit.h>

// One call from Go for all elements. Stops at the first failure.
static ctxfit_status array_i64(const ctxfit_gguf *gguf, const char *key, uint64_t count, int64_t *out)
{
    ctxfit_status status = CTXFIT_OK;

    for (uint64_t i = 0; i < count && status == CTXFIT_OK; i++)
        status = ctxfit_gguf_get_array_i64(gguf, key, i, &out[i]);
    return status;
}

static ctxfit_status array_f64(const ctxfit_gguf *gguf, const char *key, uint64_t count, double *out)
{
    ctxfit_status status = CTXFIT_OK;

    for (uint64_t i = 0; i < count && status == CTXFIT_OK; i++)
        status = ctxfit_gguf_get_array_f64(gguf, key, i, &out[i]);
    return status;
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// GGUF is the header of a GGUF file, or of all shards of a split model: its keys, and the name, shape, format and place of every tensor.
type GGUF struct{ handle handle }

type ggufOptions C.ctxfit_gguf_options

// GGUFOption says how a header is parsed.
type GGUFOption func(*ggufOptions) error

// HeaderOnly lets the file lack the data of its tensors: a header that was saved alone, a download that goes on.
func HeaderOnly() GGUFOption {
	return func(o *ggufOptions) error { o.flags |= C.CTXFIT_GGUF_F_HEADER_ONLY; return nil }
}

// FileSize states the size of the whole file, against which [ParseGGUF] checks the data of the tensors.
func FileSize(bytes uint64) GGUFOption {
	return func(o *ggufOptions) error { o.file_bytes = C.uint64_t(bytes); return nil }
}

// NumberedBy states whose numbering of formats the file uses.
func NumberedBy(dialect Dialect) GGUFOption {
	return func(o *ggufOptions) error { o.dialect = C.uint32_t(dialect); return nil }
}

// MaxHeaderBytes bounds the whole header, and so what a prefix is asked for. The default is 1 GiB.
func MaxHeaderBytes(bytes uint64) GGUFOption {
	return func(o *ggufOptions) error { o.max_header_bytes = C.uint64_t(bytes); return nil }
}

// MaxKeys bounds the number of keys. The default is 65,536.
func MaxKeys(n int) GGUFOption {
	return func(o *ggufOptions) error { return putCount(&o.max_keys, "MaxKeys", n) }
}

// MaxTensors bounds the number of tensors. The default is 1,048,576.
func MaxTensors(n int) GGUFOption {
	return func(o *ggufOptions) error { return putCount(&o.max_tensors, "MaxTensors", n) }
}

// MaxStringBytes bounds keys, names of tensors and values that are strings. The default is 16 MiB.
func MaxStringBytes(n int) GGUFOption {
	return func(o *ggufOptions) error { return putCount(&o.max_string_bytes, "MaxStringBytes", n) }
}

func parsing(options []GGUFOption) (*C.ctxfit_gguf_options, error) {
	o := new(ggufOptions)
	o.struct_size = C.sizeof_ctxfit_gguf_options
	for _, option := range options {
		if err := option(o); err != nil {
			return nil, err
		}
	}
	return (*C.ctxfit_gguf_options)(o), nil
}

func newGGUF(c *C.ctxfit_gguf) *GGUF {
	g := &GGUF{handle{object: unsafe.Pointer(c), free: func(p unsafe.Pointer) { C.ctxfit_gguf_free((*C.ctxfit_gguf)(p)) }}}
	runtime.SetFinalizer(g, (*GGUF).Close)
	return g
}

// OpenGGUF reads the header of a file; of a split model open the first shard, and the others beside it are read too.
func OpenGGUF(path string, options ...GGUFOption) (*GGUF, error) {
	o, err := parsing(options)
	if err != nil {
		return nil, err
	}
	p, err := cString("the path", path)
	if err != nil {
		return nil, err
	}
	defer freeString(p)
	var c *C.ctxfit_gguf
	var e C.ctxfit_error
	if status := C.ctxfit_gguf_open(p, o, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newGGUF(c), nil
}

// ParseGGUF reads the header of a file from its first bytes. Where they are too few it fails with [ErrTruncated], and Detail of the
// [*Error] is the length of the prefix that it wants next.
func ParseGGUF(data []byte, options ...GGUFOption) (*GGUF, error) {
	o, err := parsing(options)
	if err != nil {
		return nil, err
	}
	first := unsafe.Pointer(new(byte)) // of an empty prefix
	if len(data) > 0 {
		first = unsafe.Pointer(&data[0])
	}
	var c *C.ctxfit_gguf
	var e C.ctxfit_error
	if status := C.ctxfit_gguf_parse(first, C.size_t(len(data)), o, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newGGUF(c), nil
}

// JoinGGUF makes one header of those of all shards of a split model, in any order. The parts stay the caller's.
func JoinGGUF(parts ...*GGUF) (*GGUF, error) {
	if len(parts) == 0 {
		return nil, invalid("JoinGGUF: no parts")
	}
	list := make([]*C.ctxfit_gguf, len(parts))
	for i, part := range parts {
		if list[i] = part.enter(); list[i] == nil {
			return nil, ErrClosed
		}
		defer part.handle.leave()
	}
	var c *C.ctxfit_gguf
	var e C.ctxfit_error
	if status := C.ctxfit_gguf_join(&list[0], C.size_t(len(list)), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newGGUF(c), nil
}

// CompanionKind is what a file beside a model is.
type CompanionKind uint32

// The kinds of companions.
const (
	CompanionProjector CompanionKind = C.CTXFIT_COMPANION_PROJECTOR // eyes or ears (mmproj)
	CompanionAdapter   CompanionKind = C.CTXFIT_COMPANION_ADAPTER   // LoRA
)

// Companion is a projector or an adapter: what it adds to a model. Zero where it does not apply.
type Companion struct {
	Kind                 CompanionKind `json:"kind"`
	Name                 string        `json:"name"` // projector type, or the architecture that an adapter is for
	Vision               bool          `json:"vision"`
	Audio                bool          `json:"audio"`
	Rank                 int           `json:"rank"`
	Layers               int           `json:"layers"`
	Embedding            int           `json:"embedding"`
	Output               int           `json:"output"`
	ImageSize            int           `json:"image_size"`
	PatchSize            int           `json:"patch_size"`
	Tensors              uint64        `json:"tensors"`
	WeightBytes          uint64        `json:"weight_bytes"`
	FlopsPerToken        uint64        `json:"flops_per_token"`
	ComputeBytesPerToken uint64        `json:"compute_bytes_per_token"`
}

// Companion reads what a projector or a LoRA adds to a model; [ErrUnsupported] where the file is a model.
func (g *GGUF) Companion() (Companion, error) {
	header := g.enter()
	if header == nil {
		return Companion{}, ErrClosed
	}
	defer g.handle.leave()
	var c C.ctxfit_companion
	c.struct_size = C.sizeof_ctxfit_companion
	var e C.ctxfit_error
	if status := C.ctxfit_companion_from_gguf(header, &c, &e); status != C.CTXFIT_OK {
		return Companion{}, failure(status, &e)
	}
	return companionOf(&c), nil
}

func companionOf(c *C.ctxfit_companion) Companion {
	return Companion{Kind: CompanionKind(c.kind), Name: C.GoString(&c.name[0]), Vision: c.flags&C.CTXFIT_COMPANION_F_VISION != 0,
		Audio: c.flags&C.CTXFIT_COMPANION_F_AUDIO != 0, Rank: int(c.rank), Layers: int(c.layers), Embedding: int(c.embedding),
		Output: int(c.output), ImageSize: int(c.image_size), PatchSize: int(c.patch_size), Tensors: uint64(c.tensors),
		WeightBytes: uint64(c.weight_bytes), FlopsPerToken: uint64(c.flops_per_token),
		ComputeBytesPerToken: uint64(c.compute_bytes_per_token)}
}

func (g *GGUF) enter() *C.ctxfit_gguf {
	if g == nil {
		return nil
	}
	return (*C.ctxfit_gguf)(g.handle.enter())
}

// Close gives the memory back. A second Close does nothing.
func (g *GGUF) Close() error {
	if g != nil && g.handle.close() {
		runtime.SetFinalizer(g, nil)
	}
	return nil
}

// GGUFFormat is what the file as a whole is like.
type GGUFFormat struct {
	Version    int    `json:"version"`     // of the format: 2 or 3
	BigEndian  bool   `json:"big_endian"`  //
	Alignment  uint64 `json:"alignment"`   // of the data of tensors, bytes
	Shards     int    `json:"shards"`      // files that this header speaks for
	SplitCount int    `json:"split_count"` // files that the model is split into
	Keys       int    `json:"keys"`        //
	Tensors    int    `json:"tensors"`     // of all shards
}

// Format returns what the file as a whole is like; all is 0 when the header is closed.
func (g *GGUF) Format() GGUFFormat {
	c := g.enter()
	if c == nil {
		return GGUFFormat{}
	}
	defer g.handle.leave()
	return GGUFFormat{
		Version: int(C.ctxfit_gguf_version(c)), BigEndian: C.ctxfit_gguf_is_big_endian(c) != 0,
		Alignment: uint64(C.ctxfit_gguf_alignment(c)), Shards: int(C.ctxfit_gguf_shard_count(c)),
		SplitCount: int(C.ctxfit_gguf_split_count(c)), Keys: int(C.ctxfit_gguf_key_count(c)), Tensors: int(C.ctxfit_gguf_tensor_count(c)),
	}
}

// DataOffset returns where the data of a shard starts in its file, which is the length of its header; 0 past the end.
func (g *GGUF) DataOffset(shard int) uint64 {
	c := g.enter()
	if c == nil {
		return 0
	}
	defer g.handle.leave()
	if shard < 0 || shard >= int(C.ctxfit_gguf_shard_count(c)) {
		return 0
	}
	return uint64(C.ctxfit_gguf_data_offset(c, C.uint32_t(shard)))
}

// ValueType is the type of a value in the file.
type ValueType uint32

// The types, as numbered in the format.
const (
	TypeUint8   ValueType = C.CTXFIT_GGUF_UINT8
	TypeInt8    ValueType = C.CTXFIT_GGUF_INT8
	TypeUint16  ValueType = C.CTXFIT_GGUF_UINT16
	TypeInt16   ValueType = C.CTXFIT_GGUF_INT16
	TypeUint32  ValueType = C.CTXFIT_GGUF_UINT32
	TypeInt32   ValueType = C.CTXFIT_GGUF_INT32
	TypeFloat32 ValueType = C.CTXFIT_GGUF_FLOAT32
	TypeBool    ValueType = C.CTXFIT_GGUF_BOOL
	TypeString  ValueType = C.CTXFIT_GGUF_STRING
	TypeArray   ValueType = C.CTXFIT_GGUF_ARRAY
	TypeUint64  ValueType = C.CTXFIT_GGUF_UINT64
	TypeInt64   ValueType = C.CTXFIT_GGUF_INT64
	TypeFloat64 ValueType = C.CTXFIT_GGUF_FLOAT64
)

var valueTypeNames = map[ValueType]string{
	TypeUint8: "uint8", TypeInt8: "int8", TypeUint16: "uint16", TypeInt16: "int16", TypeUint32: "uint32", TypeInt32: "int32", TypeFloat32: "float32",
	TypeBool: "bool", TypeString: "string", TypeArray: "array", TypeUint64: "uint64", TypeInt64: "int64", TypeFloat64: "float64",
}

// String returns the name of the type ("uint32").
func (t ValueType) String() string { return enumName(uint32(t), valueTypeNames[t]) }

// MarshalText returns the name.
func (t ValueType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

func enumName(value uint32, name string) string {
	if name == "" {
		return fmt.Sprintf("unknown(%d)", value)
	}
	return name
}

// Key is one key of a header.
type Key struct {
	Name        string    `json:"name"`
	Type        ValueType `json:"type"`
	ElementType ValueType `json:"element_type"` // of an array, otherwise the same as Type
	Count       uint64    `json:"count"`        // elements of an array, otherwise 1
	Offset      uint64    `json:"offset"`       // of the value in the file: a string's length, an array's first element
	Bytes       uint64    `json:"bytes"`        // of the value, from there
}

func keyAt(c *C.ctxfit_gguf, index C.uint64_t) (Key, C.ctxfit_status) {
	var k C.ctxfit_gguf_key
	k.struct_size = C.sizeof_ctxfit_gguf_key
	if status := C.ctxfit_gguf_get_key(c, index, &k); status != C.CTXFIT_OK {
		return Key{}, status
	}
	return Key{
		Name: C.GoString(C.ctxfit_gguf_key_name(c, index)), Type: ValueType(k._type), ElementType: ValueType(k.element_type),
		Count: uint64(k.count), Offset: uint64(k.offset), Bytes: uint64(k.bytes),
	}, C.CTXFIT_OK
}

// Keys returns all keys in the order of the file; nil when the header is closed.
func (g *GGUF) Keys() []Key {
	c := g.enter()
	if c == nil {
		return nil
	}
	defer g.handle.leave()
	all := make([]Key, 0, C.ctxfit_gguf_key_count(c))
	for i := 0; i < cap(all); i++ {
		if key, status := keyAt(c, C.uint64_t(i)); status == C.CTXFIT_OK {
			all = append(all, key)
		}
	}
	return all
}

// with calls read with the header and the name of a key or a tensor.
func (g *GGUF) with(what, name string, read func(*C.ctxfit_gguf, *C.char) C.ctxfit_status) error {
	c := g.enter()
	if c == nil {
		return ErrClosed
	}
	defer g.handle.leave()
	s, err := cString("the "+what, name)
	if err != nil {
		return err
	}
	defer freeString(s)
	return statusError(read(c, s), "%s %q", what, name)
}

// Key returns one key.
func (g *GGUF) Key(name string) (key Key, err error) {
	err = g.with("key", name, func(c *C.ctxfit_gguf, s *C.char) (status C.ctxfit_status) {
		var index C.uint64_t
		if status = C.ctxfit_gguf_find_key(c, s, &index); status == C.CTXFIT_OK {
			key, status = keyAt(c, index)
		}
		return status
	})
	return key, err
}

// Uint64 returns a value of any integer type, or of type bool as 0 or 1, that is not negative.
func (g *GGUF) Uint64(key string) (uint64, error) {
	var v C.uint64_t
	err := g.with("key", key, func(c *C.ctxfit_gguf, s *C.char) C.ctxfit_status { return C.ctxfit_gguf_get_u64(c, s, &v) })
	return uint64(v), err
}

// Int64 returns a value of any integer type, or of type bool as 0 or 1.
func (g *GGUF) Int64(key string) (int64, error) {
	var v C.int64_t
	err := g.with("key", key, func(c *C.ctxfit_gguf, s *C.char) C.ctxfit_status { return C.ctxfit_gguf_get_i64(c, s, &v) })
	return int64(v), err
}

// Float64 returns a value of any float or integer type.
func (g *GGUF) Float64(key string) (float64, error) {
	var v C.double
	err := g.with("key", key, func(c *C.ctxfit_gguf, s *C.char) C.ctxfit_status { return C.ctxfit_gguf_get_f64(c, s, &v) })
	return float64(v), err
}

// Bool returns a value of type bool.
func (g *GGUF) Bool(key string) (bool, error) {
	var v C.uint32_t
	err := g.with("key", key, func(c *C.ctxfit_gguf, s *C.char) C.ctxfit_status { return C.ctxfit_gguf_get_bool(c, s, &v) })
	return v != 0, err
}

// Text returns a value of type string.
func (g *GGUF) Text(key string) (text string, err error) {
	err = g.with("key", key, func(c *C.ctxfit_gguf, s *C.char) C.ctxfit_status {
		var v *C.char
		var n C.size_t
		status := C.ctxfit_gguf_get_string(c, s, &v, &n)
		if status == C.CTXFIT_OK {
			text = C.GoStringN(v, C.int(n))
		}
		return status
	})
	return text, err
}

// Len returns the number of elements of an array of any kind.
func (g *GGUF) Len(key string) (uint64, error) {
	var n C.uint64_t
	err := g.with("key", key, func(c *C.ctxfit_gguf, s *C.char) C.ctxfit_status { return C.ctxfit_gguf_get_array_count(c, s, &n) })
	return uint64(n), err
}

// Int64s returns an array of integers or bools. Arrays of more than 4,096 numbers are not kept: [ErrUnsupported].
func (g *GGUF) Int64s(key string) (values []int64, err error) {
	err = g.with("key", key, func(c *C.ctxfit_gguf, s *C.char) C.ctxfit_status {
		return elements(c, s, &values, func(n C.uint64_t, first unsafe.Pointer) C.ctxfit_status {
			return C.array_i64(c, s, n, (*C.int64_t)(first))
		})
	})
	return values, err
}

// Float64s returns an array of floats or integers, as [GGUF.Int64s] does.
func (g *GGUF) Float64s(key string) (values []float64, err error) {
	err = g.with("key", key, func(c *C.ctxfit_gguf, s *C.char) C.ctxfit_status {
		return elements(c, s, &values, func(n C.uint64_t, first unsafe.Pointer) C.ctxfit_status {
			return C.array_f64(c, s, n, (*C.double)(first))
		})
	})
	return values, err
}

// elements reads one element before it makes room for all, so that a count from a file allocates nothing that is not kept.
func elements[T int64 | float64](c *C.ctxfit_gguf, key *C.char, out *[]T, read func(C.uint64_t, unsafe.Pointer) C.ctxfit_status) C.ctxfit_status {
	var n C.uint64_t
	status := C.ctxfit_gguf_get_array_count(c, key, &n)
	if status != C.CTXFIT_OK || n == 0 {
		return status
	}
	if status = read(1, unsafe.Pointer(new(T))); status != C.CTXFIT_OK {
		return status
	}
	values := make([]T, n)
	if status = read(n, unsafe.Pointer(&values[0])); status == C.CTXFIT_OK {
		*out = values
	}
	return status
}

// Tensor is one tensor of a file or of a model.
type Tensor struct {
	Name     string   `json:"name"`
	Dims     []uint64 `json:"dims"`      // the first is the length of a row
	Quant    Quant    `json:"quant"`     // 0 when the number is unknown: then Bytes is 0 too
	GGMLType uint32   `json:"ggml_type"` // as in the file
	Bytes    uint64   `json:"bytes"`     // without padding
	Offset   uint64   `json:"offset"`    // from the start of the data of its file
	Shard    int      `json:"shard"`     // file of a split model, from 0
}

// String returns the tensor on one line.
func (t Tensor) String() string {
	return fmt.Sprintf("%s %v %v, %d bytes", t.Name, t.Dims, t.Quant, t.Bytes)
}

func tensorFrom(c *C.ctxfit_tensor_info, name *C.char) Tensor {
	t := Tensor{
		Name: C.GoString(name), Dims: make([]uint64, c.n_dims), Quant: Quant(c.quant), GGMLType: uint32(c.ggml_type),
		Bytes: uint64(c.bytes), Offset: uint64(c.offset), Shard: int(c.shard),
	}
	for i := range t.Dims {
		t.Dims[i] = uint64(c.dims[i])
	}
	return t
}

func (g *GGUF) tensorAt(c *C.ctxfit_gguf, index C.uint64_t) (Tensor, C.ctxfit_status) {
	var info C.ctxfit_tensor_info
	info.struct_size = C.sizeof_ctxfit_tensor_info
	if status := C.ctxfit_gguf_get_tensor(c, index, &info); status != C.CTXFIT_OK {
		return Tensor{}, status
	}
	return tensorFrom(&info, C.ctxfit_gguf_tensor_name(c, index)), C.CTXFIT_OK
}

// Tensors returns all tensors in the order of the file; nil when the header is closed.
func (g *GGUF) Tensors() []Tensor {
	c := g.enter()
	if c == nil {
		return nil
	}
	defer g.handle.leave()
	all := make([]Tensor, 0, C.ctxfit_gguf_tensor_count(c))
	for i := 0; i < cap(all); i++ {
		if tensor, status := g.tensorAt(c, C.uint64_t(i)); status == C.CTXFIT_OK {
			all = append(all, tensor)
		}
	}
	return all
}

// Tensor returns one tensor.
func (g *GGUF) Tensor(name string) (tensor Tensor, err error) {
	err = g.with("tensor", name, func(c *C.ctxfit_gguf, s *C.char) (status C.ctxfit_status) {
		var index C.uint64_t
		if status = C.ctxfit_gguf_find_tensor(c, s, &index); status == C.CTXFIT_OK {
			tensor, status = g.tensorAt(c, index)
		}
		return status
	})
	return tensor, err
}
