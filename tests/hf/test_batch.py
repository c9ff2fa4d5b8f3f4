#!/usr/bin/env python3
# Replies written side by side against transformers.                                  SPDX-License-Identifier: Apache-2.0
"""
usage: test_batch.py [CONFIGURATIONS]      run by `make check-hf`; needs $BUILD/libcarat.so

For each random model (tiny.py), five prompts of different lengths, all longer than the sliding window, two with a common beginning: 40 greedy ids
each, through carat_generation_step of the library as evaluation uses it (no drafter): replies enter the batch one after the other and leave
it at different times, a slot that is free takes the next prompt, and the common beginning is forked from the sequence that holds it.
  hf      the ids are those of transformers' f32 run of each prompt alone (prompts on which rounding could decide are drawn again)
  alone   and those of the same prompt alone in a session of its own
"""
import ctypes
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tiny
from live import check, decided, hf, main
from test_sample import BUILD, Sampler

PROMPTS, SLOTS, NEW = 5, 3, 40
COMMON = 24  # ids that prompt 4 has in common with prompt 0
so = ctypes.CDLL(os.path.join(BUILD, "libcarat.so"))
size, ids_p = ctypes.c_size_t, ctypes.POINTER(ctypes.c_int32)


class SessionOptions(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint32) for n in ("context", "batch", "threads", "sequences")] + [
        ("numerics", ctypes.c_int), ("kv", ctypes.c_int), ("kernels", ctypes.c_char_p)]


class Options(ctypes.Structure):
    _fields_ = [("tokenizer", ctypes.c_void_p), ("sampler", Sampler), ("step", ctypes.c_uint64), ("max_new", size),
                ("sequence", ctypes.c_uint32), ("draft", ctypes.c_void_p), ("ignore_eos", ctypes.c_bool), ("raw", ctypes.c_bool),
                ("stop", ctypes.c_void_p), ("n_stop", size), ("tools", ctypes.c_char_p), ("reply", ctypes.c_void_p),
                ("go_on", ctypes.c_void_p), ("ctx", ctypes.c_void_p)]


class Generated(ctypes.Structure):  # its beginning
    _fields_ = [("ids", ids_p), ("n", size), ("n_prompt", size), ("computed", size), ("finish", ctypes.c_int)]


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("text", ctypes.c_char * 512)]


so.carat_generation_result.restype = ctypes.POINTER(Generated)


def call(name, *args):
    err = Error()
    if getattr(so, name)(*args, ctypes.byref(err)):
        raise RuntimeError(f"{name}: {err.text.decode()}")


def open_session(model, sequences):
    s, o = ctypes.c_void_p(), SessionOptions(context=160, batch=16, threads=1, sequences=sequences)
    call("carat_session_open", model, ctypes.byref(o), ctypes.byref(s))
    return s


def begin(session, prompt, slot, n):
    g, o = ctypes.c_void_p(), Options(max_new=n, sequence=slot, ignore_eos=True, sampler=Sampler(top_p=1))
    call("carat_generation_open", session, ctypes.byref(o), (ctypes.c_int32 * len(prompt))(*prompt), size(len(prompt)), ctypes.byref(g))
    return g


def step(list_):
    left = size()
    call("carat_generation_step", (ctypes.c_void_p * len(list_))(*list_), size(len(list_)), ctypes.byref(left))


def result(g):
    r = so.carat_generation_result(g).contents
    return r.finish, [r.ids[i] for i in range(r.n)], r.computed


def alone(model, prompt):
    session = open_session(model, 1)
    g = begin(session, prompt, 0, NEW)
    while not result(g)[0]:
        step([g])
    ids = result(g)[1]
    so.carat_generation_close(g)
    so.carat_session_close(session)
    return ids


def together(model, prompts, lengths):
    """Three slots; a prompt enters every few steps, as soon as there is one."""
    session, running, out = open_session(model, SLOTS + 1), {}, {}
    waiting = list(range(len(prompts)))
    call("carat_session_sync", session, ctypes.byref(sync_request(prompts[0][:COMMON], SLOTS)))
    while waiting or running:
        free = [s for s in range(SLOTS) if s not in running]
        if waiting and free:
            k = waiting.pop(0)
            if k in (0, 4):
                call("carat_session_fork", session, ctypes.c_uint32(SLOTS), ctypes.c_uint32(free[0]), size(COMMON))
            g = begin(session, prompts[k], free[0], lengths[k])
            step([g])
            if k in (0, 4):
                check(result(g)[2] == len(prompts[k]) - COMMON, f"prompt {k}: {result(g)[2]} ids computed of {len(prompts[k])}")
            running[free[0]] = (k, g)
        for _ in range(5):
            step([g for _, g in running.values()])
        for s, (k, g) in list(running.items()):
            if result(g)[0]:
                out[k] = result(g)[1]
                so.carat_generation_close(g)
                del running[s]
    so.carat_session_close(session)
    return [out[k] for k in range(len(prompts))]


class Sync(ctypes.Structure):
    _fields_ = [("ids", ids_p), ("n", size), ("logits_from", size), ("logits", ctypes.c_void_p), ("next", ids_p),
                ("nll", ctypes.c_void_p), ("tap", ctypes.c_void_p), ("ctx", ctypes.c_void_p), ("sequence", ctypes.c_uint32),
                ("progress", ctypes.c_void_p)]


def sync_request(ids, sequence):
    return Sync(ids=(ctypes.c_int32 * len(ids))(*ids), n=len(ids), logits_from=len(ids), sequence=sequence)


def draw_prompts(spec, path):
    """Prompts and transformers' replies; nothing in them hangs on a near-tie."""
    prompts, want = [], []
    for k, length in enumerate((40, 23, 71, 30, 55)):
        for salt in range(8):
            ids = tiny.ids(spec, length, 100 * k + salt)
            if k == 4:
                ids[:COMMON] = prompts[0][:COMMON]
            out, meta = hf.reference(path, ids, NEW, taps=False)
            if decided(spec, out, meta):
                break
        prompts.append(ids)
        want.append(out["greedy_ids"].tolist())
    return prompts, want


def test(spec):
    with tempfile.TemporaryDirectory() as folder:
        path, model = os.path.join(folder, "model"), ctypes.c_void_p()
        tiny.build(spec, path)
        call("carat_model_open", path.encode(), ctypes.byref(model))
        prompts, want = draw_prompts(spec, path)
        lengths = [NEW, 17, 31, 8, NEW]
        got = together(model, prompts, lengths)
        for k in range(PROMPTS):
            what = f"{spec['family']}.{spec['seed']} prompt {k}"
            check(got[k] == want[k][:lengths[k]], f"{what}: side by side {got[k][:8]}..., transformers {want[k][:8]}...")
            single = alone(model, prompts[k])
            check(got[k] == single[:lengths[k]], f"{what}: side by side {got[k][:8]}..., alone {single[:8]}...")
        so.carat_model_close(model)


def run():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for seed in range(n):
        for family in ("e2b", "e4b", "31b"):
            test(tiny.draw(seed, family))
        test(tiny.draw_moe(seed))
    print(f"{n * 4} models, {n * 4 * PROMPTS} replies of up to {NEW} ids, {SLOTS} at a time")


if __name__ == "__main__":
    sys.exit(main(run))
