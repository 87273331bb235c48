/* The running Linux system: its files, and NVIDIA's library if there is one. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "detect_internal.h"

/* open and not fopen: no buffer behind the allocator's back, and a pipe in a file's place must not make us wait. */
static bool read_from_root(void *user, const char *path, char *out, size_t cap, size_t *out_len)
{
    const ctxfit_hw_detect_options *options = user;
    char                            full[sizeof options->root + CFI_HW_PATH_BYTES];
    size_t                          len = 0;
    ssize_t                         n = 0;
    int                             fd;

    out[0] = '\0';
    *out_len = 0;
    if ((size_t)snprintf(full, sizeof full, "%s%s", options->root, path) >= sizeof full)
        return false;
    fd = open(full, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (len + 1 < cap && (n = read(fd, out + len, cap - 1 - len)) > 0)
        len += (size_t)n;
    (void)close(fd);
    out[len] = '\0';
    *out_len = len;
    return n >= 0;
}

static bool ask_driver(void *user, const char *node, bool xe, cfi_hw_regions *out)
{
    (void)user;
    return cfi_hw_ask_regions(node, xe, out);
}

ctxfit_status cfi_hw_read_system(cfi_hw_scene *scene)
{
    ctxfit_hw_detect_options options = *scene->options;
    cfi_hw_files             files = {&options, NULL, read_from_root};
    cfi_nvml_library         library;
    bool                     driver = (options.flags & CTXFIT_HW_DETECT_NO_DRIVER) == 0;

    driver = driver && (options.root[0] == '\0' || options.nvml_library[0] != '\0') && cfi_nvml_open(&library, options.nvml_library);
    if ((options.flags & CTXFIT_HW_DETECT_NO_DRIVER) == 0 && options.root[0] == '\0')
        files.regions = ask_driver;
    cfi_hw_read_linux(scene, &files, driver ? &library.nvml : NULL);
    if (driver)
        cfi_nvml_close(&library);
    return CTXFIT_OK;
}
