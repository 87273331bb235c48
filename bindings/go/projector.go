package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import (
	"runtime"
	"time"
	"unsafe"
)

// Projector says how a projector runs; what is zero is the engine's default. Names in brackets are the options of llama-server.
type Projector struct {
	OnHost                  bool          // (--no-mmproj-offload)
	Devices                 []int         // in a plan, the place of a device, one at most; none: the first GPU
	FlashAttention          *bool         // (-fa) nil: in a plan as its options say
	ImageMinTokens          int           // (--image-min-tokens)
	ImageMaxTokens          int           // (--image-max-tokens)
	ImageWidth, ImageHeight int           // pixels of an image that comes
	Images                  int           // of that size, in one request
	Recording               time.Duration // that comes
}

func (how *Projector) options(o *C.ctxfit_projector_options) error {
	o.struct_size = C.sizeof_ctxfit_projector_options
	if how.OnHost {
		o.flags = C.CTXFIT_PROJECTOR_F_HOST
	}
	for _, place := range how.Devices {
		if place < 0 || place > 63 {
			return invalid("Projector.Devices: %d is no place of a device", place)
		}
		o.devices |= 1 << uint(place)
	}
	if how.FlashAttention != nil {
		o.flash_attention = choice(*how.FlashAttention)
	}
	for _, number := range []struct {
		to   *C.uint32_t
		name string
		from int
	}{
		{&o.image_min_tokens, "ImageMinTokens", how.ImageMinTokens}, {&o.image_max_tokens, "ImageMaxTokens", how.ImageMaxTokens},
		{&o.image_width, "ImageWidth", how.ImageWidth}, {&o.image_height, "ImageHeight", how.ImageHeight},
		{&o.images, "Images", how.Images}, {&o.audio_ms, "Recording", int(how.Recording.Milliseconds())},
	} {
		if err := putCount(number.to, "Projector."+number.name, number.from); err != nil {
			return err
		}
	}
	return nil
}

// ProjectorFile is an mmproj file: eyes or ears beside a model.
type ProjectorFile struct{ handle handle }

// NewProjectorFile reads a header, which is not needed afterwards; [ErrUnsupported] where the file is something else.
func NewProjectorFile(header *GGUF) (*ProjectorFile, error) {
	h := header.enter()
	if h == nil {
		return nil, ErrClosed
	}
	defer header.handle.leave()
	var c *C.ctxfit_projector
	var e C.ctxfit_error
	if status := C.ctxfit_projector_from_gguf(h, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	p := &ProjectorFile{handle{object: unsafe.Pointer(c), free: func(p unsafe.Pointer) { C.ctxfit_projector_free((*C.ctxfit_projector)(p)) }}}
	runtime.SetFinalizer(p, (*ProjectorFile).Close)
	return p, nil
}

// Close gives the memory back. A second Close does nothing.
func (p *ProjectorFile) Close() error {
	if p != nil && p.handle.close() {
		runtime.SetFinalizer(p, nil)
	}
	return nil
}

func (p *ProjectorFile) enter() *C.ctxfit_projector {
	if p == nil {
		return nil
	}
	return (*C.ctxfit_projector)(p.handle.enter())
}

// Info returns what the file says.
func (p *ProjectorFile) Info() (Companion, error) {
	projector := p.enter()
	if projector == nil {
		return Companion{}, ErrClosed
	}
	defer p.handle.leave()
	var c C.ctxfit_companion
	c.struct_size = C.sizeof_ctxfit_companion
	if status := C.ctxfit_projector_get_info(projector, &c); status != C.CTXFIT_OK {
		return Companion{}, failure(status, nil)
	}
	return companionOf(&c), nil
}

// ProjectorMemory is what a projector takes, of a GPU and of the host, each at its largest.
type ProjectorMemory struct {
	OnDevice         bool   `json:"on_device"`
	FlashAttention   bool   `json:"flash_attention"`
	Bound            bool   `json:"bound"`     // no graph of this kind is known: compute buffers are an upper bound
	Unsized          bool   `json:"unsized"`   // what this kind makes of an image or a recording is not known: counted as at the start
	Unchecked        bool   `json:"unchecked"` // by the graph, but nobody measured it on such a GPU
	WeightBytes      uint64 `json:"weight_bytes"`
	HostWeightBytes  uint64 `json:"host_weight_bytes"`
	LoadBytes        uint64 `json:"load_bytes"` // compute buffers when the model is loaded
	HostLoadBytes    uint64 `json:"host_load_bytes"`
	ComputeBytes     uint64 `json:"compute_bytes"` // when what was asked about has come
	HostComputeBytes uint64 `json:"host_compute_bytes"`
	ImageTokens      uint64 `json:"image_tokens"` // of the context, for one image
	AudioTokens      uint64 `json:"audio_tokens"` // the same for the recording
	ImagePieces      int    `json:"image_pieces"` // pictures that the image is encoded as
	PictureWidth     int    `json:"picture_width"`
	PictureHeight    int    `json:"picture_height"`
	Embedding        int    `json:"embedding"` // width of what it hands over for a token; 0: no graph says it
}

// Measure returns what the projector takes: under an engine ("" is the newest llama.cpp), on a GPU of that backend ([BackendCPU]: the host).
func (p *ProjectorFile) Measure(engine string, backend Backend, how Projector) (ProjectorMemory, error) {
	var o C.ctxfit_projector_options
	if err := how.options(&o); err != nil {
		return ProjectorMemory{}, err
	}
	name, err := cString("the engine", engine)
	if err != nil {
		return ProjectorMemory{}, err
	}
	defer freeString(name)
	projector := p.enter()
	if projector == nil {
		return ProjectorMemory{}, ErrClosed
	}
	defer p.handle.leave()
	var m C.ctxfit_projector_memory
	m.struct_size = C.sizeof_ctxfit_projector_memory
	var e C.ctxfit_error
	if status := C.ctxfit_projector_measure(projector, name, C.uint32_t(backend), &o, &m, &e); status != C.CTXFIT_OK {
		return ProjectorMemory{}, failure(status, &e)
	}
	return ProjectorMemory{OnDevice: flag(m.flags, C.CTXFIT_ENCODER_F_DEVICE), FlashAttention: flag(m.flags, C.CTXFIT_ENCODER_F_FLASH),
		Bound: flag(m.flags, C.CTXFIT_ENCODER_F_BOUND), Unsized: flag(m.flags, C.CTXFIT_ENCODER_F_UNSIZED),
		Unchecked: flag(m.flags, C.CTXFIT_ENCODER_F_UNCHECKED), WeightBytes: uint64(m.weight_bytes),
		HostWeightBytes: uint64(m.host_weight_bytes), LoadBytes: uint64(m.load_bytes), HostLoadBytes: uint64(m.host_load_bytes),
		ComputeBytes: uint64(m.compute_bytes), HostComputeBytes: uint64(m.host_compute_bytes), ImageTokens: uint64(m.image_tokens),
		AudioTokens: uint64(m.audio_tokens), ImagePieces: int(m.image_pieces), PictureWidth: int(m.picture_width),
		PictureHeight: int(m.picture_height), Embedding: int(m.embedding)}, nil
}
