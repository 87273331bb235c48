/* LM Studio's folders, model.yaml, and the places of all stores. */
#define _POSIX_C_SOURCE 200809L
#include "store_tree.h"

#include "ctxfit/model.h"

#define GGUF "models/lmstudio-community/Qwen3-8B-GGUF/"
#define MLX "models/lmstudio-community/Qwen3-8B-MLX-4bit/"

static int has_json(void)
{
    ctxfit_model *model = NULL;

    return ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) != CTXFIT_E_UNSUPPORTED;
}

static void folders_and_keys_lead_to_files(void **state)
{
    static const char *const tree[] = {
        GGUF "Qwen3-8B-Q4_K_M.gguf", GGUF "Qwen3-8B-Q8_0.gguf", GGUF "mmproj-Qwen3-8B-F16.gguf", MLX "config.json={}",
        MLX "model.safetensors", "models/mlx-community/Qwen3-8B-4bit/config.json={}",
        "models/infra-ai/ocelot-v1/ocelot-v1-instruct-q4_0.gguf",
        "models/handmade/a model.gguf", "models/one/Twin-GGUF/t-Q4_0.gguf", "models/two/twin/t-Q4_0.gguf",
        "models/lmstudio-community/Begun-GGUF/downloading_Begun-Q4_K_M.gguf.part", "models/lmstudio-community/Empty/", NULL,
    };
    static const name_case cases[] = {
        {"lmstudio-community/Qwen3-8B-GGUF", CTXFIT_OK, "/Qwen3-8B-Q4_K_M.gguf", "/mmproj-Qwen3-8B-F16.gguf"},
        {"lmstudio-community/qwen3-8b@q8_0", CTXFIT_OK, "/Qwen3-8B-Q8_0.gguf", "/mmproj-Qwen3-8B-F16.gguf"},
        {"lmstudio-community/qwen3-8b-gguf:Q8_0", CTXFIT_OK, "/Qwen3-8B-Q8_0.gguf", "/mmproj-Qwen3-8B-F16.gguf"},
        {"lmstudio-community/Qwen3-8B-GGUF/Qwen3-8B-Q8_0.gguf", CTXFIT_OK, "/Qwen3-8B-Q8_0.gguf", "/mmproj-Qwen3-8B-F16.gguf"},
        {"qwen3-8b@q4_k_m", CTXFIT_OK, "/Qwen3-8B-Q4_K_M.gguf", "/mmproj-Qwen3-8B-F16.gguf"},
        {"lmstudio-community/Qwen3-8B-MLX-4bit", CTXFIT_OK, "/Qwen3-8B-MLX-4bit", NULL},
        {"qwen3-8b-4bit@4bit", CTXFIT_OK, "/mlx-community/Qwen3-8B-4bit", NULL},
        {"infra-ai/ocelot-v1", CTXFIT_OK, "/ocelot-v1-instruct-q4_0.gguf", NULL},
        {"handmade", CTXFIT_OK, "/handmade/a model.gguf", NULL},
        {"one/twin", CTXFIT_OK, "/one/Twin-GGUF/t-Q4_0.gguf", NULL},
        {"twin", CTXFIT_E_NOT_FOUND, "'twin' may be 'one/Twin-GGUF' or 'two/twin': name the publisher", NULL},
        {"qwen3-8b@q5_k_m", CTXFIT_E_NOT_FOUND, "has no q5_k_m here, it has Q4_K_M, Q8_0", NULL},
        {"lmstudio-community/Begun-GGUF", CTXFIT_E_INCOMPLETE, "downloading_Begun-Q4_K_M.gguf.part'", NULL},
        {"lmstudio-community/Empty", CTXFIT_E_NOT_FOUND, "has no GGUF file, and no config.json", NULL},
        {"lmstudio-comunity/Qwen3-8B-GGUF", CTXFIT_E_NOT_FOUND, "did you mean lmstudio-community/Qwen3-8B-GGUF", NULL},
        {"../models", CTXFIT_E_NOT_FOUND, "no '../models' in", NULL},
        {"@q4_k_m", CTXFIT_E_INVALID_ARG, "is no name of a model: publisher/model[@quantization]", NULL},
    };
    ctxfit_store *store = NULL;
    store_tree    t;

    (void)state;
    tree_make(&t, "store_lms", tree);
    check_names(CTXFIT_STORE_LMSTUDIO, "store_lms", cases, sizeof cases / sizeof cases[0]);
    check_names(CTXFIT_STORE_LMSTUDIO, "store_lms/models", cases, 8); /* the folder of models itself */
    assert_int_equal(ctxfit_store_list(CTXFIT_STORE_LMSTUDIO, "store_lms", NULL, &store, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_store_count(store), 9);
    assert_string_equal(ctxfit_store_name(store, 0), "lmstudio:handmade/a model.gguf");
    assert_string_equal(ctxfit_store_name(store, 4), "lmstudio:lmstudio-community/Qwen3-8B-GGUF@Q8_0");
    ctxfit_store_free(store);
    tree_remove(&t);
}

#define HUB "hub/models/"

static void a_model_yaml_names_its_sources(void **state)
{
    static const char *const tree[] = {
        GGUF "Qwen3-8B-Q4_K_M.gguf", MLX "config.json={}",
        HUB "qwen/qwen3-8b/model.yaml="
            "# model.yaml is an open standard\nmodel: qwen/qwen3-8b\nbase:\n"
            "  - key: lmstudio-community/none\n    sources:\n      - type: huggingface\n        user: lmstudio-community\n"
            "        repo: Qwen3-8B-MLX-8bit\n"
            "  - key: lmstudio-community/qwen3-8b-mlx-4bit\n    sources:\n      - type: huggingface\n        repo: \"Qwen3-8B-MLX-4bit\"\n"
            "        user: 'lmstudio-community' # who made it\n"
            "  - key: lmstudio-community/qwen3-8b-gguf\n    sources:\n      - type: huggingface\n        user: lmstudio-community\n"
            "        repo: Qwen3-8B-GGUF\n"
            "metadataOverrides:\n  domain: llm\n  user: x\n  repo: y\n",
        HUB "me/same-column/model.yaml=base:\r\n- key: a/b\r\n  sources:\r\n  - user: lmstudio-community\r\n    repo: Qwen3-8B-GGUF\r\n",
        HUB "me/scalar/model.yaml=model: me/scalar\nbase: lmstudio-community/Qwen3-8B-GGUF\n",
        HUB "me/list/model.yaml=base:\n  - lmstudio-community/Qwen3-8B-GGUF\n",
        HUB "me/far/model.yaml=base:\n  - key: else/where\n", HUB "me/itself/model.yaml=base: me/itself\n",
        HUB "me/none/README.md", HUB "me/nothing/model.yaml=", HUB "me/outside/model.yaml=base: ../../etc/passwd\n", NULL,
    };
    static const name_case cases[] = {
        {"qwen/qwen3-8b", CTXFIT_OK, "/Qwen3-8B-MLX-4bit", NULL},
        {"qwen/qwen3-8b@4bit", CTXFIT_OK, "/Qwen3-8B-MLX-4bit", NULL},
        {"qwen/qwen3-8b@q4_k_m", CTXFIT_OK, "/Qwen3-8B-Q4_K_M.gguf", NULL},
        {"qwen3-8b@q4_k_m", CTXFIT_OK, "/Qwen3-8B-Q4_K_M.gguf", NULL},
        {"me/same-column", CTXFIT_OK, "/Qwen3-8B-Q4_K_M.gguf", NULL},
        {"me/scalar", CTXFIT_OK, "/Qwen3-8B-Q4_K_M.gguf", NULL},
        {"me/list", CTXFIT_OK, "/Qwen3-8B-Q4_K_M.gguf", NULL},
        {"me/far", CTXFIT_E_NOT_FOUND, "none of the 1 sources in the model.yaml of 'me/far' is on this disk", NULL},
        {"me/itself", CTXFIT_E_NOT_FOUND, "none of the 1 sources", NULL},
        {"me/none", CTXFIT_E_NOT_FOUND, "no 'store_yaml/hub/models/me/none/model.yaml'", NULL},
        {"me/nothing", CTXFIT_E_NOT_FOUND, "none of the 0 sources", NULL},
        {"me/outside", CTXFIT_E_NOT_FOUND, "none of the 1 sources", NULL},
    };
    store_tree t;

    (void)state;
    tree_make(&t, "store_yaml", tree);
    check_names(CTXFIT_STORE_LMSTUDIO, "store_yaml", cases, sizeof cases / sizeof cases[0]);
    tree_remove(&t);
}

static void settings_may_move_the_models(void **state)
{
    static const char *const tree[] = {
        "home/settings.json={\"downloadsFolder\": \"store_moved/elsewhere\"}", "home/models/p/m/old-Q8_0.gguf",
        "elsewhere/p/m/new-Q8_0.gguf", "gone/settings.json={\"downloadsFolder\": \"store_moved/nowhere\"}",
        "odd/settings.json={\"downloadsFolder\": 7}", "odd/models/p/m/old-Q8_0.gguf", "broken/settings.json={",
        "broken/models/p/m/old-Q8_0.gguf", NULL,
    };
    static const name_case moved[] = {{"p/m", CTXFIT_OK, "store_moved/elsewhere/p/m/new-Q8_0.gguf", NULL}};
    static const name_case gone[] = {{"p/m", CTXFIT_E_NOT_FOUND, "no folder 'store_moved/nowhere'", NULL}};
    static const name_case old[] = {{"p/m", CTXFIT_OK, "/models/p/m/old-Q8_0.gguf", NULL}};
    store_tree             t;

    (void)state;
    tree_make(&t, "store_moved", tree);
    if (has_json()) {
        check_names(CTXFIT_STORE_LMSTUDIO, "store_moved/home", moved, 1);
        check_names(CTXFIT_STORE_LMSTUDIO, "store_moved/gone", gone, 1);
    }
    check_names(CTXFIT_STORE_LMSTUDIO, "store_moved/odd", old, 1);
    check_names(CTXFIT_STORE_LMSTUDIO, "store_moved/broken", old, 1);
    tree_remove(&t);
}

/* ---- places ---- */

static void check_places(uint32_t kind, const char *const *environment, const char *const *expected)
{
    char   path[256];
    size_t len;

    for (uint32_t i = 0;; i++) {
        ctxfit_status status = ctxfit_store_place(kind, environment, i, path, sizeof path, &len);

        if (expected[i] == NULL) {
            assert_int_equal(status, CTXFIT_E_NOT_FOUND);
            return;
        }
        assert_int_equal(status, CTXFIT_OK);
        assert_string_equal(path, expected[i]);
        assert_int_equal(len, strlen(path));
    }
}

static void places_follow_the_variables_of_their_programs(void **state)
{
    static const char *const home[] = {"HOME=/h", NULL};
    static const char *const hub[] = {"HOME=/h", "HF_HOME=/x", "HF_HUB_CACHE=~/c", "XDG_CACHE_HOME=/xdg", NULL};
    static const char *const llama[] = {"HOME=/h", "LLAMA_CACHE=/l", "HF_HOME=/x", NULL};
    static const char *const same[] = {"LLAMA_CACHE=/l", "HF_HUB_CACHE=/l", NULL};
    static const char *const windows[] = {"USERPROFILE=C:\\Users\\a", "LOCALAPPDATA=C:\\Users\\a\\AppData\\Local", "HF_HUB_CACHE=", NULL};
    static const char *const ollama[] = {"HOME=/h", "OLLAMA_MODELS=/m", NULL};
    static const char *const nothing[] = {NULL};
#if defined(__APPLE__)
    static const char *const of_home[] = {"/h/.cache/huggingface/hub", "/h/Library/Caches/llama.cpp", NULL};
    static const char *const of_hub[] = {"/h/c", "/h/Library/Caches/llama.cpp", NULL};
#else
    static const char *const of_home[] = {"/h/.cache/huggingface/hub", "/h/.cache/llama.cpp", NULL};
    static const char *const of_hub[] = {"/h/c", "/xdg/llama.cpp", NULL};
#endif
    static const char *const of_llama[] = {"/l", "/x/hub", NULL};
    static const char *const of_same[] = {"/l", NULL};
    static const char *const of_windows[] = {"C:\\Users\\a/.cache/huggingface/hub", "C:\\Users\\a\\AppData\\Local/llama.cpp", NULL};
    static const char *const lms[] = {"/h/.lmstudio", "/h/.cache/lm-studio", NULL};
    static const char *const of_ollama[] = {"/m", NULL};

    (void)state;
    check_places(CTXFIT_STORE_HF, home, of_home);
    check_places(CTXFIT_STORE_HF, hub, of_hub);
    check_places(CTXFIT_STORE_HF, llama, of_llama);
    check_places(CTXFIT_STORE_HF, same, of_same);
    check_places(CTXFIT_STORE_HF, windows, of_windows);
    check_places(CTXFIT_STORE_LMSTUDIO, home, lms);
    check_places(CTXFIT_STORE_LMSTUDIO, nothing, nothing);
    check_places(CTXFIT_STORE_LMSTUDIO, NULL, nothing);
    check_places(CTXFIT_STORE_OLLAMA, ollama, of_ollama);
    assert_int_equal(ctxfit_store_place(CTXFIT_STORE_OLLAMA, ollama, 0, NULL, 0, NULL), CTXFIT_E_BUFFER_SIZE);
    assert_int_equal(ctxfit_store_place(9, ollama, 0, NULL, 0, NULL), CTXFIT_E_INVALID_ARG);
}

static void the_first_place_that_has_it_answers(void **state)
{
    static const char *const tree[] = {
        ".lmstudio-home-pointer=store_home/moved  \n", "moved/models/p/a/a-Q8_0.gguf", ".lmstudio/models/p/b/b-Q8_0.gguf",
        ".lmstudio/models/p/a/wrong-Q8_0.gguf", ".cache/lm-studio/models/p/c/c-Q8_0.gguf",
        "moved/models/p/d/d-Q8_0-00001-of-00002.gguf", ".cache/lm-studio/models/p/d/d-Q8_0.gguf",
        "moved/models/p/e/e-Q8_0-00001-of-00002.gguf", NULL,
    };
    static const struct {
        const char   *name;
        ctxfit_status status;
        const char   *words;
    } cases[] = {
        {"lmstudio:p/a", CTXFIT_OK, "store_home/moved/models/p/a/a-Q8_0.gguf"},
        {"lmstudio:p/b", CTXFIT_OK, "/b-Q8_0.gguf"},
        {"lmstudio:p/c", CTXFIT_OK, "/c-Q8_0.gguf"},
        {"lmstudio:p/d", CTXFIT_OK, "lm-studio/models/p/d/d-Q8_0.gguf"},
        {"lmstudio:p/e", CTXFIT_E_INCOMPLETE, "1 of the 2 files"},
        {"lmstudio:p/f", CTXFIT_E_NOT_FOUND, "no 'p/f' in 'store_home/moved'; did you mean p/a, p/d or p/e?"},
        {"hf:p/f", CTXFIT_E_NOT_FOUND, "there are no models of Hugging Face or llama.cpp on this disk"},
        {"ollama:f", CTXFIT_E_NOT_FOUND, "there are no models of Ollama on this disk"},
    };
    static const char *const environment[] = {"HOME=store_home", NULL};
    store_tree               t;

    (void)state;
    tree_make(&t, "store_home", tree);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_modelfile *file = NULL;
        ctxfit_error      error = {0};
        ctxfit_status     status = ctxfit_store_look_up(cases[i].name, environment, NULL, &file, &error);

        if (status != cases[i].status || (status != CTXFIT_OK && strstr(error.message, cases[i].words) == NULL) ||
            (status == CTXFIT_OK && !ends(ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0), cases[i].words)))
            fail_msg("%s: %s (%s)", cases[i].name, ctxfit_status_name(status), error.message);
        ctxfit_modelfile_free(file);
    }
    assert_int_equal(ctxfit_store_look_up("hf:a/b", NULL, NULL, &(ctxfit_modelfile *){NULL}, NULL), CTXFIT_E_NOT_FOUND);
    tree_remove(&t);
}

#if !defined(__APPLE__)
/* Of folders that all fail the one answers that came nearest. */
static void the_nearest_miss_is_told(void **state)
{
    static const char *const tree[] = {
        "empty/x", "many/models--a--far/refs/x", "many/models--b--model-GGUF/refs/x", "llama.cpp/a_model-GGUF_m-Q4_K_M.gguf",
        "llama.cpp/manifest=a=model-GGUF=latest.json={}", "llama.cpp/a_part_m-Q4_K_M-00001-of-00002.gguf",
        "llama.cpp/manifest=a=part=latest.json={}", NULL,
    };
    static const struct {
        const char   *name;
        ctxfit_status status;
        const char   *words;
    } cases[] = {
        {"hf:a/model-GGUF:Q8_0", CTXFIT_E_NOT_FOUND, "'a/model-GGUF' has no Q8_0 here"},
        {"hf:c/model-GGUF", CTXFIT_E_NOT_FOUND, "in 'store_miss/many'; did you mean b/model-GGUF?"},
        {"hf:a/part", CTXFIT_E_INCOMPLETE, "1 of the 2 files"},
    };
    static const char *const empty_first[] = {"LLAMA_CACHE=store_miss/empty", "HF_HUB_CACHE=store_miss/many", NULL};
    static const char *const flat_last[] = {"HF_HUB_CACHE=store_miss/many", "XDG_CACHE_HOME=store_miss", NULL};
    store_tree               t;

    (void)state;
    tree_make(&t, "store_miss", tree);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_modelfile *file = NULL;
        ctxfit_error      error = {0};
        ctxfit_status     status = ctxfit_store_look_up(cases[i].name, i == 1 ? empty_first : flat_last, NULL, &file, &error);

        if (status != cases[i].status || strstr(error.message, cases[i].words) == NULL)
            fail_msg("%s: %s (%s)", cases[i].name, ctxfit_status_name(status), error.message);
    }
    tree_remove(&t);
}
#endif

static void looking_survives_the_nth_failed_allocation(void **state)
{
    static const char *const tree[] = {
        ".lmstudio/settings.json={\"downloadsFolder\": \"store_lmsmem/m\"}", "m/p/a/a-Q8_0.gguf", "m/b.gguf", "m/p/b.gguf",
        ".lmstudio/hub/models/q/y/model.yaml=base: p/a\n", NULL,
    };
    static const char *const environment[] = {"HOME=store_lmsmem", NULL};
    static const char *const names[] = {"lmstudio:p/a", "lmstudio:q/y", "lmstudio:none"};
    store_tree               t;

    (void)state;
    tree_make(&t, "store_lmsmem", tree);
    for (size_t i = 0; i < 4 && has_json(); i++) {
        test_failing f = {0};

        while (test_failing_next(&f)) {
            ctxfit_modelfile *file = NULL;
            ctxfit_store     *store = NULL;

            f.status = i < 3 ? ctxfit_store_look_up(names[i], environment, &f.allocator, &file, NULL)
                             : ctxfit_store_list(CTXFIT_STORE_LMSTUDIO, "store_lmsmem/.lmstudio", &f.allocator, &store, NULL);
            ctxfit_modelfile_free(file);
            ctxfit_store_free(store);
        }
        assert_int_equal(f.status, i == 2 ? CTXFIT_E_NOT_FOUND : CTXFIT_OK);
    }
    tree_remove(&t);
}

static void ollamas_store_is_listed(void **state)
{
    ctxfit_store      *store = NULL;
    ctxfit_stored_info info = CTXFIT_STORED_INFO_INIT;
    ctxfit_modelfile  *file = NULL;
    ctxfit_error       error = {0};

    (void)state;
    if (!has_json())
        return;
    assert_int_equal(ctxfit_store_list(CTXFIT_STORE_OLLAMA, TEST_DATA "/ollama", NULL, &store, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_store_count(store), 2);
    assert_string_equal(ctxfit_store_name(store, 0), "ollama:tiny:latest");
    assert_int_equal(ctxfit_store_get(store, 0, &info), CTXFIT_OK);
    assert_int_equal(info.files, 1);
    assert_int_equal(info.flags, 0);
    assert_string_equal(ctxfit_store_name(store, 1), "ollama:tiny:lost");
    assert_int_equal(ctxfit_store_get(store, 1, &info), CTXFIT_OK);
    assert_int_equal(info.flags, CTXFIT_STORED_F_UNFINISHED);
    assert_int_equal(ctxfit_store_get(store, 2, &info), CTXFIT_E_NOT_FOUND);
    ctxfit_store_free(store);
    assert_int_equal(ctxfit_store_find(CTXFIT_STORE_OLLAMA, TEST_DATA "/ollama", "tyni", NULL, &file, &error), CTXFIT_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "did you mean tiny:"));
}

#define NO_BLOB "sha256-1111111111111111111111111111111111111111111111111111111111111111"

/* A host may be called as the usual namespace is; a pipe in the place of a blob is none, and nothing waits for it. */
static void a_name_of_ollamas_leads_back_to_its_manifest(void **state)
{
    static const char        manifest[] =
        "{\"layers\": [{\"mediaType\": \"application/vnd.ollama.image.model\", \"digest\": \"" NO_BLOB "\"}]}";
    static const char *const names[] = {"ollama:library/x/y:t", "ollama:other/x/y:t", "ollama:user/y:t", "ollama:y:t"};
    static const char *const hosts[] = {"library/x", "other/x", "registry.ollama.ai/user", "registry.ollama.ai/library"};
    char                     entries[4][320];
    const char              *tree[] = {entries[0], entries[1], entries[2], entries[3], "blobs/", NULL};
    ctxfit_store            *store = NULL;
    ctxfit_stored_info       info = CTXFIT_STORED_INFO_INIT;
    store_tree               t;

    (void)state;
    if (!has_json())
        return;
    for (size_t i = 0; i < 4; i++)
        (void)snprintf(entries[i], sizeof entries[i], "manifests/%s/y/t=%s", hosts[i], manifest);
    tree_make(&t, "store_hosts", tree);
#if !defined(_WIN32)
    assert_int_equal(mkfifo("store_hosts/blobs/" NO_BLOB, 0644), 0);
#endif
    assert_int_equal(ctxfit_store_list(CTXFIT_STORE_OLLAMA, "store_hosts", NULL, &store, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_store_count(store), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_string_equal(ctxfit_store_name(store, i), names[i]);
        assert_int_equal(ctxfit_store_get(store, i, &info), CTXFIT_OK);
        assert_int_equal(info.flags, CTXFIT_STORED_F_UNFINISHED);
    }
    ctxfit_store_free(store);
    (void)remove("store_hosts/blobs/" NO_BLOB);
    tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_and_keys_lead_to_files),
        cmocka_unit_test(a_model_yaml_names_its_sources),
        cmocka_unit_test(settings_may_move_the_models),
        cmocka_unit_test(places_follow_the_variables_of_their_programs),
        cmocka_unit_test(the_first_place_that_has_it_answers),
#if !defined(__APPLE__)
        cmocka_unit_test(the_nearest_miss_is_told),
#endif
        cmocka_unit_test(looking_survives_the_nth_failed_allocation),
        cmocka_unit_test(ollamas_store_is_listed),
        cmocka_unit_test(a_name_of_ollamas_leads_back_to_its_manifest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
