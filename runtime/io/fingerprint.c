#include "runtime/io/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/module/state.h"
#include "runtime/tensor/array.h"
#include "runtime/tensor/context.h"

#define BUFFER_BYTES ((size_t)4 << 20)

/* ---- sums ---- */

lazy_status lazyi_summer_open(lazyi_core *core, lazy_driver_stream stream, lazyi_sums *sums,
                              lazyi_summer *out_summer) {
  lazyi_summer summer = {.core = core, .stream = stream, .sums = sums};
  const size_t bytes = LAZYI_SUMMER_TILES * sizeof(lazyi_sums);
  summer.downloaded = lazyi_memory_alloc(bytes);
  LAZYI_TRY_ALLOC(summer.downloaded);
  lazy_status status = lazyi_arena_alloc(&core->arena, bytes, stream, NULL, &summer.tiles);
  if (status == LAZY_STATUS_OK) *out_summer = summer;
  else lazyi_memory_free(summer.downloaded);
  return status;
}

void lazyi_summer_close(lazyi_summer *summer) {
  if (summer->tiles.bytes != 0) lazyi_arena_free(&summer->core->arena, summer->tiles, summer->stream);
  lazyi_memory_free(summer->downloaded);
  lazyi_vector_deinit(&summer->pending);
}

lazy_status lazyi_summer_settle(lazyi_summer *summer) {
  if (summer->used == 0) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_staging_download(&summer->core->staging, summer->downloaded, summer->tiles.address,
                                  summer->used * sizeof *summer->downloaded, summer->stream));
  for (size_t i = 0; i < summer->pending.count; i++) {
    const lazyi_summed_tiles *tiles = &summer->pending.at[i];
    lazyi_sums *sums = &summer->sums[tiles->entry];
    for (uint32_t t = tiles->first; t < tiles->first + tiles->count; t++) {
      sums->a += summer->downloaded[t].a;
      sums->b += summer->downloaded[t].b;
    }
  }
  summer->pending.count = 0;
  summer->used = 0;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_summer_reserve(lazyi_summer *summer, uint32_t tiles, uint64_t *out_address) {
  if (tiles > LAZYI_SUMMER_TILES - summer->used) LAZY_TRY(lazyi_summer_settle(summer));
  *out_address = summer->tiles.address + summer->used * sizeof(lazyi_sums);
  return LAZY_STATUS_OK;
}

lazy_status lazyi_summer_claim(lazyi_summer *summer, size_t entry, uint32_t first, uint32_t count) {
  return lazyi_vector_push(&summer->pending, (lazyi_summed_tiles){entry, summer->used + first, count});
}

void lazyi_summer_advance(lazyi_summer *summer, uint32_t tiles) { summer->used += tiles; }

lazy_status lazyi_summer_add(lazyi_summer *summer, size_t entry, lazy_dtype dtype, lazy_driver_address values,
                             uint64_t first, uint64_t count) {
  const uint64_t most = (uint64_t)LAZYI_SUMMER_TILES * LAZY_INIT_TILE;
  const lazyi_launcher *launcher = &summer->core->launcher;
  while (count > 0) {
    const uint64_t now = count < most ? count : most;
    const uint32_t tiles = (uint32_t)((now + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE);
    struct lazy_k_fingerprint_params params = {
        .values = values, .count = now, .first = first, .dtype = (uint32_t)dtype};
    LAZY_TRY(lazyi_summer_reserve(summer, tiles, &params.sums));
    LAZY_TRY(lazyi_summer_claim(summer, entry, 0, tiles));
    lazyi_summer_advance(summer, tiles);
    LAZY_TRY(lazyi_launch(launcher, LAZYI_KERNEL_FINGERPRINT, lazyi_launch_grid(launcher, tiles, 1),
                          LAZYI_LAUNCH_BLOCK, &params, summer->stream));
    values += now * lazy_dtype_bytes(dtype);
    first += now;
    count -= now;
  }
  return LAZY_STATUS_OK;
}

/* ---- fingerprints ---- */

/* XXH3's 128 bits of: the key's length and bytes, dtype, rank, sizes, both sums; numbers as 64 bits,
 * little-endian. */
lazy_fingerprint lazyi_fingerprint_of(const char *key, const lazy_spec *spec, const lazyi_sums *sums) {
  const size_t bytes = strlen(key);
  XXH3_state_t state;
  uint64_t numbers[4 + LAZY_MAX_RANK] = {(uint64_t)spec->dtype, (uint64_t)spec->shape.rank};
  size_t count = 2;
  const uint64_t length = bytes;
  for (int32_t i = 0; i < spec->shape.rank; i++) numbers[count++] = (uint64_t)spec->shape.dims[i];
  numbers[count++] = sums->a;
  numbers[count++] = sums->b;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, &length, sizeof length);
  XXH3_128bits_update(&state, key, bytes);
  XXH3_128bits_update(&state, numbers, count * sizeof *numbers);
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return (lazy_fingerprint){.high = hash.high64, .low = hash.low64};
}

lazy_fingerprint lazy_fingerprint_add(lazy_fingerprint a, lazy_fingerprint b) {
  return (lazy_fingerprint){.high = a.high + b.high, .low = a.low + b.low};
}

char *lazy_fingerprint_text(lazy_fingerprint fingerprint, char text[LAZY_FINGERPRINT_TEXT_BYTES]) {
  (void)snprintf(text, LAZY_FINGERPRINT_TEXT_BYTES, "%016" PRIx64 "%016" PRIx64, fingerprint.high,
                 fingerprint.low);
  return text;
}

/* ---- of a state ---- */

typedef struct summing {
  lazyi_core *core;
  lazyi_summer summer;
  lazyi_block buffer;
} summing;

/* Piece by piece through the buffer: host memory, or device memory that need not be aligned. */
static lazy_status add_through_buffer(summing *s, size_t entry, lazy_dtype dtype, const void *bytes,
                                      lazy_driver_address address, uint64_t count) {
  const size_t each = lazy_dtype_bytes(dtype);
  for (uint64_t done = 0; done < count;) {
    const uint64_t room = BUFFER_BYTES / each, now = count - done < room ? count - done : room;
    if (bytes != NULL)
      LAZY_TRY(lazyi_staging_upload(&s->core->staging, s->buffer.address,
                                    (const unsigned char *)bytes + done * each, now * each,
                                    s->summer.stream));
    else
      LAZY_TRY(LAZYI_DRIVER(&s->core->device, memcpy_dtod_async, s->buffer.address, address + done * each,
                            now * each, s->summer.stream));
    LAZY_TRY(lazyi_summer_add(&s->summer, entry, dtype, s->buffer.address, done, now));
    done += now;
  }
  return LAZY_STATUS_OK;
}

static lazy_status add_array(summing *s, size_t entry, lazy_array *array, uint64_t count) {
  lazy_array *contiguous;
  if (array->storage->core != s->core)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "it lies on another device");
  LAZY_TRY(lazy_array_contiguous(array, &contiguous));
  const lazy_driver_address address = contiguous->address;
  lazy_status status = address % 16 == 0
                           ? lazyi_summer_add(&s->summer, entry, contiguous->dtype, address, 0, count)
                           : add_through_buffer(s, entry, contiguous->dtype, NULL, address, count);
  lazy_array_release(contiguous); /* what comes into its memory next comes on the same stream */
  return status;
}

static lazy_status add_entry(summing *s, const lazy_state *state, size_t index, lazy_spec *out_spec) {
  const lazyi_state_entry *entry = &state->entries.at[index];
  int64_t count;
  size_t bytes;
  if (!lazy_state_spec(state, index, out_spec))
    return lazy_status_fail(LAZY_STATUS_UNINITIALIZED, "an uninitialized parameter or buffer has no values");
  LAZY_TRY(lazyi_array_measure(&out_spec->shape, out_spec->dtype, &count, &bytes));
  if (entry->kind == LAZYI_STATE_BYTES)
    return add_through_buffer(s, index, out_spec->dtype, entry->bytes, 0, (uint64_t)count);
  if (entry->kind == LAZYI_STATE_ARRAY) return add_array(s, index, entry->array, (uint64_t)count);
  lazy_array *array;
  LAZY_TRY(lazy_param_array(entry->param, &array));
  lazy_status status = add_array(s, index, array, (uint64_t)count);
  lazy_array_release(array);
  return status;
}

static lazy_status add_all(summing *s, const lazy_state *state, lazyi_sums *sums, lazy_spec *specs) {
  LAZY_TRY(lazyi_arena_alloc(&s->core->arena, BUFFER_BYTES, s->core->stream, NULL, &s->buffer));
  lazy_status status = lazyi_summer_open(s->core, s->core->stream, sums, &s->summer);
  if (status == LAZY_STATUS_OK) {
    for (size_t i = 0; i < state->entries.count && status == LAZY_STATUS_OK; i++) {
      status = add_entry(s, state, i, &specs[i]);
      if (status != LAZY_STATUS_OK) (void)lazy_status_annotate(status, "'%s'", state->entries.at[i].key);
    }
    if (status == LAZY_STATUS_OK) status = lazyi_summer_settle(&s->summer);
    lazyi_summer_close(&s->summer);
  }
  lazyi_arena_free(&s->core->arena, s->buffer, s->core->stream);
  return status;
}

lazy_status lazy_state_fingerprint(const lazy_state *state, lazy_context *context,
                                   lazy_fingerprint *out_entries, lazy_fingerprint *out_whole) {
  const size_t count = state->entries.count;
  lazyi_sums *sums = lazyi_memory_calloc(count + 1, sizeof *sums);
  lazy_spec *specs = lazyi_memory_calloc(count + 1, sizeof *specs);
  summing s = {.core = context->core};
  lazy_status status = sums != NULL && specs != NULL ? lazyi_core_enter(s.core) : LAZY_STATUS_OUT_OF_MEMORY;
  if (status == LAZY_STATUS_OK) {
    status = add_all(&s, state, sums, specs);
    lazyi_core_leave(s.core);
  }
  lazy_fingerprint whole = {0, 0};
  for (size_t i = 0; i < count && status == LAZY_STATUS_OK; i++) {
    const lazy_fingerprint one = lazyi_fingerprint_of(state->entries.at[i].key, &specs[i], &sums[i]);
    whole = lazy_fingerprint_add(whole, one);
    if (out_entries != NULL) out_entries[i] = one;
  }
  if (status == LAZY_STATUS_OK) *out_whole = whole;
  lazyi_memory_free(sums);
  lazyi_memory_free(specs);
  return status;
}
