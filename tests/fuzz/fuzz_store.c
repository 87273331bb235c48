/* Any text is a model.yaml with some sources, each of which has the form of a name; any line of it is a file's name with parts that lie
 * within it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hf/store_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void read_names(char *text)
{
    for (char *line = text, *end; *line != '\0'; line = end) {
        cfi_gguf_name name;

        end = line + strcspn(line, "\n");
        end += *end == '\n';
        if (end > line && end[-1] == '\n')
            end[-1] = '\0';
        if (cfi_gguf_name_read(line, &name))
            require(name.count == 1 || name.prefix_len + 15 + 5 == strlen(line));
        require(name.prefix_len <= strlen(line) && name.tag_at <= name.prefix_len && name.tag_len <= name.prefix_len - name.tag_at);
        (void)cfi_gguf_is_model(line);
        (void)cfi_lmstudio_is_key(line, "publisher/Model-GGUF");
        (void)cfi_lmstudio_is_key("publisher/model", line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *text = malloc(size + 1);
    char           source[64];
    cfi_model_yaml yaml = {text, false};
    size_t         sources = 0;

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    for (; cfi_model_yaml_next(&yaml, source, sizeof source); sources++)
        require(strchr(source, '/') != NULL && strlen(source) < sizeof source);
    require(sources <= size && *yaml.at == '\0');
    read_names(text);
    free(text);
    return 0;
}
