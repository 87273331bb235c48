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

/* The text of a file, to be freed; NULL: it cannot be read, or is larger than a list of hardware may be. */
static char *read_whole(const char *path, size_t *out_size)
{
    const size_t most = (size_t)16 << 20;
    FILE        *file = fopen(path, "rb");
    char        *text = file != NULL ? malloc(most + 1) : NULL;
    size_t       size = text != NULL ? fread(text, 1, most + 1, file) : 0;
    bool         whole = text != NULL && size <= most && !ferror(file);

    if (file != NULL)
        (void)fclose(file);
    if (!whole) {
        free(text);
        return NULL;
    }
    *out_size = size;
    return text;
}

static ctxfit_status open_list(const char *path, ctxfit_hw_list **out, ctxfit_error *error)
{
    size_t        size;
    char         *text = read_whole(path, &size);
    ctxfit_status status;

    *out = NULL;
    if (text == NULL) {
        memset(error, 0, sizeof *error);
        (void)snprintf(error->message, sizeof error->message, "%.160s: cannot be read, or is above 16 MiB", path);
        return error->status = CTXFIT_E_IO;
    }
    status = ctxfit_hw_list_from_json(text, size, NULL, out, error);
    free(text);
    return status;
}

ctxfit_status cli_open_hw(const char *spec, const char *file, const ctxfit_hw_detect_options *options, ctxfit_hw **out,
                          ctxfit_error *error)
{
    ctxfit_hw_list *list = NULL;
    ctxfit_status   status;

    *out = NULL;
    if (spec == NULL)
        return cli_detect(options, out, error);
    status = file != NULL ? open_list(file, &list, error) : CTXFIT_OK;
    if (status == CTXFIT_OK)
        status = ctxfit_hw_parse_with(spec, list, NULL, out, error);
    ctxfit_hw_list_free(list);
    return status;
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
