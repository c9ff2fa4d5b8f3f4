#!/usr/bin/env python3
# carat's statistics against scipy's and statsmodels', and verdicts over simulated runs.       SPDX-License-Identifier: Apache-2.0
"""
usage: test_stats.py [TABLES [REPEATS]]      run by `make check-hf`; needs $BUILD and make

200 random tables of each kind: Wilson (proportion_confint), McNemar exact (mcnemar), its power (sums over scipy.stats.binom), binomial and
Student's distributions, normal power (NormalIndPower), clustered standard errors of means and of paired differences (OLS on a constant,
cov_type cluster), ratios (delta method on the same fit), Holm (multipletests), pass@k (sums of exact fractions), bootstrap intervals
(scipy.stats.bootstrap). Then tests/bench/stats simulates pairs of runs of one model with different seeds, and pairs with a true drop.
"""
import json
import os
import random
import subprocess
import sys
import time
import warnings
from fractions import Fraction
from math import comb

import numpy as np
import scipy.stats as st
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint

ROOT = os.environ.get("ROOT", ".")
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
DRIVER = os.path.join(BUILD, "tests/bench/stats")
TABLES = int(sys.argv[1]) if len(sys.argv) > 1 else 200
REPEATS = int(sys.argv[2]) if len(sys.argv) > 2 else 500
RELATIVE = 1e-9

counts = {"passed": 0, "failed": 0}
worst = {}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAIL {what}", flush=True)


def build():
    relative = os.path.relpath(BUILD, ROOT)
    subprocess.run(["make", "-s", "-C", ROOT, f"B={relative}", f"{relative}/tests/bench/stats"], check=True)


class Questions:
    """Lines for the driver, each with what it should answer."""

    def __init__(self):
        self.lines, self.wants = [], []

    def ask(self, kind, numbers, want, relative=RELATIVE):
        self.lines.append(" ".join([kind.split("/")[0], *(repr(float(x)) for x in numbers)]))
        self.wants.append((kind, want, relative))

    def compare(self):
        out = subprocess.run([DRIVER], input="\n".join(self.lines) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
        check(len(out) == len(self.lines), f"{len(out)} answers to {len(self.lines)} questions")
        for line, (kind, want, relative), got in zip(self.lines, self.wants, out):
            values = [float(x) for x in got.split()]
            off = max((abs(g - w) / max(abs(w), 1e-300) if w else abs(g)) for g, w in zip(values, want) if w is not None)
            worst[kind] = max(worst.get(kind, 0), off)
            check(off <= relative, f"{line[:100]}: {values[:len(want)]}, should be {want} ({off:.1e} off)")


# ---- single numbers ----------------------------------------------------------------------------------------------


def mcnemar_power(n, lost, gained, alpha):
    """Sums over how many items differ and how many of them are lost."""
    differ = lost + gained
    total = 0
    for m in range(n + 1):
        k = np.arange(m + 1)
        found = np.minimum(1, 2 * st.binom.cdf(np.minimum(k, m - k), m, 0.5)) <= alpha
        total += st.binom.pmf(m, n, differ) * st.binom.pmf(k, m, lost / differ)[found].sum()
    return total


def pass_at(n, c, k):
    return float(1 - Fraction(comb(n - c, k), comb(n, k)))


def numbers(q, r):
    n = r.choice([r.randint(1, 30), r.randint(1, 2000), r.randint(1, 100000)])
    k, p, level = r.randint(0, n), r.random(), r.choice([0.8, 0.9, 0.95, 0.99])
    low, high = proportion_confint(k, n, 1 - level, method="wilson")
    q.ask("wilson", (k, n, level), (max(low, 0) if k else 0, high if k < n else 1))
    lost, gained = r.choice([(r.randint(0, 20), r.randint(0, 20)), (r.randint(0, 500), r.randint(0, 500)), (r.randint(5000, 6000), r.randint(5000, 6000))])
    q.ask("mcnemar", (lost, gained), (mcnemar([[0, lost], [gained, 0]], exact=True).pvalue,))
    tail = r.choice([0.025, 0.05, 0.005])
    q.ask("share_at_most", (min(k, lost), n, tail), (st.beta.ppf(1 - tail, min(k, lost) + 1, n - min(k, lost)) if min(k, lost) < n else 1,))
    x = min(n, max(0, round(r.gauss(n * p, 3 * (n * p * (1 - p)) ** 0.5))))
    q.ask("binomial", (x, n, p), (st.binom.pmf(x, n, p), st.binom.cdf(x, n, p)))
    df, t = r.choice([r.randint(1, 30), r.randint(30, 20000)]), r.gauss(0, 3)
    q.ask("student", (t, df, p), (2 * st.t.sf(abs(t), df), st.t.ppf(p, df)))
    q.ask("normal", (p, t), (st.norm.ppf(p), st.norm.cdf(t)))
    error, alpha = r.uniform(0.001, 2), r.choice([0.01, 0.05, 0.1])
    size, power = error * r.uniform(0.2, 5), r.choice([0.8, 0.9])
    # statsmodels: two groups of 2 with sd 1 differ with standard error 1
    q.ask("power", (size, error, alpha, power), (NormalIndPower().power(size / error, 2, alpha, ratio=1),
                                                  (st.norm.ppf(1 - alpha / 2) + st.norm.ppf(power)) * error))
    m = r.randint(1, 60)
    c = r.randint(0, m)
    k = r.randint(1, m)
    q.ask("pass_at", (m, c, k), (pass_at(m, c, k),))
    p = [r.choice([r.random(), r.random() ** 4]) for _ in range(r.randint(1, 60))]
    q.ask("holm", p, tuple(multipletests(p, method="holm")[1]))
    if r.random() < 0.3:
        lost = r.uniform(0.01, 0.6)
        gained = r.uniform(0, 0.3)
        n = r.randint(5, 120)
        q.ask("mcnemar_power", (n, lost, gained, alpha), (mcnemar_power(n, lost, gained, alpha),))


# ---- tables of observations --------------------------------------------------------------------------------------


def clusters(r, n):
    out, c = [], 0
    longest = r.choice([1, 3, 12])
    while len(out) < n:
        out += [c] * r.randint(1, longest)
        c += 1
    return out[:n]


def robust(y, group):
    """Mean, its cluster-robust standard error."""
    fit = sm.OLS(np.asarray(y), np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": np.asarray(group)})
    return fit.params[0], fit.bse[0]


def tables(q, r):
    n = r.randint(4, 300)
    group = clusters(r, n)
    while len(set(group)) < 2:
        group = clusters(r, n)
    hard = {c: r.gauss(0, 1) for c in group}
    graded = r.random() < 0.5
    a, b = ([1 / (1 + np.exp(-(hard[c] + r.gauss(shift, 1)))) for c in group] for shift in (0, r.gauss(0, 0.5)))
    if not graded:
        a, b = ([float(x > 0.5) for x in y] for y in (a, b))
    mean, error = robust(a, group)
    q.ask("mean", (*a, *group), (mean, error if error > 1e-12 else None), 1e-9)
    d = [y - x for x, y in zip(a, b)]
    if np.std(d) > 0 and error > 0 and mean > 0:
        ratio = sum(b) / sum(a)
        for kind, made in (("difference", []), ("scores", [0.5 ** 0.5, -(0.5 ** 0.5)])):
            _, error = robust(d + made, group + [max(group) + 1 + i for i in range(len(made))])
            value = sum(d) / n
            plain = kind == "difference" or len(set(group)) < n or graded
            lost, gained = sum(x < 0 for x in d), sum(x > 0 for x in d)
            t = sum(d) / (n + len(made)) / error
            p = 2 * st.t.sf(abs(t), len(set(group)) - 1) if plain else mcnemar([[0, lost], [gained, 0]], exact=True).pvalue
            scatter = [y - ratio * x for x, y in zip(a, b)]
            want = (value if abs(value) > 1e-9 else None, error, p, None, None, ratio)
            if not made:  # the delta method: the error of mean(b - ratio a) over the mean of a
                want += (robust(scatter, group)[1] / (sum(a) / n),)
            q.ask(kind, (*a, *b, *group), want, 1e-9)


def bootstrap(r):
    """Percentile intervals agree with scipy's, up to the noise of the draws."""
    rng = np.random.default_rng(r.randint(0, 2**32))
    q, offs = Questions(), []
    for i in range(8):
        n = r.randint(40, 400)
        a, b = rng.random(n), rng.random(n) ** r.uniform(0.8, 1.25)
        if i % 2:
            a, b = (a > 0.3).astype(float), (b > 0.3).astype(float)
        q.ask("difference", (*a, *b, *range(n)), ())
        want = st.bootstrap((b - a,), np.mean, n_resamples=10000, method="percentile", random_state=rng)
        offs.append((want.confidence_interval, want.standard_error, (b - a).mean(), n))
    out = subprocess.run([DRIVER], input="\n".join(q.lines) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
    for line, (interval, error, mean, n) in zip(out, offs):
        low, high = (float(x) for x in line.split()[3:5])
        half = st.t.ppf(0.975, n - 1) * float(line.split()[1])
        want = min(interval.low, mean - half), max(interval.high, mean + half)
        check(abs(low - want[0]) < 0.1 * error and abs(high - want[1]) < 0.1 * error,
              f"bootstrap: [{low}, {high}], should be about [{want[0]}, {want[1]}]")


# ---- verdicts ----------------------------------------------------------------------------------------------------


def verdicts():
    start = time.time()
    out = subprocess.run([DRIVER, "simulate", str(REPEATS)], capture_output=True, text=True, check=True).stdout
    rows = {(r["clusters"], r["scatter"], r["drop"]): r for r in map(json.loads, out.splitlines())}
    for (clusters, scatter, drop), r in rows.items():
        print(f"12,032 questions in {clusters} clusters{', apart by themselves' if scatter else ''}, {r['repeats']} pairs of runs, true drop {100 * drop:g} points: worse {100 * r['worse']:.1f} %, better "
              f"{100 * r['better']:.1f} %, power as printed {100 * r['power']:.1f} %, interval holds the truth {100 * r['covered']:.1f} %"
              + (f", a category worse {100 * r['category_worse']:.1f} %" if drop == 0 and clusters < 12032 else ""), flush=True)
        name = f"{clusters} clusters, scatter {scatter}, drop {drop}"
        noise = 3 * (max(r["power"] * (1 - r["power"]), 0.01) / r["repeats"]) ** 0.5
        check(r["covered"] >= 0.95 - 3 * (0.0475 / r["repeats"]) ** 0.5, f"{name}: the interval holds the truth in {r['covered']}")
        if drop:
            check(abs(r["worse"] - r["power"]) <= noise, f"{name}: found in {r['worse']}, power as printed {r['power']}")
        if drop == 0:
            check(1 - r["worse"] >= 0.95, f"{name}: worse in {r['worse']}")
            check(r["category_worse"] <= 0.05, f"{name}: a category worse in {r['category_worse']}")
        gate = {k: v for k, v in r.items() if isinstance(v, dict)}
        print("  gate: " + "; ".join(f"{k} fails {100 * v['fail']:.1f} %, passes {100 * v['pass']:.1f} %" for k, v in gate.items()), flush=True)
        if drop == 0:
            for k, v in gate.items():
                check(v["fail"] <= 0.05 if k == "no_drop" else v["fail"] <= 0.05 + 2 * noise, f"{name}: the gate fails {k} in {v['fail']}")
            check(scatter or gate["drop_2"]["pass"] >= 0.95, f"{name}: two runs of one model pass a gate of 2 points in {gate['drop_2']['pass']} only")
        if drop == 0.03:
            check(gate["no_drop"]["fail"] >= 0.95 and abs(gate["no_drop"]["fail"] - r["power"]) <= noise,
                  f"{name}: the gate found it in {gate['no_drop']['fail']}, power as printed {r['power']}")
            check(max(gate["drop_2"]["pass"], gate["recovery_97"]["pass"]) <= 0.025 + noise,
                  f"{name}: a gate that must not let 2 points through did in {gate['drop_2']['pass']}, one of 97 % in {gate['recovery_97']['pass']}")
        if drop == 0.0115:
            check(abs(gate["no_drop"]["fail"] - r["power"]) <= noise, f"{name}: the gate found it in {gate['no_drop']['fail']}, power as printed {r['power']}")
        if drop == 0.03:
            check(r["worse"] >= 0.95, f"{name}: found in {r['worse']} only")
    print(f"simulated in {time.time() - start:.0f} s")


def main():
    warnings.simplefilter("ignore")
    build()
    r, q = random.Random(1), Questions()
    for _ in range(TABLES):
        numbers(q, r)
        tables(q, r)
    q.compare()
    bootstrap(r)
    print("; ".join(f"{k} {v:.0e}" for k, v in worst.items()) + " off at most", flush=True)
    verdicts()
    print(f"{counts['passed']} passed, {counts['failed']} failed, 0 skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
