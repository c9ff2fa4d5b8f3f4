/* The hot loops, behind a table chosen at run time.                                SPDX-License-Identifier: Apache-2.0
 *
 * ref.c (plain C) defines what is right; avx2.c, avx512.c, neon.c override what they do better. ISA flags are given to
 * those objects alone. To add a set: NAME*.c files, one `const carat_kernels carat_kernels_NAME`, its extern and its row in kernel.c.
 *
 * Bits: the integer products are defined exactly (see qdot), so every set gives the same bits there. The float kernels fix an order of summation per
 * set: a result never depends on the number of threads, on how rows are cut into pieces, or on which other tokens are in the batch.
 */
#ifndef CARAT_KERNEL_H
#define CARAT_KERNEL_H

#include "runtime/base/err.h"
#include "runtime/format/format.h"

/* ---- activations -------------------------------------------------------------------------------------------- */

/* The form in which a weight wants its input. */
typedef enum carat_order {
    CARAT_ORDER_FLOAT, /* f32 as it is */
    CARAT_ORDER_PLAIN, /* int8, columns in order */
    CARAT_ORDER_NIBBLE /* int8, in each run of 32 columns the even ones first, then the odd: as U4 bytes unpack */
} carat_order;

typedef struct carat_form {
    carat_order order;
    /* columns per activation scale: the weight's group; CARAT_ACT_GROUP for per-channel weights. 0 for floats */
    uint32_t group;
} carat_form;
enum { CARAT_ACT_GROUP = 128 };
#define CARAT_ACT_TINY 1e-30f /* a group whose largest magnitude is below this is quantized as zeros */

/* n tokens in one form. Integer forms: x[t][c] ~ q[t][c] * scale[t][c / group], q in [-127, 127], rint(x * 127 / max|x|)
 * in ties-to-even with scale = max|x| / 127 (all zero: scale 0; a NaN or infinity in the group: codes 0, scale NaN). Rows are padded with zeros to a multiple of 64 columns
 * (ldq); sum[t][g] = sum of q over the group. The last group may be short. */
typedef struct carat_act {
    carat_form form;
    size_t cols, groups, ldq;
    float *f;     /* [n][cols], order FLOAT only */
    int8_t *q;    /* [n][ldq] */
    float *scale; /* [n][groups] */
    int32_t *sum; /* [n][groups] */
} carat_act;

carat_form carat_act_form(const carat_weight *w, bool integer); /* integer: numerics int8, packed weight */
bool carat_form_equal(carat_form a, carat_form b);
/* Sizes and carves an act for n tokens out of mem (64-aligned, carat_act_bytes long). */
size_t carat_act_bytes(carat_form form, size_t cols, size_t n);
carat_act carat_act_carve(carat_form form, size_t cols, size_t n, void *mem);
carat_act carat_act_from(const carat_act *a, size_t first); /* its tokens from `first` on */

/* ---- attention ---------------------------------------------------------------------------------------------- */

/* Rows of a K or V cache, as a ring of `slots` positions for each head: position p is at slot p % slots. A row is what kv_put made of
 * dim floats:
 *     F32   as they are        BF16, F16   rounded to nearest even; a NaN stays one, what F16 cannot hold becomes infinite
 *     INT8  codes rint(x * (127 / max|x|)), ties to even, and one scale max|x| / 127 of the row: x ~ code * scale.
 *           max|x| below CARAT_ACT_TINY: codes 0, scale 0. A NaN or infinity in the row: codes 0, scale NaN. */
typedef struct carat_kv_rows {
    void *data;   /* [kv_heads][slots][dim] */
    float *scale; /* [kv_heads][slots], INT8 only */
} carat_kv_rows;
size_t carat_kv_size(carat_kv type); /* bytes of one value */

/* softmax(q k^T) v for n queries, scale 1.0 (Gemma 4), causal, optionally windowed. */
typedef struct carat_attention {
    const float *q; /* query t, head h at t * ldq + h * dim; after norm and RoPE */
    float *out;     /* the same layout; may be q itself */
    size_t ldq;     /* floats from one query to the next, >= heads * dim */
    carat_kv kv;    /* not AUTO */
    carat_kv_rows k, v;
    size_t n, pos; /* query t stands at position pos + t; its own K/V are in the ring already */
    size_t heads, kv_heads, dim, slots;
    size_t window; /* visible keys, self included; 0: all */
    /* scores, probabilities and result rounded to bf16 where transformers' eager attention does */
    bool round_bf16;
} carat_attention;

/* Without a window, keys are summed up in splits [0, 512), [512, 1024) ... that are then joined in this order, so that threads can share a
 * long context, and what comes out does not depend on how they do. */
enum { CARAT_ATTEND_SPLIT = 512 };
enum {
    CARAT_ATTEND_ROWS = 96
}; /* queries x heads of a KV head that go over the keys together: pieces of work are best that large */
size_t carat_attend_record(size_t dim); /* floats: what one query of one head sums up over a split */

/* ---- peaks --------------------------------------------------------------------------------------------------- */

/* The busiest instruction of a set's products, run from registers; see probe.h. */
typedef void carat_spin(size_t rounds); /* rounds > 0 */
typedef struct carat_peaks {
    const char *int8_name, *f32_name;
    carat_spin *int8, *f32;
    double int8_ops, f32_ops; /* operations a round */
} carat_peaks;

/* ---- the table ---------------------------------------------------------------------------------------------- */

typedef struct carat_kernels {
    const char *name, *summary;
    bool (*usable)(void); /* does this machine have it? */

    /* Activations of one token into row t of an act (form.order != FLOAT). */
    void (*quantize)(const float *x, carat_act *act, size_t t);

    /* Few tokens, float: y[t * ldy + r] = sum_c w[r][c] * x[t][c], rows [r0, r1), n <= 4 tokens; w->format a float or (decoded on the fly) integer
     * format. x is [n][ldx]. */
    void (*fdot)(const carat_weight *w, size_t r0, size_t r1, const float *x, size_t ldx, size_t n, float *y,
                 size_t ldy);

    /* Few tokens, integer. The defined value, the same bits in every set, batch and path:
     *     acc = 0;  for g = 0, 1, ... (activation groups): acc = fma((float)isum_g, wscale_g * xscale_g, acc)
     * isum_g = sum over the group of q_w * q_x, exact in int32; the product of the scales rounded once to f32;
     * fma rounded once. (Per-channel weights: wscale_g is the channel's one scale in every group.) */
    void (*qdot)(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                 float *y, size_t ldy);

    /* Many tokens, integer: the same values as qdot for rows [r0, r1), r1 - r0 <= CARAT_PANEL_ROWS, tokens [t0, t1). `scratch`: this thread's,
     * carat_panel_bytes(cols) long; the panel of codes is unpacked into it first. */
    void (*qpanel)(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t t1,
                   float *y, size_t ldy, void *scratch);

    /* Rows -> f32 [r1 - r0][cols], for BLIS panels. */
    void (*decode)(const carat_weight *w, size_t r0, size_t r1, float *out);

    /* y = x * (mean(x^2) + eps)^-0.5 * weight (NULL: no weight); may be in place. Sum of squares: f32 in a fixed order of 16 lanes. */
    void (*rmsnorm)(const float *x, const float *weight, size_t n, float eps, float *y);
    /* Rotate-half RoPE in place on one head: pairs (i, i + dim/2), cos/sin [dim/2]. */
    void (*rope)(float *x, const float *cos, const float *sin, size_t dim);
    /* out[i] = gelu_tanh(gate[i]) * up[i] (may alias either; up NULL: gelu_tanh alone). Within 1e-6 relative + 1e-7 absolute of libm. */
    void (*gelu_mul)(const float *gate, const float *up, size_t n, float *out);
    /* x[i] = cap * tanh(x[i] / cap). */
    void (*softcap)(float *x, size_t n, float cap);
    void (*add)(float *y, const float *x, size_t n); /* y += x */
    void (*scale)(float *y, float s, size_t n);      /* y *= s */
    void (*round_bf16)(float *x, size_t n);          /* to the nearest bf16, ties to even */
    float (*max)(const float *x, size_t n);          /* NaN if any x is NaN; -inf for n = 0 */
    /* sum of exp(x[i] - m) in f64, order fixed. For log-softmax over a vocabulary. */
    double (*sum_exp)(const float *x, size_t n, float m);

    /* One row of a K or V cache; *scale is written for INT8 only. The same bits in every set. */
    void (*kv_put)(carat_kv type, const float *x, size_t dim, void *row, float *scale);
    /* Queries [t0, t1) of the heads of kv_head. scratch: carat_attend_bytes(a). The result of a query does not depend
     * on t0, t1: key tiles lie at fixed positions. */
    void (*attend)(const carat_attention *a, size_t kv_head, size_t t0, size_t t1, void *scratch);
    /* The same in two steps, for a window of 0 and without round_bf16; NULL in a set that does not divide contexts. part: what all queries
     * and heads of kv_head see of one split, into records [n][heads / kv_heads]; join: records of all splits in which one
     * of these rows sees something, in order and `step` floats apart, into its result (dim floats). The result has attend's bits. */
    void (*attend_part)(const carat_attention *a, size_t kv_head, size_t split, float *records,
                        void *scratch);
    void (*attend_join)(float *first, const float *next, size_t dim); /* first += next */
    void (*attend_end)(const float *record, size_t dim, float *out);

    /* Weight search (quantize): squared error of coding x[0..n) with scale s and codes clamp(rint(x * (1/s)), lo, hi):
     * sum of (x - q*s)^2 in f64-free fixed order of 16 f32 lanes (see ref_search.c): the same bits in every set. */
    float (*code_error)(const float *x, size_t n, float s, int lo, int hi);
    /* err[i] = code_error(x, n, scales[i], lo, hi): many candidates for one group in one call. */
    void (*code_errors)(const float *x, size_t n, const float *scales, size_t ns, int lo, int hi, float *err);
    void (*code)(const float *x, size_t n, float s, int lo, int hi, int8_t *q);
    float (*absmax)(const float *x, size_t n); /* NaN if any x is NaN; inf if any is infinite */

    const carat_peaks *peaks; /* NULL: not known */
} carat_kernels;

enum { CARAT_PANEL_ROWS = 32 };
size_t carat_panel_bytes(size_t cols);
size_t carat_attend_bytes(size_t dim); /* per thread, however long the context is */

extern const carat_kernels carat_kernels_ref, carat_kernels_avx2, carat_kernels_avx512, carat_kernels_neon;
const carat_kernels *carat_kernels_at(size_t i); /* those compiled in; NULL past the end */
/* NULL or "auto": the best usable set. A name that is unknown or not usable here: CARAT_EUSAGE, naming those that are. */
carat_status carat_kernels_pick(const char *name, const carat_kernels **out, carat_err *err);

#endif
