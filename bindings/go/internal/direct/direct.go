// Package direct makes plans in C without the binding, so that its benchmarks have something to be compared with.
package direct

/*
#cgo !ctxfit_source pkg-config: ctxfit
#cgo ctxfit_source CFLAGS: -I${SRCDIR}/../../../../include -DCTXFIT_STATIC
#cgo ctxfit_source LDFLAGS: ${SRCDIR}/../../../../build/libctxfit.a -lm
#include <ctxfit.h>
#include <stdlib.h>

static ctxfit_status plans(const char *name, const char *spec, uint64_t context, uint32_t flags, uint64_t count)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_model       *model = NULL;
    ctxfit_hw          *hw = NULL;
    ctxfit_status       status = ctxfit_model_from_catalog(name, CTXFIT_FILE_TYPE_Q4_K_M, NULL, &model, NULL);

    options.ctx_tokens = context;
    options.flags = flags;
    if (status == CTXFIT_OK)
        status = ctxfit_hw_parse(spec, NULL, &hw, NULL);
    for (uint64_t i = 0; i < count && status == CTXFIT_OK; i++) {
        ctxfit_plan *plan;

        status = ctxfit_plan_make(model, hw, &options, NULL, &plan, NULL);
        ctxfit_plan_free(plan);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return status;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Plans makes and frees count plans; search is whether they look for the largest context.
func Plans(model, hardware string, context uint64, search bool, count int) error {
	m, h := C.CString(model), C.CString(hardware)
	defer C.free(unsafe.Pointer(m))
	defer C.free(unsafe.Pointer(h))
	var flags C.uint32_t
	if !search {
		flags = C.CTXFIT_PLAN_F_NO_LIMITS
	}
	if status := C.plans(m, h, C.uint64_t(context), flags, C.uint64_t(count)); status != C.CTXFIT_OK {
		return fmt.Errorf("status %d", status)
	}
	return nil
}
