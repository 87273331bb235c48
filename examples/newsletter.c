/* Which models of 27 to 40 B run on a card of 24 GB, and which on one of 32 GB, at 4 bit with 8k of context? The whole catalog is asked. */
#include <ctxfit.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define FEWEST_PARAMETERS UINT64_C(27000000000)
#define MOST_PARAMETERS   UINT64_C(40000000000)
#define CONTEXT_TOKENS    8192
#define CARDS             2

static const char *const cards[CARDS] = {"rtx-4090 host:64GiB", "rtx-5090 host:64GiB"};

typedef struct answer {
    ctxfit_plan_summary plan;
    uint64_t            card_bytes; /* needed on the card */
} answer;

/* Plans the model on every card; false when a plan cannot be made. */
static bool plan_on_cards(const ctxfit_model *model, ctxfit_hw *const machines[CARDS], answer out[CARDS])
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;

    options.ctx_tokens = CONTEXT_TOKENS;
    for (int i = 0; i < CARDS; i++) {
        ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
        ctxfit_plan_device  card = CTXFIT_PLAN_DEVICE_INIT;
        ctxfit_plan        *plan;

        if (ctxfit_plan_make(model, machines[i], &options, NULL, &plan, NULL) != CTXFIT_OK)
            return false;
        (void)ctxfit_plan_get_summary(plan, &summary);
        (void)ctxfit_plan_get_device(plan, 0, &card);
        ctxfit_plan_free(plan);
        out[i].plan = summary;
        out[i].card_bytes = card.total_bytes;
    }
    return true;
}

static void print_answers(const char *id, const ctxfit_model_info *info, const answer answers[CARDS])
{
    printf("%-30s %6.1f B %8.1f GiB", id, (double)info->parameters / 1e9, (double)answers[0].card_bytes / (1u << 30));
    for (int i = 0; i < CARDS; i++) {
        if (answers[i].plan.fit == CTXFIT_FIT_ALL)
            printf("  yes, %7" PRIu64, answers[i].plan.max_ctx_seq_tokens);
        else
            printf("  %12s", "no");
    }
    putchar('\n');
}

/* Asks for every model of the catalog that is of the size and made for the context; counts them, and those that fit each card. */
static int ask_all(ctxfit_hw *const machines[CARDS], int fits[CARDS])
{
    int count = 0;

    printf("%-30s %8s %12s  %12s  %12s\n", "Q4_K_M, 8,192 tokens", "size", "on the card", "24 GB", "32 GB");
    for (uint32_t i = 0; i < ctxfit_model_catalog_count(); i++) {
        ctxfit_model     *model;
        ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;
        answer            answers[CARDS];

        if (ctxfit_model_from_catalog(ctxfit_model_catalog_id(i), CTXFIT_FILE_TYPE_Q4_K_M, NULL, &model, NULL) != CTXFIT_OK)
            continue;
        (void)ctxfit_model_get_info(model, &info);
        if (info.parameters >= FEWEST_PARAMETERS && info.parameters <= MOST_PARAMETERS && info.trained_tokens >= CONTEXT_TOKENS &&
            plan_on_cards(model, machines, answers)) {
            print_answers(ctxfit_model_catalog_id(i), &info, answers);
            count++;
            for (int card = 0; card < CARDS; card++)
                fits[card] += answers[card].plan.fit == CTXFIT_FIT_ALL;
        }
        ctxfit_model_free(model);
    }
    return count;
}

int main(void)
{
    ctxfit_hw   *machines[CARDS] = {NULL, NULL};
    ctxfit_error error;
    int          fits[CARDS] = {0}, count = 0;
    bool         good = true;

    for (int i = 0; i < CARDS && good; i++) {
        good = ctxfit_hw_parse(cards[i], NULL, &machines[i], &error) == CTXFIT_OK;
        if (!good)
            fprintf(stderr, "%s\n", error.message);
    }
    if (good) {
        count = ask_all(machines, fits);
        printf("of %d models %d fit 24 GB, %d fit 32 GB; the number is the longest context; 1 GiB stays free\n", count, fits[0], fits[1]);
    }
    for (int i = 0; i < CARDS; i++)
        ctxfit_hw_free(machines[i]);
    return good && count > 0 ? 0 : 1;
}
