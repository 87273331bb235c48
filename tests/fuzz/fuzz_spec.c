/* Any text is refused or gives a machine that writes and reads itself back. */
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

static char *spec_of(const ctxfit_hw *hw)
{
    size_t len;
    char  *text;

    require(ctxfit_hw_write_spec(hw, NULL, 0, &len) == CTXFIT_E_BUFFER_SIZE);
    text = malloc(len + 1);
    require(text != NULL);
    require(ctxfit_hw_write_spec(hw, text, len + 1, NULL) == CTXFIT_OK);
    return text;
}

static void compare(const ctxfit_hw *a, const ctxfit_hw *b)
{
    require(ctxfit_hw_device_count(a) == ctxfit_hw_device_count(b));
    for (uint32_t i = 0; i < ctxfit_hw_device_count(a); i++) {
        ctxfit_device x = CTXFIT_DEVICE_INIT, y = CTXFIT_DEVICE_INIT;

        require(ctxfit_hw_get_device(a, i, &x) == CTXFIT_OK && ctxfit_hw_get_device(b, i, &y) == CTXFIT_OK);
        require(memcmp(&x, &y, sizeof x) == 0);
        require(x.free_bytes <= x.memory_bytes && x.budget_bytes <= x.memory_bytes && x.reserve_bytes <= x.memory_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        *text = malloc(size + 1), *first, *second;
    ctxfit_hw   *hw, *again;
    ctxfit_error error;

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (ctxfit_hw_parse(text, NULL, &hw, &error) != CTXFIT_OK) {
        require(hw == NULL && memchr(error.message, '\0', sizeof error.message) != NULL && error.offset <= size);
        free(text);
        return 0;
    }
    first = spec_of(hw);
    require(ctxfit_hw_parse(first, NULL, &again, &error) == CTXFIT_OK);
    compare(hw, again);
    second = spec_of(again);
    require(strcmp(first, second) == 0);
    ctxfit_hw_free(hw);
    ctxfit_hw_free(again);
    free(first);
    free(second);
    free(text);
    return 0;
}
