/* carat: read, quantize, run and measure Gemma 4 checkpoints.                     SPDX-License-Identifier: Apache-2.0
 *
 * The header to include (it brings carat_text.h along). C99 and C++-clean.
 *
 * Ownership: an object that comes back through a pointer-to-pointer argument belongs to the caller, who
 * closes it; anything that comes back as a return value is borrowed from the object it was asked of. Every
 * close accepts NULL. Errors: fallible functions return a carat_status and describe a failure in `err` (which
 * may be NULL): one line, naming the two things that disagree. On failure, out parameters are left untouched.
 * Threads: a model is immutable and may be shared by many sessions; a session serves one caller at a time.
 */
#ifndef CARAT_H
#define CARAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
/* The library is built with -fvisibility=hidden: only what stands here is exported. */
#pragma GCC visibility push(default)

#define CARAT_VERSION "0.1.0"

/* ---- errors -------------------------------------------------------------------------------------------- */

typedef enum carat_status {
    CARAT_OK = 0,
    CARAT_EUSAGE,   /* the caller asked for something that makes no sense          (program exit code 2) */
    CARAT_EFORMAT,  /* the input is malformed or contradicts itself                (3) */
    CARAT_ESUPPORT, /* the input is well formed, but this build cannot serve it    (3) */
    CARAT_EIO,      /* reading or writing failed                                   (4) */
    CARAT_ENOMEM,   /* memory ran out, or a plan does not fit                      (4) */
    CARAT_EINTR     /* interrupted by the user; the same command can be run again  (130) */
} carat_status;

typedef struct carat_err {
    carat_status status;
    char text[512]; /* one line, no final dot, no line break */
} carat_err;

/* ---- models -------------------------------------------------------------------------------------------- */

typedef struct carat_model carat_model;
typedef struct carat_session carat_session;
typedef struct carat_tokenizer carat_tokenizer;

/* What the arithmetic of a session is. f32: exact arithmetic on the stored weights. bf16: rounds to bfloat16
 * wherever transformers does when the model is loaded in bfloat16 (eager attention). int8: activations of
 * packed weights are quantized to 8 bits per token and group for the integer kernels; float weights compute
 * as in f32. */
typedef enum carat_numerics { CARAT_F32 = 0, CARAT_BF16, CARAT_INT8 } carat_numerics;
const char *carat_numerics_name(carat_numerics n); /* "f32", ... */
/* The reverse. A NULL name gives `fallback`, an unknown one CARAT_EUSAGE. */
carat_status carat_numerics_parse(const char *name, carat_numerics fallback, carat_numerics *out,
                                  carat_err *err);

/* How keys and values are kept. int8: codes with one scale for each position and head. */
typedef enum carat_kv {
    CARAT_KV_AUTO = 0,
    CARAT_KV_F32,
    CARAT_KV_BF16,
    CARAT_KV_F16,
    CARAT_KV_INT8
} carat_kv;
const char *carat_kv_name(carat_kv kv); /* "auto", "f32", ... */
/* The reverse. A NULL name gives AUTO, an unknown one CARAT_EUSAGE. */
carat_status carat_kv_parse(const char *name, carat_kv *out, carat_err *err);

typedef struct carat_model_info {
    const char *path;   /* resolved directory or file */
    const char *family; /* "E2B", "31B", ..., or "custom" for sizes that are not a released one */
    const char *scheme; /* how the matrices of the blocks are stored: "bf16", "int4-g32", "mixed", ... */
    uint32_t vocab;     /* rows of the embedding table = logits per position */
    uint32_t hidden;
    uint32_t layers;
    uint32_t layers_kv;            /* layers [0, layers_kv) own K/V; the others reuse theirs */
    uint32_t context_max;          /* max_position_embeddings */
    uint32_t experts, experts_top; /* experts of a layer, and how many a token uses; 0: a dense model */
    uint64_t params;               /* parameters of the text model, PLE table included */
    uint64_t params_active;   /* those that one decoded token uses: of the experts only the chosen ones */
    uint64_t weight_bytes;    /* bytes of the text model's tensors on disk */
    uint64_t bytes_per_token; /* weight bytes read to decode one token (KV cache not counted) */
    uint64_t ops_per_token;   /* multiply and add operations of the matrices to decode one token */
    uint64_t ops_per_prompt_token; /* the same for a prompt token whose logits are not wanted */
    bool packed;                   /* some block matrix is stored in 8 bits or fewer */
    int32_t bos, pad;              /* -1: none */
    int32_t eos[8];                /* stop ids, generation_config.json before config.json */
    size_t n_eos;
} carat_model_info;

/* MODEL as everywhere: a checkpoint directory, a single .safetensors file beside its config.json, or
 * org/name[@revision] in the Hugging Face cache. Maps the files, checks every offset, shape and name against
 * the config; reads no weights. */
carat_status carat_model_open(const char *path, carat_model **out, carat_err *err);
void carat_model_close(carat_model *m); /* after the sessions that use it */
const carat_model_info *carat_model_describe(const carat_model *m);

/* ---- sessions ------------------------------------------------------------------------------------------ */

enum { CARAT_STEP_ROWS = 32 }; /* rows of a step, all sequences together, at most */

typedef struct carat_session_options {
    uint32_t context;   /* positions the cache has room for; 0: min(4096, context_max) */
    uint32_t batch;     /* prompt tokens per pass; 0: 512 */
    uint32_t threads;   /* 0: one per core */
    uint32_t sequences; /* timelines, each with a cache of its own; 0: 1 */
    carat_numerics numerics;
    /* AUTO: f32 in f32 numerics, f16 in int8 numerics, bf16 in bf16 numerics (the same bits: K and V are
     * rounded there anyway) */
    carat_kv kv;
    const char *kernels; /* NULL or "auto": best this machine offers; else a name of `carat list kernels` */
} carat_session_options;

typedef struct carat_plan {
    /* bytes of mapped weights that decoding touches; not the PLE table, of which it reads a row */
    uint64_t weights;
    uint64_t kv;      /* bytes of the KV cache */
    uint64_t scratch; /* bytes of activations and per-thread scratch */
    carat_kv kv_type; /* not AUTO */
} carat_plan;

/* Prices a session before it is paid for: kv and scratch are exactly what carat_session_open reserves. Scratch
 * is taken at once, the KV cache page by page, as positions are written. Opening is refused (CARAT_ENOMEM) when
 * both are more than the memory that is free. */
carat_status carat_session_price(const carat_model *m, const carat_session_options *o, carat_plan *out,
                                 carat_err *err);
carat_status carat_session_open(const carat_model *m, const carat_session_options *o, carat_session **out,
                                carat_err *err);
void carat_session_close(carat_session *s);
const char *carat_session_kernels(const carat_session *s); /* the kernel set in use */
carat_kv carat_session_kv(const carat_session *s);         /* how K and V are kept; not AUTO */

/* logits: [vocab] after the soft-cap, valid during the call only. Called once per wanted position, from
 * several threads at once and in no fixed order; pos is the index into `ids`. */
typedef void carat_logits_fn(void *ctx, size_t pos, const float *logits);
/* A tap: rows [pos, pos + rows) of a named stage, f32 [rows, cols]. Names: "embed", "block.0" ..., "norm"; in a
 * mixture of experts also "router.0" ... [rows, experts]: what each expert's output is weighted with, 0 where it
 * was not chosen. Called from one thread. */
typedef void carat_tap_fn(void *ctx, const char *name, size_t pos, size_t rows, size_t cols,
                          const float *data);

typedef struct carat_sync_request {
    const int32_t *ids; /* the whole timeline */
    size_t n;
    size_t logits_from; /* logits are wanted for positions [logits_from, n); n: none. Positions before it cost
                         * less (no head; in models with shared KV, only the layers that own K/V) */
    carat_logits_fn *logits; /* NULL: only the last wanted row is kept, see carat_session_logits */
    /* nll [n], if not NULL: instead of logits, nll[i] = -log p(next[i] | ids[0..i]) in nats for positions
     * [logits_from, n); `next` [n] holds ids of the vocabulary there. No row of logits is kept: much faster. */
    const int32_t *next;
    double *nll;
    carat_tap_fn *tap; /* may be NULL; with a tap every row runs through every layer */
    void *ctx;
    uint32_t sequence; /* which timeline */
    /* Asked before each pass, with how many positions stand; false: CARAT_EINTR, and these stay. NULL: go on. */
    bool (*progress)(void *ctx, size_t done, size_t n);
} carat_sync_request;

/* Makes the timeline exactly ids[0..n), keeping the longest prefix that it shares with what is cached
 * (positions >= logits_from are computed anew). What syncs compute has the same bits for any thread count,
 * batch and history of syncs; positions that steps appended keep theirs. */
carat_status carat_session_sync(carat_session *s, const carat_sync_request *r, carat_err *err);
/* The same for n >= 1 timelines, at most CARAT_STEP_ROWS and none twice, whose rows share the passes over the
 * weights: sooner done than one by one where prompts are short, and with the same bits. Each may want its last row
 * of logits; a request with `logits`, `nll` or `tap` must come alone. A request that is refused changes no timeline;
 * behind any other failure they hold what stood, and each can be synced anew, alone, to find the one to blame. */
carat_status carat_session_sync_many(carat_session *s, const carat_sync_request *requests, size_t n,
                                     carat_err *err);

/* A step appends n >= 1 ids to each listed sequence in one pass over the weights and keeps the logits of all
 * rows, in the order of `steps`: decoding (n = 1), or the check of a draft. A row's bits are those of appending
 * its ids one by one, alone, with any number of threads. (They differ from sync's in the last places where
 * weights are floats: products of few tokens sum in another order.) No allocation. On failure no sequence has
 * changed. */
typedef struct carat_step {
    uint32_t sequence; /* none twice */
    const int32_t *ids;
    size_t n; /* over all sequences at most CARAT_STEP_ROWS */
} carat_step;
carat_status carat_session_step(carat_session *s, const carat_step *steps, size_t count, carat_err *err);
/* Drops what lies behind the first n positions: always possible for n = 0 and to undo the last step; else
 * CARAT_EUSAGE if sliding layers have lost the window in front of n. */
carat_status carat_session_trim(carat_session *s, uint32_t sequence, size_t n, carat_err *err);
/* Makes `to` the first n positions of `from`, copying their cache; refused where trimming `from` would be. */
carat_status carat_session_fork(carat_session *s, uint32_t from, uint32_t to, size_t n, carat_err *err);

/* Row i of the last step, [vocab], or NULL; after a sync row 0 is position n-1, if it was wanted; after one of many,
 * row i is that of the i-th sequence that wanted it. Borrowed until the next sync or step. */
const float *carat_session_row(const carat_session *s, size_t i);
const float *carat_session_logits(const carat_session *s); /* the last such row */
/* log of the sum of exp(logits[i]) over the vocabulary, in f64: logits[i] minus it is the log-probability of i. */
double carat_session_log_sum(const carat_session *s, const float *logits);
size_t carat_session_length(const carat_session *s, uint32_t sequence); /* positions in the timeline */
size_t carat_session_computed(const carat_session *s); /* positions the last sync or step computed */

/* ---- sampling ------------------------------------------------------------------------------------------ */

typedef struct carat_sampler {
    double temperature;                         /* 0: greedy (lowest id wins a tie) */
    uint32_t top_k;                             /* 0: off; ids as likely as the last one stay too */
    double top_p;                               /* 1: off */
    double min_p;                               /* 0: off */
    double repetition_penalty;                  /* 0 or 1: off; on ids of prompt and reply */
    double presence_penalty, frequency_penalty; /* 0: off; on ids of the reply */
    uint64_t seed;
    const int32_t *suppress; /* ids that are never drawn; borrowed */
    size_t n_suppress;
} carat_sampler;

/* What stands before the next id: the penalties look at it. A function given NULL for it: nothing does. */
typedef struct carat_history {
    const int32_t *ids; /* prompt, then reply */
    size_t n_prompt, n; /* n: both */
} carat_history;

typedef struct carat_choice {
    int32_t id;
    float p;
} carat_choice;

/* The sampling defaults of the checkpoint's generation_config.json. */
carat_sampler carat_model_sampler(const carat_model *m);
/* The ids that penalties and filters leave, with their probabilities, in no particular order -> their number; 0:
 * everything is suppressed. transformers' processors, in transformers' order. `choices` has room for vocab. */
size_t carat_sample_filter(const carat_sampler *s, const carat_history *h, const float *logits,
                           uint32_t vocab, carat_choice *choices);
/* The id of the choice that u of [0, 1) falls on; -1 if n is 0. */
int32_t carat_sample_pick(const carat_choice *choices, size_t n, double u);
/* Draws the id of step `step` (0, 1, ...): a pure function of its arguments. `scratch`: [vocab]. */
int32_t carat_sample(const carat_sampler *s, const carat_history *h, const float *logits, uint32_t vocab,
                     uint64_t step, carat_choice *scratch);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#include "carat_text.h" /* texts, conversations, drafting, generation */

#endif
