/* A session: timelines, activations, scratch; shared by the files that compute a pass.   SPDX-License-Identifier: Apache-2.0
 *
 * Everything is one block, carved once (session.c), so that a session costs exactly what carat_session_price said and a
 * pass allocates nothing. B is the most rows of a pass. All activations are f32, row t of a pass at index t. */
#ifndef CARAT_MODEL_SESSION_H
#define CARAT_MODEL_SESSION_H

#include <stdatomic.h>
#include "runtime/kernel/matmul.h"
#include "runtime/model/cache.h"
#include "runtime/model/model.h"
#include "runtime/model/moe.h"

enum { CARAT_LOGIT_ROWS = CARAT_STEP_ROWS /* rows of logits that are computed at a time */ };

/* Splits of a context that are summed up before they are joined, a row of a step each; and what the joined rows take. */
enum { CARAT_SPLITS = 64, CARAT_RECORDS = CARAT_SPLITS + CARAT_STEP_ROWS };

/* What belongs to one sequence. */
typedef struct carat_timeline {
    int32_t *ids;    /* [context] */
    size_t n;        /* positions that are valid */
    size_t low;      /* sliding layers have lost what lies before this position */
    size_t computed; /* positions that its last sync computed */
    carat_cache cache;
} carat_timeline;

struct carat_session {
    const carat_model *m;
    const carat_kernels *kern;
    carat_team *team;
    carat_numerics numerics;
    size_t context; /* positions of a timeline */
    size_t batch;   /* prompt tokens per pass */
    size_t rows;    /* B */
    uint32_t sequences;
    carat_cache_shape shape;
    /* A drafter's session has no K/V: it reads those of `lender`, its target's session, at layer lent[full]. */
    const carat_session *lender;
    uint32_t lent[2];
    void *memory; /* all that follows */
    size_t memory_bytes;

    carat_timeline *line; /* [sequences] */

    float *h;               /* [B][hidden]: the residual stream */
    float *x;               /* [B][hidden]: normed input of the next products */
    float *q;               /* [B][heads * head_dim], then the attention's result */
    float *k, *v;           /* [B][kv_heads * head_dim]: raw projections */
    float *gate, *up;       /* [B][intermediate] */
    float *o;               /* [B][hidden]: output of o_proj, down_proj, per_layer_projection */
    float *ple;             /* [B][layers * ple_dim]: per-layer inputs */
    float *ple_gate;        /* [B][ple_dim] */
    float *cos[2], *sin[2]; /* [B][dim / 2]: sliding, full */
    float *logits;          /* [CARAT_LOGIT_ROWS][vocab], or what score.c keeps */
    uint64_t logit_bytes;
    void *acts; /* quantized inputs of the products under way */
    carat_moe_work moe;
    /* [CARAT_RECORDS * heads][carat_attend_record]: attention of long contexts, see attend.c */
    float *records;
    uint8_t *scratch; /* [threads][scratch_stride] */
    size_t scratch_stride;

    size_t computed;
    size_t kept_from, kept; /* which rows of logits the last call left */
    size_t normed;          /* of them also in x, behind the final norm */
};

/* carat_session_open for a drafter whose target runs in `lender`, which must outlive it: one row a pass, same numerics, kernels
 * and number of threads. That the two fit together has been checked. */
carat_status carat_session_open_lent(const carat_model *m, const carat_session *lender, carat_session **out,
                                     carat_err *err);

/* Spans of a pass, at most: of each sequence a ring that is filled anew, rows without and rows with logits. */
enum { CARAT_SPANS = 3 * CARAT_STEP_ROWS };

/* Rows [row, row + n) of a pass: positions [pos, pos + n) of one timeline. */
typedef struct carat_span {
    const carat_timeline *line;
    size_t row, n, pos;
    /* for the rings of sliding layers only: full layers hold these positions already, and keep what they hold */
    bool refill;
} carat_span;

/* One pass: rows [0, n) through the model. */
typedef struct carat_pass {
    carat_session *s;
    /* [spans], in the order of their rows, without gaps; those of a timeline are one run of positions */
    const carat_span *span;
    size_t spans;
    size_t n;
    size_t first;  /* rows before it stop after the last layer that owns K/V */
    size_t wanted; /* rows from here on get logits; n: none */
    bool few;      /* the few-token float kernels */
    size_t kept;   /* rows of the session's logits that earlier passes left, and this one does not touch */
    carat_logits_fn *logits;
    const int32_t *next; /* with nll: by position, what the wanted rows should predict */
    double *nll;
    carat_tap_fn *tap;
    void *ctx;
    atomic_bool bad; /* a logit was NaN */
} carat_pass;

/* Row i of the last step behind the final norm, [hidden]; after a sync, row 0 is the last position, if its logits were
 * wanted. NULL where carat_session_row is, and after a sync of several. Borrowed until the next sync or step. */
const float *carat_session_hidden(const carat_session *s, size_t i);

/* Do the rings still hold the window in front of position n? */
bool carat_timeline_holds(const carat_session *s, const carat_timeline *t, size_t n);
/* Positions [0, end) were written, of which [0, n) are valid: the rings have lost what is behind them. */
void carat_timeline_written(const carat_session *s, carat_timeline *t, size_t n, size_t end);
carat_status carat_check_sequence(const carat_session *s, uint32_t sequence, carat_err *err);
/* May ids [0, n) come to stand at positions from pos on? */
carat_status carat_check_ids(const carat_session *s, size_t pos, const int32_t *ids, size_t n,
                             carat_err *err);

/* Runs the pass on the session's team. */
void carat_pass_run(carat_pass *p);
/* The span of row t. */
const carat_span *carat_pass_span(const carat_pass *p, size_t t);
/* Position, and token id, of row t. */
size_t carat_pass_pos(const carat_pass *p, size_t t);
int32_t carat_pass_id(const carat_pass *p, size_t t);

/* ---- inside a pass: what one thread works with --------------------------------------------------------------- */

typedef struct carat_work {
    carat_pass *p;
    carat_session *s;
    const carat_model *m;
    carat_team *team;
    int rank;
    void *scratch;
} carat_work;

/* The input of a set of products, in every form that they want: f32 as it stands, and quantized copies in s->acts.
 * Every thread builds its own (equal) copy. */
typedef struct carat_feed {
    carat_act act[4];
    size_t count;
    const float *x;
    size_t cols;
} carat_feed;
carat_feed carat_feed_open(carat_session *s, float *x, size_t cols, const carat_weight *const *w, size_t nw);
size_t carat_feed_bytes(const carat_weight *const *w, size_t nw, bool integer, size_t cols, size_t rows);
void carat_feed_put(const carat_work *w, carat_feed *f,
                    size_t row); /* x[row] is final: make its quantized copies */

/* y[t] = W x[t] for rows [first, end) of the pass; no barrier. */
typedef struct carat_out {
    const carat_weight *w;
    float *y;
    size_t ldy;
} carat_out;
void carat_multiply(const carat_work *w, const carat_feed *f, size_t first, size_t end, const carat_out *out,
                    size_t nout);

/* The same for one row, by this thread alone, with the few-token kernels. */
void carat_multiply_alone(const carat_work *w, const carat_feed *f, size_t row, const carat_out *out);

/* fn for rows [first, end), shared out over the team; ends with a barrier. */
typedef void carat_row_fn(const carat_work *w, uint32_t layer, size_t row);
void carat_rows(const carat_work *w, size_t first, size_t end, carat_row_fn *fn, uint32_t layer);

/* x = round(x) in bf16 numerics, nothing otherwise. */
void carat_round(const carat_session *s, float *x, size_t n);
/* y = round(norm(x) * weight) */
void carat_norm(const carat_session *s, const float *x, const float *weight, size_t n, float *y);
/* y = round(y + round(norm(x) * weight)); x is overwritten by its norm. */
void carat_norm_add(const carat_session *s, float *x, const float *weight, size_t n, float *y);

/* The stages. Each is called by every thread and ends with a barrier. */
void carat_pass_embed(const carat_work *w);                                   /* ids -> h, cos, sin */
void carat_pass_ple(const carat_work *w);                                     /* ids, h -> ple */
void carat_pass_attention(const carat_work *w, uint32_t layer, size_t first); /* x -> o; the cache */
void carat_attend(const carat_work *w, uint32_t layer, size_t first);         /* q -> q: softmax(q k) v */
void carat_pass_mlp(const carat_work *w, uint32_t layer, size_t first);       /* h, o -> h, o */
void carat_pass_experts(const carat_work *w, uint32_t layer, size_t first);   /* h -> s->moe; x is scratch */
void carat_pass_blocks(const carat_work *w);                                  /* h -> h: all layers */
void carat_pass_cap(const carat_work *w, size_t rows); /* logits: rounded, capped, p->bad set if one is NaN */
/* Losses of the wanted rows instead of their logits. carat_score_bytes: the memory that so many rows at a time take. */
void carat_pass_score(const carat_work *w);
uint64_t carat_score_bytes(const carat_session *s, size_t rows);
/* The head's input: row t of a block of rows that begins at `from`, x[t] = norm(h[from + t]). */
carat_feed carat_head_feed(const carat_work *w);
void carat_final_norm_row(const carat_work *w, uint32_t from, size_t t);
/* logits = tanh(logits / cap) * cap, with a rounding behind each step in bf16. */
void carat_cap_row(const carat_session *s, float *x, size_t n);
/* Row stages that are fused with their neighbours. */
void carat_attention_input(const carat_work *w, uint32_t layer, size_t row); /* h -> x */
void carat_embed_id(const carat_session *s, int32_t id, float *h); /* the scaled embedding, [hidden] */
void carat_angles(const carat_session *s, size_t row, size_t pos); /* cos and sin of a row at a position */
/* o = norm(o) + norm(the row's experts): the two branches of a layer of a mixture. */
void carat_experts_add(const carat_work *w, uint32_t layer, size_t row);
/* gate = gelu(gate) * up */
void carat_gelu_times(const carat_session *s, float *gate, const float *up, size_t n);

#endif
