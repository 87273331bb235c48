/* The cache of Hugging Face, and llama.cpp's older one. Which file a name means was read off llama-server 0.7.0 --offline -hf on such
 * folders, whose files are taken in the order of the folder; here by name. */
#define _POSIX_C_SOURCE 200809L
#include "store_tree.h"

#include "ctxfit/model.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER "89abcdef0123456789abcdef0123456789abcdef"
#define QWEN "models--unsloth--Qwen3-8B-GGUF"
#define SNAP QWEN "/snapshots/" COMMIT "/"
#define HUB "store_hub"

static void a_tag_means_the_first_file_that_has_it(void **state)
{
    static const char *const tree[] = {
        QWEN "/refs/main=" COMMIT, QWEN "/blobs/aa", SNAP "Qwen3-8B-Q4_K_M.gguf>../../blobs/aa", SNAP "Qwen3-8B-Q8_0.gguf>../../blobs/aa",
        SNAP "Qwen3-8B-UD-Q4_K_XL.gguf>../../blobs/aa", SNAP "Qwen3-8B-BF16-00001-of-00002.gguf", SNAP "Qwen3-8B-BF16-00002-of-00002.gguf",
        SNAP "Q2_K/Qwen3-8B-Q2_K-00001-of-00001.gguf", SNAP "mmproj-BF16.gguf", SNAP "mmproj-Q8_0.gguf", SNAP "imatrix_unsloth.gguf",
        SNAP "mtp-Qwen3-8B-Q4_K_M.gguf", SNAP "README.md", SNAP "config.json", NULL,
    };
    static const name_case cases[] = {
        {"unsloth/Qwen3-8B-GGUF", CTXFIT_OK, "/Qwen3-8B-Q4_K_M.gguf", "/mmproj-Q8_0.gguf"},
        {"UNSLOTH/qwen3-8b-gguf:q8_0", CTXFIT_OK, "/Qwen3-8B-Q8_0.gguf", "/mmproj-Q8_0.gguf"},
        {"unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL", CTXFIT_OK, "/Qwen3-8B-UD-Q4_K_XL.gguf", "/mmproj-Q8_0.gguf"},
        {"unsloth/Qwen3-8B-GGUF:Q4_K_XL", CTXFIT_OK, "/Qwen3-8B-UD-Q4_K_XL.gguf", "/mmproj-Q8_0.gguf"},
        {"unsloth/Qwen3-8B-GGUF:BF16", CTXFIT_OK, "/Qwen3-8B-BF16-00001-of-00002.gguf", "/mmproj-BF16.gguf"},
        {"unsloth/Qwen3-8B-GGUF:Q2_K", CTXFIT_OK, "/Q2_K/Qwen3-8B-Q2_K-00001-of-00001.gguf", "/mmproj-Q8_0.gguf"},
        {"unsloth/Qwen3-8B-GGUF/mmproj-bf16.gguf", CTXFIT_OK, "/mmproj-BF16.gguf", NULL},
        {"unsloth/Qwen3-8B-GGUF:Q5_K_M", CTXFIT_E_NOT_FOUND, "has no Q5_K_M here, it has Q2_K, BF16, Q4_K_M, Q8_0, Q4_K_XL", NULL},
        {"unsloth/Qwen3-8B-GGUF/none.gguf", CTXFIT_E_NOT_FOUND, "has no file 'none.gguf'", NULL},
        {"unsloth/Qwen3-8B-GGUF/README.md", CTXFIT_E_NOT_FOUND, "has no file 'README.md'", NULL},
        {"unsloth/Qwen3-8B-GGUF/../../../refs/main", CTXFIT_E_NOT_FOUND, "has no file", NULL},
        {"unslot/Qwen3-8B-GGUF", CTXFIT_E_NOT_FOUND, "did you mean unsloth/Qwen3-8B-GGUF?", NULL},
        {"Qwen3-8B-GGUF", CTXFIT_E_NOT_FOUND, "did you mean unsloth/Qwen3-8B-GGUF?", NULL},
        {"..", CTXFIT_E_NOT_FOUND, "no '..' in 'store_hub'", NULL},
        {"", CTXFIT_E_INVALID_ARG, "is no name", NULL},
        {":Q4_K_M", CTXFIT_E_INVALID_ARG, "is no name", NULL},
        {"a/b:", CTXFIT_E_INVALID_ARG, "is no name", NULL},
        {"a/", CTXFIT_E_INVALID_ARG, "is no name", NULL},
        {"//org/repo", CTXFIT_E_INVALID_ARG, "is no name", NULL},
    };
    store_tree t;

    (void)state;
    tree_make(&t, HUB, tree);
    check_names(CTXFIT_STORE_HF, HUB, cases, sizeof cases / sizeof cases[0]);
    tree_remove(&t);
}

static void the_commit_is_that_of_main(void **state)
{
    static const char *const tree[] = {
        "models--a--main/refs/main=" COMMIT "\n", "models--a--main/refs/dev=" OTHER,
        "models--a--main/snapshots/" COMMIT "/right-Q8_0.gguf", "models--a--main/snapshots/" OTHER "/wrong-Q8_0.gguf",
        "models--a--branch/refs/dev=" OTHER, "models--a--branch/snapshots/" COMMIT "/wrong-Q8_0.gguf",
        "models--a--branch/snapshots/" OTHER "/right-Q8_0.gguf",
        "models--a--pinned/snapshots/" OTHER "/right-Q8_0.gguf", /* downloaded by its commit: no ref */
        "models--a--two/snapshots/" OTHER "/a-Q8_0.gguf", "models--a--two/snapshots/" COMMIT "/b-Q8_0.gguf",
        "models--a--evil/refs/main=../../models--a--main/snapshots/" COMMIT, "models--a--evil/snapshots/",
        "models--gpt2/refs/main=" COMMIT, "models--gpt2/snapshots/" COMMIT "/config.json", NULL,
    };
    static const name_case cases[] = {
        {"a/main", CTXFIT_OK, "/right-Q8_0.gguf", NULL},
        {"a/branch", CTXFIT_OK, "/right-Q8_0.gguf", NULL},
        {"a/pinned", CTXFIT_OK, "/right-Q8_0.gguf", NULL},
        {"a/two", CTXFIT_E_NOT_FOUND, "has no snapshot", NULL},
        {"a/evil", CTXFIT_E_NOT_FOUND, "has no snapshot", NULL},
        {"gpt2", CTXFIT_OK, "/snapshots/" COMMIT, NULL},
        {"gpt2:Q4_K_M", CTXFIT_E_NOT_FOUND, "it is a checkpoint", NULL},
    };
    store_tree t;

    (void)state;
    tree_make(&t, "store_refs", tree);
    check_names(CTXFIT_STORE_HF, "store_refs", cases, sizeof cases / sizeof cases[0]);
    tree_remove(&t);
}

static void the_older_cache_of_llamacpp_is_flat(void **state)
{
    static const char *const tree[] = {
        "manifest=ggml-org=gemma-3-4b-it-GGUF=latest.json={\"ggufFile\": {\"rfilename\": \"gemma-3-4b-it-Q8_0.gguf\"}}",
        "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q8_0.gguf", "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q4_K_M.gguf",
        "ggml-org_gemma-3-4b-it-GGUF_mmproj-model-f16.gguf",
        "manifest=bart=broken=latest.json={", "bart_broken_x-Q8_0.gguf", "bart_broken_x-Q4_K_M.gguf",
        "manifest=bart=outside=latest.json={\"ggufFile\": {\"rfilename\": \"../../etc/passwd\"}}", "bart_outside_x-Q6_K.gguf",
        "manifest=bart=gone=latest.json={}", "TheBloke_Llama-2-7B-GGUF_llama-2-7b.Q4_K_M.gguf",
        "manifest=big=split=latest.json={\"ggufFile\": {\"rfilename\": \"Q4_K_M/s-Q4_K_M-00001-of-00003.gguf\"}}",
        "big_split_Q4_K_M_s-Q4_K_M-00001-of-00003.gguf", "big_split_Q4_K_M_s-Q4_K_M-00002-of-00003.gguf",
        "big_split_Q4_K_M_s-Q4_K_M-00003-of-00003.gguf.downloadInProgress", NULL,
    };
    static const name_case cases[] = {
        {"ggml-org/gemma-3-4b-it-GGUF", CTXFIT_OK, "/ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q8_0.gguf", "_mmproj-model-f16.gguf"},
        {"ggml-org/gemma-3-4b-it-GGUF:q4_k_m", CTXFIT_OK, "_gemma-3-4b-it-Q4_K_M.gguf", "_mmproj-model-f16.gguf"},
        {"bart/broken", CTXFIT_OK, "/bart_broken_x-Q4_K_M.gguf", NULL},
        {"bart/outside", CTXFIT_OK, "/bart_outside_x-Q6_K.gguf", NULL},
        {"bart/gone", CTXFIT_E_NOT_FOUND, "there is a manifest of 'bart/gone'", NULL},
        {"TheBloke/Llama-2-7B-GGUF", CTXFIT_OK, "/TheBloke_Llama-2-7B-GGUF_llama-2-7b.Q4_K_M.gguf", NULL},
        {"big/split", CTXFIT_E_INCOMPLETE, "2 of the 3 files of", NULL},
        {"ggml-org/gemma-3-4b-it", CTXFIT_E_NOT_FOUND, "did you mean ggml-org/gemma-3-4b-it-GGUF", NULL},
    };
    ctxfit_model *model = NULL;
    store_tree    t;

    (void)state;
    tree_make(&t, "store_flat", tree);
    /* Without JSON the manifest says nothing, and the first case is Q4_K_M. */
    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        check_names(CTXFIT_STORE_HF, "store_flat", cases + 1, sizeof cases / sizeof cases[0] - 1);
    else
        check_names(CTXFIT_STORE_HF, "store_flat", cases, sizeof cases / sizeof cases[0]);
    tree_remove(&t);
}

static void a_download_that_did_not_end_is_named(void **state)
{
#if !defined(_WIN32)
    static const char *const tree[] = {
        "models--a--begun/refs/main=" COMMIT, "models--a--begun/blobs/abc.incomplete", "models--a--begun/snapshots/",
        "models--a--part/refs/main=" COMMIT, "models--a--part/blobs/abc.downloadInProgress",
        "models--a--part/snapshots/" COMMIT "/a-Q4_K_M.gguf",
        "models--a--lost/refs/main=" COMMIT, "models--a--lost/snapshots/" COMMIT "/a-Q4_K_M.gguf>../../blobs/gone",
        "models--a--loop/refs/main=" COMMIT, "models--a--loop/snapshots/" COMMIT "/a-Q4_K_M.gguf>a-Q4_K_M.gguf",
        "models--a--loop/snapshots/" COMMIT "/again>.", NULL,
    };
    static const name_case cases[] = {
        {"a/begun", CTXFIT_E_INCOMPLETE, "blobs/abc.incomplete'", NULL},
        {"a/part", CTXFIT_OK, "/a-Q4_K_M.gguf", NULL},
        {"a/part:Q8_0", CTXFIT_E_INCOMPLETE, "blobs/abc.downloadInProgress'", NULL},
        {"a/lost", CTXFIT_E_INCOMPLETE, "a link to a file that is not there", NULL},
        {"a/loop", CTXFIT_E_INCOMPLETE, "a link to a file that is not there", NULL},
    };
    store_tree t;

    tree_make(&t, "store_begun", tree);
    check_names(CTXFIT_STORE_HF, "store_begun", cases, sizeof cases / sizeof cases[0]);
    tree_remove(&t);
#endif
    (void)state;
}

/* Names of a listing lead to what the listing says. */
static void a_listing_names_every_model(void **state)
{
    static const char *const tree[] = {
        QWEN "/refs/main=" COMMIT, SNAP "Qwen3-8B-Q4_K_M.gguf=12345", SNAP "Qwen3-8B-UD-Q4_K_M.gguf=1234", SNAP "mmproj-BF16.gguf",
        SNAP "Qwen3-8B-BF16-00001-of-00002.gguf=123", SNAP "Qwen3-8B-BF16-00002-of-00002.gguf=12",
        SNAP "Qwen3-8B-Q6_K-00001-of-00002.gguf=123", SNAP "plain.gguf=1",
        "models--mlx-community--Qwen3-4bit/refs/main=" COMMIT, "models--mlx-community--Qwen3-4bit/snapshots/" COMMIT "/config.json={}",
        "models--mlx-community--Qwen3-4bit/snapshots/" COMMIT "/model-00001-of-00002.safetensors=12",
        "models--mlx-community--Qwen3-4bit/snapshots/" COMMIT "/model-00002-of-00002.safetensors=1",
        "models--a--begun/blobs/abc.incomplete", "datasets--a--b/refs/main=" COMMIT,
        "manifest=o=r=latest.json={}", "o_r_x-Q8_0.gguf=1234567", "hand-made-00001-of-00001.gguf=12", "x.gguf.downloadInProgress", NULL,
    };
    static const struct {
        const char *name;
        const char *path;
        uint64_t    bytes;
        uint32_t    files, flags;
    } expected[] = {
        {"hf:a/begun", "/blobs/abc.incomplete", 0, 0, CTXFIT_STORED_F_UNFINISHED},
        {"hf:mlx-community/Qwen3-4bit", "/snapshots/" COMMIT, 3, 2, CTXFIT_STORED_F_CHECKPOINT},
        {"hf:o/r:Q8_0", "/o_r_x-Q8_0.gguf", 7, 1, 0},
        {"hf:unsloth/Qwen3-8B-GGUF/Qwen3-8B-UD-Q4_K_M.gguf", "/Qwen3-8B-UD-Q4_K_M.gguf", 4, 1, 0},
        {"hf:unsloth/Qwen3-8B-GGUF/plain.gguf", "/plain.gguf", 1, 1, 0},
        {"hf:unsloth/Qwen3-8B-GGUF:BF16", "/Qwen3-8B-BF16-00001-of-00002.gguf", 5, 2, 0},
        {"hf:unsloth/Qwen3-8B-GGUF:Q4_K_M", "/Qwen3-8B-Q4_K_M.gguf", 5, 1, 0},
        {"hf:unsloth/Qwen3-8B-GGUF:Q6_K", "/Qwen3-8B-Q6_K-00001-of-00002.gguf", 3, 1, CTXFIT_STORED_F_UNFINISHED},
        {"store_list/hand-made-00001-of-00001.gguf", "/hand-made-00001-of-00001.gguf", 2, 1, 0},
    };
    static const char *const environment[] = {"LLAMA_CACHE=store_list", NULL};
    ctxfit_store            *store = NULL;
    store_tree               t;

    (void)state;
    tree_make(&t, "store_list", tree);
    assert_int_equal(ctxfit_store_list(CTXFIT_STORE_HF, "store_list", NULL, &store, NULL), CTXFIT_OK);
    for (uint32_t i = 0; i < ctxfit_store_count(store); i++) {
        ctxfit_stored_info info = CTXFIT_STORED_INFO_INIT;
        ctxfit_modelfile  *file = NULL;

        assert_in_range(i, 0, sizeof expected / sizeof expected[0] - 1);
        assert_string_equal(ctxfit_store_name(store, i), expected[i].name);
        assert_true(ends(ctxfit_store_path(store, i), expected[i].path));
        assert_int_equal(ctxfit_store_get(store, i, &info), CTXFIT_OK);
        assert_int_equal(info.bytes, expected[i].bytes);
        assert_int_equal(info.files, expected[i].files);
        assert_int_equal(info.flags, expected[i].flags);
        if (strncmp(expected[i].name, "hf:", 3) != 0)
            continue;
        assert_int_equal(ctxfit_store_look_up(expected[i].name, environment, NULL, &file, NULL),
                         (info.flags & CTXFIT_STORED_F_UNFINISHED) != 0 ? CTXFIT_E_INCOMPLETE : CTXFIT_OK);
        if (file != NULL)
            assert_string_equal(ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0), ctxfit_store_path(store, i));
        ctxfit_modelfile_free(file);
    }
    assert_int_equal(ctxfit_store_count(store), sizeof expected / sizeof expected[0]);
    assert_null(ctxfit_store_name(store, ctxfit_store_count(store)));
    assert_null(ctxfit_store_path(NULL, 0));
    ctxfit_store_free(store);
    ctxfit_store_free(NULL);
    tree_remove(&t);
}

static void what_is_no_question_is_refused(void **state)
{
    ctxfit_modelfile  *file = (ctxfit_modelfile *)1;
    ctxfit_store      *store = (ctxfit_store *)1;
    ctxfit_stored_info info = CTXFIT_STORED_INFO_INIT;
    ctxfit_error       error = {0};

    (void)state;
    assert_int_equal(ctxfit_store_find(CTXFIT_STORE_HF, NULL, "a/b", NULL, &file, NULL), CTXFIT_E_INVALID_ARG);
    assert_null(file);
    assert_int_equal(ctxfit_store_find(0, ".", "a/b", NULL, &file, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_store_find(4, ".", "a/b", NULL, &file, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_store_list(4, ".", NULL, &store, NULL), CTXFIT_E_INVALID_ARG);
    assert_null(store);
    assert_int_equal(ctxfit_store_list(CTXFIT_STORE_HF, "store_nowhere", NULL, &store, &error), CTXFIT_E_NOT_FOUND);
    assert_string_equal(error.message, "no folder 'store_nowhere'");
    assert_int_equal(ctxfit_store_look_up("qwen3", NULL, NULL, &file, &error), CTXFIT_E_INVALID_ARG);
    assert_non_null(strstr(error.message, "expected hf:..., lmstudio:... or ollama:..."));
    assert_int_equal(ctxfit_store_get(NULL, 0, &info), CTXFIT_E_INVALID_ARG);
}

static void finding_survives_the_nth_failed_allocation(void **state)
{
    static const char *const tree[] = {
        QWEN "/refs/main=" COMMIT, SNAP "Qwen3-8B-Q4_K_M.gguf", SNAP "mmproj-F16.gguf", "manifest=o=r=latest.json={\"ggufFile\": {}}",
        "o_r_x-Q8_0.gguf", NULL,
    };
    static const char *const environment[] = {"LLAMA_CACHE=store_memory", "HF_HOME=store_memory/none", NULL};
    static const char *const names[] = {"hf:unsloth/Qwen3-8B-GGUF", "hf:o/r", "hf:o/s"};
    store_tree               t;

    (void)state;
    tree_make(&t, "store_memory", tree);
    for (size_t i = 0; i < 4; i++) {
        test_failing f = {0};

        while (test_failing_next(&f)) {
            ctxfit_modelfile *file = NULL;
            ctxfit_store     *store = NULL;

            f.status = i < 3 ? ctxfit_store_look_up(names[i], environment, &f.allocator, &file, NULL)
                             : ctxfit_store_list(CTXFIT_STORE_HF, "store_memory", &f.allocator, &store, NULL);
            ctxfit_modelfile_free(file);
            ctxfit_store_free(store);
        }
        assert_int_equal(f.status, i == 2 ? CTXFIT_E_NOT_FOUND : CTXFIT_OK);
    }
    tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_means_the_first_file_that_has_it),
        cmocka_unit_test(the_commit_is_that_of_main),
        cmocka_unit_test(the_older_cache_of_llamacpp_is_flat),
        cmocka_unit_test(a_download_that_did_not_end_is_named),
        cmocka_unit_test(a_listing_names_every_model),
        cmocka_unit_test(what_is_no_question_is_refused),
        cmocka_unit_test(finding_survives_the_nth_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
