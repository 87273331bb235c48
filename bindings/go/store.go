package ctxfit

/*
#include <ctxfit.h>
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"unsafe"
)

// StoreKind is a kind of folder in which programs keep models.
type StoreKind uint32

// The kinds of stores.
const (
	StoreHF       StoreKind = C.CTXFIT_STORE_HF       // "hf:": the caches of Hugging Face and llama.cpp
	StoreLMStudio StoreKind = C.CTXFIT_STORE_LMSTUDIO // "lmstudio:"
	StoreOllama   StoreKind = C.CTXFIT_STORE_OLLAMA   // "ollama:"
)

// Stored is a model on this disk.
type Stored struct {
	Name       string // as [LookUp] takes it, or the path of a file whose repository cannot be told
	Path       string // its GGUF file, of a split one the first shard, or the folder of a checkpoint
	Bytes      uint64 // of the files of its weights
	Files      uint32
	Checkpoint bool // a folder with a config.json
	Unfinished bool // a download that did not end
}

// environment is what os.Environ says, for C, until free is called.
func environment() (list **C.char, free func(), err error) {
	all := os.Environ()
	block := C.calloc(C.size_t(len(all)+1), C.size_t(unsafe.Sizeof((*C.char)(nil))))
	if block == nil {
		return nil, nil, ErrNoMemory
	}
	texts := unsafe.Slice((**C.char)(block), len(all)+1)
	for i, text := range all {
		texts[i] = C.CString(text)
	}
	return (**C.char)(block), func() {
		for _, text := range texts[:len(all)] {
			freeString(text)
		}
		C.free(block)
	}, nil
}

// LookUp says what a name means on this disk: "hf:owner/repository[:tag]" in the caches of Hugging Face and llama.cpp,
// "lmstudio:publisher/model[@quantization]", "ollama:name[:tag]". Variables such as HF_HOME say where.
func LookUp(name string) (*Modelfile, error) {
	n, err := cString("the name", name)
	if err != nil {
		return nil, err
	}
	defer freeString(n)
	list, free, err := environment()
	if err != nil {
		return nil, err
	}
	defer free()
	var c *C.ctxfit_modelfile
	var e C.ctxfit_error
	if status := C.ctxfit_store_look_up(n, list, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModelfile(c), nil
}

// FindStored looks a name, without its prefix, up in one folder: the hub's or llama.cpp's cache, LM Studio's home or its folder of
// models, Ollama's store.
func FindStored(kind StoreKind, root, name string) (*Modelfile, error) {
	r, err := cString("the root", root)
	if err != nil {
		return nil, err
	}
	defer freeString(r)
	n, err := cString("the name", name)
	if err != nil {
		return nil, err
	}
	defer freeString(n)
	var c *C.ctxfit_modelfile
	var e C.ctxfit_error
	if status := C.ctxfit_store_find(C.uint32_t(kind), r, n, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	return newModelfile(c), nil
}

// StorePlaces are the folders in which a kind of store is looked for, whether they exist or not.
func StorePlaces(kind StoreKind) ([]string, error) {
	list, free, err := environment()
	if err != nil {
		return nil, err
	}
	defer free()
	var places []string
	for {
		place, status := text(256, func(buf *C.char, capacity C.size_t, length *C.size_t) C.ctxfit_status {
			return C.ctxfit_store_place(C.uint32_t(kind), list, C.uint32_t(len(places)), buf, capacity, length)
		})
		if status == C.CTXFIT_E_NOT_FOUND {
			return places, nil
		}
		if status != C.CTXFIT_OK {
			return nil, statusError(status, "places of stores of kind %d", kind)
		}
		places = append(places, string(place))
	}
}

// ListStored lists the models of one folder, sorted by name.
func ListStored(kind StoreKind, root string) ([]Stored, error) {
	r, err := cString("the root", root)
	if err != nil {
		return nil, err
	}
	defer freeString(r)
	var c *C.ctxfit_store
	var e C.ctxfit_error
	if status := C.ctxfit_store_list(C.uint32_t(kind), r, nil, &c, &e); status != C.CTXFIT_OK {
		return nil, failure(status, &e)
	}
	defer C.ctxfit_store_free(c)
	models := make([]Stored, 0, C.ctxfit_store_count(c))
	for i := C.uint32_t(0); i < C.ctxfit_store_count(c); i++ {
		info := C.ctxfit_stored_info{struct_size: C.sizeof_ctxfit_stored_info}
		if status := C.ctxfit_store_get(c, i, &info); status != C.CTXFIT_OK {
			return nil, statusError(status, "model %d of %q", i, root)
		}
		models = append(models, Stored{Name: C.GoString(C.ctxfit_store_name(c, i)), Path: C.GoString(C.ctxfit_store_path(c, i)),
			Bytes: uint64(info.bytes), Files: uint32(info.files), Checkpoint: flag(info.flags, C.CTXFIT_STORED_F_CHECKPOINT),
			Unfinished: flag(info.flags, C.CTXFIT_STORED_F_UNFINISHED)})
	}
	return models, nil
}

// StoredModels lists the models of a kind of store in its usual places.
func StoredModels(kind StoreKind) ([]Stored, error) {
	places, err := StorePlaces(kind)
	if err != nil {
		return nil, err
	}
	var models []Stored
	for _, place := range places {
		some, err := ListStored(kind, place)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		models = append(models, some...)
	}
	return models, nil
}

func isStored(name string) bool {
	return strings.HasPrefix(name, "hf:") || strings.HasPrefix(name, "lmstudio:") || strings.HasPrefix(name, "ollama:")
}

// openStored makes a model of a name on this disk.
func openStored(name string, options []GGUFOption) (*Model, error) {
	found, err := LookUp(name)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	path := found.Parts(PartModel)[0]
	if _, err := os.Stat(filepath.Join(path, "config.json")); err == nil {
		return OpenCheckpoint(path, FileTypeDefault)
	}
	header, err := OpenGGUF(path, options...)
	if err != nil {
		return nil, err
	}
	defer header.Close()
	return header.Model()
}
