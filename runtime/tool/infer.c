/* What run and chat share: options of inference, the session and sampler they ask for.    SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tool/infer.h"

#include <stdio.h>
#include <string.h>

static carat_status check_media(const carat_infer *a, carat_err *err)
{
    const char *what = a->image.n ? "image" : a->audio.n ? "audio" : a->video.n ? "video" : NULL;
    if (!what && a->budget != CARAT_INT_UNSET)
        what = "budget";
    return what ? carat_fail(err, CARAT_ESUPPORT, "--%s: this build reads text only", what) : CARAT_OK;
}

static double number_of(int64_t v)
{
    return v == CARAT_INT_UNSET ? CARAT_NUM_UNSET : (double)v;
}

/* One row a number: what is given must lie in [min, max]. */
static carat_status check_ranges(const carat_infer *a, carat_err *err)
{
    const struct {
        const char *name;
        double value, min, max;
    } rows[] = {
        {"--predict", number_of(a->max_new), 1, 1 << 20},
        {"--temperature", a->temperature, 0, 100},
        {"--top-k", number_of(a->top_k), 0, 1 << 20},
        {"--top-p", a->top_p, 0, 1},
        {"--min-p", a->min_p, 0, 1},
        {"--repetition-penalty", a->repetition, 1e-3, 1e3},
        {"--presence-penalty", a->presence, -100, 100},
        {"--frequency-penalty", a->frequency, -100, 100},
        {"--context", (double)a->context, 0, UINT32_MAX},
        {"--batch", (double)a->batch, 0, UINT32_MAX},
        {"--draft-length", (double)a->draft_length, 0, CARAT_DRAFT_MOST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].value != CARAT_NUM_UNSET &&
            !(rows[i].value >= rows[i].min && rows[i].value <= rows[i].max))
            return carat_fail(err, CARAT_EUSAGE, "%s %.12g: from %.12g to %.12g", rows[i].name, rows[i].value,
                              rows[i].min, rows[i].max);
    return CARAT_OK;
}

carat_status carat_infer_check(const carat_infer *a, carat_err *err)
{
    carat_status st = check_ranges(a, err);
    if (st || (st = check_media(a, err)))
        return st;
    for (size_t i = 0; i < a->stop.n; i++)
        if (!*a->stop.item[i])
            return carat_fail(err, CARAT_EUSAGE, "--stop: an empty text would end every answer");
    const char *e = a->edition;
    if (e && strcmp(e, "auto") != 0 && strcmp(e, "large") != 0 && strcmp(e, "small") != 0)
        return carat_fail(err, CARAT_EUSAGE, "--template %s: auto, large or small", e);
    return CARAT_OK;
}

carat_sampler carat_infer_sampler(const carat_infer *a, const carat_model *m)
{
    carat_sampler s = carat_model_sampler(m);
    s.temperature = a->temperature != CARAT_NUM_UNSET ? a->temperature : s.temperature;
    s.top_k = a->top_k != CARAT_INT_UNSET ? (uint32_t)a->top_k : s.top_k;
    s.top_p = a->top_p != CARAT_NUM_UNSET ? a->top_p : s.top_p;
    s.min_p = a->min_p != CARAT_NUM_UNSET ? a->min_p : s.min_p;
    s.repetition_penalty = a->repetition != CARAT_NUM_UNSET ? a->repetition : s.repetition_penalty;
    s.presence_penalty = a->presence;
    s.frequency_penalty = a->frequency;
    s.seed = (uint64_t)a->common.seed;
    return s;
}

carat_status carat_infer_session(const carat_infer *a, const carat_model *m, uint64_t context,
                                 carat_session **out, carat_err *err)
{
    const carat_model_info *info = carat_model_describe(m);
    carat_session_options o = {.threads = (uint32_t)a->common.threads,
                               .kernels = a->kernels,
                               .batch = (uint32_t)a->batch,
                               .context = (uint32_t)context};
    carat_numerics usual = info->packed ? CARAT_INT8 : CARAT_F32;
    carat_plan plan;
    carat_status st = carat_numerics_parse(a->numerics, usual, &o.numerics, err);
    if (st || (st = carat_kv_parse(a->kv, &o.kv, err)) || (st = carat_session_price(m, &o, &plan, err)))
        return st;
    char kv[16], scratch[16], weights[16];
    carat_format_bytes(plan.weights, weights);
    carat_format_bytes(plan.kv, kv);
    carat_format_bytes(plan.scratch, scratch);
    carat_debug(&a->common.talk,
                "memory: weights %s (mapped), KV cache %s (%s) for %" PRIu32 " positions, scratch %s",
                weights, kv, carat_kv_name(plan.kv_type), o.context, scratch);
    if (!(st = carat_session_open(m, &o, out, err)))
        carat_debug(&a->common.talk, "kernels %s, numerics %s", carat_session_kernels(*out),
                    carat_numerics_name(o.numerics));
    return st;
}

carat_status carat_infer_assistant(const carat_infer *a, carat_session *s, carat_assistant *out,
                                   carat_err *err)
{
    if (!a->draft)
        return CARAT_OK;
    carat_status st = carat_model_open(a->draft, &out->model, err);
    return st ? st : carat_draft_open(s, out->model, (uint32_t)a->draft_length, &out->draft, err);
}

void carat_assistant_close(carat_assistant *d)
{
    carat_draft_close(d->draft);
    carat_model_close(d->model);
    *d = (carat_assistant){0};
}

void carat_assistant_report(const carat_assistant *d, const carat_talk *talk)
{
    if (!d->draft)
        return;
    carat_draft_stats s = carat_draft_report(d->draft);
    char gain[96] = "";
    if (s.plain && s.rounds && s.seconds > 0) /* the yardstick: the steps without drafts among the rounds */
        snprintf(gain, sizeof gain, "; %.2f times as fast as the %" PRIu64 " steps without drafts",
                 (double)s.ids * s.plain_step / s.seconds, s.plain);
    carat_note(talk, "drafts: %" PRIu64 " of %" PRIu64 " right (%.0f %%), %.2f tokens a round%s", s.accepted,
               s.drafted, s.drafted ? 100 * (double)s.accepted / (double)s.drafted : 0,
               s.rounds + s.plain ? (double)s.ids / (double)(s.rounds + s.plain) : 0, gain);
}

carat_status carat_infer_edition(const carat_infer *a, const carat_model *m, carat_edition *out,
                                 carat_err *err)
{
    if (a->edition && strcmp(a->edition, "auto") != 0) {
        *out = strcmp(a->edition, "large") == 0 ? CARAT_EDITION_LARGE : CARAT_EDITION_SMALL;
        return CARAT_OK;
    }
    return carat_chat_edition(carat_model_describe(m)->path, out, err);
}

void carat_infer_report(const carat_infer *a, const carat_generated *g)
{
    size_t steps = g->n ? g->n - 1 : 0; /* the first id comes with the prompt */
    carat_debug(&a->common.talk,
                "prompt %zu tokens, %zu computed in %.2f s (%.1f tokens/s); reply %zu tokens in %.2f s (%.1f "
                "tokens/s)",
                g->n_prompt, g->computed, g->prompt_s,
                g->prompt_s > 0 ? (double)g->computed / g->prompt_s : 0, g->n, g->decode_s,
                g->decode_s > 0 ? (double)steps / g->decode_s : 0);
}
