#include <xxhash.h>

#include "runtime/graph/plan.h"

void lazyi_plan_key_deinit(lazyi_plan_key *key) {
  lazyi_vector_deinit(&key->numbers);
  lazyi_vector_deinit(&key->slots);
  lazyi_vector_deinit(&key->tensors);
  lazyi_vector_deinit(&key->operands);
  lazyi_vector_deinit(&key->outputs);
}

static int32_t number_of(lazyi_plan_key *key, int32_t slot) {
  if (key->numbers.at[slot] < 0) {
    key->numbers.at[slot] = (int32_t)key->slots.count;
    key->slots.at[key->slots.count++] = slot;
  }
  return key->numbers.at[slot];
}

/* Numbers tensors by first use. */
static void number_tensors(lazyi_plan_key *key, const lazyi_recording *recording) {
  const lazyi_shape_table *table = &recording->table;
  size_t count = recording->tensors.count;
  for (size_t slot = 0; slot < count; slot++) key->numbers.at[slot] = -1;
  key->numbers.count = count;
  key->slots.count = 0;
  for (size_t slot = 0; slot < count && recording->tensors.at[slot].kind == LAZYI_TENSOR_INPUT; slot++)
    number_of(key, (int32_t)slot); /* inputs are bound before anything else is recorded */
  for (size_t i = 0; i < table->operands.count; i++)
    key->operands.at[i] = number_of(key, table->operands.at[i]);
  key->operands.count = table->operands.count;
  for (size_t i = 0; i < recording->outputs.count; i++)
    key->outputs.at[i] = number_of(key, recording->outputs.at[i]);
  key->outputs.count = recording->outputs.count;
  for (size_t i = 0; i < recording->params.count; i++)
    if (recording->tensors.at[recording->params.at[i].slot].is_kept)
      number_of(key, recording->params.at[i].slot);
}

void lazyi_plan_key_renew(lazyi_plan_key *key, const lazyi_recording *recording) {
  const lazyi_shape_table *table = &recording->table;
  for (size_t i = 0; i < key->slots.count; i++) {
    const lazyi_recorded_tensor *from = recording->tensors.at + key->slots.at[i];
    const lazy_param *param =
        from->kind == LAZYI_TENSOR_PARAM ? recording->params.at[from->source].param : NULL;
    key->tensors.at[i] =
        (lazyi_plan_tensor){.source = param != NULL ? param->address : (uint64_t)from->source,
                            .generation = param != NULL ? param->generation : 0,
                            .kind = from->kind,
                            .dtype = from->dtype,
                            .is_kept = from->is_kept,
                            .is_strided = from->is_strided};
  }
  key->tensors.count = key->slots.count;
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
#define MIX(vector) \
  if ((vector).count != 0) XXH3_64bits_update(&state, (vector).at, (vector).count * sizeof *(vector).at)
  MIX(table->nodes);
  MIX(table->attributes);
  MIX(recording->ops);
  MIX(key->tensors);
  MIX(key->operands);
  MIX(key->outputs);
#undef MIX
  for (size_t i = 0; i < recording->inputs.count; i++) /* the first rows */
    XXH3_64bits_update(&state, table->rows.at + i * LAZY_ROW, LAZY_ROW * sizeof *table->rows.at);
  key->fingerprint = XXH3_64bits_digest(&state);
}

lazy_status lazyi_plan_key_make(lazyi_plan_key *key, const lazyi_recording *recording) {
  size_t tensors = recording->tensors.count;
  key->numbers.count = key->slots.count = key->tensors.count = key->operands.count = key->outputs.count = 0;
  LAZY_TRY(lazyi_vector_reserve(&key->numbers, tensors));
  LAZY_TRY(lazyi_vector_reserve(&key->slots, tensors));
  LAZY_TRY(lazyi_vector_reserve(&key->tensors, tensors));
  LAZY_TRY(lazyi_vector_reserve(&key->operands, recording->table.operands.count));
  LAZY_TRY(lazyi_vector_reserve(&key->outputs, recording->outputs.count));
  number_tensors(key, recording);
  lazyi_plan_key_renew(key, recording);
  return LAZY_STATUS_OK;
}
