/* A tiny Gemma 4 for tests: its config and a checkpoint made from the table of slots. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_GEMMA_H
#define CARAT_TESTS_GEMMA_H

/* E2B-like: 6 layers (s s f s s f), the last 3 share K/V and have a double-wide MLP, per-layer embeddings, released keys. */
extern const char gemma_e2b[];
/* 31B-like: 6 layers (s s s s s f), K = V on the full layer, per_layer_config. */
extern const char gemma_31b[];
/* 26B-like: 2 layers, 4 experts, a vision tower with clip bounds. */
extern const char gemma_moe[];
/* 12B-like: 2 layers, patch embedder and audio projection instead of towers. */
extern const char gemma_unified[];
/* A copy of `text` with `from` (which must be there) replaced by `to`; malloc'ed. */
char *gemma_edit(const char *text, const char *from, const char *to);
/* Writes DIR/config.json and DIR/model.safetensors with every required tensor and small towers in BF16 (zeros), names behind `prefix` (NULL: as the
 * config has it), leaving out `without` (NULL: nothing) and adding `extra` (NULL: nothing; a BF16 scalar). */
void gemma_write(const char *dir, const char *config, const char *prefix, const char *without,
                 const char *extra);

#endif
