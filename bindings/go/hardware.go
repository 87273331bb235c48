package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// Hardware is a machine, or several linked ones: the host, its accelerators, their memory, bandwidth, compute and links.
type Hardware struct{ handle handle }

// MaxDevices is the most devices of a machine, the host included.
const MaxDevices = C.CTXFIT_HW_MAX_DEVICES

// ReserveNone as Reserve of a [Device] keeps nothing for the operating system; 0 asks for the default.
const ReserveNone uint64 = C.CTXFIT_HW_RESERVE_NONE

// DeviceKind says what a device is.
type DeviceKind uint32

// The kinds of devices.
const (
	DeviceHost    DeviceKind = C.CTXFIT_DEVICE_HOST    // host memory and the CPU; always the last device
	DeviceGPU     DeviceKind = C.CTXFIT_DEVICE_GPU     // memory of its own
	DeviceUnified DeviceKind = C.CTXFIT_DEVICE_UNIFIED // shares the host's memory, up to its budget
)

var deviceKindNames = map[DeviceKind]string{DeviceHost: "host", DeviceGPU: "gpu", DeviceUnified: "unified"}

// String returns the name that the JSON of a plan has.
func (k DeviceKind) String() string { return enumName(uint32(k), deviceKindNames[k]) }

// MarshalText returns the name.
func (k DeviceKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Backend is the interface through which an engine drives a device.
type Backend uint32

// The backends.
const (
	BackendDefault Backend = C.CTXFIT_BACKEND_DEFAULT
	BackendCPU     Backend = C.CTXFIT_BACKEND_CPU
	BackendCUDA    Backend = C.CTXFIT_BACKEND_CUDA
	BackendMetal   Backend = C.CTXFIT_BACKEND_METAL
	BackendROCm    Backend = C.CTXFIT_BACKEND_ROCM
	BackendVulkan  Backend = C.CTXFIT_BACKEND_VULKAN
	BackendSYCL    Backend = C.CTXFIT_BACKEND_SYCL
	BackendRPC     Backend = C.CTXFIT_BACKEND_RPC // another host through a network
)

var backendNames = map[Backend]string{
	BackendDefault: "default", BackendCPU: "cpu", BackendCUDA: "cuda", BackendMetal: "metal", BackendROCm: "rocm",
	BackendVulkan: "vulkan", BackendSYCL: "sycl", BackendRPC: "rpc",
}

// String returns the name that a spec has.
func (b Backend) String() string { return enumName(uint32(b), backendNames[b]) }

// MarshalText returns the name.
func (b Backend) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// Device is one device of a machine. What is 0 is unknown; as input of [NewHardware] it is the catalog's value where ID is a catalog id.
type Device struct {
	ID           string     `json:"id"`   // catalog id, or "gpu", "unified", "host"
	Name         string     `json:"name"` // for people
	Kind         DeviceKind `json:"kind"`
	Backend      Backend    `json:"backend"`
	Node         int        `json:"node"`                  // machine it sits in, from 0, when several are linked
	Memory       uint64     `json:"memory_bytes"`          // host: 0 = not stated
	Free         uint64     `json:"free_bytes"`            // free now; 0 = not stated, then all of it
	Budget       uint64     `json:"budget_bytes"`          // unified: what the GPU may use at most; otherwise as Memory
	BudgetRecent uint64     `json:"budget_recent_bytes"`   // Apple: the larger budget of recent macOS; always derived
	Reserve      uint64     `json:"reserve_bytes"`         // host and unified: kept for the operating system
	Bandwidth    uint64     `json:"bandwidth_bytes_per_s"` // of its memory
	Link         uint64     `json:"link_bytes_per_s"`      // to the host or to its neighbour, one direction
	FP16         float64    `json:"fp16_flops_per_s"`      // dense matrix rate
	INT8         float64    `json:"int8_ops_per_s"`        // dense
}

// String returns the name for people, or the id where there is none.
func (d Device) String() string {
	if d.Name != "" {
		return d.Name
	}
	return d.ID
}

func newHardware(c *C.ctxfit_hw) *Hardware {
	h := &Hardware{handle{object: unsafe.Pointer(c), free: func(p unsafe.Pointer) { C.ctxfit_hw_free((*C.ctxfit_hw)(p)) }}}
	runtime.SetFinalizer(h, (*Hardware).Close)
	return h
}

// ParseHardware reads a spec, such as "2*rtx-4090 host:64GiB", "mac-studio-m2-ultra-64gb" or
// "gpu(backend=cuda,mem=24GiB,bw=1008GB/s) host:32GiB". Offset of an [*Error] is the byte of the spec at which the fault lies.
func ParseHardware(spec string) (*Hardware, error) {
	s, err := cString("the spec", spec)
	if err != nil {
		return nil, err
	}
	defer freeString(s)
	var c *C.ctxfit_hw
	var e C.ctxfit_error
	if status := C.ctxfit_hw_parse(s, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newHardware(c), nil
}

// NewHardware makes a machine of devices. The host may be anywhere or absent; leave it out of a machine with unified memory.
// Detail of an [*Error] is the index of the faulty device.
func NewHardware(devices ...Device) (*Hardware, error) {
	list := make([]C.ctxfit_device, len(devices)+1) // so that there is a first one
	for i, d := range devices {
		if err := d.put(&list[i]); err != nil {
			return nil, err
		}
	}
	var c *C.ctxfit_hw
	var e C.ctxfit_error
	if status := C.ctxfit_hw_from_devices(&list[0], C.size_t(len(devices)), nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newHardware(c), nil
}

// MaxDeviceLimits is how many accelerators DeviceLimits of [DetectOptions] can name.
const MaxDeviceLimits = C.CTXFIT_HW_DETECT_LIMITS

// DetectOptions says what [DetectHardware] should know. The environment is not read: hand over what should count of it.
type DetectOptions struct {
	NoDriver       bool   // load no library of a driver (NVML): files only
	WithIntegrated bool   // keep an integrated GPU beside discrete ones
	HostLimit      uint64 // most of the host's memory that this process may use, bytes; 0 = not stated
	Root           string // Linux: folder under which proc and sys lie; "" = the running system
	VisibleCUDA    string // value of CUDA_VISIBLE_DEVICES; "" = all
	VisibleROCm    string // value of ROCR_VISIBLE_DEVICES or HIP_VISIBLE_DEVICES; "" = all
	VisibleSYCL    string // value of ZE_AFFINITY_MASK; "" = all
	NVMLLibrary    string // library that is loaded in place of NVIDIA's own; "" = NVIDIA's
	// DeviceLimits is the most of each accelerator's memory that this process may use, as an orchestrator states it; 0 = not stated.
	DeviceLimits []uint64
}

// DetectHardware describes the machine that it runs on, with what is free now. What could not be seen is among its Warnings.
func DetectHardware(options DetectOptions) (*Hardware, error) {
	var o C.ctxfit_hw_detect_options
	o.struct_size = C.sizeof_ctxfit_hw_detect_options
	if options.NoDriver {
		o.flags |= C.CTXFIT_HW_DETECT_NO_DRIVER
	}
	if options.WithIntegrated {
		o.flags |= C.CTXFIT_HW_DETECT_WITH_INTEGRATED
	}
	o.host_limit_bytes = C.uint64_t(options.HostLimit)
	if err := putString(o.root[:], "the root", options.Root); err != nil {
		return nil, err
	}
	if err := putString(o.visible_cuda[:], "the list of visible devices", options.VisibleCUDA); err != nil {
		return nil, err
	}
	if err := putString(o.visible_rocm[:], "the list of visible devices", options.VisibleROCm); err != nil {
		return nil, err
	}
	if err := putString(o.visible_sycl[:], "the list of visible devices", options.VisibleSYCL); err != nil {
		return nil, err
	}
	if err := putString(o.nvml_library[:], "the path of a library", options.NVMLLibrary); err != nil {
		return nil, err
	}
	if len(options.DeviceLimits) > MaxDeviceLimits {
		return nil, invalid("limits of %d devices, at most %d are possible", len(options.DeviceLimits), MaxDeviceLimits)
	}
	for i, limit := range options.DeviceLimits {
		o.device_limit_bytes[i] = C.uint64_t(limit)
	}
	var c *C.ctxfit_hw
	var e C.ctxfit_error
	if status := C.ctxfit_hw_detect(&o, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newHardware(c), nil
}

func (d *Device) put(c *C.ctxfit_device) error {
	c.struct_size = C.sizeof_ctxfit_device
	c.kind, c.backend = C.uint32_t(d.Kind), C.uint32_t(d.Backend)
	c.memory_bytes, c.free_bytes, c.budget_bytes = C.uint64_t(d.Memory), C.uint64_t(d.Free), C.uint64_t(d.Budget)
	c.reserve_bytes, c.bandwidth_bytes_per_s = C.uint64_t(d.Reserve), C.uint64_t(d.Bandwidth)
	c.link_bytes_per_s = C.uint64_t(d.Link)
	c.fp16_flops_per_s, c.int8_ops_per_s = C.double(d.FP16), C.double(d.INT8)
	if err := putCount(&c.node, "the device's node", d.Node); err != nil {
		return err
	}
	if err := putString(c.id[:], "the device's id", d.ID); err != nil {
		return err
	}
	return putString(c.name[:], "the device's name", d.Name)
}

func deviceFrom(c *C.ctxfit_device) Device {
	return Device{
		ID: getString(c.id[:]), Name: getString(c.name[:]), Kind: DeviceKind(c.kind), Backend: Backend(c.backend), Node: int(c.node),
		Memory: uint64(c.memory_bytes), Free: uint64(c.free_bytes), Budget: uint64(c.budget_bytes),
		BudgetRecent: uint64(c.budget_recent_bytes), Reserve: uint64(c.reserve_bytes), Bandwidth: uint64(c.bandwidth_bytes_per_s),
		Link: uint64(c.link_bytes_per_s), FP16: float64(c.fp16_flops_per_s), INT8: float64(c.int8_ops_per_s),
	}
}

func (h *Hardware) enter() *C.ctxfit_hw {
	if h == nil {
		return nil
	}
	return (*C.ctxfit_hw)(h.handle.enter())
}

// Close gives the memory back. A second Close does nothing.
func (h *Hardware) Close() error {
	if h != nil && h.handle.close() {
		runtime.SetFinalizer(h, nil)
	}
	return nil
}

// Devices returns the devices, the host last; nil when the machine is closed.
func (h *Hardware) Devices() []Device {
	c := h.enter()
	if c == nil {
		return nil
	}
	defer h.handle.leave()
	all := make([]Device, 0, C.ctxfit_hw_device_count(c))
	for i := 0; i < cap(all); i++ {
		var d C.ctxfit_device
		d.struct_size = C.sizeof_ctxfit_device
		if C.ctxfit_hw_get_device(c, C.uint32_t(i), &d) == C.CTXFIT_OK {
			all = append(all, deviceFrom(&d))
		}
	}
	return all
}

// Spec returns the machine as a spec in its canonical form: parsing it gives the same machine.
func (h *Hardware) Spec() (string, error) {
	c := h.enter()
	if c == nil {
		return "", ErrClosed
	}
	defer h.handle.leave()
	spec, status := text(256, func(buf *C.char, capacity C.size_t, length *C.size_t) C.ctxfit_status {
		return C.ctxfit_hw_write_spec(c, buf, capacity, length)
	})
	return string(spec), statusError(status, "the spec of a machine")
}

// Warnings returns what detection could not see or left out; nil when the machine was not detected or is closed.
func (h *Hardware) Warnings() []string {
	c := h.enter()
	if c == nil {
		return nil
	}
	defer h.handle.leave()
	var all []string
	for {
		s := C.ctxfit_hw_warning(c, C.uint32_t(len(all)))
		if s == nil {
			return all
		}
		all = append(all, C.GoString(s))
	}
}

// Report returns what detection read, where, and by which evidence it matched devices, for a report of a fault.
func (h *Hardware) Report() (string, error) {
	c := h.enter()
	if c == nil {
		return "", ErrClosed
	}
	defer h.handle.leave()
	report, status := text(4096, func(buf *C.char, capacity C.size_t, length *C.size_t) C.ctxfit_status {
		return C.ctxfit_hw_write_report(c, buf, capacity, length)
	})
	return string(report), statusError(status, "the report of a machine that was not detected")
}

// String returns the spec, or says that the machine is closed.
func (h *Hardware) String() string {
	spec, err := h.Spec()
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return spec
}

// MarshalText returns the spec.
func (h *Hardware) MarshalText() ([]byte, error) {
	spec, err := h.Spec()
	return []byte(spec), err
}
