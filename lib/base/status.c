#include "base_internal.h"

const char *ctxfit_status_name(ctxfit_status status)
{
    switch (status) {
#define CFI_STATUS(id, message) \
    case id:                    \
        return #id;
#include "status.def"
#undef CFI_STATUS
    }
    return "CTXFIT_E_UNKNOWN";
}

const char *ctxfit_status_message(ctxfit_status status)
{
    switch (status) {
#define CFI_STATUS(id, message) \
    case id:                    \
        return message;
#include "status.def"
#undef CFI_STATUS
    }
    return "unknown status";
}
