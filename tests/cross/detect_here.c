/* Prints the machine that it runs on, what could not be seen, and what was read.   detect_here [NVML] */
#include <ctxfit.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static char              text[32768];
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    ctxfit_hw               *hw;
    ctxfit_error             error;
    const char              *warning;

    if (argc > 1)
        (void)snprintf(options.nvml_library, sizeof options.nvml_library, "%s", argv[1]);
    if (ctxfit_hw_detect(&options, NULL, &hw, &error) != CTXFIT_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    if (ctxfit_hw_write_spec(hw, text, sizeof text, NULL) == CTXFIT_OK)
        printf("spec: %s\n", text);
    for (uint32_t i = 0; (warning = ctxfit_hw_warning(hw, i)) != NULL; i++)
        printf("warning: %s\n", warning);
    if (ctxfit_hw_write_report(hw, text, sizeof text, NULL) == CTXFIT_OK)
        printf("%s", text);
    ctxfit_hw_free(hw);
    return 0;
}
