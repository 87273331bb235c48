/* Writes the seeds of corpus/model_gguf into the folder that is named: a small model of each layout, the fuzzer breaks them itself. */
#include "arch_models.h"

static const char *const wanted[] = {
    "deepseek32-moe", "falcon-h1-dense", "gemma2-dense",   "glm-dsa-moe",  "kimi-linear-moe",      "lfm2moe-moe",
    "llama-moe",      "mamba-dense",     "minimax-m3-moe", "mpt-dense",    "nemotron_h_moe-dense", "qwen35moe-moe",
};

static bool is_wanted(const char *name)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (strcmp(wanted[i], name) == 0)
            return true;
    return false;
}

static void save(const char *folder, const arch_model *model)
{
    char  path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s.gguf", folder, model->name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(model->header.data, 1, model->header.size, file) != model->header.size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    arch_models models;
    arch_model  model = {0};

    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    arch_models_open(&models, TEST_DATA "/models/archs.txt");
    while (arch_models_next(&models, &model))
        if (is_wanted(model.name))
            save(argv[1], &model);
    arch_models_close(&models, &model);
    return 0;
}
