/* The machine that the command runs on. The library reads no environment: what should count of it is handed over here. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* A variable that is set and empty hides every device. False: longer than a list may be. */
static bool take_list(const char *name, char *out, size_t cap)
{
    const char *value = getenv(name);

    if (value == NULL)
        return true;
    return (size_t)snprintf(out, cap, "%s", *value != '\0' ? value : "-1") < cap;
}

bool cli_read_device_limits(const char *text, ctxfit_hw_detect_options *out)
{
    for (size_t place = 0; place < CLI_COUNT(out->device_limit_bytes); place++) {
        char   size[32];
        size_t n = strcspn(text, ",");

        if (n == 0 || n >= sizeof size)
            return false;
        memcpy(size, text, n);
        size[n] = '\0';
        if (!cli_parse_bytes(size, &out->device_limit_bytes[place]))
            return false;
        text += n;
        if (*text == '\0')
            return true;
        text++;
    }
    return false;
}

ctxfit_status cli_detect(const ctxfit_hw_detect_options *stated, ctxfit_hw **out, ctxfit_error *error)
{
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    const char              *root = getenv("CTXFIT_ROOT");
    const char              *rocm = getenv("ROCR_VISIBLE_DEVICES") != NULL ? "ROCR_VISIBLE_DEVICES" : "HIP_VISIBLE_DEVICES";

    *out = NULL;
    if (stated != NULL)
        options = *stated;
    if (!take_list("CUDA_VISIBLE_DEVICES", options.visible_cuda, sizeof options.visible_cuda) ||
        !take_list(rocm, options.visible_rocm, sizeof options.visible_rocm) ||
        !take_list("ZE_AFFINITY_MASK", options.visible_sycl, sizeof options.visible_sycl) ||
        (root != NULL && (size_t)snprintf(options.root, sizeof options.root, "%s", root) >= sizeof options.root)) {
        memset(error, 0, sizeof *error);
        (void)snprintf(error->message, sizeof error->message, "a variable of the environment is too long");
        return error->status = CTXFIT_E_LIMIT;
    }
    return ctxfit_hw_detect(&options, NULL, out, error);
}

void cli_render_unseen(const ctxfit_hw *hw, FILE *out)
{
    const char *warning;
    cli_style   style = cli_style_of(out);
    char        text[256];

    for (uint32_t i = 0; (warning = ctxfit_hw_warning(hw, i)) != NULL; i++) {
        (void)snprintf(text, sizeof text, "%s", warning);
        cli_clean(text);
        fputs("  not seen: ", out);
        cli_wrap(out, style.width, 12, text);
    }
}
