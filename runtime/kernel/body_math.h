/* exp and tanh on vectors, in the words of <isa>_vec.h.                            SPDX-License-Identifier: Apache-2.0
 *
 * exp(x) = 2^n exp(r), n = rint(x / ln 2), r = x - n ln 2 in two pieces, and exp(r) - 1 - r = r^2 q(r) with q fitted at Chebyshev
 * nodes of [-0.35, 0.35]. Bounds, tested against libm in f64 over the whole range:
 *     v_exp   2 ulp (subnormal results: 1 of the last place); 0 below -104, inf above 88.73, NaN for NaN
 *     v_tanh  3e-7 relative everywhere; exactly 1 in f32 beyond +-10
 *     d_exp   1e-15 relative for x <= 709; below -708 it may be 0 */
#ifndef CARAT_KERNEL_BODY_MATH_H
#define CARAT_KERNEL_BODY_MATH_H

/* exp(r) - 1 for |r| <= ln 2 / 2, and n, from x. */
static inline vec v_exp_reduced(vec x, vec *n)
{
    *n = v_round(v_mul(x, v_set1(1.44269504f)));
    vec r = v_fnma(*n, v_set1(0.693359375f), x); /* exact: 10 bits times a small whole number */
    r = v_fnma(*n, v_set1(-2.12194442e-4f), r);
    vec q = v_set1(1.39269186e-3f);
    q = v_fma(q, r, v_set1(8.3637666e-3f));
    q = v_fma(q, r, v_set1(4.16665487e-2f));
    q = v_fma(q, r, v_set1(0.166665733f));
    q = v_fma(q, r, v_set1(0.5f));
    return v_fma(v_mul(q, r), r, r);
}

static inline vec v_exp(vec x)
{
    vec n, p = v_exp_reduced(v_max(v_set1(-105), v_min(v_set1(89), x)), &n);
    return v_ldexp(v_add(p, v_set1(1)), n);
}

/* (exp(2|x|) - 1) / (exp(2|x|) + 1), the numerator without cancellation. */
static inline vec v_tanh(vec x)
{
    vec y = v_min(v_set1(10), v_abs(x)), n, p = v_exp_reduced(v_add(y, y), &n), two = v_exp2i(n);
    vec e = v_fma(two, p, v_sub(two, v_set1(1)));
    return v_copysign(v_div(e, v_add(e, v_set1(2))), x);
}

static inline dvec d_exp(dvec x)
{
    x = d_max(d_set1(-745), d_min(d_set1(710), x));
    dvec n = d_round(d_mul(x, d_set1(1.4426950408889634)));
    dvec r = d_fnma(n, d_set1(0x1.62e42fee00000p-1), x); /* 33 bits of ln 2, then the rest */
    r = d_fnma(n, d_set1(0x1.a39ef35793c76p-33), r);
    dvec q = d_set1(2.5101335854788522e-08);
    q = d_fma(q, r, d_set1(2.7621324269313687e-07));
    q = d_fma(q, r, d_set1(2.7557266442353424e-06));
    q = d_fma(q, r, d_set1(2.4801518672268355e-05));
    q = d_fma(q, r, d_set1(1.9841269864364933e-04));
    q = d_fma(q, r, d_set1(1.3888888918918907e-03));
    q = d_fma(q, r, d_set1(8.3333333333297960e-03));
    q = d_fma(q, r, d_set1(4.1666666666620680e-02));
    q = d_fma(q, r, d_set1(0.16666666666666669));
    q = d_fma(q, r, d_set1(0.5));
    return d_ldexp(d_add(d_fma(d_mul(q, r), r, r), d_set1(1)), n);
}

#endif
