package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import "unsafe"

// Quant is the format of one tensor, or of a cache: how many bytes a block of elements takes. 0 is the default.
type Quant uint32

// Formats that programs name. The whole list is [Quants].
const (
	QuantDefault Quant = C.CTXFIT_QUANT_DEFAULT
	QuantF32     Quant = C.CTXFIT_QUANT_F32
	QuantF16     Quant = C.CTXFIT_QUANT_F16
	QuantBF16    Quant = C.CTXFIT_QUANT_BF16
	QuantQ4_0    Quant = C.CTXFIT_QUANT_Q4_0
	QuantQ4_1    Quant = C.CTXFIT_QUANT_Q4_1
	QuantQ5_0    Quant = C.CTXFIT_QUANT_Q5_0
	QuantQ5_1    Quant = C.CTXFIT_QUANT_Q5_1
	QuantQ8_0    Quant = C.CTXFIT_QUANT_Q8_0
	QuantQ2_K    Quant = C.CTXFIT_QUANT_Q2_K
	QuantQ3_K    Quant = C.CTXFIT_QUANT_Q3_K
	QuantQ4_K    Quant = C.CTXFIT_QUANT_Q4_K
	QuantQ5_K    Quant = C.CTXFIT_QUANT_Q5_K
	QuantQ6_K    Quant = C.CTXFIT_QUANT_Q6_K
	QuantIQ4_NL  Quant = C.CTXFIT_QUANT_IQ4_NL
	QuantMXFP4   Quant = C.CTXFIT_QUANT_MXFP4
)

// NoNumber stands where a format or a file type has no number in ggml.
const NoNumber uint32 = C.UINT32_MAX

// Dialect is whose numbering of formats a GGUF uses.
type Dialect uint32

// The dialects.
const (
	DialectGGML Dialect = C.CTXFIT_DIALECT_GGML
	DialectIK   Dialect = C.CTXFIT_DIALECT_IK // ik_llama.cpp
)

// Quants returns all formats but retired ones.
func Quants() []Quant {
	all := make([]Quant, C.ctxfit_quant_count())
	for i := range all {
		all[i] = Quant(C.ctxfit_quant_at(C.uint32_t(i)))
	}
	return all
}

// ParseQuant returns the format of a name ("q8_0", letters in any case) or of another name that people use ("fp16").
func ParseQuant(name string) (Quant, error) {
	s, err := cString("the name", name)
	if err != nil {
		return QuantDefault, err
	}
	defer freeString(s)
	if q := Quant(C.ctxfit_quant_from_name(s)); q != QuantDefault {
		return q, nil
	}
	return QuantDefault, statusError(C.CTXFIT_E_NOT_FOUND, "format %q", name)
}

// QuantFromGGML returns the format of a type number in a dialect. A number of a retired format gives that format.
func QuantFromGGML(number uint32, dialect Dialect) (Quant, error) {
	if q := Quant(C.ctxfit_quant_from_ggml(C.uint32_t(number), C.uint32_t(dialect))); q != QuantDefault {
		return q, nil
	}
	return QuantDefault, statusError(C.CTXFIT_E_NOT_FOUND, "format with the number %d", number)
}

// String returns the name as people write it ("Q4_K").
func (q Quant) String() string { return C.GoString(C.ctxfit_quant_name(C.ctxfit_quant(q))) }

// MarshalText returns the name.
func (q Quant) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText is [ParseQuant]; "" and the name of the default are the default.
func (q *Quant) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 || string(text) == QuantDefault.String() {
		*q = QuantDefault
		return nil
	}
	*q, err = ParseQuant(string(text))
	return err
}

// QuantInfo says what a format is.
type QuantInfo struct {
	Quant       Quant  `json:"quant"`
	BlockElems  uint32 `json:"block_elems"`  // elements of a block
	BlockBytes  uint32 `json:"block_bytes"`  // bytes of a block, its own scales included
	GGML        bool   `json:"ggml"`         // a tensor format of ggml: can be in a GGUF
	Cache       bool   `json:"cache"`        // llama.cpp takes it for a KV cache
	Float       bool   `json:"float"`        // a plain number format, not quantized
	Int         bool   `json:"int"`          // a plain integer format, not quantized
	HuggingFace bool   `json:"hugging_face"` // a format of Hugging Face or MLX checkpoints
	Retired     bool   `json:"retired"`      // once existed; files with it can no longer be loaded
	IK          bool   `json:"ik"`           // only ik_llama.cpp knows it
	CacheOther  bool   `json:"cache_other"`  // ExLlamaV3 takes it for a KV cache
	GGMLType    uint32 `json:"ggml_type"`    // number in a GGUF, or NoNumber
}

// Info returns what the format is.
func (q Quant) Info() (QuantInfo, error) {
	var c C.ctxfit_quant_info
	c.struct_size = C.sizeof_ctxfit_quant_info
	if status := C.ctxfit_quant_get_info(C.ctxfit_quant(q), &c); status != C.CTXFIT_OK {
		return QuantInfo{}, statusError(status, "format %d", uint32(q))
	}
	return QuantInfo{
		Quant: Quant(c.quant), BlockElems: uint32(c.block_elems), BlockBytes: uint32(c.block_bytes),
		GGML: flag(c.flags, C.CTXFIT_QUANT_F_GGML), Cache: flag(c.flags, C.CTXFIT_QUANT_F_CACHE),
		Float: flag(c.flags, C.CTXFIT_QUANT_F_FLOAT), Int: flag(c.flags, C.CTXFIT_QUANT_F_INT),
		HuggingFace: flag(c.flags, C.CTXFIT_QUANT_F_HF), Retired: flag(c.flags, C.CTXFIT_QUANT_F_RETIRED),
		IK: flag(c.flags, C.CTXFIT_QUANT_F_IK), CacheOther: flag(c.flags, C.CTXFIT_QUANT_F_CACHE_OTHER), GGMLType: uint32(c.ggml_type),
	}, nil
}

// RowBytes returns the bytes of one row of elems elements.
func (q Quant) RowBytes(elems uint64) (uint64, error) {
	var bytes C.uint64_t
	status := C.ctxfit_quant_row_bytes(C.ctxfit_quant(q), C.uint64_t(elems), &bytes)
	return uint64(bytes), statusError(status, "row of %d elements in %v", elems, q)
}

// TensorBytes returns the bytes of a tensor, unpadded. The first dimension is the length of a row; there are up to four.
func (q Quant) TensorBytes(dims ...uint64) (uint64, error) {
	c := [4]C.uint64_t{1, 1, 1, 1}
	if len(dims) == 0 || len(dims) > len(c) {
		return 0, invalid("a tensor has 1 to %d dimensions, not %d", len(c), len(dims))
	}
	for i, d := range dims {
		c[i] = C.uint64_t(d)
	}
	var bytes C.uint64_t
	status := C.ctxfit_quant_tensor_bytes(C.ctxfit_quant(q), (*C.uint64_t)(unsafe.Pointer(&c)), &bytes)
	return uint64(bytes), statusError(status, "tensor %v in %v", dims, q)
}

// FileType is what people download, such as Q4_K_M: a recipe that gives each tensor its format. 0 is the default.
type FileType uint32

// File types that programs name. The whole list is [FileTypes].
const (
	FileTypeDefault   FileType = C.CTXFIT_FILE_TYPE_DEFAULT // as the model is published
	FileTypeF32       FileType = C.CTXFIT_FILE_TYPE_F32
	FileTypeF16       FileType = C.CTXFIT_FILE_TYPE_F16
	FileTypeQ4_0      FileType = C.CTXFIT_FILE_TYPE_Q4_0
	FileTypeQ8_0      FileType = C.CTXFIT_FILE_TYPE_Q8_0
	FileTypeQ2_K      FileType = C.CTXFIT_FILE_TYPE_Q2_K
	FileTypeQ3_K_M    FileType = C.CTXFIT_FILE_TYPE_Q3_K_M
	FileTypeQ4_K_S    FileType = C.CTXFIT_FILE_TYPE_Q4_K_S
	FileTypeQ4_K_M    FileType = C.CTXFIT_FILE_TYPE_Q4_K_M
	FileTypeQ5_K_M    FileType = C.CTXFIT_FILE_TYPE_Q5_K_M
	FileTypeQ6_K      FileType = C.CTXFIT_FILE_TYPE_Q6_K
	FileTypeIQ4_XS    FileType = C.CTXFIT_FILE_TYPE_IQ4_XS
	FileTypeBF16      FileType = C.CTXFIT_FILE_TYPE_BF16
	FileTypeMXFP4_MOE FileType = C.CTXFIT_FILE_TYPE_MXFP4_MOE
)

// FileTypes returns all file types but retired ones, from the best (largest) to the smallest.
func FileTypes() []FileType {
	all := make([]FileType, C.ctxfit_file_type_count())
	for i := range all {
		all[i] = FileType(C.ctxfit_file_type_at(C.uint32_t(i)))
	}
	return all
}

// ParseFileType returns the file type of a name ("q4_k_m", letters in any case) or of another name that people use ("fp16").
func ParseFileType(name string) (FileType, error) {
	s, err := cString("the name", name)
	if err != nil {
		return FileTypeDefault, err
	}
	defer freeString(s)
	if f := FileType(C.ctxfit_file_type_from_name(s)); f != FileTypeDefault {
		return f, nil
	}
	return FileTypeDefault, statusError(C.CTXFIT_E_NOT_FOUND, "file type %q", name)
}

// FileTypeFromGGML returns the file type of a number of general.file_type. A number of a retired type gives that type.
func FileTypeFromGGML(number uint32) (FileType, error) {
	if f := FileType(C.ctxfit_file_type_from_ggml(C.uint32_t(number))); f != FileTypeDefault {
		return f, nil
	}
	return FileTypeDefault, statusError(C.CTXFIT_E_NOT_FOUND, "file type with the number %d", number)
}

// String returns the name ("Q4_K_M", of EXL3 with its bits: "EXL3-4.25bpw-h6"), as [ParseFileType] reads it.
func (f FileType) String() string {
	name, status := text(32, func(buf *C.char, capacity C.size_t, length *C.size_t) C.ctxfit_status {
		return C.ctxfit_file_type_write_name(C.ctxfit_file_type(f), buf, capacity, length)
	})
	if status != C.CTXFIT_OK {
		return C.GoString(C.ctxfit_file_type_name(C.ctxfit_file_type(f)))
	}
	return string(name)
}

// MarshalText returns the name.
func (f FileType) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText is [ParseFileType]; "" and the name of the default are the default.
func (f *FileType) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 || string(text) == FileTypeDefault.String() {
		*f = FileTypeDefault
		return nil
	}
	*f, err = ParseFileType(string(text))
	return err
}

// FileTypeInfo says what a file type is.
type FileTypeInfo struct {
	FileType     FileType `json:"file_type"`
	GGMLFileType uint32   `json:"ggml_ftype"`    // number of general.file_type, or NoNumber
	Base         Quant    `json:"base"`          // format that most tensors get
	NeedsImatrix bool     `json:"needs_imatrix"` // llama-quantize wants an importance matrix for some tensors
	Retired      bool     `json:"retired"`       // once existed; llama.cpp no longer makes or loads it
	NoRecipe     bool     `json:"no_recipe"`     // no rule says which tensor gets which format
	Uncommon     bool     `json:"uncommon"`      // nothing to recommend for any model
	EXL3         bool     `json:"exl3"`          // ExLlamaV3's, of any number of bits: not among [FileTypes]
}

// Info returns what the file type is.
func (f FileType) Info() (FileTypeInfo, error) {
	var c C.ctxfit_file_type_info
	c.struct_size = C.sizeof_ctxfit_file_type_info
	if status := C.ctxfit_file_type_get_info(C.ctxfit_file_type(f), &c); status != C.CTXFIT_OK {
		return FileTypeInfo{}, statusError(status, "file type %d", uint32(f))
	}
	return FileTypeInfo{
		FileType: FileType(c.file_type), GGMLFileType: uint32(c.ggml_ftype), Base: Quant(c.base), NeedsImatrix: c.needs_imatrix != 0,
		Retired: flag(c.flags, C.CTXFIT_FILE_TYPE_F_RETIRED), NoRecipe: flag(c.flags, C.CTXFIT_FILE_TYPE_F_NO_RECIPE),
		Uncommon: flag(c.flags, C.CTXFIT_FILE_TYPE_F_UNCOMMON), EXL3: flag(c.flags, C.CTXFIT_FILE_TYPE_F_EXL3),
	}, nil
}
