/* Writes the seeds of corpus/gguf into the folder that is named: good files of every kind, the fuzzer breaks them itself. */
#include "gguf_writer.h"

static void save(const char *folder, const char *name, gguf_writer *w)
{
    char  path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(w->data, 1, w->size, file) != w->size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    gw_free(w);
}

int main(int argc, char **argv)
{
    static const uint64_t dims[] = {256, 2, 1, 3};
    gguf_writer           w;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    gw_begin(&w, 3, false);
    save(argv[1], "empty.gguf", &w);
    gw_good(&w, 2, false);
    save(argv[1], "good_v2.gguf", &w);
    gw_good(&w, 3, false);
    save(argv[1], "good_v3.gguf", &w);
    gw_good(&w, 3, true);
    save(argv[1], "good_v3_big_endian.gguf", &w);
    gw_vocabulary(&w, 20, 20);
    save(argv[1], "vocabulary.gguf", &w);

    gw_begin(&w, 3, false);
    gw_key_u16(&w, "split.no", 1);
    gw_key_u16(&w, "split.count", 3);
    gw_key_u32(&w, "split.tensors.count", 9);
    w.alignment = 64;
    gw_key_u32(&w, "general.alignment", 64);
    gw_tensor(&w, "q4_k", 12, 4, dims, 6 * 144);
    gw_tensor(&w, "unknown", 60000, 4, dims, 4096);
    gw_tensor(&w, "scalar", 30, 0, NULL, 2);
    gw_end(&w);
    save(argv[1], "shard_aligned_unknown_format.gguf", &w);
    return 0;
}
