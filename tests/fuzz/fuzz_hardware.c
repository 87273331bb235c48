/* Any text is refused with a reason or is a list of hardware of which every entry makes a machine that can be written down. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit/hw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_entry(const ctxfit_hw_list *list, uint32_t index)
{
    ctxfit_hw_entry entry = CTXFIT_HW_ENTRY_INIT;
    ctxfit_hw      *hw, *again;
    char            written[8192];

    require(ctxfit_hw_list_get(list, index, &entry) == CTXFIT_OK);
    require(entry.id[0] != '\0' && entry.name[0] != '\0' && (entry.spec[0] != '\0' || entry.budget_bytes <= entry.memory_bytes));
    if (entry.kind == CTXFIT_DEVICE_HOST && entry.memory_bytes == 0)
        return; /* of a host the memory may be left to the spec */
    require(ctxfit_hw_parse_with(entry.id, list, NULL, &hw, NULL) == CTXFIT_OK);
    require(ctxfit_hw_write_spec(hw, written, sizeof written, NULL) == CTXFIT_OK);
    require(ctxfit_hw_parse(written, NULL, &again, NULL) == CTXFIT_OK); /* without the list */
    require(ctxfit_hw_device_count(hw) == ctxfit_hw_device_count(again));
    ctxfit_hw_free(hw);
    ctxfit_hw_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ctxfit_hw_list *list;
    ctxfit_error    error;

    if (ctxfit_hw_list_from_json((const char *)data, size, NULL, &list, &error) != CTXFIT_OK) {
        require(list == NULL && error.message[0] != '\0' && memchr(error.message, '\0', sizeof error.message) != NULL);
        return 0;
    }
    for (uint32_t i = 0; i < ctxfit_hw_list_count(list); i++)
        check_entry(list, i);
    ctxfit_hw_list_free(list);
    return 0;
}
