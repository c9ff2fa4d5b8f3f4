#!/usr/bin/env python3
"""Reports as the programs they are for read them.                                     SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_reports.py       ($CARAT and $ROOT as tests/run sets them)
The page by html5lib (no parse error), JUnit by Jenkins' schema (as pytest's source carries it) and junitparser, lm-eval's schema by lm_eval's own tables, types and
loaders, the benchmark lists by the rules of github-action-benchmark. Over invented runs, hostile ones, and one of the demo's model.
"""
import glob
import json
import math
import os
import subprocess
import sys
import tarfile
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1", TQDM_DISABLE="1")
from tally import ROOT, carat, check, main, skip  # noqa: E402

WORK = tempfile.mkdtemp(prefix="carat-reports-")
RUNS = {"a": ["--items", "140"], "b": ["--items", "140", "--shift", "-0.1"], "hostile": ["--items", "60", "--hostile"], "part": ["--items", "40", "--unfinished"]}


def runs():
    for name, options in RUNS.items():
        subprocess.run([sys.executable, os.path.join(ROOT, "tests", "support", "sample_run.py"), f"{WORK}/{name}", *options], check=True)
    demo = os.path.join(ROOT, "datasets", "demo")
    carat("eval", f"{demo}/model", "--suite", "mmlu-pro,gsm8k,perplexity,kld", "--reference", f"{demo}/model", "--data", f"perplexity={demo}/heldout.txt",
          "--limit", "8", "-c", "128", "-q", "-o", f"{WORK}/real")
    RUNS["real"] = None


def report(form, *names):
    return carat("report", "-q", *(f"{WORK}/{n}" for n in names), "--format", form)


def of(name):
    return json.load(open(f"{WORK}/{name}/report.json"))


def pages():
    import html5lib
    for names in [(n,) for n in RUNS] + [("a", "b"), ("hostile", "a"), ("real", "real", "a")]:
        parser = html5lib.HTMLParser()
        tree = parser.parse(report("html", *names))
        check(not parser.errors, f"html {names}: {parser.errors[:3]}")
        texts = "".join(tree.itertext())
        check("alert(1)" in texts if "hostile" in names else True, f"html {names}: a reply is lost")
        check(not [e for e in tree.iter() if isinstance(e.tag, str) and e.tag.endswith("}script")], f"html {names}: a script")


def jenkins_schema():
    """junit-10.xsd out of pytest's source, kept beside the environment; None where there is no index to ask."""
    kept = os.path.join(sys.prefix, "junit-10.xsd")
    if not os.path.exists(kept):
        got = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", WORK, "pytest==9.0.2"], capture_output=True)
        source = glob.glob(f"{WORK}/pytest-*.tar.gz")
        if got.returncode or not source:
            return None
        with tarfile.open(source[0]) as tar:
            member = next(m for m in tar.getnames() if m.endswith("/junit-10.xsd"))
            open(kept, "wb").write(tar.extractfile(member).read())
    return kept


def junit():
    import junitparser
    from lxml import etree
    kept = jenkins_schema()
    schema = etree.XMLSchema(etree.parse(kept)) if kept else skip("junit-10.xsd: no source of pytest to be had")
    for names in [(n,) for n in RUNS] + [("a", "hostile")]:
        text = report("junit", *names).encode()
        tree = etree.fromstring(text)
        check(schema is None or schema.validate(tree), f"junit {names}: {schema and schema.error_log.last_error}")
        for suite in junitparser.JUnitXml.fromstring(text):
            cases = list(suite)
            kinds = [type(c.result[0]).__name__ if c.result else "passed" for c in cases]
            check((suite.tests, suite.failures, suite.errors) == (len(cases), kinds.count("Failure"), kinds.count("Error")), f"junit {names} {suite.name}")
            if len(names) == 1 and names != ("part",) and "right" in of(names[0])["outcomes"][suite.name]:
                o = of(names[0])["outcomes"][suite.name]
                check((kinds.count("passed"), kinds.count("Failure"), kinds.count("Error")) == (o["right"], o["wrong"] + o["unparsed"], o["not_measured"]),
                      f"junit {names} {suite.name}: {o}")


def harness():
    import datasets
    from lm_eval.result_schema import EvalResults, SampleResult
    from lm_eval.utils import get_file_datetime, get_file_task_name, make_table
    for name in ("a", "hostile", "real"):
        folder = f"{WORK}/lm-{name}/"
        carat("report", "-q", f"{WORK}/{name}", "--format", "lm-eval", "-o", folder)
        path, = glob.glob(folder + "results_*.json")
        got, mine = json.load(open(path)), of(name)
        unknown = set(got) - set(EvalResults.__annotations__) - {"carat"}
        check(not unknown, f"lm-eval {name}: {unknown}")
        table = make_table(got)
        check(not any("e-" in x or "nan" in x.lower() for x in table.split("|")[9::9]), "lm-eval: a table with strange numbers")
        for suite, metrics in mine["results"].items():
            for metric, m in metrics.items():
                check(got["results"][suite][f"{metric},none"] == m["value"], f"lm-eval {name} {suite} {metric}")
                check(f"{m['value']:.4f}" in table or isinstance(m["value"], int) or m["value"] == int(m["value"]), f"lm-eval {name}: {metric} in the table")
            for key, values in mine["groups"].get(suite, {}).items():
                for value in values:
                    check(f"{suite}/{key}/{value}" in got["group_subtasks"][suite], f"lm-eval {name} {suite}: no subtask {value}")
        for samples in glob.glob(folder + "samples_*.jsonl"):
            task = get_file_task_name(os.path.basename(samples))
            check(get_file_datetime(os.path.basename(samples)) == get_file_datetime(os.path.basename(path)).replace(".json", ""), f"lm-eval {task}: two dates")
            rows = [json.loads(x) for x in open(samples, newline="\n")]
            check(all(set(SampleResult.__annotations__) <= set(r) for r in rows), f"lm-eval {task}: a member is missing")
            metric = next(iter(mine["results"][task]))
            scores = [r[metric] for r in rows if r["metrics"]]
            check(math.isclose(sum(scores) / len(scores), mine["results"][task][metric]["value"], rel_tol=1e-9), f"lm-eval {task}: mean of the samples")
            check(len(rows) - len(scores) == mine["outcomes"][task]["not_measured"], f"lm-eval {task}: not measured")
            table = datasets.load_dataset("json", data_files=samples, split="train", cache_dir=f"{WORK}/cache")
            check(len(table) == len(rows), f"lm-eval {task}: datasets reads {len(table)} of {len(rows)}")


def benchmark():
    for name in ("a", "hostile", "real"):
        lists = {form: json.loads(report(form, name)) for form in ("benchmark", "benchmark-smaller")}
        seen = [e["name"] for entries in lists.values() for e in entries]
        want = [f"{s}/{m}" for s, metrics in of(name)["results"].items() for m in metrics if not m.startswith("level_")]
        check(sorted(seen) == sorted(want), f"benchmark {name}: {set(want) ^ set(seen)}")
        for e in (e for entries in lists.values() for e in entries):
            right = isinstance(e["name"], str) and isinstance(e["unit"], str) and type(e["value"]) in (int, float) and all(isinstance(e.get(k, ""), str) for k in ("range", "extra"))
            check(right and set(e) <= {"name", "unit", "value", "range", "extra"}, f"benchmark {name}: {e}")
        check("perplexity/perplexity" in [e["name"] for e in lists["benchmark-smaller"]] and "mmlu-pro/acc" in [e["name"] for e in lists["benchmark"]],
              f"benchmark {name}: directions")


if __name__ == "__main__":
    sys.exit(main(runs, pages, junit, harness, benchmark))
