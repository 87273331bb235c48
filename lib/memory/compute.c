#include "memory_internal.h"
ctxfit_status cfi_memory_add_compute(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                     ctxfit_error *error)
{ (void)model; (void)devices; (void)run; (void)out; (void)error; return CTXFIT_OK; }
