/* Writes the seeds of corpus/projector into the folder that is named: a small file of each graph, the fuzzer breaks them itself. */
#include "projector_rows.h"

static const char *const wanted[] = {
    "gemma3.0", "lfm2.0", "pixtral.1", "qwen25vl.0", "qwen3vl.1", "glm4v.0", "internvl.0", "nemotron_v2_vl.0",
    "llama4.0", "kimik25.0", "dots_ocr.0", "hunyuanvl.0", "gemma4v.0", "llava.0", "ldp.0", "glm_edge.0", "cogvlm.0",
    "minicpmv.0", "ultravox.0", "qwen3a.0", "gemma4a.0", "gemma4uv.0", "gemma4ua.0", "gemma3nv.0", "step3vl.0",
    "mimovl.0", "youtuvl.0", "muse_glimmer.0", "deepseek4v.0", "dots3note_a.0", "minicpmv4_6.0", "lfm2a.0",
    "deepseekocr.0", "deepseekocr2.0", "dots3note_v.0", "yasa2.0", "granite_speech.0",
};

static void save(const char *folder, const projector_text *text)
{
    gguf_writer w = projector_header(text, NULL);
    char        path[512];
    FILE       *file;

    (void)snprintf(path, sizeof path, "%s/%s.gguf", folder, text->name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(w.data, 1, w.size, file) != w.size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    gw_free(&w);
}

int main(int argc, char **argv)
{
    projector_rows rows;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    rows = projector_rows_read(TEST_DATA "/projectors/rows.txt");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        save(argv[1], projector_find(&rows, wanted[i]));
    projector_rows_free(&rows);
    return 0;
}
