package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// Form says what an entry of the catalog of hardware is.
type Form uint32

// The forms; those from [FormDesktop] on are whole machines.
const (
	FormUnknown    Form = C.CTXFIT_FORM_UNKNOWN
	FormCard       Form = C.CTXFIT_FORM_CARD       // a graphics card, of a laptop too
	FormDatacenter Form = C.CTXFIT_FORM_DATACENTER // an accelerator for servers
	FormSoC        Form = C.CTXFIT_FORM_SOC        // processor and GPU in one, made to share fast memory
	FormIGPU       Form = C.CTXFIT_FORM_IGPU       // a processor with a GPU on the system's memory
	FormCPU        Form = C.CTXFIT_FORM_CPU        // a processor alone
	FormNPU        Form = C.CTXFIT_FORM_NPU        // an accelerator that is no GPU
	FormDesktop    Form = C.CTXFIT_FORM_DESKTOP
	FormLaptop     Form = C.CTXFIT_FORM_LAPTOP
	FormServer     Form = C.CTXFIT_FORM_SERVER
	FormEmbedded   Form = C.CTXFIT_FORM_EMBEDDED // a board
	FormTablet     Form = C.CTXFIT_FORM_TABLET
	FormCluster    Form = C.CTXFIT_FORM_CLUSTER // several linked machines
)

var formNames = map[Form]string{
	FormUnknown: "unknown", FormCard: "card", FormDatacenter: "datacenter", FormSoC: "soc", FormIGPU: "igpu", FormCPU: "cpu", FormNPU: "npu",
	FormDesktop: "desktop", FormLaptop: "laptop", FormServer: "server", FormEmbedded: "embedded", FormTablet: "tablet", FormCluster: "cluster",
}

// String returns its name.
func (f Form) String() string { return enumName(uint32(f), formNames[f]) }

// MarshalText returns the name.
func (f Form) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Confidence says how well the figures of an entry are known.
type Confidence uint32

// The grades.
const (
	ConfidenceUnknown Confidence = C.CTXFIT_CONFIDENCE_UNKNOWN
	ConfidenceSingle  Confidence = C.CTXFIT_CONFIDENCE_SINGLE  // a single secondary source, or an estimate
	ConfidenceChecked Confidence = C.CTXFIT_CONFIDENCE_CHECKED // a database that other sources agree with
	ConfidenceVendor  Confidence = C.CTXFIT_CONFIDENCE_VENDOR  // cited from the vendor
)

var confidenceNames = map[Confidence]string{
	ConfidenceUnknown: "unknown", ConfidenceSingle: "single", ConfidenceChecked: "checked", ConfidenceVendor: "vendor",
}

// String returns its name.
func (c Confidence) String() string { return enumName(uint32(c), confidenceNames[c]) }

// MarshalText returns the name.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// HardwareEntry is an entry of the catalog of hardware. What is 0 or "" is not known, which never means "none" or "unsupported". Rates
// are those of dense matrices, of one device.
type HardwareEntry struct {
	Kind             DeviceKind `json:"kind"`                     // 0 = a name for several devices, see Spec
	Backend          Backend    `json:"backend"`                  // of the (first) device
	Form             Form       `json:"form"`                     // what it is
	IsMachine        bool       `json:"is_machine"`               // true for something that is bought and run as it is, false for a part
	Confidence       Confidence `json:"confidence"`               // how well its figures are known
	Devices          int        `json:"device_count"`             // accelerators; 0 for a processor alone
	Nodes            int        `json:"node_count"`               // machines that are linked
	CPUCores         int        `json:"cpu_cores"`                // where they tell variants apart
	GPUCores         int        `json:"gpu_cores"`                // where they tell variants apart; AMD: compute units
	Released         int        `json:"released"`                 // yyyymmdd, month or day 0 where not known
	PowerW           int        `json:"power_w"`                  // of board, chip or machine, as its source labels it
	PriceUSD         int        `json:"price_usd"`                // see PriceNote
	PriceYear        int        `json:"price_year"`               // of the price
	BusBits          int        `json:"memory_bus_bits"`          // of the whole interface
	TransfersMTPS    int        `json:"memory_mtps"`              // million transfers per pin and second
	Advertised       uint64     `json:"advertised_bytes"`         // on the box, of all devices together
	Memory           uint64     `json:"memory_bytes"`             // as drivers report it, of all devices together; a processor: its memory
	Budget           uint64     `json:"budget_bytes"`             // what GPUs may use of it by default
	HostMemory       uint64     `json:"host_memory_bytes"`        // that of the host; unified: the same bytes as Memory of one device
	Bandwidth        uint64     `json:"bandwidth_bytes_per_s"`    // of the memory of one device
	HostLink         uint64     `json:"host_link_bytes_per_s"`    // to the host, one direction
	PeerLink         uint64     `json:"peer_link_bytes_per_s"`    // to another device, one direction
	NodeLink         uint64     `json:"node_link_bytes_per_s"`    // to another machine, one direction
	L2               uint64     `json:"l2_bytes"`                 // second level of caches
	LastLevel        uint64     `json:"last_level_bytes"`         // a cache of all memory behind it
	Matrix           float64    `json:"matrix_flops_per_s"`       // what plans count with: FP16 with FP32 accumulation, else the best rate known below it
	FP32             float64    `json:"fp32_flops_per_s"`         // without matrix units
	FP16             float64    `json:"fp16_flops_per_s"`         // fastest accumulation
	FP16AccFP32      float64    `json:"fp16_fp32acc_flops_per_s"` // accumulation in FP32
	BF16             float64    `json:"bf16_flops_per_s"`         // accumulation in FP32
	FP8              float64    `json:"fp8_flops_per_s"`          // fastest accumulation
	INT8             float64    `json:"int8_ops_per_s"`           // OP/s
	FP4              float64    `json:"fp4_flops_per_s"`          // fastest accumulation
	ID               string     `json:"id"`                       // what a spec calls it
	Name             string     `json:"name"`                     // for people
	Vendor           string     `json:"vendor"`                   // "NVIDIA"; "" for parts of many vendors
	Family           string     `json:"family"`                   // architecture: "Ada"
	Chip             string     `json:"chip"`                     // die or SoC: "AD102"
	MemoryType       string     `json:"memory_type"`              // "GDDR6X"
	HostInterface    string     `json:"host_interface"`           // "PCIe 4.0 x16"
	PeerInterconnect string     `json:"peer_interconnect"`        // between devices: "NVLink 4.0"
	NodeInterconnect string     `json:"node_interconnect"`        // between machines
	ComputeTarget    string     `json:"compute_target"`           // "sm_89", "gfx1151", "Apple9"
	PriceNote        string     `json:"price_note"`               // what the price is of: "launch MSRP", "GPUs only, at launch price"
	RateNote         string     `json:"rate_note"`                // where the rates come from
	Note             string     `json:"note"`                     // what else was found, and what contradicts
	Spec             string     `json:"spec"`                     // of a name for several devices: what it stands for
	Source           string     `json:"source"`                   // where the figures come from and when they were read
}

func entryFrom(e *C.ctxfit_hw_entry) HardwareEntry {
	return HardwareEntry{
		Kind:             DeviceKind(e.kind),
		Backend:          Backend(e.backend),
		Form:             Form(e.form),
		IsMachine:        e.is_machine != 0,
		Confidence:       Confidence(e.confidence),
		Devices:          int(e.device_count),
		Nodes:            int(e.node_count),
		CPUCores:         int(e.cpu_cores),
		GPUCores:         int(e.gpu_cores),
		Released:         int(e.released),
		PowerW:           int(e.power_w),
		PriceUSD:         int(e.price_usd),
		PriceYear:        int(e.price_year),
		BusBits:          int(e.memory_bus_bits),
		TransfersMTPS:    int(e.memory_mtps),
		Advertised:       uint64(e.advertised_bytes),
		Memory:           uint64(e.memory_bytes),
		Budget:           uint64(e.budget_bytes),
		HostMemory:       uint64(e.host_memory_bytes),
		Bandwidth:        uint64(e.bandwidth_bytes_per_s),
		HostLink:         uint64(e.host_link_bytes_per_s),
		PeerLink:         uint64(e.peer_link_bytes_per_s),
		NodeLink:         uint64(e.node_link_bytes_per_s),
		L2:               uint64(e.l2_bytes),
		LastLevel:        uint64(e.last_level_bytes),
		Matrix:           float64(e.matrix_flops_per_s),
		FP32:             float64(e.fp32_flops_per_s),
		FP16:             float64(e.fp16_flops_per_s),
		FP16AccFP32:      float64(e.fp16_fp32acc_flops_per_s),
		BF16:             float64(e.bf16_flops_per_s),
		FP8:              float64(e.fp8_flops_per_s),
		INT8:             float64(e.int8_ops_per_s),
		FP4:              float64(e.fp4_flops_per_s),
		ID:               getString(e.id[:]),
		Name:             getString(e.name[:]),
		Vendor:           getString(e.vendor[:]),
		Family:           getString(e.family[:]),
		Chip:             getString(e.chip[:]),
		MemoryType:       getString(e.memory_type[:]),
		HostInterface:    getString(e.host_interface[:]),
		PeerInterconnect: getString(e.peer_interconnect[:]),
		NodeInterconnect: getString(e.node_interconnect[:]),
		ComputeTarget:    getString(e.compute_target[:]),
		PriceNote:        getString(e.price_note[:]),
		RateNote:         getString(e.rate_note[:]),
		Note:             getString(e.note[:]),
		Spec:             getString(e.spec[:]),
		Source:           getString(e.source[:]),
	}
}

func catalogEntry(place C.uint32_t) HardwareEntry {
	var e C.ctxfit_hw_entry
	e.struct_size = C.sizeof_ctxfit_hw_entry
	C.ctxfit_hw_catalog_get(place, &e)
	return entryFrom(&e)
}

// HardwareCatalog returns the devices, machines and names for machines of several devices that a spec may name.
func HardwareCatalog() []HardwareEntry {
	all := make([]HardwareEntry, C.ctxfit_hw_catalog_count())
	for i := range all {
		all[i] = catalogEntry(C.uint32_t(i))
	}
	return all
}

// HardwareName is the short form of an entry of the catalog.
type HardwareName struct {
	ID     string `json:"id"`     // "rtx-4090"
	Name   string `json:"name"`   // "GeForce RTX 4090"
	Source string `json:"source"` // where the figures come from, and when they were read
}

// HardwareNames returns the entries of [HardwareCatalog] in short.
func HardwareNames() []HardwareName {
	all := make([]HardwareName, C.ctxfit_hw_catalog_count())
	for i := range all {
		at := C.uint32_t(i)
		all[i] = HardwareName{
			ID: C.GoString(C.ctxfit_hw_catalog_id(at)), Name: C.GoString(C.ctxfit_hw_catalog_name(at)),
			Source: C.GoString(C.ctxfit_hw_catalog_source(at)),
		}
	}
	return all
}

// FindHardware returns the one entry that a name leads to, by the same rules as in a spec. An [ErrNotFound] lists the variants or suggests
// names.
func FindHardware(name string) (HardwareEntry, error) {
	s, err := cString("the name", name)
	if err != nil {
		return HardwareEntry{}, err
	}
	defer freeString(s)
	var place C.uint32_t
	var e C.ctxfit_error
	if status := C.ctxfit_hw_catalog_find(s, &place, &e); status != C.CTXFIT_OK {
		return HardwareEntry{}, failure(status, &e)
	}
	return catalogEntry(place), nil
}

// EntryKind says which entries a [HardwareFilter] passes.
type EntryKind uint32

// The kinds of entries.
const (
	AnyEntry    EntryKind = C.CTXFIT_ENTRY_ANY
	PartsOnly   EntryKind = C.CTXFIT_ENTRY_PARTS    // devices
	MachineOnly EntryKind = C.CTXFIT_ENTRY_MACHINES // what is bought and run as it is
)

// HardwareFilter says what to look for in the catalog; what is 0 or "" is not asked for.
type HardwareFilter struct {
	Text           string     // a name that people type, or words that are all in id, name, vendor, family or chip
	Vendor         string     // letters in any case
	Kind           DeviceKind // also of machines of several devices: the first one's
	Form           Form
	Machines       EntryKind
	PriceLeastUSD  int
	PriceMostUSD   int
	MemoryLeast    uint64 // of all devices, as on the box, bytes
	MemoryMost     uint64
	BandwidthLeast uint64 // of one device, bytes per second
}

func (f *HardwareFilter) put(c *C.ctxfit_hw_filter) error {
	c.struct_size = C.sizeof_ctxfit_hw_filter
	c.kind, c.form, c.machines = C.uint32_t(f.Kind), C.uint32_t(f.Form), C.uint32_t(f.Machines)
	c.memory_least_bytes, c.memory_most_bytes = C.uint64_t(f.MemoryLeast), C.uint64_t(f.MemoryMost)
	c.bandwidth_least_bytes_per_s = C.uint64_t(f.BandwidthLeast)
	if err := putCount(&c.price_least_usd, "the least price", f.PriceLeastUSD); err != nil {
		return err
	}
	if err := putCount(&c.price_most_usd, "the highest price", f.PriceMostUSD); err != nil {
		return err
	}
	if err := putString(c.vendor[:], "the vendor", f.Vendor); err != nil {
		return err
	}
	return putString(c.text[:], "the text", f.Text)
}

// SearchHardware returns the entries of the catalog that pass a filter. Where nothing has its Text, [ErrNotFound] suggests names.
func SearchHardware(filter HardwareFilter) ([]HardwareEntry, error) {
	var f C.ctxfit_hw_filter
	if err := filter.put(&f); err != nil {
		return nil, err
	}
	places := make([]C.uint32_t, C.ctxfit_hw_catalog_count())
	var count C.size_t
	var e C.ctxfit_error
	if status := C.ctxfit_hw_catalog_search(&f, &places[0], C.size_t(len(places)), &count, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	found := make([]HardwareEntry, count)
	for i := range found {
		found[i] = catalogEntry(places[i])
	}
	return found, nil
}

// MaxListEntries is the most entries of a [HardwareList].
const MaxListEntries = C.CTXFIT_HW_LIST_MAX

// HardwareList is hardware of a caller's own: cards that are not in the catalog, or are another than there.
type HardwareList struct{ handle handle }

// ParseHardwareList reads a list from JSON: an array of objects whose members have the JSON names of [HardwareEntry] and its units. Detail
// of an [*Error] is the place of the faulty entry.
func ParseHardwareList(data []byte) (*HardwareList, error) {
	text := make([]byte, len(data)+1) // so that there is a first byte
	copy(text, data)
	var c *C.ctxfit_hw_list
	var e C.ctxfit_error
	status := C.ctxfit_hw_list_from_json((*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(data)), nil, &c, &e)
	if status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	l := &HardwareList{handle{object: unsafe.Pointer(c), free: func(p unsafe.Pointer) { C.ctxfit_hw_list_free((*C.ctxfit_hw_list)(p)) }}}
	runtime.SetFinalizer(l, (*HardwareList).Close)
	return l, nil
}

func (l *HardwareList) enter() *C.ctxfit_hw_list {
	if l == nil {
		return nil
	}
	return (*C.ctxfit_hw_list)(l.handle.enter())
}

// Close gives the memory back. A second Close does nothing. Machines that were made with the list stay.
func (l *HardwareList) Close() error {
	if l != nil && l.handle.close() {
		runtime.SetFinalizer(l, nil)
	}
	return nil
}

// Entries returns what the list holds, completed by what follows from it; nil when it is closed.
func (l *HardwareList) Entries() []HardwareEntry {
	c := l.enter()
	if c == nil {
		return nil
	}
	defer l.handle.leave()
	all := make([]HardwareEntry, C.ctxfit_hw_list_count(c))
	for i := range all {
		var e C.ctxfit_hw_entry
		e.struct_size = C.sizeof_ctxfit_hw_entry
		C.ctxfit_hw_list_get(c, C.uint32_t(i), &e)
		all[i] = entryFrom(&e)
	}
	return all
}

// ParseHardware reads a spec as the function of that name does, with the entries of the list in front of the catalog's. The spec of the
// machine can be read without the list.
func (l *HardwareList) ParseHardware(spec string) (*Hardware, error) {
	s, err := cString("the spec", spec)
	if err != nil {
		return nil, err
	}
	defer freeString(s)
	list := l.enter()
	if list == nil {
		return nil, ErrClosed
	}
	defer l.handle.leave()
	var c *C.ctxfit_hw
	var e C.ctxfit_error
	if status := C.ctxfit_hw_parse_with(s, list, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newHardware(c), nil
}
