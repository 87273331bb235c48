/* A server asks before it accepts: reads "PROMPT OUTPUT DEADLINE" (tokens, tokens, seconds) from each line of stdin.
 *
 *     printf '146760 2000 300\n' | ./server_loop
 *
 * The check allocates nothing and takes no lock, so every worker of a server may call it on the one plan. */
#include <inttypes.h>
#include <stdio.h>

#include <ctxfit.h>

static ctxfit_status make_plan(ctxfit_plan **out, ctxfit_error *error)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_model       *model = NULL;
    ctxfit_hw          *hw = NULL;
    ctxfit_status       status;

    *out = NULL;
    options.ctx_tokens = 262144;
    options.limit_tokens = 131072; /* what some file between the server and its users says */
    snprintf(options.limit_source, sizeof options.limit_source, "agent.yaml: context_length");
    options.measured_prefill_tokens_per_s = 400; /* from the server's own log: better than any estimate */
    status = ctxfit_model_from_catalog("qwen3-coder-30b-a3b", CTXFIT_FILE_TYPE_Q4_K_M, NULL, &model, error);
    if (status == CTXFIT_OK)
        status = ctxfit_hw_parse("mac-studio-m2-ultra-64gb", NULL, &hw, error);
    if (status == CTXFIT_OK)
        status = ctxfit_plan_make(model, hw, &options, NULL, out, error);
    ctxfit_hw_free(hw); /* the plan needs neither of them any more */
    ctxfit_model_free(model);
    return status;
}

static void answer(const ctxfit_check *check)
{
    if (check->outcome == CTXFIT_CHECK_OK)
        printf("ok, about %.0f s", check->expected_s);
    if (check->outcome & CTXFIT_CHECK_NO_FIT)
        printf("the model does not fit this machine; ");
    if (check->outcome & CTXFIT_CHECK_OVERFLOW)
        printf("%" PRIu64 " tokens too long for the %s limit of %" PRIu64 "; ", check->overflow_tokens,
               ctxfit_limit_name(check->limit_kind), check->limit_tokens);
    if (check->outcome & CTXFIT_CHECK_TOO_SLOW)
        printf("%.0f s, which is %.0f s too slow; ", check->expected_s, check->late_s);
    if (check->outcome != CTXFIT_CHECK_OK)
        printf("a prompt of %" PRIu64 " tokens would pass", check->largest_prompt_tokens);
    printf("\n");
}

int main(void)
{
    ctxfit_plan *plan;
    ctxfit_error error;
    char         line[256];

    if (make_plan(&plan, &error) != CTXFIT_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 3;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        ctxfit_request request = CTXFIT_REQUEST_INIT;
        ctxfit_check   check = CTXFIT_CHECK_INIT;
        ctxfit_status  status;

        if (sscanf(line, "%" SCNu64 "%" SCNu64 "%lf", &request.prompt_tokens, &request.output_tokens, &request.deadline_s) != 3) {
            printf("expected PROMPT OUTPUT DEADLINE\n"); /* this line is answered, the rest go on */
            continue;
        }
        status = ctxfit_plan_check(plan, &request, &check);
        if (status == CTXFIT_OK)
            answer(&check);
        else
            printf("%s\n", ctxfit_status_message(status));
    }
    ctxfit_plan_free(plan);
    return 0;
}
