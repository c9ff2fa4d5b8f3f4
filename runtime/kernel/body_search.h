/* Weight search, written once in the words of <isa>_vec.h.                         SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic is that of ref_search.c, bit for bit: the 16 lanes and their folding are part of the definition. */
#include <math.h>

enum { LANES = 16, PER = LANES / W };

static inline vec code_of(vec x, vec inv, vec lo, vec hi)
{
    return v_round(v_min(v_max(v_mul(x, inv), lo), hi));
}

static inline vec add_square(vec sum, vec x, vec q, vec s)
{
    vec d = v_fnma(q, s, x);
    return v_fma(d, d, sum);
}

float SET(code_error)(const float *x, size_t n, float s, int lo, int hi)
{
    vec lane[PER], step = v_set1(s), inv = v_set1(1.0f / s), least = v_set1((float)lo),
                   most = v_set1((float)hi);
    for (int j = 0; j < PER; j++)
        lane[j] = v_set1(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < PER; j++) {
            vec v = v_load(x + i + j * W);
            lane[j] = add_square(lane[j], v, code_of(v, inv, least, most), step);
        }
    for (int j = 0; j < PER && i + j * W < n; j++) {
        /* Lanes past the end must stay as they are: an x of 0 has error 0 unless zero is not among the codes. */
        size_t k = n - i - j * W < W ? n - i - j * W : W;
        vec v = v_load_n(x + i + j * W, k);
        vec sum = add_square(lane[j], v, code_of(v, inv, least, most), step);
        float keep[W];
        v_store(keep, lane[j]);
        v_store_n(keep, sum, k);
        lane[j] = v_load(keep);
    }
    for (int half = PER / 2; half; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] = v_add(lane[j], lane[j + half]);
    return v_sum(lane[0]);
}

/* One of the 16 lanes for W scales at once. */
static inline vec lane_of(const float *x, size_t n, size_t l, const vec by[4])
{
    vec sum = v_set1(0);
    for (size_t i = l; i < n; i += LANES) {
        vec v = v_set1(x[i]);
        sum = add_square(sum, v, code_of(v, by[1], by[2], by[3]), by[0]);
    }
    return sum;
}

/* Vectors run over the candidates, so nothing is folded across a vector. */
void SET(code_errors)(const float *x, size_t n, const float *scales, size_t ns, int lo, int hi, float *err)
{
    for (size_t i = 0; i < ns; i += W) {
        size_t k = ns - i < W ? ns - i : W;
        vec s = v_load_n(scales + i, k), total = s;
        vec by[4] = {s, v_div(v_set1(1), s), v_set1((float)lo), v_set1((float)hi)};
        vec part[4];
        for (size_t l = 0; l < 4; l++) {
            vec a = v_add(lane_of(x, n, l, by), lane_of(x, n, l + 8, by));
            vec b = v_add(lane_of(x, n, l + 4, by), lane_of(x, n, l + 12, by));
            part[l] = v_add(a, b);
        }
        total = v_add(v_add(part[0], part[2]), v_add(part[1], part[3]));
        v_store_n(err + i, total, k);
    }
}

void SET(code)(const float *x, size_t n, float s, int lo, int hi, int8_t *q)
{
    vec inv = v_set1(1.0f / s), least = v_set1((float)lo), most = v_set1((float)hi);
    size_t i = 0;
    for (; i + W <= n; i += W)
        v_store_i8(q + i, code_of(v_load(x + i), inv, least, most), W);
    if (i < n)
        v_store_i8(q + i, code_of(v_load_n(x + i, n - i), inv, least, most), n - i);
}

float SET(absmax)(const float *x, size_t n)
{
    vec a = v_set1(0), b = a;
    size_t i = 0;
    for (; i + 2 * W <= n; i += 2 * W) {
        a = v_absmax(a, v_load(x + i));
        b = v_absmax(b, v_load(x + i + W));
    }
    for (; i < n; i += W)
        a = v_absmax(a, v_load_n(x + i, n - i < W ? n - i : W));
    float lane[W];
    v_store(lane, v_absmax(a, b));
    float m = 0;
    for (int j = 0; j < W && m == m; j++)
        m = lane[j] <= m ? m : lane[j];
    return m;
}
